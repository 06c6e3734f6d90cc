import NIOCore

/// One end of two channels that carry each other's bytes, on one event loop, with back-pressure both ways.
///
/// Unchecked, because the compiler cannot see it: both ends live on the same event loop, and nothing else touches them.
final class ChannelGlue: ChannelDuplexHandler, RemovableChannelHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var partner: ChannelGlue?
    private var context: ChannelHandlerContext?
    private var isReadPending = false
    /// Bytes that came while the other end was not in place yet.
    private var early: [ByteBuffer] = []
    private var isEnded = false
    /// What the peer is told before a stop closes the connection.
    private let farewell: ByteBuffer?

    init(farewell: ByteBuffer? = nil) { self.farewell = farewell }

    /// Two ends that belong together; before a stop closes the left one, the farewell is sent there.
    static func pair(farewell: ByteBuffer? = nil) -> (left: ChannelGlue, right: ChannelGlue) {
        let (left, right) = (ChannelGlue(farewell: farewell), ChannelGlue())
        left.partner = right
        right.partner = left
        return (left, right)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        guard let partner else { return }
        for bytes in partner.early { context.write(wrapOutboundOut(bytes), promise: nil) }
        partner.early = []
        context.flush()
        if partner.isEnded { context.close(promise: nil) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        partner = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if let other = partner?.context {
            other.write(data, promise: nil)
        } else {
            early.append(unwrapInboundIn(data))
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        partner?.context?.flush()
    }

    func read(context: ChannelHandlerContext) {
        if partner?.context?.channel.isWritable ?? true { context.read() } else { isReadPending = true }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { partner?.resume() }
        context.fireChannelWritabilityChanged()
    }

    private func resume() {
        guard isReadPending else { return }
        isReadPending = false
        context?.read()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event is ChannelShouldQuiesceEvent, let farewell else {
            return context.fireUserInboundEventTriggered(event)
        }
        context.writeAndFlush(wrapOutboundOut(farewell)).whenComplete { [channel = context.channel] _ in
            channel.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        isEnded = true
        if let other = partner?.context {
            other.flush()
            other.close(promise: nil)
        }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)  // a peer that vanished; the other end is closed with this one
    }
}
