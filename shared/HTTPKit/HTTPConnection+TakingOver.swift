import NIOCore

/// Handing the channel to a handler that speaks another protocol.
extension HTTPConnection {
    /// Takes HTTP out of the pipeline; what comes from now on is kept for the new owner.
    func releaseChannel() async throws {
        try await eventLoop.flatSubmit { [self] () -> EventLoopFuture<Void> in
            guard isActive, mode == .http else { return eventLoop.makeFailedFuture(ChannelError.ioOnClosedChannel) }
            mode = .held
            exchange = nil
            return channel.setOption(.autoRead, value: false).flatMap { [self] in
                guard let decoder else { return eventLoop.makeFailedFuture(ChannelError.ioOnClosedChannel) }
                self.decoder = nil
                return channel.pipeline.syncOperations.removeHandler(decoder)
            }
        }.get()
    }

    /// The new owner reads: it gets what was kept, and from now on everything as it comes.
    func beginRaw(_ context: ChannelHandlerContext) {
        mode = .raw
        if !leftOver.isEmpty {
            while let bytes = leftOver.popFirst() { context.fireChannelRead(wrapInboundOut(bytes)) }
            context.fireChannelReadComplete()
        }
        if isInputClosed { context.fireUserInboundEventTriggered(ChannelEvent.inputClosed) }
        context.read()
    }

    static func rawBytes(_ data: NIOAny) -> ByteBuffer { RawUnwrapper().unwrapInboundIn(data) }
}

/// Unwraps bytes that the decoder passes on after its removal.
private final class RawUnwrapper: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
}
