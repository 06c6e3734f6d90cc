import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// What a server said to a request that asks for another protocol, on a connection of its own.
struct UpgradeAnswer: Sendable {
    /// What is to come of an answer that is no change of protocol.
    private typealias Refusal = NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>

    /// How long servers may take to answer, so that silent ones do not hold connections for ever.
    private static let patience = TimeAmount.minutes(5)
    private static let (encoder, decoder) = ("upgrade-request", "upgrade-answer")

    /// The connection; it does not read by itself yet.
    let channel: any Channel
    let head: HTTPResponseHead
    private let reader: UpgradeAnswerReader

    /// True when the connection speaks the other protocol from now on.
    var isAccepted: Bool { head.status == .switchingProtocols }

    /// Sends a request without a body, and nothing else, and waits for the head of the answer.
    ///
    /// - Parameters:
    ///   - question: the request.
    ///   - target: where it goes; certificates are not looked at.
    ///   - eventLoop: where the connection is to live.
    ///   - guest: a connection that ends this one with itself.
    /// - Returns: the answer, to be gone on with by ``begin(_:)`` or ``forEachPart(_:)``.
    /// - Throws: what NIO says of a server that cannot be reached, or gives no answer.
    static func to(
        _ question: HTTPRequestHead, at target: ProxyTarget, on eventLoop: any EventLoop,
        for guest: (any Channel)? = nil
    ) async throws -> UpgradeAnswer {
        let promise = eventLoop.makePromise(of: HTTPResponseHead.self)
        let reader = UpgradeAnswerReader(promise)
        let channel: any Channel
        do {
            channel = try await connect(to: target, on: eventLoop, reader)
        } catch {
            promise.fail(error)
            throw error
        }
        guest?.closeFuture.whenComplete { _ in channel.close(promise: nil) }
        let limit = eventLoop.scheduleTask(in: patience) { promise.fail(ChannelError.connectTimeout(patience)) }
        defer { limit.cancel() }
        do {
            try await channel.eventLoop.flatSubmit {
                channel.pipeline.syncOperations.write(NIOAny(HTTPClientRequestPart.head(question)), promise: nil)
                return channel.pipeline.syncOperations.writeAndFlush(NIOAny(HTTPClientRequestPart.end(nil)))
            }.get()
            let answer = UpgradeAnswer(channel: channel, head: try await promise.futureResult.get(), reader: reader)
            if answer.isAccepted {
                try await channel.pipeline.removeHandler(name: decoder).get()
                try await channel.pipeline.removeHandler(name: encoder).get()
            }
            return answer
        } catch {
            promise.fail(error)
            channel.close(promise: nil)
            throw error
        }
    }

