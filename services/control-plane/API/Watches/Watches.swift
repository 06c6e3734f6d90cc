import NIOCore
import Synchronization

/// What all running watches share.
struct Watches: Sendable {
    let clock = WatchClock()
    let lines = SharedLines()
    let lanes = LoopLanes()
}

/// Tells running watches when a bookmark is due and when their time is over: one task for all of them.
final class WatchClock: Sendable {
    private let sessions = Mutex<[ObjectIdentifier: WatchSession]>([:])
    /// How long a new watch may wait until its times are known; no time that a client can ask for is shorter.
    private static let interval = Duration.seconds(1)

    func add(_ session: WatchSession) { sessions.withLock { $0[ObjectIdentifier(session)] = session } }

    func remove(_ session: WatchSession) { _ = sessions.withLock { $0.removeValue(forKey: ObjectIdentifier(session)) } }

    /// Runs until cancelled.
    func run() async throws {
        while true {
            let now = ContinuousClock.now
            var next = now + Self.interval
            for session in sessions.withLock({ Array($0.values) }) { next = min(next, session.keepTime(at: now)) }
            try await Task.sleep(until: max(next, now + .milliseconds(5)), clock: .continuous)
        }
    }
}

/// The lines of the last changes, for the many who watch the same collection: they are written once, and all send the
/// same bytes.
final class SharedLines: Sendable {
    /// Which changes of what; all of a collection between two revisions.
    struct Range: Sendable, Equatable {
        let kind: ObjectIdentifier
        let namespace: String?
        let first: UInt64
        let last: UInt64
        let count: Int
    }

    private struct Entry: Sendable {
        let range: Range
        let pieces: [ByteBuffer]
    }

    private static let limit = 4
    private let entries = Mutex<[Entry]>([])

    /// The lines, in pieces, made by `make` unless someone has just made them.
    func pieces(of range: Range, _ make: () throws -> [ByteBuffer]) rethrows -> [ByteBuffer] {
        if let known = entries.withLock({ entries in entries.last { $0.range == range } }) { return known.pieces }
        let pieces = try make()
        entries.withLock { entries in
            if entries.count == Self.limit { entries.removeFirst() }
            entries.append(Entry(range: range, pieces: pieces))
        }
        return pieces
    }
}
