import NIOCore
import NIOPosix

/// Copies what comes to a listening socket to a port elsewhere, and back.
enum TCPForwarder {
    /// - Parameters:
    ///   - bind: makes the listening socket.
    ///   - way: where a connection goes; those with nil are closed.
    /// - Returns: the listening socket.
    /// - Throws: what `bind` throws.
    static func start(
        listening bind: (ServerBootstrap) async throws -> any Channel,
        to way: @escaping @Sendable (any Channel) -> ServiceRules.Backend?
    ) async throws -> any Channel {
        let bootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 256)
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { inbound in
                guard let backend = way(inbound) else { return inbound.eventLoop.makeFailedFuture(NotAdmitted()) }
                return ClientBootstrap(group: inbound.eventLoop)
                    .channelOption(.autoRead, value: false)
                    .channelOption(.allowRemoteHalfClosure, value: true)
                    .connectTimeout(.seconds(5))
                    .connect(host: "\(backend.address)", port: backend.port)
                    .flatMapThrowing { outbound in
                        let near = SpliceHandler()
                        let far = SpliceHandler()
                        near.peer = outbound
                        far.peer = inbound
                        try inbound.pipeline.syncOperations.addHandler(near)
                        try outbound.pipeline.syncOperations.addHandler(far)
                        outbound.read()
                    }
            }
        return try await bind(bootstrap)
    }

    /// Ends a connection before it is one.
    private struct NotAdmitted: Error {}
}

/// Copies what one channel reads to another on the same event loop; reads on when it is written.
final class SpliceHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    var peer: (any Channel)?
    private var lastWrite: EventLoopFuture<Void>?

    func channelActive(context: ChannelHandlerContext) { context.read() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        let channel = context.channel
        lastWrite = peer?.writeAndFlush(buffer)
        lastWrite?.whenComplete { result in
            if case .success = result { channel.read() } else { channel.close(promise: nil) }
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .some(.inputClosed) = event as? ChannelEvent { afterWrites { $0.close(mode: .output, promise: nil) } }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        afterWrites { $0.close(promise: nil) }
        peer = nil
    }

    /// A channel that is closed drops what it has not sent yet.
    private func afterWrites(_ body: @escaping @Sendable (any Channel) -> Void) {
        guard let peer else { return }
        if let lastWrite { lastWrite.whenComplete { _ in body(peer) } } else { body(peer) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
