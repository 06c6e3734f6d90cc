import Glibc
import KubeModel
public import Logging
public import NIOCore
import NIOHTTP1
import NIOPosix
public import NIOSSL
public import ServiceLifecycle
import Synchronization

/// An HTTP/1.1 server, and HTTP/2 where TLS offers it: TCP or unix socket, one handler for all requests.
public struct HTTPServer: Service {
    /// Where the server listens.
    public enum Listener: Sendable {
        /// Port 0 takes a free one.
        case tcp(host: String, port: Int)
        /// A socket file, replaced when nobody listens on it; mode 0600. With an owner it is that user's, and only this
        /// user and root are listened to, whoever else was handed a connection.
        case unix(path: String, owner: UInt32? = nil)
    }

    /// Where a server listens besides.
    public struct SecondListener: Sendable {
        let listener: Listener
        let onListening: @Sendable (Int) async -> Void

        /// - Parameters:
        ///   - listener: the place.
        ///   - onListening: called with its port once connections are accepted there.
        public init(_ listener: Listener, onListening: @escaping @Sendable (Int) async -> Void) {
            (self.listener, self.onListening) = (listener, onListening)
        }
    }

    /// What a client may use up.
    public struct Limits: Sendable {
        /// All header fields of a request together, in bytes.
        public var headBytes = 64 * 1024
        /// A connection without a request, or with half a request head, is closed after this.
        public var idleTimeout = TimeAmount.seconds(90)
        /// A request body that makes no progress for this long is given up.
        public var bodyTimeout = TimeAmount.seconds(60)
        /// Connections beyond this many are closed at once.
        public var maxConnections = 10_000
        /// How long a graceful stop lets streams go on.
        public var drainTimeout = Duration.seconds(5)
        /// The defaults.
        public init() {}
    }

    /// What one address may take of ``Limits/maxConnections``.
    public struct AddressLimit: Sendable {
        let connections: Int
        let isExempt: @Sendable (String) -> Bool
        let onRefusal: @Sendable () -> Void

        /// - Parameters:
        ///   - connections: so many at a time; further ones are answered 503, over TLS just closed.
        ///   - isExempt: whether an address may have any number, such as a proxy's behind which many people are.
        ///   - onRefusal: told of each that is refused.
        public init(
            _ connections: Int, isExempt: @escaping @Sendable (String) -> Bool = { _ in false },
            onRefusal: @escaping @Sendable () -> Void = {}
        ) {
            (self.connections, self.isExempt, self.onRefusal) = (connections, isExempt, onRefusal)
        }
    }

    /// Nil where one address may have all connections.
    public var perAddress: AddressLimit?
    /// Told of requests that no handler ever sees: not HTTP, or framed so that servers could disagree.
    public var onRefusal: (@Sendable (RefusedRequest) -> Void)?
    /// Takes exchanges over before requests are taken apart.
    public var relay: (any RequestRelay)?
    /// Another place to listen at, with the same certificate, limits and handler, which tells the two apart by
    /// ``Peer/entrance``. It listens before the first one does.
    public var second: SecondListener?
    let listener: Listener
    let tls: NIOSSLContext?
    let limits: Limits
    let logger: Logger
    let runsOnEventLoop: Bool
    let onListening: @Sendable (Int) async -> Void
    let handler: @Sendable (HTTPRequest) async -> HTTPResponse

    /// Prepares a server; `run` starts it.
    ///
    /// - Parameters:
    ///   - listener: where to listen.
    ///   - tls: the server's certificate and, for client certificates, `.optionalVerification` with the trusted roots;
    ///     see ``ServerTLS``.
    ///   - limits: what a client may use up.
    ///   - logger: where failures of connections go.
    ///   - runsOnEventLoop: runs the handler on the connection's event loop, which saves thread changes for handlers
    ///     that mostly wait and never block.
    ///   - onListening: called with the port (0 for a unix socket) once connections are accepted.
    ///   - handler: answers a request.
    public init(
        listener: Listener, tls: NIOSSLContext? = nil, limits: Limits = .init(), logger: Logger,
        runsOnEventLoop: Bool = false, onListening: @escaping @Sendable (Int) async -> Void = { _ in },
        handler: @escaping @Sendable (HTTPRequest) async -> HTTPResponse
    ) {
        self.listener = listener
        self.tls = tls
        self.limits = limits
        self.logger = logger
        self.runsOnEventLoop = runsOnEventLoop
        self.onListening = onListening
        self.handler = handler
    }

