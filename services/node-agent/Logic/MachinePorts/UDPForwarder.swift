import NIOCore
import NIOPosix

/// Copies datagrams that come to a socket to a port elsewhere, and the answers back: each caller has a socket of its own
/// there, for as long as something goes through it.
final class UDPForwarder: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    typealias OutboundOut = AddressedEnvelope<ByteBuffer>

    private let door: Door
    private var callers: [SocketAddress: Way] = [:]

    private struct Way {
        let backend: ServiceRules.Backend
        let channel: EventLoopFuture<any Channel>
    }

    /// More callers at a time than this are not heard; and none keeps its socket for longer than that without a datagram.
    private static let mostCallers = 1024
    private static let patience = TimeAmount.seconds(60)

    private init(door: Door) { self.door = door }

    /// - Parameters:
    ///   - socket: a bound one, whose owner is the channel from now on.
    ///   - door: where datagrams go, and whose.
    /// - Returns: the channel; closing it ends all.
    /// - Throws: when the socket cannot be used.
    static func start(on socket: Int32, door: Door) async throws -> any Channel {
        try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(UDPForwarder(door: door))
                }
            }
            .withBoundSocket(socket).get()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = unwrapInboundIn(data)
        let caller = envelope.remoteAddress
        var known = callers[caller]
        if let way = known, !door.backends.contains(way.backend) {
            // It would go on to nobody.
            callers[caller] = nil
            way.channel.whenSuccess { $0.close(promise: nil) }
            known = nil
        }
        (known ?? open(for: caller, context))?.channel.whenSuccess { $0.writeAndFlush(envelope.data, promise: nil) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        for way in callers.values { way.channel.whenSuccess { $0.close(promise: nil) } }
        callers = [:]
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {}  // of one datagram

    private func open(for caller: SocketAddress, _ context: ChannelHandlerContext) -> Way? {
        // To which address of the machine a datagram came is not told where the socket is at all of them; one from the
        // machine's own is a caller like others then.
        guard callers.count < Self.mostCallers, let backend = door.way(for: caller, at: context.localAddress) else {
            return nil
        }
        let (front, patience) = (context.channel, Self.patience)
        let channel = DatagramBootstrap(group: context.eventLoop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let idle = IdleStateHandler(allTimeout: patience)
                    try channel.pipeline.syncOperations.addHandlers([idle, Answers(front: front, caller: caller)])
                }
            }
            .connect(host: "\(backend.address)", port: backend.port)
        let way = Way(backend: backend, channel: channel)
        callers[caller] = way
        let me = NIOLoopBound(self, eventLoop: context.eventLoop)
        channel.flatMap { $0.closeFuture }.whenComplete { _ in
            // Another one may be in its place.
            if me.value.callers[caller]?.channel === channel { me.value.callers[caller] = nil }
        }
        return way
    }

    /// Takes answers back to one caller.
    private final class Answers: ChannelInboundHandler {
        typealias InboundIn = AddressedEnvelope<ByteBuffer>
        private let front: any Channel
        private let caller: SocketAddress

        init(front: any Channel, caller: SocketAddress) { (self.front, self.caller) = (front, caller) }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let answer = AddressedEnvelope(remoteAddress: caller, data: unwrapInboundIn(data).data)
            front.writeAndFlush(answer, promise: nil)
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if event is IdleStateHandler.IdleStateEvent { context.close(promise: nil) }
        }

        // Nobody listens there: the next datagram tries again.
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
