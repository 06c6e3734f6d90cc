import KubeModel

/// Why a Job ends.
struct JobEnd: Sendable, Equatable {
    let isSuccess: Bool
    let reason, message: String

    /// The condition that says so before the Pods are gone, and the one that says so after.
    var target: String { isSuccess ? "SuccessCriteriaMet" : "FailureTarget" }
    var final: String { isSuccess ? "Complete" : "Failed" }

    static func failure(_ reason: String, _ message: String) -> JobEnd {
        JobEnd(isSuccess: false, reason: reason, message: message)
    }

    static let completions = JobEnd(
        isSuccess: true, reason: "CompletionsReached", message: "Reached expected number of succeeded pods")
}

extension JobPlan {
    /// The end that has come whatever still runs. What was decided in an earlier run stands.
    func end() -> JobEnd? {
        for isSuccess in [true, false] {
            let target = isSuccess ? "SuccessCriteriaMet" : "FailureTarget"
            guard job.status.isTrue(target), let condition = job.status.condition(target) else { continue }
            return JobEnd(
                isSuccess: isSuccess, reason: condition["reason"]?.string ?? "",
                message: condition["message"]?.string ?? "")
        }
        return policyFailure() ?? limitFailure() ?? indexFailure() ?? successByPolicy()
    }

    private func policyFailure() -> JobEnd? {
        guard failurePolicy.isSet else { return nil }
        for pod in pods where hasFailed(pod) {
            if case .failJob(let message) = failurePolicy.verdict(on: pod) {
                return .failure("PodFailurePolicy", message)
            }
        }
        return nil
    }

    private func limitFailure() -> JobEnd? {
        let limit = job.spec["backoffLimit"]?.int.map(Int.init) ?? (backoffLimitPerIndex == nil ? 6 : Int(Int32.max))
        if failed > limit || hasRestartedTooOften(limit) {
            return .failure("BackoffLimitExceeded", "Job has reached the specified backoff limit")
        }
        guard let rest = timeToDeadline, rest <= .zero, job.status["startTime"] != nil else { return nil }
        return .failure("DeadlineExceeded", "Job was active longer than specified deadline")
    }

    /// Pods that are restarted in place count their restarts.
    private func hasRestartedTooOften(_ limit: Int) -> Bool {
        guard job.spec.value(at: "template", "spec", "restartPolicy")?.string == "OnFailure" else { return false }
        var restarts = 0
        for pod in pods where pod.phase == "Running" || pod.phase == "Pending" {
            for key in ["containerStatuses", "initContainerStatuses"] {
                for status in pod.status[key]?.array ?? [] { restarts += status.count("restartCount") }
            }
        }
        return limit == 0 ? restarts > 0 : restarts >= limit
    }

    private func indexFailure() -> JobEnd? {
        guard let failedIndexes else { return nil }
        if let most = job.spec["maxFailedIndexes"]?.int, failedIndexes.count > Int(most) {
            return .failure(
                "MaxFailedIndexesExceeded", "Job has exceeded the specified maximal number of failed indexes")
        }
        guard !failedIndexes.isEmpty, failedIndexes.count + completedIndexes.count >= completions ?? 0 else {
            return nil
        }
        return .failure("FailedIndexes", "Job has failed indexes")
    }

    private func successByPolicy() -> JobEnd? {
        guard isIndexed, !completedIndexes.isEmpty else { return nil }
        for (number, rule) in (job.spec.value(at: "successPolicy", "rules")?.array ?? []).enumerated() {
            let count = rule["succeededCount"]?.int.map(Int.init)
            let isMet: Bool
            if let text = rule["succeededIndexes"]?.string {
                let required = JobIndexes(text, below: completions ?? 0)
                guard !required.isEmpty else { continue }
                let done = required.overlap(completedIndexes)
                isMet = done == required.count || count.map { done >= $0 } ?? false
            } else {
                isMet = count.map { completedIndexes.count >= $0 } ?? false
            }
            if isMet {
                return JobEnd(isSuccess: true, reason: "SuccessPolicy", message: "Matched rules at index \(number)")
            }
        }
        return nil
    }

    /// All that was wanted succeeded, given how many Pods run now.
    func isComplete(active: Int) -> Bool {
        active == 0 && (completions.map { succeeded >= $0 } ?? (succeeded > 0))
    }
}
