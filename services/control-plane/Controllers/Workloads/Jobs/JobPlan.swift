import Foundation
import KubeModel

/// Where a Job stands, and what it needs next.
struct JobPlan: Sendable {
    static let finalizer = "batch.kubernetes.io/job-tracking"
    static let indexKey = "batch.kubernetes.io/job-completion-index"
    static let failureCountKey = "batch.kubernetes.io/job-index-failure-count"
    static let ignoredFailureCountKey = "batch.kubernetes.io/job-index-ignored-failure-count"
    /// How many Pods are made, taken away or counted in one run.
    static let batchLimit = 500

    let job: KubeObject
    let pods: [KubeObject]
    let now: Date

    let isIndexed: Bool
    let completions: Int?
    let parallelism: Int
    let isSuspended: Bool
    /// Failures that each index may have, nil when they are counted for the whole Job.
    let backoffLimitPerIndex: Int?
    /// A Pod is only replaced when it has ended, not already when it is going.
    let replacesOnlyFailed: Bool
    let failurePolicy: JobFailurePolicy
    /// Pods that ended and are not in the counts of the status yet.
    let newlySucceeded, newlyFailed: [KubeObject]
    let succeeded, failed: Int
    let active: [KubeObject]
    let terminating: Int
    /// As the status says, and with what ended since.
    let previousIndexes, completedIndexes: JobIndexes
    /// Nil unless failures are counted by index.
    let failedIndexes: JobIndexes?
    /// The last failed Pod of indexes that wait for their next one: it stays until then, for it carries the count.
    let awaitingReplacement: [Int: KubeObject]

    init(job: KubeObject, pods: [KubeObject], now: Date) {
        (self.job, self.pods, self.now) = (job, pods, now)
        let isIndexed = job.spec["completionMode"]?.string == "Indexed"
        let completions = job.spec["completions"]?.int.map(Int.init)
        let policy = JobFailurePolicy(job.spec["podFailurePolicy"])
        let onlyFailed = job.spec["podReplacementPolicy"]?.string == "Failed" || policy.isSet
        self.isIndexed = isIndexed
        self.completions = completions
        failurePolicy = policy
        replacesOnlyFailed = onlyFailed
        parallelism = job.spec["parallelism"]?.int.map(Int.init) ?? 1
        isSuspended = job.spec["suspend"]?.bool ?? false
        let perIndex = isIndexed ? job.spec["backoffLimitPerIndex"]?.int.map(Int.init) : nil
        backoffLimitPerIndex = perIndex

        let active = pods.filter(\.isActive)
        self.active = active
        terminating = pods.count { $0.isBeingDeleted && !$0.isFinished }

        let uncounted = JobUncounted(job)
        let tracked = pods.filter { pod in
            guard pod.finalizers.contains(Self.finalizer) else { return false }
            guard isIndexed else { return true }
            return Self.index(of: pod).map { $0 < completions ?? 0 } ?? false
        }
        newlySucceeded = tracked.filter { $0.phase == "Succeeded" && !uncounted.succeeded.contains($0.uid) }
        let failing = tracked.filter { Self.hasFailed($0, onlyFailed: onlyFailed) }
        newlyFailed = failing.filter { !uncounted.failed.contains($0.uid) }
        failed = job.status.count("failed") + uncounted.failed.count + newlyFailed.count(where: policy.isCounted)

        previousIndexes =
            isIndexed ? JobIndexes(job.status["completedIndexes"]?.string, below: completions ?? 0) : JobIndexes()
        var indexes = previousIndexes
        if isIndexed {
            indexes.insert(tracked.filter { $0.phase == "Succeeded" }.compactMap(Self.index))
            succeeded = indexes.count
        } else {
            succeeded = job.status.count("succeeded") + uncounted.succeeded.count + newlySucceeded.count
        }
        completedIndexes = indexes

        guard let perIndex else {
            failedIndexes = nil
            awaitingReplacement = [:]
            return
        }
        var failed = JobIndexes(job.status["failedIndexes"]?.string, below: completions ?? 0)
        failed.insert(
            failing.filter { pod in
                switch policy.verdict(on: pod) {
                case .failIndex: true
                case .ignore: false
                default: Self.failureCount(pod) >= perIndex
                }
            }.compactMap(Self.index))
        failedIndexes = failed
        let busy = Set(active.compactMap(Self.index))
        var waiting: [Int: KubeObject] = [:]
        for pod in failing {
            guard let index = Self.index(of: pod), !indexes.contains(index), !failed.contains(index),
                !busy.contains(index)
            else { continue }
            guard let known = waiting[index] else {
                waiting[index] = pod
                continue
            }
            if Self.attempts(known) <= Self.attempts(pod), JobBackoff.finish(pod) >= JobBackoff.finish(known) {
                waiting[index] = pod
            }
        }
        awaitingReplacement = waiting
    }