    private static func connect(
        to target: ProxyTarget, on eventLoop: any EventLoop, _ reader: UpgradeAnswerReader
    ) async throws -> any Channel {
        let isTLS = target.isTLS
        let bootstrap = ClientBootstrap(group: eventLoop).connectTimeout(.seconds(30))
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if isTLS {
                        var tls = TLSConfiguration.makeClientConfiguration()
                        tls.certificateVerification = .none
                        try pipeline.addHandler(
                            NIOSSLClientHandler(context: NIOSSLContext(configuration: tls), serverHostname: nil))
                    }
                    var configuration = HTTPRequestEncoder.Configuration()
                    configuration.automaticallySetFramingHeaders = false
                    try pipeline.addHandler(HTTPRequestEncoder(configuration: configuration), name: encoder)
                    try pipeline.addHandler(
                        ByteToMessageHandler(HTTPResponseDecoder(leftOverBytesStrategy: .forwardBytes)), name: decoder)
                    try pipeline.addHandler(reader)
                }
            }
        return switch target.place {
        case .address(let ip, let port): try await bootstrap.connect(host: ip, port: port).get()
        case .socket(let path): try await bootstrap.connect(unixDomainSocketPath: path).get()
        }
    }

    /// Calls `body` with what follows the head of an answer that is no change of protocol, until it returns false or all is
    /// read; the connection is closed then.
    ///
    /// - Throws: what `body` throws, and why the connection broke off.
    func forEachPart(_ body: (HTTPClientResponsePart) async throws -> Bool) async throws {
        let (channel, reader) = (channel, reader)
        let (said, coming) = try await channel.eventLoop.submit {
            // Who has said all and is gone leaves what it said.
            guard channel.isActive else { return (reader.takeKept(), nil as Refusal?) }
            reader.isTaken = true
            return ([], try Refusal(wrappingChannelSynchronously: channel))
        }.get()
        for part in said { guard try await body(part) else { return } }
        try await coming?.executeThenClose { parts, _ in
            // One that went meanwhile cannot be let read; the parts end with what it said.
            try? await Self.begin(channel)
            for try await part in parts { guard try await body(part) else { return } }
        }
    }

    /// Lets a connection read, once its handlers are in place; they get what came since the head of the answer.
    static func begin(_ channel: any Channel) async throws {
        try await channel.eventLoop.flatSubmit {
            let pipeline = channel.pipeline.syncOperations
            do {
                return pipeline.removeHandler(context: try pipeline.context(handlerType: UpgradeAnswerReader.self))
            } catch {
                return channel.eventLoop.makeFailedFuture(error)
            }
        }.get()
        try await channel.setOption(.autoRead, value: true).get()
        channel.read()
    }
}

/// Reads the head of the answer, and keeps what comes after it until it leaves the pipeline.
///
/// Unchecked, because the compiler cannot see it: a handler's state is touched on its channel's event loop only.
private final class UpgradeAnswerReader: ChannelInboundHandler, RemovableChannelHandler, @unchecked Sendable {
    typealias InboundIn = HTTPClientResponsePart

    private let promise: EventLoopPromise<HTTPResponseHead>
    /// The head of a change of protocol, until the decoder has ended it.
    private var head: HTTPResponseHead?
    private var isOver = false
    /// True for an answer that is no change of protocol, and once somebody reads it.
    private var isRefusal = false
    var isTaken = false
    private var kept: [NIOAny] = []
    private var isInputClosed = false

    init(_ promise: EventLoopPromise<HTTPResponseHead>) { self.promise = promise }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isOver else { return kept.append(data) }
        switch unwrapInboundIn(data) {
        case .head(let head) where head.status == .switchingProtocols: self.head = head
        case .head(let head):
            isRefusal = true
            finish(context, head)
        case .body: break
        case .end: if let head { finish(context, head) }
        }
    }

    private func finish(_ context: ChannelHandlerContext, _ head: HTTPResponseHead) {
        isOver = true
        let promise = promise
        // Reading goes on once there is somebody to read.
        context.channel.setOption(.autoRead, value: false).whenComplete { _ in promise.succeed(head) }
    }

    /// What came of a refusal; called on the event loop.
    func takeKept() -> [HTTPClientResponsePart] {
        defer { kept = [] }
        return kept.map(unwrapInboundIn)
    }

    private func release(_ context: ChannelHandlerContext) {
        guard !kept.isEmpty else { return }
        for data in kept { context.fireChannelRead(data) }
        kept = []
        context.fireChannelReadComplete()
    }

    func removeHandler(context: ChannelHandlerContext, removalToken: ChannelHandlerContext.RemovalToken) {
        release(context)
        if isInputClosed { context.fireUserInboundEventTriggered(ChannelEvent.inputClosed) }
        context.leavePipeline(removalToken: removalToken)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed? = event as? ChannelEvent {
            if !isOver { promise.fail(ChannelError.eof) }
            isInputClosed = true  // for who comes after us
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if !isOver { promise.fail(error) }
        context.fireErrorCaught(error)
    }

    func channelInactive(context: ChannelHandlerContext) {
        if !isOver { promise.fail(ChannelError.eof) }
        isOver = true
        // A refusal stays for who asks for it, unless there is somebody already.
        if !isRefusal || isTaken { release(context) }
        context.fireChannelInactive()
    }
}
