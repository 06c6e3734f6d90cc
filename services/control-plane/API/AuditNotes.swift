import Synchronization

/// What admission wants to be said of the present request in the audit log, besides who asked for what.
final class AuditNotes: Sendable {
    /// Those of the request that is being answered; nil when nothing is logged.
    @TaskLocal static var current: AuditNotes?

    private let notes = Mutex<[String: String]>([:])

    /// Sets a note; one with the same key gives way.
    func add(_ key: String, _ text: String) { notes.withLock { $0[key] = text } }

    /// Sets a note unless there is one with the same key.
    func addOnce(_ key: String, _ text: String) {
        notes.withLock { if $0[key] == nil { $0[key] = text } }
    }

    /// All of them, by key.
    var all: [(key: String, value: String)] { notes.withLock { $0.sorted { $0.key < $1.key } } }
}