    /// Serves until the service group stops gracefully or the task is cancelled.
    public func run() async throws {
        let registry = ConnectionRegistry(
            limit: limits.maxConnections, limitOfOne: perAddress?.connections ?? .max)
        let group = MultiThreadedEventLoopGroup.singleton
        var channels: [any Channel] = []
        if let second {
            channels = try await bind(second.listener, entrance: 1, group, registry: registry)
            await listens(channels, second.onListening)
        }
        do {
            let first = try await bind(listener, entrance: 0, group, registry: registry)
            channels += first
            await listens(first, onListening)
        } catch {
            for channel in channels { channel.close(promise: nil) }
            throw error
        }

        await withTaskGroup { tasks in
            tasks.addTask { await sweep(registry) }
            for channel in channels {
                tasks.addTask {
                    // Ends by graceful shutdown, by cancellation, or when the listening socket fails.
                    await withGracefulShutdownHandler {
                        await withTaskCancellationHandler {
                            _ = try? await channel.closeFuture.get()
                        } onCancel: {
                            channel.close(promise: nil)
                        }
                    } onGracefulShutdown: {
                        channel.close(promise: nil)
                    }
                }
            }
            // The sweeper only ends by cancellation.
            await tasks.next()
            tasks.cancelAll()
        }
        await drain(registry)
        if case .unix(let path, _) = listener { unlink(path) }
    }

    private func listens(_ channels: [any Channel], _ tell: @Sendable (Int) async -> Void) async {
        let address = channels.first?.localAddress
        logger.info("listening", metadata: ["address": "\(address.map(String.init(describing:)) ?? "")"])
        await tell(address?.port ?? 0)
    }

