import Foundation
public import KubeClient
public import KubeModel
import NIOCore
import Synchronization

/// An API server in memory for the tests of controllers: create, read, update, patch, delete, list and watch of any
/// type, with resource versions, `status` subresources, finalizers and label and field selectors.
///
/// It checks nothing and owns nothing: no validation, no defaults, no garbage collection.
public final class FakeCluster: KubeTransport {
    let state = Mutex(FakeState())

    /// An empty cluster.
    public init() {}

    /// A client of this cluster.
    public var client: KubeClient { KubeClient(transport: self) }

    /// The requests that wrote something so far, as `PATCH /path`, oldest first.
    public var writes: [String] { state.withLock(\.writes) }

    /// Forgets the recorded writes.
    public func forgetWrites() { state.withLock { $0.writes = [] } }

    /// Ends all watches as a lost connection does.
    public func breakConnections() {
        let watchers = state.withLock { state in
            defer { state.watchers = [:] }
            return state.watchers.values
        }
        let reset = IOError(errnoCode: ECONNRESET, reason: "connection reset by peer")
        for watcher in watchers { watcher.continuation.finish(throwing: reset) }
    }

    /// Forgets the history: watches from before now are answered with 410.
    public func compact() { state.withLock { $0.oldest = $0.revision } }

    /// Lets requests fail while the closure returns an error for them.
    public func fail(_ rule: @escaping @Sendable (KubeRequest) -> APIError?) { state.withLock { $0.rule = rule } }

    /// How many watches are open.
    public var openWatches: Int { state.withLock { $0.watchers.count } }

    /// Answers a request.
    public func send(_ request: KubeRequest) async throws -> KubeResponse {
        do {
            if let error = state.withLock({ $0.rule })?(request) { throw error }
            let target = try FakeTarget(request.target)
            let body = try request.body.map { try JSON(parsing: Array($0.readableBytesView)) }
            switch request.method {
            case "GET" where target.query["watch"] == "true": return try watch(target)
            case "GET" where target.name == nil: return .json(state.withLock { $0.list(target) })
            case "GET": return .json(try state.withLock { try $0.existing(target) })
            default:
                let answer = try state.withLock { state in
                    state.writes.append("\(request.method) \(target.path)")
                    let (answer, events) = try state.write(
                        request.method, target, body ?? [:], request.header("Content-Type") ?? "")
                    // Within the lock, so that watchers see the order of the revisions.
                    for (continuation, line) in events { continuation.yield(ByteBuffer(bytes: line)) }
                    return answer
                }
                return .json(answer, status: request.method == "POST" ? 201 : 200)
            }
        } catch let error as APIError {
            return .error(error)
        }
    }

    private func watch(_ target: FakeTarget) throws -> KubeResponse {
        let (stream, continuation) = AsyncThrowingStream.makeStream(of: ByteBuffer.self, throwing: (any Error).self)
        let id = try state.withLock { state in
            let from = UInt64(target.query["resourceVersion"] ?? "") ?? state.revision
            guard from >= state.oldest else { throw APIError(.expired, "too old resource version: \(from)") }
            state.watcherIDs += 1
            state.watchers[state.watcherIDs] = FakeWatcher(target: target, continuation: continuation)
            let backlog = state.history.filter { $0.revision > from && target.matches($0.target, $0.object) }
            for event in backlog { continuation.yield(ByteBuffer(bytes: event.line)) }
            return state.watcherIDs
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { _ = $0.watchers.removeValue(forKey: id) }
        }
        return KubeResponse(status: 200, headers: [], body: stream)
    }
}

extension FakeCluster {
    /// Creates an object past all records, as a user would.
    @discardableResult public func add(_ type: ResourceType, _ json: JSON) async throws -> KubeObject {
        var object = KubeObject(json)
        if object["apiVersion"] == nil { object["apiVersion"] = .string(type.apiVersion) }
        if object["kind"] == nil { object["kind"] = .string(type.kind) }
        return try await client.create(type, object)
    }

    /// Waits until what a closure reads is as wanted; gives up after ten seconds.
    public func eventually(_ holds: @Sendable () async throws -> Bool) async throws -> Bool {
        for _ in 0..<2000 {
            if try await holds() { return true }
            try await Task.sleep(for: .milliseconds(5))
        }
        return false
    }
}
