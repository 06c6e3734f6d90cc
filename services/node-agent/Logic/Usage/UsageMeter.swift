import Foundation
import Synchronization

/// Measures what running containers and the machine use, as rates over a window.
///
/// A sample is taken every 15 seconds, and when somebody asks and the last one is older than a second. A container's
/// first window begins with its start, so that it is seen at once.
final class UsageMeter: Sendable {
    /// A container, by its pod and name.
    struct Key: Hashable, Sendable {
        let pod: String
        let container: String
    }

    /// What was used over a window.
    struct Usage: Sendable, Equatable {
        let at: Date
        /// Seconds over which ``nanoCores`` is the mean; nil while there is no window yet.
        let window: Double?
        /// Billionths of a core.
        let nanoCores: UInt64?
        let counters: CgroupCounters
    }

    private struct Sample: Sendable {
        /// For telling.
        let at = Date()
        let moment = Moment.now
        let counters: CgroupCounters
    }

    private struct Subject: Sendable {
        let cgroup: String?
        let since: Moment
        var samples: [Sample] = []
    }

    private struct State: Sendable {
        var containers: [Key: Subject] = [:]
        var machine = Subject(cgroup: nil, since: .now)
        var sampledAt: Moment?
    }

    /// Windows are at least this long where there are samples for it, seconds.
    static let leastWindow = 10.0
    private static let kept = 60.0
    private let reader: CgroupReader
    private let state = Mutex(State())

    init(reader: CgroupReader = CgroupReader()) { self.reader = reader }

    /// A container runs from now on.
    func add(_ key: Key, cgroup: String, startedAt: Date) {
        state.withLock { $0.containers[key] = Subject(cgroup: cgroup, since: .of(startedAt)) }
    }

    /// A container has ended.
    func remove(_ key: Key) { state.withLock { _ = $0.containers.removeValue(forKey: key) } }

    /// The control group of a container that runs.
    func cgroup(_ key: Key) -> String? { state.withLock { $0.containers[key]?.cgroup } }

    /// Samples every 15 seconds until cancelled.
    func run() async {
        while !Task.isCancelled {
            sample(ifOlderThan: 5)
            guard (try? await Task.sleep(for: .seconds(15))) != nil else { return }
        }
    }

    /// What all running containers use now, and the machine.
    func read() -> (containers: [Key: Usage], machine: Usage?) {
        sample(ifOlderThan: 1)
        return state.withLock { state in
            (state.containers.compactMapValues(Self.usage), Self.usage(state.machine))
        }
    }

    private func sample(ifOlderThan age: Double) {
        let subjects: [Key: Subject]? = state.withLock { state in
            if let last = state.sampledAt, last.secondsAgo < age { return nil }
            state.sampledAt = .now
            return state.containers
        }
        guard let subjects else { return }
        // Files are read outside of the lock; who ended meanwhile is not added again.
        var samples: [Key: Sample] = [:]
        for (key, subject) in subjects {
            guard let group = subject.cgroup, let counters = reader.read(group) else { continue }
            samples[key] = Sample(counters: counters)
        }
        let machine = Sample(counters: reader.machine())
        state.withLock { state in
            Self.append(machine, to: &state.machine)
            for (key, sample) in samples where state.containers[key]?.cgroup == subjects[key]?.cgroup {
                if var subject = state.containers[key] {
                    Self.append(sample, to: &subject)
                    state.containers[key] = subject
                }
            }
        }
    }

    private static func append(_ sample: Sample, to subject: inout Subject) {
        subject.samples.append(sample)
        subject.samples.removeAll { (sample.moment - $0.moment).seconds > kept }
    }

    private static func usage(_ subject: Subject) -> Usage? {
        guard let last = subject.samples.last else { return nil }
        let earlier = subject.samples.dropLast()
        // The youngest sample that makes a long enough window; else the oldest, or the start of the container.
        let base = earlier.last { (last.moment - $0.moment).seconds >= leastWindow }
        let oldest = earlier.first
        var since: Moment?
        var before: UInt64 = 0
        if let base {
            (since, before) = (base.moment, base.counters.processorNanoseconds)
        } else if subject.cgroup != nil, (last.moment - subject.since).seconds < kept || oldest == nil {
            since = subject.since
        } else if let oldest {
            (since, before) = (oldest.moment, oldest.counters.processorNanoseconds)
        }
        let total = last.counters.processorNanoseconds
        guard let since, (last.moment - since).seconds > 0.2, total >= before else {
            return Usage(at: last.at, window: nil, nanoCores: nil, counters: last.counters)
        }
        let window = (last.moment - since).seconds
        return Usage(
            at: last.at, window: window, nanoCores: UInt64(Double(total - before) / window), counters: last.counters)
    }
}
