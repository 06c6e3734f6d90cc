import Foundation
import KubeModel

/// Indexes of an Indexed Job, written as `0,2-5`.
struct JobIndexes: Sendable, Equatable {
    var values: Set<Int> = []

    init(_ values: Set<Int> = []) { self.values = values }

    init(_ text: String?, below limit: Int) {
        for part in (text ?? "").split(separator: ",") {
            let bounds = part.split(separator: "-").compactMap { Int($0) }
            guard let first = bounds.first, let last = bounds.last, first <= last, last < limit else { continue }
            values.formUnion(first...last)
        }
    }

    var text: String {
        var parts: [String] = []
        var rest = values.sorted()[...]
        while let first = rest.popFirst() {
            var last = first
            while rest.first == last + 1 { last = rest.removeFirst() }
            parts.append(last == first ? "\(first)" : last == first + 1 ? "\(first),\(last)" : "\(first)-\(last)")
        }
        return parts.joined(separator: ",")
    }
}

/// Where a Job stands, and what it needs next.
struct JobPlan: Sendable {
    static let finalizer = "batch.kubernetes.io/job-tracking"
    static let indexKey = "batch.kubernetes.io/job-completion-index"

    let job: KubeObject
    let pods: [KubeObject]
    let now: Date

    let isIndexed: Bool
    let completions: Int?
    let parallelism: Int
    let isSuspended: Bool
    /// Pods that ended and are not in the counts of the status yet.
    let newlySucceeded, newlyFailed: [KubeObject]
    let succeeded, failed: Int
    let active: [KubeObject]
    let terminating: Int
    let completedIndexes: JobIndexes
    private let failurePolicy: JobFailurePolicy

    init(job: KubeObject, pods: [KubeObject], now: Date) {
        (self.job, self.pods, self.now) = (job, pods, now)
        isIndexed = job.spec["completionMode"]?.string == "Indexed"
        completions = job.spec["completions"]?.int.map(Int.init)
        parallelism = job.spec["parallelism"]?.int.map(Int.init) ?? 1
        isSuspended = job.spec["suspend"]?.bool ?? false
        failurePolicy = JobFailurePolicy(job.spec["podFailurePolicy"])
        let uncounted = job.status["uncountedTerminatedPods"]
        let known = (
            succeeded: Set(uncounted?["succeeded"]?.array?.compactMap(\.string) ?? []),
            failed: Set(uncounted?["failed"]?.array?.compactMap(\.string) ?? [])
        )
        let tracked = pods.filter { $0.finalizers.contains(Self.finalizer) }
        newlySucceeded = tracked.filter { $0.phase == "Succeeded" && !known.succeeded.contains($0.uid) }
        let onlyEnded = job.spec["podReplacementPolicy"]?.string == "Failed" || job.spec["podFailurePolicy"] != nil
        let policy = failurePolicy
        newlyFailed = tracked.filter { pod in
            let hasFailed = pod.phase == "Failed" || (pod.isBeingDeleted && pod.phase != "Succeeded" && !onlyEnded)
            return hasFailed && !known.failed.contains(pod.uid) && policy.verdict(on: pod) != .ignore
        }
        failed = job.status.count("failed") + known.failed.count + newlyFailed.count
        active = pods.filter(\.isActive)
        terminating = pods.count { $0.isBeingDeleted && !$0.isFinished }
        var indexes = JobIndexes(job.status["completedIndexes"]?.string, below: completions ?? 0)
        if isIndexed {
            for pod in newlySucceeded {
                if let index = Self.index(of: pod), index < completions ?? 0 { indexes.values.insert(index) }
            }
        }
        completedIndexes = indexes
        succeeded =
            isIndexed
            ? indexes.values.count : job.status.count("succeeded") + known.succeeded.count + newlySucceeded.count
    }

    static func index(of pod: KubeObject) -> Int? {
        (pod.annotations[indexKey] ?? pod.labels[indexKey]).flatMap { Int($0) }
    }

    /// Why a Job ends.
    struct End: Sendable, Equatable {
        let isSuccess: Bool
        let reason, message: String
    }

    /// The end, when it has come to it.
    func end() -> End? {
        for type in ["FailureTarget", "SuccessCriteriaMet"] where job.status.isTrue(type) {
            let condition = job.status.condition(type)
            return End(
                isSuccess: type == "SuccessCriteriaMet", reason: condition?["reason"]?.string ?? "",
                message: condition?["message"]?.string ?? "")
        }
        for pod in newlyFailed where failurePolicy.verdict(on: pod) == .failJob {
            return End(
                isSuccess: false, reason: "PodFailurePolicy",
                message: "Pod \(pod.namespace ?? "")/\(pod.name) matched a rule with action FailJob")
        }
        let limit = job.spec["backoffLimit"]?.int.map(Int.init) ?? 6
        let restarts = job.spec.value(at: "template", "spec", "restartPolicy")?.string == "OnFailure" ? restartCount : 0
        if failed > limit || (restarts > 0 && restarts >= max(limit, 1)) {
            return End(
                isSuccess: false, reason: "BackoffLimitExceeded",
                message: "Job has reached the specified backoff limit")
        }
        if let rest = timeToDeadline, rest <= .zero {
            return End(
                isSuccess: false, reason: "DeadlineExceeded", message: "Job was active longer than specified deadline")
        }
        let isComplete = completions.map { succeeded >= $0 } ?? (succeeded > 0 && active.isEmpty)
        guard isComplete else { return nil }
        return End(
            isSuccess: true, reason: "CompletionsReached", message: "Reached expected number of succeeded pods")
    }

