import KubeModel
import Synchronization

/// What could make a Pod fit that did not.
struct SchedulingHope: OptionSet, Sendable {
    let rawValue: Int
    /// A node that comes or changes.
    static let nodes = SchedulingHope(rawValue: 1)
    /// A Pod that ends, and frees what it used.
    static let room = SchedulingHope(rawValue: 2)
    /// A Pod that is placed, or changes its labels.
    static let company = SchedulingHope(rawValue: 4)
    /// A claim, volume or class.
    static let volumes = SchedulingHope(rawValue: 8)
    /// More members of its group.
    static let group = SchedulingHope(rawValue: 16)
}

/// The Pods that wait for a node: those to try now, the most important first, those to try again in a while, and those
/// that wait until something happens that could help.
final class SchedulingQueue: Sendable {
    /// The first wait after a failure, and the longest.
    private static let backoff = (first: Duration.seconds(1), longest: Duration.seconds(10))
    /// After this time everything is tried again, whatever happened.
    private static let patience = Duration.seconds(300)

    /// Shared, for thousands of them are looked through many times a second; touched under the lock only.
    private final class Entry {
        let name: ObjectName
        var priority: Int
        let created: String
        var attempts = 0
        var lastTry: ContinuousClock.Instant?
        /// Not before this time; nil for at once.
        var due: ContinuousClock.Instant?
        /// Nil unless parked.
        var hope: SchedulingHope?

        init(_ pod: KubeObject) {
            name = ObjectName(pod)
            priority = pod.priority
            created = pod.creationTimestamp
        }
    }

    private let entries = Mutex<[String: Entry]>([:])
    /// What happened since Pods were taken: they were looked at without it.
    private let recent = Mutex(SchedulingHope())

    /// Takes in a Pod that waits; one that changed is tried at once.
    func add(_ pod: KubeObject) {
        entries.withLock { entries in
            let entry = entries[pod.uid] ?? Entry(pod)
            entry.priority = pod.priority
            entry.hope = nil
            entry.due = nil
            entries[pod.uid] = entry
        }
    }

    func remove(_ uid: String) { entries.withLock { $0[uid] = nil } }

    func contains(_ uid: String) -> Bool { entries.withLock { $0[uid] != nil } }

    /// Up to `limit` Pods to try now: by priority, then by age.
    func take(_ limit: Int, at now: ContinuousClock.Instant = .now) -> [ObjectName] {
        recent.withLock { $0 = [] }
        return entries.withLock { entries in
            var ready = entries.values.filter { isReady($0, now) }
            ready.sort { left, right in
                if left.priority != right.priority { return left.priority > right.priority }
                return (left.created, left.name.name) < (right.created, right.name.name)
            }
            return ready.prefix(limit).map(\.name)
        }
    }

    private func isReady(_ entry: Entry, _ now: ContinuousClock.Instant) -> Bool {
        if entry.hope != nil { return entry.lastTry.map { now - $0 > Self.patience } ?? true }
        return entry.due.map { $0 <= now } ?? true
    }

    /// It does not fit: it waits for something that could help.
    func park(_ uid: String, _ hope: SchedulingHope, at now: ContinuousClock.Instant = .now) {
        entries.withLock { entries in
            entries[uid]?.attempts += 1
            entries[uid]?.lastTry = now
            entries[uid]?.due = nil
            entries[uid]?.hope = hope
        }
        let missed = recent.withLock { $0 }
        if !missed.isDisjoint(with: hope) { wake(missed, only: uid, at: now) }
    }

    /// To be tried in a while, or earlier when something happens that could help.
    func postpone(_ uid: String, for delay: Duration, at now: ContinuousClock.Instant = .now) {
        entries.withLock { entries in
            entries[uid]?.hope = nil
            entries[uid]?.due = now + delay
        }
    }

    /// Something happened. Pods that have failed often wait a little nevertheless.
    func wake(_ event: SchedulingHope, at now: ContinuousClock.Instant = .now) {
        recent.withLock { $0.formUnion(event) }
        wake(event, only: nil, at: now)
    }

    private func wake(_ event: SchedulingHope, only one: String?, at now: ContinuousClock.Instant) {
        entries.withLock { entries in
            for (uid, entry) in entries where one == nil || one == uid {
                if entry.attempts == 0 {
                    entry.due = nil
                } else if let hope = entry.hope, !hope.isDisjoint(with: event) {
                    let doubled = Self.backoff.first * (1 << min(entry.attempts - 1, 4))
                    entry.hope = nil
                    entry.due = (entry.lastTry ?? now) + min(doubled, Self.backoff.longest)
                }
            }
        }
    }

    /// Drops those of the names that no longer wait.
    func drop(_ names: [ObjectName], unless isWaiting: (ObjectName) -> Bool) {
        let gone = Set(names.filter { !isWaiting($0) })
        guard !gone.isEmpty else { return }
        entries.withLock { entries in
            for (uid, entry) in entries where gone.contains(entry.name) { entries[uid] = nil }
        }
    }

    /// How long it is until a Pod is to be tried; nil when none waits for time.
    func wait(at now: ContinuousClock.Instant = .now) -> Duration? {
        entries.withLock { entries in
            entries.values.compactMap { entry -> Duration? in
                if entry.hope != nil { return entry.lastTry.map { max(.zero, Self.patience - (now - $0)) } }
                return entry.due.map { max(.zero, $0 - now) } ?? .zero
            }.min()
        }
    }
}

extension KubeObject {
    /// `spec.priority` of a Pod, 0 when it has none.
    var priority: Int { spec.count("priority") }
}
