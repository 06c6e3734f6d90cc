import KubeModel
import Logging
import NIOCore
import NIOHTTP1
import NIOSSL

/// What connections of one server share.
struct ConnectionEnvironment: Sendable {
    let limits: HTTPServer.Limits
    let logger: Logger
    let handler: @Sendable (HTTPRequest) async -> HTTPResponse
    /// Runs handlers on the connection's event loop; nil for the global pool.
    let executor: EventLoopExecutor?
    let registry: ConnectionRegistry
}

/// One connection: frames requests, runs the handler in a task for one request at a time, writes answers in order.
///
/// Unchecked, because the compiler cannot see it: every stored `var` is touched on the channel's event loop only, which
/// `onLoop` makes sure of for calls that come from tasks.
final class HTTPConnection: ChannelDuplexHandler, RemovableChannelHandler, @unchecked Sendable {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// The request that is being received, handled or answered.
    struct Exchange {
        let head: HTTPRequestHead
        let declaredLength: Int?
        var isKeepAlive: Bool
        /// Small bodies are put together before the handler starts.
        var collected: ByteBuffer?
        var source: BodySource?
        var isReceived = false
        var isHandled = false
        var continueWanted = false
        var framing = ResponseEncoding.Framing.none
        var remaining = 0
    }

    /// `held`: the channel was taken over, and keeps what comes until its new owner reads.
    enum Mode { case http, discarding, closing, held, raw }

    /// Bodies up to this length are collected before the handler runs.
    static let aggregationLimit = 64 * 1024

    let environment: ConnectionEnvironment
    let channel: any Channel
    private let eventLoop: any EventLoop
    private var tls: NIOSSLServerHandler?
    private var decoder: ByteToMessageHandler<HTTPRequestDecoder>?
    private var context: ChannelHandlerContext?

    private var mode = Mode.http
    private var exchange: Exchange?
    private var waiting = CircularBuffer<HTTPServerRequestPart>()
    private var leftOver = CircularBuffer<ByteBuffer>()
    private var isInputClosed = false
    private var isReadPending = false
    private var isBodyPaused = false
    private var isDraining = false
    private var isActive = true
    private var task: Task<Void, Never>?
    private var writers: [CheckedContinuation<Void, any Error>] = []
    private var lastActivity = NIODeadline.now()
    private var cachedPeer: Peer?

    init(
        channel: any Channel, environment: ConnectionEnvironment, tls: NIOSSLServerHandler?,
        decoder: ByteToMessageHandler<HTTPRequestDecoder>
    ) {
        self.channel = channel
        self.eventLoop = channel.eventLoop
        self.environment = environment
        self.tls = tls
        self.decoder = decoder
    }

    private func onLoop(_ body: @escaping @Sendable () -> Void) {
        if eventLoop.inEventLoop { body() } else { eventLoop.execute(body) }
    }