    private var restartCount: Int {
        active.reduce(0) { sum, pod in
            sum + (pod.status["containerStatuses"]?.array ?? []).reduce(0) { $0 + $1.count("restartCount") }
        }
    }

    /// Until `activeDeadlineSeconds` is over; nil without one, or while suspended.
    var timeToDeadline: Duration? {
        guard !isSuspended, let seconds = job.spec["activeDeadlineSeconds"]?.int,
            let start = Timestamp.date(job.status["startTime"]?.string)
        else { return nil }
        return .seconds(start.addingTimeInterval(Double(seconds)).timeIntervalSince(now))
    }

    /// Until a failed Pod may be replaced: 10 s, doubled for each failure since the last success, at most 10 min.
    var timeToRetry: Duration? {
        func end(_ pod: KubeObject) -> Date? {
            (pod.status["containerStatuses"]?.array ?? [])
                .compactMap { Timestamp.date($0.value(at: "state", "terminated", "finishedAt")?.string) }.max()
                ?? Timestamp.date(pod.metadata["deletionTimestamp"]?.string ?? pod.creationTimestamp)
        }
        let success = pods.filter { $0.phase == "Succeeded" }.compactMap(end).max() ?? .distantPast
        let failures = pods.filter { $0.phase == "Failed" }.compactMap(end).filter { $0 > success }
        guard let last = failures.max() else { return nil }
        let wait = min(600, 10 * (1 << min(failures.count - 1, 6)))
        let rest = last.addingTimeInterval(Double(wait)).timeIntervalSince(now)
        return rest > 0 ? .seconds(rest) : nil
    }

    /// How many Pods to add (or, negative, to take away).
    var missing: Int {
        guard !isSuspended else { return -active.count }
        let waitsForEnd = job.spec["podReplacementPolicy"]?.string == "Failed" || job.spec["podFailurePolicy"] != nil
        let present = active.count + (waitsForEnd ? terminating : 0)
        let wanted: Int
        if let completions {
            wanted = min(parallelism, max(0, completions - succeeded))
        } else {
            wanted = succeeded > 0 ? min(active.count, parallelism) : parallelism
        }
        return wanted - present
    }

    /// The lowest indexes that are neither done nor being worked on.
    func freeIndexes(_ count: Int) -> [Int] {
        let taken = completedIndexes.values.union(active.compactMap(Self.index))
        return Array((0..<(completions ?? 0)).lazy.filter { !taken.contains($0) }.prefix(count))
    }

    /// A Pod of the Job; with an index, the one that works on it.
    func pod(index: Int?) -> KubeObject {
        var pod = job.pod(fromTemplate: job.spec["template"] ?? [:], type: .jobs)
        pod.metadata["finalizers"] = .array((pod.finalizers + [Self.finalizer]).map(JSON.string))
        for key in ["batch.kubernetes.io/controller-uid", "controller-uid"] where pod.labels[key] == nil {
            pod.metadata.set(.string(job.uid), at: "labels", key)
        }
        for key in ["batch.kubernetes.io/job-name", "job-name"] where pod.labels[key] == nil {
            pod.metadata.set(.string(job.name), at: "labels", key)
        }
        guard let index else {
            pod.metadata["generateName"] = .string(ReplicaSetReconciler.podNamePrefix(job.name))
            return pod
        }
        pod.metadata["generateName"] = .string("\(job.name)-\(index)-")
        pod.metadata.set(.string("\(index)"), at: "annotations", Self.indexKey)
        pod.metadata.set(.string("\(index)"), at: "labels", Self.indexKey)
        pod.spec["hostname"] = .string("\(job.name)-\(index)")
        let variable: JSON = [
            "name": "JOB_COMPLETION_INDEX",
            "valueFrom": ["fieldRef": ["fieldPath": .string("metadata.labels['\(Self.indexKey)']")]],
        ]
        for key in ["containers", "initContainers"] {
            guard let containers = pod.spec[key]?.array else { continue }
            pod.spec[key] = .array(
                containers.map { container in
                    var container = container
                    let variables = container["env"]?.array ?? []
                    if !variables.contains(where: { $0["name"] == variable["name"] }) {
                        container["env"] = .array(variables + [variable])
                    }
                    return container
                })
        }
        return pod
    }
}

/// `spec.podFailurePolicy`: what the failure of a Pod means for its Job.
struct JobFailurePolicy: Sendable {
    enum Verdict: Sendable { case count, ignore, failJob }

    private let rules: [JSON]

    init(_ json: JSON?) { rules = json?["rules"]?.array ?? [] }

    func verdict(on pod: KubeObject) -> Verdict {
        guard pod.phase == "Failed" else { return .count }
        for rule in rules where matches(rule, pod) {
            switch rule["action"]?.string {
            case "FailJob": return .failJob
            case "Ignore": return .ignore
            default: return .count
            }
        }
        return .count
    }

    private func matches(_ rule: JSON, _ pod: KubeObject) -> Bool {
        if let codes = rule["onExitCodes"] {
            let values = Set(codes["values"]?.array?.compactMap(\.int) ?? [])
            let statuses =
                (pod.status["containerStatuses"]?.array ?? []) + (pod.status["initContainerStatuses"]?.array ?? [])
            return statuses.contains { status in
                if let name = codes["containerName"]?.string, name != status["name"]?.string { return false }
                guard let code = status.value(at: "state", "terminated", "exitCode")?.int, code != 0 else {
                    return false
                }
                return values.contains(code) == (codes["operator"]?.string != "NotIn")
            }
        }
        return (rule["onPodConditions"]?.array ?? []).contains { wanted in
            pod.status.condition(wanted["type"]?.string ?? "")?["status"]?.string == wanted["status"]?.string ?? "True"
        }
    }
}
