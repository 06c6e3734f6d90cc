import Glibc
import NIOCore

/// Whose connections are counted together: an address of IPv4, and of IPv6 the 64 bits that a network has for itself, since
/// everybody there has as many addresses as they like.
struct Sender: Hashable, Sendable {
    private let bytes: [UInt8]

    /// Nil for what has no address, such as a unix socket.
    init?(_ address: SocketAddress?) {
        guard let text = address?.ipAddress else { return nil }
        var all = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, text, &all) == 1 {
            bytes = Array(all.prefix(4))
        } else if inet_pton(AF_INET6, text, &all) == 1 {
            // IPv4 in the clothes of IPv6 (RFC 4291, 2.5.5.2).
            let isMapped = all.prefix(10).allSatisfy { $0 == 0 } && all[10] == 0xFF && all[11] == 0xFF
            bytes = Array(isMapped ? all.suffix(4) : all.prefix(8))
        } else {
            return nil
        }
    }
}

/// Tells a client that it has too many connections, and closes within a second: these are counted nowhere.
final class OneTooMany: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let answer: ByteBuffer

    init(_ answer: ByteBuffer) { self.answer = answer }

    func channelActive(context: ChannelHandlerContext) {
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(answer), promise: nil)
        // What the client has sent meanwhile is taken, so that it is not met by a reset before the answer is read.
        context.close(mode: .output, promise: nil)
        context.eventLoop.scheduleTask(in: .seconds(1)) { channel.close(promise: nil) }
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