    static func index(of pod: KubeObject) -> Int? {
        pod.annotations[indexKey].flatMap { Int($0) }.flatMap { $0 >= 0 ? $0 : nil }
    }

    private static func number(_ pod: KubeObject, _ key: String) -> Int {
        pod.annotations[key].flatMap { Int32($0) }.map { max(0, Int($0)) } ?? 0
    }

    /// Failures of the index before this Pod that count, and all of them.
    static func failureCount(_ pod: KubeObject) -> Int { number(pod, failureCountKey) }
    static func attempts(_ pod: KubeObject) -> Int {
        number(pod, failureCountKey) + number(pod, ignoredFailureCountKey)
    }

    /// A Pod that is going counts as failed at once, unless only Pods that ended are replaced.
    private static func hasFailed(_ pod: KubeObject, onlyFailed: Bool) -> Bool {
        pod.phase == "Failed" || (!onlyFailed && pod.isBeingDeleted && pod.phase != "Succeeded")
    }

    func hasFailed(_ pod: KubeObject) -> Bool { Self.hasFailed(pod, onlyFailed: replacesOnlyFailed) }

    /// Until `activeDeadlineSeconds` is over; nil without one, or while suspended.
    var timeToDeadline: Duration? {
        guard !isSuspended, let seconds = job.spec["activeDeadlineSeconds"]?.int else { return nil }
        let start = Timestamp.date(job.status["startTime"]?.string) ?? now
        return .seconds(start.addingTimeInterval(Double(seconds)).timeIntervalSince(now))
    }

    /// How many Pods are to run at the same time.
    var wanted: Int {
        guard !isSuspended else { return 0 }
        guard let completions else { return succeeded > 0 ? active.count : parallelism }
        return max(0, min(parallelism, completions - succeeded))
    }

    /// Pods to take away: of one index all but one, those without a valid index, and what is too many.
    var surplus: [KubeObject] {
        let excess = max(0, active.count - wanted)
        var removed: [KubeObject] = []
        var kept = active
        if isIndexed {
            kept = []
            let groups = Dictionary(grouping: active) { Self.index(of: $0) ?? -1 }
            for (index, pods) in groups.sorted(by: { $0.key < $1.key }) {
                guard index >= 0, index < completions ?? 0 else {
                    removed += pods
                    continue
                }
                let spare = ReplicaSetPlan.victims(among: pods, count: pods.count - 1)
                removed += spare
                kept += pods.filter { pod in !spare.contains { $0.uid == pod.uid } }
            }
        }
        if removed.count < excess {
            removed += ReplicaSetPlan.victims(among: kept, count: excess - removed.count)
        }
        return isSuspended ? removed : Array(removed.prefix(Self.batchLimit))
    }

    /// How many Pods to add.
    var missing: Int { max(0, min(Self.batchLimit, wanted - active.count - (replacesOnlyFailed ? terminating : 0))) }

    /// The lowest indexes that are neither done nor being worked on.
    func freeIndexes(_ count: Int) -> [Int] {
        var taken = completedIndexes
        taken.insert(active.compactMap(Self.index))
        if replacesOnlyFailed {
            taken.insert(pods.filter { $0.isBeingDeleted && !$0.isFinished }.compactMap(Self.index))
        }
        if let failedIndexes { taken = taken.union(failedIndexes) }
        return taken.missing(count, below: completions ?? 0)
    }

    /// Seconds until a Pod of an index may be made again.
    func wait(forIndex index: Int) -> Double {
        guard backoffLimitPerIndex != nil, let last = awaitingReplacement[index] else { return 0 }
        return JobBackoff.remaining(failures: Self.attempts(last) + 1, last: JobBackoff.finish(last), at: now)
    }

    /// Whether the end of a Pod may be forgotten once it is counted.
    func mayRelease(_ pod: KubeObject, isEnding: Bool) -> Bool {
        if job.isBeingDeleted || isEnding || pod.phase == "Succeeded" { return true }
        guard hasFailed(pod) else { return false }
        guard let index = Self.index(of: pod), let waiting = awaitingReplacement[index] else { return true }
        return waiting.uid != pod.uid
    }
}

/// `status.uncountedTerminatedPods`: uids of Pods that ended and are in no count yet.
struct JobUncounted: Sendable {
    var succeeded, failed: [String]

    init(_ job: KubeObject) {
        let lists = job.status["uncountedTerminatedPods"]
        func uids(_ key: String) -> [String] { lists?[key]?.array?.compactMap(\.string) ?? [] }
        (succeeded, failed) = (uids("succeeded"), uids("failed"))
    }

    var isEmpty: Bool { succeeded.isEmpty && failed.isEmpty }

    /// As written in the status.
    var json: JSON {
        var json: JSON = [:]
        if !succeeded.isEmpty { json["succeeded"] = .array(succeeded.map(JSON.string)) }
        if !failed.isEmpty { json["failed"] = .array(failed.map(JSON.string)) }
        return json
    }
}
