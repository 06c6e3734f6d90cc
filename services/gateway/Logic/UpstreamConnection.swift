import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// One connection to a notebook, for one exchange at a time.
///
/// Unchecked, because the compiler cannot see it: every stored `var` is touched on the connection's event loop only. It
/// is the loop of the browser's connection too, and handlers run on it, so calls rarely change threads.
final class UpstreamConnection: ChannelInboundHandler, RemovableChannelHandler, @unchecked Sendable {
    typealias InboundIn = HTTPClientResponsePart
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = HTTPClientRequestPart

    let channel: any Channel
    private let eventLoop: any EventLoop
    private var parts = CircularBuffer<HTTPClientResponsePart>()
    private var waiter: CheckedContinuation<HTTPClientResponsePart, any Error>?
    private var writers: [CheckedContinuation<Void, any Error>] = []
    private var failure: (any Error)?
    private var isIdle = false
    private var isReading = false
    /// The answer must have begun by then.
    private var deadline: NIODeadline?
    /// Since when the connection has been waiting for another request.
    var parkedAt: NIODeadline { parked.withLock { $0 } }
    private let parked = Mutex(NIODeadline.now())

    init(channel: any Channel) {
        self.channel = channel
        self.eventLoop = channel.eventLoop
    }

    /// Connects on the given loop.
    static func connect(
        _ address: SocketAddress, on eventLoop: any EventLoop, timeout: TimeAmount
    ) async throws -> UpstreamConnection {
        let bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(timeout)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.autoRead, value: false)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    var framing = HTTPRequestEncoder.Configuration()
                    framing.automaticallySetFramingHeaders = false  // the proxy passes on what it was told
                    try pipeline.addHandler(HTTPRequestEncoder(configuration: framing), name: "encoder")
                    try pipeline.addHandler(
                        ByteToMessageHandler(HTTPResponseDecoder(leftOverBytesStrategy: .forwardBytes)), name: "decoder"
                    )
                    try pipeline.addHandler(UpstreamConnection(channel: channel), name: "upstream")
                }
            }
        let channel: any Channel
        do {
            channel = try await bootstrap.connect(to: address).get()
        } catch ChannelError.connectTimeout {
            throw UpstreamError.connectTimeout
        } catch {
            throw UpstreamError.refused
        }
        return try await channel.pipeline.handler(type: UpstreamConnection.self).get()
    }

    private func onLoop<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        if eventLoop.inEventLoop { return try body() }
        return try await eventLoop.submit(body).get()
    }

    // MARK: Sending

    /// Sends the head of a request, and its body and end with it when they are in memory.
    func send(_ head: HTTPRequestHead, body: ByteBuffer?, isWhole: Bool, timeout: TimeAmount) async throws {
        try await onLoop { [self] in
            if let failure { throw failure }
            isIdle = false
            deadline = .now() + timeout
            channel.write(HTTPClientRequestPart.head(head), promise: nil)
            if let body, body.readableBytes > 0 {
                channel.write(HTTPClientRequestPart.body(.byteBuffer(body)), promise: nil)
            }
            if isWhole { channel.write(HTTPClientRequestPart.end(nil), promise: nil) }
            channel.flush()
        }
    }

    /// Sends a piece of the body; returns when there is room for the next one.
    func write(_ bytes: ByteBuffer) async throws {
        if eventLoop.inEventLoop, failure == nil, channel.isWritable {
            channel.writeAndFlush(HTTPClientRequestPart.body(.byteBuffer(bytes)), promise: nil)
            if channel.isWritable { return }
            return try await drained()
        }
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            eventLoop.execute { [self] in
                if let failure { return continuation.resume(throwing: failure) }
                channel.writeAndFlush(HTTPClientRequestPart.body(.byteBuffer(bytes)), promise: nil)
                if channel.isWritable { continuation.resume() } else { writers.append(continuation) }
            }
        }
    }

    /// Returns when there is room again.
    private func drained() async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            if let failure { return continuation.resume(throwing: failure) }
            if channel.isWritable { continuation.resume() } else { writers.append(continuation) }
        }
    }

    /// Ends the body; from now on the answer has this long to begin.
    func end(timeout: TimeAmount) async throws {
        try await onLoop { [self] in
            if deadline != nil { deadline = .now() + timeout }
            channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
        }
    }

    // MARK: Receiving

    /// The next part of the answer; asks the socket for more only when it is wanted.
    func next() async throws -> HTTPClientResponsePart {
        if eventLoop.inEventLoop, let part = parts.popFirst() { return part }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                if eventLoop.inEventLoop {
                    wait(continuation)
                } else {
                    eventLoop.execute { self.wait(continuation) }
                }
            }
        } onCancel: {
            channel.close(promise: nil)
        }
    }

    private func wait(_ continuation: CheckedContinuation<HTTPClientResponsePart, any Error>) {
        if let part = parts.popFirst() { return continuation.resume(returning: part) }
        if let failure { return continuation.resume(throwing: failure) }
        waiter = continuation
        requestRead()
    }

    private func requestRead() {
        guard !isReading else { return }
        isReading = true
        channel.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isIdle { return context.close(promise: nil) }  // nobody asked
        let part = unwrapInboundIn(data)
        if case .head = part { deadline = nil }
        if let waiter {
            self.waiter = nil
            waiter.resume(returning: part)
        } else {
            parts.append(part)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        isReading = false
        if waiter != nil { requestRead() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        fail(ChannelError.ioOnClosedChannel)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail(error)
        context.close(promise: nil)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            let writers = self.writers
            self.writers = []
            for writer in writers { writer.resume() }
        }
        context.fireChannelWritabilityChanged()
    }

    private func fail(_ error: any Error) {
        if failure == nil { failure = error }
        waiter?.resume(throwing: error)
        waiter = nil
        let writers = self.writers
        self.writers = []
        for writer in writers { writer.resume(throwing: error) }
    }

    // MARK: Between exchanges

    /// True when the connection can take another request; from then on it watches for its end.
    func park() async -> Bool {
        (try? await onLoop { [self] in
            guard failure == nil, channel.isActive, parts.isEmpty else { return false }
            isIdle = true
            parked.withLock { $0 = .now() }
            requestRead()
            return true
        }) ?? false
    }

    func close() { channel.close(promise: nil) }

    /// Gives up an answer that does not begin. Called now and then by the pool.
    func checkDeadline(now: NIODeadline) {
        guard let deadline, now > deadline, failure == nil else { return }
        fail(UpstreamError.timeout)
        channel.close(promise: nil)
    }

    // MARK: Upgrades

    /// Takes HTTP off the connection, which has answered 101; what came behind the answer goes to `successor`.
    func surrender(to successor: any ChannelHandler & Sendable) async throws {
        try await eventLoop.flatSubmit { [self] () -> EventLoopFuture<Void> in
            let pipeline = channel.pipeline
            return pipeline.addHandler(successor).flatMap {
                pipeline.removeHandler(name: "encoder")
            }.flatMap {
                pipeline.removeHandler(name: "upstream")
            }.flatMap {
                pipeline.removeHandler(name: "decoder")
            }
        }.get()
    }
}

/// What can go wrong on the way to a notebook.
enum UpstreamError: Error {
    /// The answer did not begin in time.
    case timeout
    /// Nobody said anything to our wish to connect.
    case connectTimeout
    /// Nobody listens there.
    case refused
}
