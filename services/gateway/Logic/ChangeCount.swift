import Synchronization

/// Counts changes, so that somebody who remembers an answer can tell whether it may be another one by now.
final class ChangeCount: Sendable {
    private let number = Atomic(0)

    /// How many there were.
    var count: Int { number.load(ordering: .sequentiallyConsistent) }

    /// Something has changed.
    func add() { number.add(1, ordering: .sequentiallyConsistent) }
}