    // MARK: Life of the channel

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(ChannelError.ioOnClosedChannel)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard mode == .http else { return context.fireErrorCaught(error) }
        if let error = error as? HTTPParserError, exchange == nil || exchange?.isReceived == true, waiting.isEmpty {
            let status = error == .headerOverflow ? 431 : error == .invalidVersion ? 505 : 400
            if exchange == nil { return refuse(status, "the request is not valid HTTP/1.1") }
            exchange?.isKeepAlive = false  // the bad bytes come after a request that is still being answered
            mode = .http
            return
        }
        environment.logger.debug("connection failed", metadata: ["error": "\(error)"])
        context.close(promise: nil)
    }

    /// The peer is gone: ends everything that waits for it.
    private func end(_ error: any Error) {
        guard isActive else { return }
        isActive = false
        environment.registry.remove(self)
        exchange?.source?.finish(exchange?.isReceived == true ? nil : error)
        task?.cancel()
        task = nil
        let writers = self.writers
        self.writers = []
        for writer in writers { writer.resume(throwing: error) }
        waiting.removeAll()
    }

    /// Closes a connection on which nothing moved for too long. Called now and then by the server.
    func checkIdle(now: NIODeadline) {
        guard isActive, mode != .raw, mode != .held else { return }
        let limit: TimeAmount
        if mode == .discarding {
            limit = .seconds(5)
        } else if let exchange {
            if exchange.isReceived { return }  // the handler has the time it takes
            limit = environment.limits.bodyTimeout
        } else {
            limit = environment.limits.idleTimeout
        }
        if now - lastActivity > limit { channel.close(promise: nil) }
    }

    /// Finishes the running request, then closes.
    func drain() {
        isDraining = true
        exchange?.isKeepAlive = false
        if exchange == nil, mode == .http { closeWhenWritten() }
    }

    /// Ends what did not finish in time: streams and connections taken over.
    func cancelTask() { task?.cancel() }

    // MARK: Reading

    func read(context: ChannelHandlerContext) {
        switch mode {
        case .http where isBodyPaused || !waiting.isEmpty: isReadPending = true
        case .held where decoder != nil: break
        case .held:
            mode = .raw
            if !leftOver.isEmpty {
                while let bytes = leftOver.popFirst() { context.fireChannelRead(wrapInboundOut(bytes)) }
                context.fireChannelReadComplete()
            }
            if isInputClosed { context.fireUserInboundEventTriggered(ChannelEvent.inputClosed) }
            context.read()
        default: context.read()
        }
    }

    private func resumeReading() {
        guard isReadPending, isActive, !isBodyPaused, waiting.isEmpty else { return }
        isReadPending = false
        context?.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch mode {
        case .http:
            let part = unwrapInboundIn(data)
            if let exchange, exchange.isReceived { waiting.append(part) } else { receive(part) }
        case .discarding:
            lastActivity = .now()
            // All of the refused body has come: nothing is left that could be met by a reset.
            if case .end = unwrapInboundIn(data) { channel.close(promise: nil) }
        case .closing: break
        case .held: leftOver.append(Self.rawBytes(data))
        case .raw: context.fireChannelRead(data)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if mode == .raw { context.fireChannelReadComplete() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if mode == .held, case ChannelEvent.inputClosed? = event as? ChannelEvent {
            isInputClosed = true  // told after the bytes that came before it
            return
        }
        context.fireUserInboundEventTriggered(event)
    }

    private static func rawBytes(_ data: NIOAny) -> ByteBuffer { RawUnwrapper().unwrapInboundIn(data) }

    private func receive(_ part: HTTPServerRequestPart) {
        switch part {
        case .head(let head): begin(head)
        case .body(let bytes):
            lastActivity = .now()
            if exchange?.source != nil {
                if exchange?.source?.push(bytes) == false { isBodyPaused = true }
            } else if exchange?.collected == nil {
                exchange?.collected = bytes
            } else {
                exchange?.collected?.writeImmutableBuffer(bytes)
            }
        case .end:
            guard exchange != nil else { return }
            exchange?.isReceived = true
            if let source = exchange?.source { source.finish() } else { start() }
        }
    }

    private func begin(_ head: HTTPRequestHead) {
        lastActivity = .now()
        let length: RequestRules.BodyLength
        switch RequestRules.judge(head) {
        case .refused(let status, let message):
            exchange = Exchange(head: head, declaredLength: nil, isKeepAlive: false)
            return refuse(status, message)
        case .accepted(let accepted): length = accepted
        }
        let declared: Int? = if case .bytes(let bytes) = length { bytes } else { nil }
        // After an upgrade request the decoder stops; without a takeover nothing more can be read.
        let isUpgrade = head.headers.contains(name: "upgrade")
        var exchange = Exchange(
            head: head, declaredLength: declared, isKeepAlive: head.isKeepAlive && !isDraining && !isUpgrade)
        exchange.continueWanted =
            length != .none && head.version.minor >= 1
            && head.headers.first(name: "expect")?.lowercased() == "100-continue"
        if length == .chunked || (declared ?? 0) > Self.aggregationLimit || exchange.continueWanted {
            exchange.source = BodySource(
                declaredLength: declared,
                onStart: { [weak self] in self?.bodyWanted() },
                onDemand: { [weak self] in self?.bodyDemanded() })
            self.exchange = exchange
            start()
        } else {
            self.exchange = exchange
        }
    }

    private func bodyWanted() {
        onLoop { [self] in
            guard exchange?.continueWanted == true, isActive else { return }
            exchange?.continueWanted = false
            let answer = ByteBuffer(staticString: "HTTP/1.1 100 Continue\r\n\r\n")
            context?.writeAndFlush(wrapOutboundOut(answer), promise: nil)
        }
    }

    private func bodyDemanded() {
        onLoop { [self] in
            isBodyPaused = false
            resumeReading()
        }
    }

    private var peer: Peer {
        if let cachedPeer { return cachedPeer }
        let peer = Peer(
            address: channel.remoteAddress?.ipAddress,
            clientCertificateDER: try? tls?.peerCertificate?.toDERBytes(), isTLS: tls != nil)
        cachedPeer = peer
        return peer
    }

    // MARK: Handling

    private func start() {
        guard let exchange else { return }
        let body: HTTPBody =
            if let source = exchange.source { HTTPBody(storage: .stream(source)) } else {
                exchange.collected.map(HTTPBody.bytes) ?? .empty
            }
        let request = HTTPRequest(
            method: exchange.head.method.rawValue, target: exchange.head.uri, headers: exchange.head.headers,
            peer: peer,
            body: body, eventLoop: eventLoop)
        // A task outside of a group: it is the connection's, which cancels it when the peer goes, and the server's
        // run() ends only after every connection has ended.
        task = Task(executorPreference: environment.executor) { [self] in await handle(request) }
    }

    private func handle(_ request: HTTPRequest) async {
        let response = await environment.handler(request)
        switch response.body {
        case .empty, .bytes: onLoop { self.answer(response) }
        case .stream(let produce):
            let isHead = request.method == "HEAD"
            do {
                let goesOn = try await eventLoopValue { self.beginStream(response) }
                if goesOn, !isHead {
                    try await produce(HTTPBodyWriter(connection: self))
                }
                onLoop { self.endStream() }
            } catch {
                if !(error is CancellationError) && !(error is ChannelError) {
                    environment.logger.debug("a streamed response broke off", metadata: ["error": "\(error)"])
                }
                onLoop { self.abort() }
            }
        case .takeOver(let own):
            do {
                try await releaseChannel()
                try await own(channel)
            } catch {
                environment.logger.debug("a connection taken over failed", metadata: ["error": "\(error)"])
            }
            channel.close(promise: nil)
        }
    }

    private func eventLoopValue<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async throws -> Value {
        if eventLoop.inEventLoop { return body() }
        return try await withCheckedThrowingContinuation { continuation in
            eventLoop.execute { continuation.resume(returning: body()) }
        }
    }

    // MARK: Answering

    private func refuse(_ status: Int, _ message: String) {
        if exchange == nil {
            exchange = Exchange(
                head: HTTPRequestHead(version: .http1_1, method: .GET, uri: "/"), declaredLength: nil,
                isKeepAlive: false)
        }
        exchange?.isKeepAlive = false
        answer(.error(APIError(.badRequest, message, code: status)))
    }

    private func answer(_ response: HTTPResponse) {
        guard isActive, let context, var exchange else { return }
        var content: ByteBuffer?
        if case .bytes(let bytes) = response.body { content = bytes }
        let length = content?.readableBytes ?? 0
        let isHead = exchange.head.method == .HEAD
        if !exchange.isReceived { exchange.isKeepAlive = false }
        let framing: ResponseEncoding.Framing =
            if response.status == 204 || response.status == 304 || response.status < 200 { .none } else if isHead {
                .length(content == nil ? ResponseEncoding.declaredLength(response.headers) ?? 0 : length)
            } else {
                .length(length)
            }
        let inline = length <= 16 * 1024 && !isHead && framing != .none ? length : 0
        var buffer = context.channel.allocator.buffer(capacity: 512 + inline)
        ResponseEncoding.head(
            response, framing: framing, keepAlive: exchange.isKeepAlive, isHTTP10: exchange.head.version.minor == 0,
            into: &buffer)
        self.exchange = exchange
        if let content, length > 0, !isHead, framing != .none {
            if inline > 0 {
                buffer.writeImmutableBuffer(content)
            } else {
                context.write(wrapOutboundOut(buffer), promise: nil)
                buffer = content
            }
        }
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
        finishExchange()
    }

    private func beginStream(_ response: HTTPResponse) -> Bool {
        guard isActive, let context, var exchange else { return false }
        let isHTTP10 = exchange.head.version.minor == 0
        var framing: ResponseEncoding.Framing = isHTTP10 ? .untilClose : .chunked
        if let length = ResponseEncoding.declaredLength(response.headers) { framing = .length(length) }
        if response.status == 204 || response.status == 304 { framing = .none }
        if framing == .untilClose { exchange.isKeepAlive = false }
        var buffer = context.channel.allocator.buffer(capacity: 512)
        ResponseEncoding.head(
            response, framing: framing, keepAlive: exchange.isKeepAlive, isHTTP10: isHTTP10, into: &buffer)
        if exchange.head.method == .HEAD { framing = .none }
        exchange.framing = framing
        if case .length(let length) = framing { exchange.remaining = length }
        self.exchange = exchange
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
        return framing != .none
    }

    func writeChunk(_ bytes: ByteBuffer) async throws {
        if eventLoop.inEventLoop, try send(bytes) { return }
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            if eventLoop.inEventLoop {
                wait(continuation)
            } else {
                eventLoop.execute { [self] in
                    do {
                        if try send(bytes) { continuation.resume() } else { wait(continuation) }
                    } catch {
                        continuation.resume(throwing: error)
                    }
                }
            }
        }
    }

    /// Writes a chunk; true when the channel takes more at once.
    private func send(_ bytes: ByteBuffer) throws -> Bool {
        guard isActive, let context, let exchange else { throw ChannelError.ioOnClosedChannel }
        switch exchange.framing {
        case .chunked:
            var buffer = context.channel.allocator.buffer(
                capacity: 20 + (bytes.readableBytes <= 4096 ? bytes.readableBytes : 0))
            buffer.writeString(String(bytes.readableBytes, radix: 16))
            buffer.writeStaticString("\r\n")
            if bytes.readableBytes <= 4096 {
                buffer.writeImmutableBuffer(bytes)
                buffer.writeStaticString("\r\n")
                context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
            } else {
                context.write(wrapOutboundOut(buffer), promise: nil)
                context.write(wrapOutboundOut(bytes), promise: nil)
                context.writeAndFlush(wrapOutboundOut(ByteBuffer(staticString: "\r\n")), promise: nil)
            }
        case .length:
            guard bytes.readableBytes <= exchange.remaining else { throw HTTPStreamError.tooLong }
            self.exchange?.remaining -= bytes.readableBytes
            context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
        case .untilClose: context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
        case .none: break
        }
        return context.channel.isWritable
    }

    private func wait(_ continuation: CheckedContinuation<Void, any Error>) {
        guard isActive else { return continuation.resume(throwing: ChannelError.ioOnClosedChannel) }
        if channel.isWritable { return continuation.resume() }
        writers.append(continuation)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable, !writers.isEmpty {
            let writers = self.writers
            self.writers = []
            for writer in writers { writer.resume() }
        }
        context.fireChannelWritabilityChanged()
    }

    private func endStream() {
        guard isActive, let context, let exchange else { return }
        switch exchange.framing {
        case .chunked: context.writeAndFlush(wrapOutboundOut(ByteBuffer(staticString: "0\r\n\r\n")), promise: nil)
        case .length where exchange.remaining > 0: return abort()
        default: break
        }
        finishExchange()
    }

    private func abort() {
        guard isActive else { return }
        channel.close(promise: nil)
    }

    private func finishExchange() {
        guard let exchange else { return }
        self.exchange = nil
        task = nil
        lastActivity = .now()
        isBodyPaused = false
        if !exchange.isReceived {
            exchange.source?.finish(HTTPStreamError.abandoned)
            return discardRest()
        }
        guard exchange.isKeepAlive, !isDraining else { return closeWhenWritten() }
        while let part = waiting.popFirst() {
            receive(part)
            if let exchange = self.exchange, exchange.isReceived { break }
        }
        resumeReading()
    }

    /// Closes once the peer has taken the whole answer: closing drops what the socket has not accepted yet. A peer that
    /// reads nothing is closed by the idle timeout.
    private func closeWhenWritten() {
        guard isActive, let context else { return }
        mode = .closing
        waiting.removeAll()
        context.writeAndFlush(wrapOutboundOut(ByteBuffer())).whenComplete { [channel] _ in channel.close(promise: nil) }
    }

    /// The request was answered before its body had come: the peer must be able to read the answer, so its bytes are
    /// thrown away as long as they come, half a minute at most, instead of being met by a reset.
    private func discardRest() {
        mode = .discarding
        waiting.removeAll()
        if tls == nil { channel.close(mode: .output, promise: nil) }
        resumeReading()
        // Rare: bad requests and refused bodies only.
        eventLoop.scheduleTask(in: .seconds(30)) { [channel] in channel.close(promise: nil) }
    }

    // MARK: Taking over

    private func releaseChannel() async throws {
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
}

/// Unwraps bytes that the decoder passes on after its removal.
private final class RawUnwrapper: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
}

/// Why a body broke off.
enum HTTPStreamError: Error {
    /// More bytes than announced.
    case tooLong
    /// The handler answered without reading all of it.
    case abandoned
}