    private func bind(
        _ listener: Listener, entrance: Int, _ group: MultiThreadedEventLoopGroup, registry: ConnectionRegistry
    ) async throws -> [any Channel] {
        let executors = runsOnEventLoop ? ExecutorTable(group) : nil
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer {
                [limits, logger, handler, onRefusal, relay, tls, perAddress, owner = listener.owner] channel in
                LocalPeer.check(channel, is: owner).flatMapThrowing {
                    let environment = ConnectionEnvironment(
                        limits: limits, logger: logger, handler: handler, executor: executors?[channel.eventLoop],
                        registry: registry, onRefusal: onRefusal, relay: relay, entrance: entrance,
                        perAddress: perAddress)
                    try Self.configure(channel, environment: environment, tls: tls)
                }
            }
            .childChannelOption(.socketOption(.so_keepalive), value: 1)
            .childChannelOption(.maxMessagesPerRead, value: 4)
            // Grows where much comes; most connections send small requests, and each keeps a buffer.
            .childChannelOption(
                .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 256, initial: 1024, maximum: 65_536))
        switch listener {
        case .tcp(let host, let port):
            let tcp = bootstrap.childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            var channels: [any Channel] = []
            for descriptor in ReservedPorts.take(host: host, port: port) {
                channels.append(try await tcp.withBoundSocket(descriptor).get())
            }
            return channels.isEmpty ? [try await tcp.bind(host: host, port: port).get()] : channels
        case .unix(let path, let owner):
            let before = umask(0o177)
            defer { umask(before) }
            let channel = try await bootstrap.bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get()
            if let owner, lchown(path, owner, .max) != 0 { throw IOError(errnoCode: errno, reason: "chown \(path)") }
            return [channel]
        }
    }

    /// Makes a channel that was accepted a connection.
    static func configure(_ channel: any Channel, environment: ConnectionEnvironment, tls: NIOSSLContext?)
        throws
    {
        let pipeline = channel.pipeline.syncOperations
        let sender = environment.perAddress.flatMap { limit in
            limit.isExempt(channel.remoteAddress?.ipAddress ?? "") ? nil : Sender(channel.remoteAddress)
        }
        var security: NIOSSLServerHandler?
        if let tls {
            let handler = NIOSSLServerHandler(context: tls)
            try pipeline.addHandler(handler)
            security = handler
        }
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderListSize = environment.limits.headBytes
        limits.maxHeaderFieldSize = environment.limits.headBytes
        let decoder = ByteToMessageHandler(
            HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes, limitConfiguration: limits))
        let connection = HTTPConnection(
            channel: channel, environment: environment, tls: security, decoder: decoder, sender: sender)
        switch environment.registry.add(connection) {
        case .admitted: break
        case .full: throw ChannelError.eof
        case .tooManyOfOne: return try refuse(channel, environment, isTLS: tls != nil)
        }
        if let relay = environment.relay {
            let link = RelayLink(relay, channel: channel, connection: connection)
            connection.link = link
            try pipeline.addHandler(link)
        }
        try pipeline.addHandlers([decoder, connection])
    }

    /// Closes a channel whose sender has enough of them; says so where that costs no handshake and few are told at the time.
    private static func refuse(_ channel: any Channel, _ environment: ConnectionEnvironment, isTLS: Bool) throws {
        environment.perAddress?.onRefusal()
        guard !isTLS, environment.registry.beginFarewell() else { throw ChannelError.eof }
        channel.closeFuture.whenComplete { [registry = environment.registry] _ in registry.endFarewell() }
        let count = environment.perAddress?.connections ?? 0
        let response = HTTPResponse.error(
            APIError(
                .serviceUnavailable, "there are \(count) connections from your address; some have to end first",
                retryAfterSeconds: 1))
        guard case .bytes(let content) = response.body else { return }
        var buffer = channel.allocator.buffer(capacity: 512 + content.readableBytes)
        ResponseEncoding.head(
            response, framing: .length(content.readableBytes), keepAlive: false, isHTTP10: false, into: &buffer)
        buffer.writeImmutableBuffer(content)
        try channel.pipeline.syncOperations.addHandler(OneTooMany(buffer))
    }

    /// Looks for idle connections: one walk every few seconds instead of a timer a connection.
    private func sweep(_ registry: ConnectionRegistry) async {
        while (try? await Task.sleep(for: .seconds(2))) != nil {
            let now = NIODeadline.now()
            for connection in registry.all {
                connection.channel.eventLoop.execute { connection.checkIdle(now: now) }
            }
        }
    }

    private func drain(_ registry: ConnectionRegistry) async {
        for connection in registry.all { connection.channel.eventLoop.execute { connection.drain() } }
        guard await !isEmpty(registry, within: limits.drainTimeout) else { return }
        for connection in registry.all { connection.channel.eventLoop.execute { connection.cancelTask() } }
        guard await !isEmpty(registry, within: .seconds(1)) else { return }
        for connection in registry.all { connection.channel.close(promise: nil) }
        _ = await isEmpty(registry, within: .seconds(1))
    }

    /// Waits for the last connection to end. Not cancellable: this is what a cancelled server does last.
    private func isEmpty(_ registry: ConnectionRegistry, within time: Duration) async -> Bool {
        let deadline = ContinuousClock.now + time
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        while !registry.isEmpty {
            if ContinuousClock.now >= deadline { return false }
            _ = try? await loop.scheduleTask(in: .milliseconds(10)) {}.futureResult.get()
        }
        return true
    }
}

/// One executor for each loop of a group.
private struct ExecutorTable: Sendable {
    private let executors: [ObjectIdentifier: EventLoopExecutor]

    init(_ group: MultiThreadedEventLoopGroup) {
        var executors: [ObjectIdentifier: EventLoopExecutor] = [:]
        for loop in group.makeIterator() { executors[ObjectIdentifier(loop)] = EventLoopExecutor(loop) }
        self.executors = executors
    }

    subscript(loop: any EventLoop) -> EventLoopExecutor? { executors[ObjectIdentifier(loop)] }
}
