import KubeModel
import Logging
import ServiceLifecycle
import Synchronization
import TestSupport
import Testing

@testable import ControllerKit

@Suite("Controller")
struct ControllerTests {
    /// Answers by a closure and tells of each run.
    private struct Recording: Reconciler {
        let runs: AsyncStream<String>.Continuation
        let answer: @Sendable (ReconcileRequest) async throws -> ReconcileOutcome

        func reconcile(_ request: ReconcileRequest) async throws -> ReconcileOutcome {
            defer { runs.yield(request.description) }
            return try await answer(request)
        }
    }

    private func runs(
        of names: [String], count: Int, answer: @escaping @Sendable (ReconcileRequest) async throws -> ReconcileOutcome
    ) async -> [String] {
        let (requests, sink) = AsyncStream.makeStream(of: ReconcileRequest.self)
        let (runs, record) = AsyncStream.makeStream(of: String.self)
        for name in names { sink.yield(ReconcileRequest(namespace: "n", name: name)) }
        let controller = Controller(
            name: "test", requests: requests, reconciler: Recording(runs: record, answer: answer),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        return await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await controller.run() }
            defer { group.cancelAll() }
            var seen: [String] = []
            for await run in runs {
                seen.append(run)
                if seen.count == count { break }
            }
            return seen
        }
    }

    @Test("a failed run is repeated")
    func repeats() async {
        let failures = Mutex(2)
        let seen = await runs(of: ["a"], count: 3) { _ in
            let fails = failures.withLock { left in
                left -= 1
                return left >= 0
            }
            if fails { throw APIError(.conflict, "try again") }
            return .settled
        }
        #expect(seen == ["n/a", "n/a", "n/a"])
    }

    @Test("a run that asks for it comes again")
    func checksAgain() async {
        #expect(await runs(of: ["a"], count: 4) { _ in .checkAgain(after: .milliseconds(1)) }.count == 4)
    }

    @Test("one object that takes long holds up nobody else")
    func concurrency() async {
        let seen = await runs(of: ["slow", "a", "b"], count: 2) { request in
            if request.name == "slow" { try await Task.sleep(for: .seconds(60)) }
            return .settled
        }
        #expect(Set(seen) == ["n/a", "n/b"])
    }

    @Test("it ends with its source")
    func ends() async throws {
        let (requests, sink) = AsyncStream.makeStream(of: ReconcileRequest.self)
        let (_, record) = AsyncStream.makeStream(of: String.self)
        sink.finish()
        try await Controller(
            name: "test", requests: requests, reconciler: Recording(runs: record) { _ in .settled },
            logger: Logger(label: "test")
        ).run()
    }
}
