import NIOCore
import Synchronization

/// Connections to notebooks that wait for another request, by event loop and address.
final class UpstreamPool: Sendable {
    private struct Key: Hashable, Sendable {
        let loop: ObjectIdentifier
        let address: SocketAddress
    }

    private struct State: Sendable {
        var idle: [Key: [UpstreamConnection]] = [:]
        var busy: [ObjectIdentifier: UpstreamConnection] = [:]
    }

    /// Idle connections are closed after this; servers close theirs later.
    private static let idleTimeout = TimeAmount.seconds(15)
    private static let idleLimit = 32

    private let connectTimeout: TimeAmount
    private let state = Mutex(State())

    init(connectTimeout: Duration) { self.connectTimeout = TimeAmount(connectTimeout) }

    /// A kept connection, or a new one; `isFresh` tells which.
    func connection(
        to address: SocketAddress, on eventLoop: any EventLoop, fresh: Bool = false
    ) async throws -> (connection: UpstreamConnection, isFresh: Bool) {
        let key = Key(loop: ObjectIdentifier(eventLoop), address: address)
        if !fresh {
            while let kept = state.withLock({ $0.idle[key]?.popLast() }) {
                guard kept.channel.isActive else { continue }
                state.withLock { $0.busy[ObjectIdentifier(kept)] = kept }
                return (kept, false)
            }
        }
        let made = try await UpstreamConnection.connect(address, on: eventLoop, timeout: connectTimeout)
        state.withLock { $0.busy[ObjectIdentifier(made)] = made }
        return (made, true)
    }

    /// Takes a connection back: kept when it can serve again, closed otherwise.
    func giveBack(_ connection: UpstreamConnection, to address: SocketAddress, isReusable: Bool) async {
        forget(connection)
        let key = Key(loop: ObjectIdentifier(connection.channel.eventLoop), address: address)
        guard isReusable, await connection.park() else { return connection.close() }
        let isKept = state.withLock { state in
            guard state.idle[key, default: []].count < Self.idleLimit else { return false }
            state.idle[key, default: []].append(connection)
            return true
        }
        if !isKept { connection.close() }
    }

    /// Lets go of a connection that is somebody else's now.
    func forget(_ connection: UpstreamConnection) {
        _ = state.withLock { $0.busy.removeValue(forKey: ObjectIdentifier(connection)) }
    }

    /// Closes what was idle for long and what waited in vain, until the task is cancelled.
    func run() async {
        while (try? await Task.sleep(for: .seconds(1))) != nil { sweep(now: .now()) }
        for connection in state.withLock({ $0.idle.values.flatMap { $0 } }) { connection.close() }
    }

    func sweep(now: NIODeadline) {
        let (old, busy) = state.withLock { state -> ([UpstreamConnection], [UpstreamConnection]) in
            var old: [UpstreamConnection] = []
            for (key, connections) in state.idle {
                let kept = connections.filter { $0.channel.isActive && now - $0.parkedAt < Self.idleTimeout }
                old += connections.filter { one in !kept.contains { $0 === one } }
                state.idle[key] = kept.isEmpty ? nil : kept
            }
            return (old, Array(state.busy.values))
        }
        for connection in old { connection.close() }
        for connection in busy {
            connection.channel.eventLoop.execute { connection.checkDeadline(now: now) }
        }
    }
}
