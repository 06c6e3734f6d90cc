import Foundation
import KubeModel
import Synchronization

/// How long a Job waits before it replaces a failed Pod: 10 s, doubled with each failure since the last success, at most
/// 10 min.
struct JobBackoff: Sendable, Equatable {
    static let initial = 10.0
    static let longest = 600.0

    private(set) var failures = 0
    private(set) var lastFailure: Date?

    /// Takes in the Pods that ended since the last look.
    mutating func note(succeeded: [KubeObject], failed: [KubeObject]) {
        let failures = failed.map(Self.finish).sorted()
        guard let success = succeeded.map(Self.finish).max() else {
            guard let last = failures.last else { return }
            self.failures += failures.count
            lastFailure = last
            return
        }
        let later = failures.filter { $0 > success }
        self.failures = later.count
        lastFailure = later.last
    }

    /// Seconds until a Pod may be made; 0 when it may be made now.
    func remaining(at now: Date) -> Double { Self.remaining(failures: failures, last: lastFailure, at: now) }

    static func remaining(failures: Int, last: Date?, at now: Date) -> Double {
        guard failures > 0, let last else { return 0 }
        let wait = min(longest, initial * Double(1 << min(failures - 1, 10)))
        return max(0, wait - now.timeIntervalSince(last))
    }

    /// When a Pod ended: the last of its containers, else when it stopped to be ready, else when it was deleted.
    static func finish(_ pod: KubeObject) -> Date {
        if let time = containersFinish(pod) { return time }
        if let ready = pod.status.condition("Ready"), ready["status"]?.string == "False",
            let time = Timestamp.date(ready["lastTransitionTime"]?.string)
        {
            return time
        }
        if let time = Timestamp.date(pod.metadata["deletionTimestamp"]?.string) {
            return time.addingTimeInterval(-Double(pod.metadata["deletionGracePeriodSeconds"]?.int ?? 0))
        }
        return Timestamp.date(pod.creationTimestamp) ?? .distantPast
    }

    /// Nil unless every container (and sidecar) has ended.
    private static func containersFinish(_ pod: KubeObject) -> Date? {
        let sidecars = Set(
            (pod.spec["initContainers"]?.array ?? []).filter { $0["restartPolicy"]?.string == "Always" }
                .compactMap { $0["name"]?.string })
        let statuses =
            (pod.status["containerStatuses"]?.array ?? [])
            + (pod.status["initContainerStatuses"]?.array ?? []).filter {
                sidecars.contains($0["name"]?.string ?? "")
            }
        var last: Date?
        for status in statuses {
            guard let time = Timestamp.date(status.value(at: "state", "terminated", "finishedAt")?.string) else {
                return nil
            }
            last = max(last ?? time, time)
        }
        return last
    }

    /// The records of all Jobs, by uid.
    final class Store: Sendable {
        private let records = Mutex<[String: JobBackoff]>([:])

        func record(of uid: String) -> JobBackoff { records.withLock { $0[uid] ?? JobBackoff() } }
        func keep(_ record: JobBackoff, of uid: String) { records.withLock { $0[uid] = record } }
        func forget(_ uid: String) { records.withLock { $0[uid] = nil } }
    }
}
