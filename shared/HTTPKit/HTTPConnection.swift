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
    /// Told of requests that the handler never sees.
    var onRefusal: (@Sendable (RefusedRequest) -> Void)?
    var relay: (any RequestRelay)?
    /// See ``Peer/entrance``.
    var entrance = 0
    var perAddress: HTTPServer.AddressLimit?
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
        let number: UInt64
        var head: HTTPRequestHead
        let declaredLength: Int?
        var isKeepAlive: Bool
        /// Small bodies are put together before the handler starts.
        var collected: ByteBuffer?
        var source: BodySource?
        var isReceived = false
        var continueWanted = false
        var framing = ResponseEncoding.Framing.none
        var remaining = 0
        /// Bytes of the answer's body, and who wants to know.
        var sent = 0
        var onEnd: (@Sendable (Int, Bool) -> Void)?
    }

    /// `held`: the channel was taken over, and keeps what comes until its new owner reads. `multiplexed`: it carries streams
    /// of HTTP/2.
    enum Mode { case http, discarding, closing, held, raw, multiplexed }

    /// Bodies up to this length are collected before the handler runs.
    static let aggregationLimit = 64 * 1024

    let environment: ConnectionEnvironment
    let channel: any Channel
    let eventLoop: any EventLoop
    /// Whose stream this is; nil for a connection of its own.
    let parent: HTTPConnection?
    /// Whose connections this one is counted with; nil where they are not limited.
    let sender: Sender?
    /// Streams that are open on this connection.
    var streamCount = 0
    var tls: NIOSSLServerHandler?
    var decoder: ByteToMessageHandler<HTTPRequestDecoder>?
    var context: ChannelHandlerContext?

    var mode = Mode.http
    var exchange: Exchange?
    var exchangeCount: UInt64 = 0
    /// Parts of requests that came behind the one that is being answered.
    var waiting = CircularBuffer<HTTPServerRequestPart>(initialCapacity: 1)
    /// True while `takeWaiting` goes through them.
    var isTakingWaiting = false
    var leftOver = CircularBuffer<ByteBuffer>(initialCapacity: 1)
    var isInputClosed = false
    var isReadPending = false
    var isBodyPaused = false
    var isDraining = false
    var isActive = true
    var task: Task<Void, Never>?
    /// Who goes on with the stream once its task has ended.
    var follower: (any HTTPStreamFollower)?
    /// How many tasks were started.
    var runCount: UInt64 = 0
    var writers: [CheckedContinuation<Void, any Error>] = []
    /// Why a chunk that came from another thread was not written.
    var streamFailure: (any Error)?
    var lastActivity = NIODeadline.now()
    /// What the socket had not taken when the server last looked.
    var unsentBytes = 0
    var cachedPeer: Peer?
    /// Where exchanges may go around this, see ``RequestRelay``.
    var link: RelayLink?

    init(
        channel: any Channel, environment: ConnectionEnvironment, tls: NIOSSLServerHandler?,
        decoder: ByteToMessageHandler<HTTPRequestDecoder>?, parent: HTTPConnection? = nil, sender: Sender? = nil
    ) {
        self.channel = channel
        self.parent = parent
        self.sender = sender
        self.eventLoop = channel.eventLoop
        self.environment = environment
        self.tls = tls
        self.decoder = decoder
    }

    func onLoop(_ body: @escaping @Sendable () -> Void) {
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
        parent?.streamEnded()
        exchange?.source?.finish(exchange?.isReceived == true ? nil : error)
        tellEnd(isWhole: false)
        task?.cancel()
        task = nil
        let follower = self.follower
        self.follower = nil
        follower?.end()
        let writers = self.writers
        self.writers = []
        for writer in writers { writer.resume(throwing: error) }
        waiting.removeAll()
        link = nil
    }

    /// Tells whoever wants to know that the present answer has ended.
    func tellEnd(isWhole: Bool) {
        guard let onEnd = exchange?.onEnd else { return }
        exchange?.onEnd = nil
        onEnd(exchange?.sent ?? 0, isWhole)
    }

    /// Closes a connection on which nothing moved for too long. Called now and then by the server.
    func checkIdle(now: NIODeadline) {
        guard isActive, mode != .raw, mode != .held else { return }
        if mode == .multiplexed {
            // Streams look after themselves, and so does a client that takes what they send.
            if streamCount == 0, now - lastActivity > environment.limits.idleTimeout { channel.close(promise: nil) }
            return
        }
        let unsent = unsentNow
        // A peer that takes an answer slowly takes it nevertheless.
        if unsent != unsentBytes { lastActivity = max(lastActivity, now) }
        unsentBytes = unsent
        let limit: TimeAmount
        if mode == .discarding {
            limit = .seconds(5)
        } else if unsent > 0 {
            limit = environment.limits.idleTimeout
        } else if link?.isBusy ?? false {
            return
        } else if let exchange {
            if exchange.isReceived { return }  // the handler has the time it takes
            limit = environment.limits.bodyTimeout
        } else {
            limit = environment.limits.idleTimeout
        }
        if now - lastActivity > limit { channel.close(promise: nil) }
    }

    /// What the peer has not taken; of a stream only whether there is something.
    private var unsentNow: Int {
        if parent != nil { return channel.isWritable ? 0 : 1 }
        return (try? channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    }

    /// Finishes the running request, then closes.
    func drain() {
        isDraining = true
        if mode == .multiplexed { return drainMultiplexed() }
        // Who speaks another protocol may have a word for it.
        if mode == .raw { context?.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent()) }
        exchange?.isKeepAlive = false
        if exchange == nil, mode == .http, !(link?.isBusy ?? false) { closeWhenWritten() }
    }

    /// Ends what did not finish in time: streams and connections taken over.
    func cancelTask() {
        task?.cancel()
        if link?.isBusy ?? false { abort() }
        guard let follower, task == nil else { return }
        self.follower = nil
        follower.end()
        abort()
    }
}
