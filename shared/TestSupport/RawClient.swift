public import NIOCore
import NIOPosix
import Synchronization

/// A TCP connection that says exactly what a test wants to say, and waits for what the test expects.
public final class RawClient: Sendable {
    /// Nothing came for too long.
    public struct Silence: Error, CustomStringConvertible {
        /// What had come until then.
        public let description: String
    }

    fileprivate struct State {
        var received: [UInt8] = []
        var isEnded = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let channel: any Channel
    private let inbox: Inbox

    private init(channel: any Channel, inbox: Inbox) { (self.channel, self.inbox) = (channel, inbox) }

    deinit { channel.close(promise: nil) }

    /// Connects to a port of this machine. A server that stops sending may still be sent to.
    public static func connect(port: Int) async throws -> RawClient {
        let inbox = Inbox()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(inbox) }
            }
            .connect(host: "127.0.0.1", port: port).get()
        return RawClient(channel: channel, inbox: inbox)
    }

    /// Sends text as it is.
    public func send(_ text: String) async throws { try await send(ByteBuffer(string: text)) }

    /// Sends bytes as they are.
    public func send(_ bytes: ByteBuffer) async throws { try await channel.writeAndFlush(bytes) }

    /// Takes everything up to and including `end` out of what came; waits for it at most a minute.
    public func read(through end: String) async throws -> String {
        try await read { bytes in
            let wanted = Array(end.utf8)
            guard let last = wanted.last, bytes.count >= wanted.count else { return nil }
            for end in wanted.count - 1..<bytes.count where bytes[end] == last {
                if bytes[end + 1 - wanted.count...end].elementsEqual(wanted) { return end + 1 }
            }
            return nil
        }
    }

    /// Takes a number of bytes out of what came.
    public func read(count: Int) async throws -> String {
        try await read { $0.count >= count ? count : nil }
    }

    /// Takes one response with a `Content-Length`: head and body.
    public func readResponse() async throws -> (head: String, body: String) {
        let head = try await read(through: "\r\n\r\n")
        let field = head.lowercased().split(separator: "\r\n").first { $0.hasPrefix("content-length:") }
        let length = field.flatMap { Int($0.dropFirst("content-length:".count).drop { $0 == " " }) } ?? 0
        return (head, try await read(count: length))
    }

    /// Everything that comes until the peer closes.
    public func readToEnd() async throws -> String {
        while !inbox.isEnded { try await inbox.wait(beyond: inbox.count, on: channel.eventLoop) }
        return inbox.take { $0.count } ?? ""
    }

    /// True once the peer has closed.
    public var isEnded: Bool { inbox.isEnded }

    /// Closes without a word.
    public func close() async { try? await channel.close() }

    private func read(_ end: (_ bytes: [UInt8]) -> Int?) async throws -> String {
        while true {
            let count = inbox.count  // before looking, so that nothing comes unnoticed in between
            let isEnded = inbox.isEnded
            if let text = inbox.take(end) { return text }
            if isEnded { throw Silence(description: "closed after: " + inbox.text) }
            try await inbox.wait(beyond: count, on: channel.eventLoop)
        }
    }
}

/// What came, until the test takes it.
private final class Inbox: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer

    private let state = Mutex(RawClient.State())

    var isEnded: Bool { state.withLock { $0.isEnded } }
    var count: Int { state.withLock { $0.received.count } }
    /// What is there, shortened to what a person can read.
    var text: String {
        state.withLock { state in
            let bytes = state.received
            if bytes.count <= 800 { return String(decoding: bytes, as: UTF8.self) }
            let (start, end) = (
                String(decoding: bytes.prefix(500), as: UTF8.self), String(decoding: bytes.suffix(200), as: UTF8.self)
            )
            return "\(start) ... \(end) (\(bytes.count) bytes)"
        }
    }

    func take(_ end: (_ bytes: [UInt8]) -> Int?) -> String? {
        state.withLock { state in
            guard let count = end(state.received) else { return nil }
            defer { state.received.removeFirst(count) }
            return String(decoding: state.received.prefix(count), as: UTF8.self)
        }
    }

    /// Waits until more than `count` bytes are there, or the end, for at most a minute.
    func wait(beyond count: Int, on eventLoop: any EventLoop) async throws {
        let timer = eventLoop.scheduleTask(in: .seconds(60)) { self.wake() }
        await withCheckedContinuation { continuation in
            let isNews = state.withLock { state in
                if state.received.count > count || state.isEnded { return true }
                state.waiter = continuation
                return false
            }
            if isNews { continuation.resume() }
        }
        timer.cancel()
        let isNews = state.withLock { $0.received.count > count || $0.isEnded }
        if !isNews { throw RawClient.Silence(description: "silence after: " + text) }
    }

    private func wake(_ change: (inout RawClient.State) -> Void = { _ in }) {
        let waiter = state.withLock { state in
            change(&state)
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        wake { $0.received.append(contentsOf: bytes.readableBytesView) }
    }

    func channelInactive(context: ChannelHandlerContext) { wake { $0.isEnded = true } }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed? = event as? ChannelEvent { wake { $0.isEnded = true } }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
