import HTTPKit
import NIOCore
import Synchronization

/// A long request body on its way to a notebook, beside the answer, which may begin before the body has ended.
///
/// A task of its own, since it begins before the answer's head is known and goes on while the answer streams. Whoever
/// has the answer cancels it; it also ends with either connection.
final class Upload: Sendable {
    private let done: Done
    private let task: Task<Void, Never>

    private final class Done: Sendable {
        let value = Atomic(false)
    }

    init(_ body: HTTPBody, to connection: UpstreamConnection, timeout: TimeAmount) {
        let done = Done()
        self.done = done
        // On the loop of both connections: a body may come in very many pieces.
        task = Task(executorPreference: EventLoopExecutor(connection.channel.eventLoop)) {
            do {
                for try await chunk in body { try await connection.write(chunk) }
                try await connection.end(timeout: timeout)
                done.value.store(true, ordering: .releasing)
            } catch {
                connection.close()  // half a request must not look like a whole one
            }
        }
    }

    /// True when all of it was sent.
    var isDone: Bool { done.value.load(ordering: .acquiring) }

    /// Stops sending.
    func cancel() { task.cancel() }
}
