public import KubeClient
import KubeModel
import NIOCore
import NIOHTTP1
import Synchronization

/// Reaches the API from inside its own process, as a given user; permissions are checked as for everybody.
public struct InProcessTransport: KubeTransport {
    let server: APIServer
    let user: UserInfo
    let agent: String

    /// A transport of requests by `user`, whose writes are noted under the name `agent`.
    public init(server: APIServer, user: UserInfo, agent: String) {
        (self.server, self.user, self.agent) = (server, user, agent)
    }

    /// Answers a request.
    public func send(_ request: KubeRequest) async throws -> KubeResponse {
        let parts = request.target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        var headers = HTTPHeaders(request.headers.map { ($0.name, $0.value) })
        if !headers.contains(name: "user-agent") { headers.add(name: "user-agent", value: agent) }
        let body = request.body ?? ByteBuffer()
        let user = user
        let answer = await server.respond(
            to: APIRequest(
                method: request.method, path: String(parts[0]), query: Query(raw: parts.count > 1 ? parts[1] : ""),
                headers: headers,
                body: { limit in
                    guard body.readableBytes <= limit else {
                        throw APIError(.requestEntityTooLarge, "the body is too long")
                    }
                    return body
                })
        ) { user }
        let fields =
            [(name: "content-type", value: answer.contentType)]
            + answer.headers.map { ($0.name.lowercased(), $0.value) }
        return KubeResponse(status: answer.status, headers: fields, body: Self.chunks(of: answer.body))
    }

    private static func chunks(of body: APIAnswer.Body) -> AsyncThrowingStream<ByteBuffer, any Error> {
        switch body {
        case .takeOver:
            return AsyncThrowingStream {
                $0.finish(throwing: APIError(.badRequest, "a connection cannot be upgraded inside the process"))
            }
        case .bytes(let buffer):
            return AsyncThrowingStream { continuation in
                if buffer.readableBytes > 0 { continuation.yield(buffer) }
                continuation.finish()
            }
        case .stream(let produce):
            let channel = ChunkChannel()
            // The task belongs to the stream: it ends when the stream is let go.
            let producer = Producer(
                task: Task {
                    do {
                        try await produce(
                            ChunkWriter(offer: { try channel.offer($0) }, drained: { try await channel.drained() }))
                        channel.finish(nil)
                    } catch {
                        channel.finish(error)
                    }
                })
            return AsyncThrowingStream(unfolding: {
                defer { withExtendedLifetime(producer) {} }
                return try await channel.next()
            })
        }
    }

    private final class Producer: Sendable {
        private let task: Task<Void, Never>
        init(task: Task<Void, Never>) { self.task = task }
        deinit { task.cancel() }
    }
}

/// Hands chunks from one task to another; the writer waits while too many lie unread.
final class ChunkChannel: Sendable {
    private struct State {
        var chunks: [ByteBuffer] = []
        var isFinished = false
        var failure: (any Error)?
        var reader: CheckedContinuation<Void, Never>?
        var writer: CheckedContinuation<Void, Never>?
    }

    private static let highWater = 8
    private let state = Mutex(State())

    /// Adds a chunk; false when too many lie unread.
    func offer(_ chunk: ByteBuffer) throws -> Bool {
        let (reader, takesMore) = state.withLock { state in
            state.chunks.append(chunk)
            defer { state.reader = nil }
            return (state.reader, state.chunks.count < Self.highWater)
        }
        reader?.resume()
        try Task.checkCancellation()
        return takesMore
    }

    /// Returns when there is room again.
    func drained() async throws {
        await wait(in: \.writer) { $0.chunks.count >= Self.highWater && !$0.isFinished }
        try Task.checkCancellation()
    }

    func finish(_ failure: (any Error)?) {
        let (reader, writer) = state.withLock { state in
            state.isFinished = true
            state.failure = failure
            defer { (state.reader, state.writer) = (nil, nil) }
            return (state.reader, state.writer)
        }
        reader?.resume()
        writer?.resume()
    }

    func next() async throws -> ByteBuffer? {
        while true {
            try Task.checkCancellation()
            let (chunk, writer, isOver, failure) = state.withLock {
                state -> (ByteBuffer?, CheckedContinuation<Void, Never>?, Bool, (any Error)?) in
                guard !state.chunks.isEmpty else { return (nil, nil, state.isFinished, state.failure) }
                let first = state.chunks.removeFirst()
                defer { state.writer = nil }
                return (first, state.writer, false, nil)
            }
            writer?.resume()
            if let chunk { return chunk }
            if let failure { throw failure }
            if isOver { return nil }
            await wait(in: \.reader) { $0.chunks.isEmpty && !$0.isFinished }
        }
    }

    /// Waits until woken, or cancelled, while a condition holds.
    private func wait(
        in slot: any WritableKeyPath<State, CheckedContinuation<Void, Never>?> & Sendable,
        while condition: @Sendable (State) -> Bool
    ) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let goesOn = state.withLock { state in
                    guard condition(state), !Task.isCancelled else { return true }
                    state[keyPath: slot] = continuation
                    return false
                }
                if goesOn { continuation.resume() }
            }
        } onCancel: {
            let waiting = state.withLock { state in
                defer { state[keyPath: slot] = nil }
                return state[keyPath: slot]
            }
            waiting?.resume()
        }
    }
}
