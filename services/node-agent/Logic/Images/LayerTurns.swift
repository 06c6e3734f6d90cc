import Synchronization

/// Lets one thread at a time work on what has the same name.
final class LayerTurns: Sendable {
    private final class Turn: Sendable { let mutex = Mutex(()) }

    private let turns = Mutex<[String: (turn: Turn, count: Int)]>([:])

    /// Does the work when all others with this name have ended; blocks until then.
    func take(_ name: String, _ work: () throws -> Void) throws {
        let turn = turns.withLock { turns in
            let (turn, count) = turns[name] ?? (Turn(), 0)
            turns[name] = (turn, count + 1)
            return turn
        }
        defer {
            turns.withLock { turns in
                guard let (turn, count) = turns[name] else { return }
                turns[name] = count > 1 ? (turn, count - 1) : nil
            }
        }
        try turn.mutex.withLock { _ in try work() }
    }
}
