import KubeModel
public import NIOCore
import Synchronization

/// The body of a request: chunks in order, read once, with back-pressure down to the socket.
public struct HTTPBody: AsyncSequence, Sendable {
    public typealias Element = ByteBuffer

    enum Storage: Sendable {
        case buffered(ByteBuffer)
        case stream(BodySource)
    }

    let storage: Storage

    /// A body without bytes.
    public static let empty = HTTPBody(storage: .buffered(ByteBuffer()))

    /// A body that is in memory already.
    public static func bytes(_ buffer: ByteBuffer) -> HTTPBody { HTTPBody(storage: .buffered(buffer)) }

    /// The whole body when it is in memory already, which is so for small ones.
    public var buffered: ByteBuffer? {
        guard case .buffered(let buffer) = storage else { return nil }
        return buffer
    }

    /// Reads the whole body.
    ///
    /// - Throws: ``APIError`` with `requestEntityTooLarge` when it is longer than `limit`.
    public func collect(upTo limit: Int) async throws -> ByteBuffer {
        switch storage {
        case .buffered(let buffer):
            guard buffer.readableBytes <= limit else { throw Self.tooLarge(limit) }
            return buffer
        case .stream(let source):
            if let length = source.declaredLength, length > limit { throw Self.tooLarge(limit) }
            var whole = ByteBuffer()
            while var chunk = try await source.next() {
                guard whole.readableBytes + chunk.readableBytes <= limit else { throw Self.tooLarge(limit) }
                if whole.readableBytes == 0 { whole = chunk } else { whole.writeBuffer(&chunk) }
            }
            return whole
        }
    }

    private static func tooLarge(_ limit: Int) -> APIError {
        APIError(.requestEntityTooLarge, "the request body is longer than \(limit) bytes")
    }

    /// Starts reading; a body can be read once.
    public func makeAsyncIterator() -> Iterator {
        switch storage {
        case .buffered(let buffer): Iterator(buffer: buffer.readableBytes > 0 ? buffer : nil, source: nil)
        case .stream(let source): Iterator(buffer: nil, source: source)
        }
    }

    /// Reads chunk by chunk.
    public struct Iterator: AsyncIteratorProtocol {
        var buffer: ByteBuffer?
        let source: BodySource?

        /// The next chunk, nil at the end.
        public mutating func next() async throws -> ByteBuffer? {
            if let source { return try await source.next() }
            defer { buffer = nil }
            return buffer
        }
    }
}

/// What lies between the connection, which pushes, and the one task that reads.
final class BodySource: Sendable {
    private struct State {
        var chunks = CircularBuffer<ByteBuffer>()
        var bytes = 0
        var isEnded = false
        var isPaused = false
        var isStarted = false
        var failure: (any Error)?
        var waiter: CheckedContinuation<ByteBuffer?, any Error>?
    }

    private enum Step {
        case chunk(ByteBuffer?, resume: Bool)
        case failed(any Error)
        case wait(start: Bool)
    }

    /// Above this many unread bytes the connection stops reading from its socket.
    static let highWater = 256 * 1024
    static let lowWater = 64 * 1024

    let declaredLength: Int?
    /// Called before the first wait: sends `100 Continue` where the client asked for it.
    private let onStart: @Sendable () -> Void
    /// Called when a paused connection may read again.
    private let onDemand: @Sendable () -> Void
    private let state = Mutex(State())

    init(declaredLength: Int?, onStart: @escaping @Sendable () -> Void, onDemand: @escaping @Sendable () -> Void) {
        (self.declaredLength, self.onStart, self.onDemand) = (declaredLength, onStart, onDemand)
    }

    /// Takes a chunk; returns false when the connection should pause.
    func push(_ chunk: ByteBuffer) -> Bool {
        let (waiter, goesOn) = state.withLock { state -> (CheckedContinuation<ByteBuffer?, any Error>?, Bool) in
            if let waiter = state.waiter {
                state.waiter = nil
                return (waiter, true)
            }
            state.chunks.append(chunk)
            state.bytes += chunk.readableBytes
            state.isPaused = state.bytes >= Self.highWater
            return (nil, !state.isPaused)
        }
        waiter?.resume(returning: chunk)
        return goesOn
    }

    /// Ends the body, by its end or by a failure.
    func finish(_ failure: (any Error)? = nil) {
        let waiter = state.withLock { state -> CheckedContinuation<ByteBuffer?, any Error>? in
            guard !state.isEnded else { return nil }
            state.isEnded = true
            state.failure = failure
            defer { state.waiter = nil }
            return state.waiter
        }
        if let failure { waiter?.resume(throwing: failure) } else { waiter?.resume(returning: nil) }
    }

    func next() async throws -> ByteBuffer? {
        switch take(nil) {
        case .chunk(let chunk, let resume):
            if resume { onDemand() }
            return chunk
        case .failed(let failure): throw failure
        case .wait(let start): if start { onStart() }
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                switch take(continuation) {
                case .chunk(let chunk, let resume):
                    if resume { onDemand() }
                    continuation.resume(returning: chunk)
                case .failed(let failure): continuation.resume(throwing: failure)
                case .wait: if Task.isCancelled { finish(CancellationError()) }
                }
            }
        } onCancel: {
            finish(CancellationError())
        }
    }

    private func take(_ continuation: CheckedContinuation<ByteBuffer?, any Error>?) -> Step {
        state.withLock { state in
            if let chunk = state.chunks.popFirst() {
                state.bytes -= chunk.readableBytes
                let resume = state.isPaused && state.bytes <= Self.lowWater
                if resume { state.isPaused = false }
                return .chunk(chunk, resume: resume)
            }
            if let failure = state.failure { return .failed(failure) }
            if state.isEnded { return .chunk(nil, resume: false) }
            let start = !state.isStarted
            state.isStarted = true
            state.waiter = continuation
            return .wait(start: start)
        }
    }
}
