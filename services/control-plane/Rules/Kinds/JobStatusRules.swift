import KubeModel

/// What the status of a Job may say, given what it said before.
enum JobStatusRules {
    @Sendable static func check(_ job: JSON, _ stored: JSON, _ issues: inout Issues) {
        let (status, old, spec) = (job["status"] ?? [:], stored["status"] ?? [:], job["spec"] ?? [:])
        for field in ["active", "succeeded", "failed", "ready", "terminating"] {
            issues.notNegative("status.\(field)", status[field])
        }
        uncounted(status["uncountedTerminatedPods"] ?? [:], &issues)
        let now = Ending(status)
        let before = Ending(old)
        conditions(now, before, spec, &issues)
        times(status, old, now, before, job, &issues)
        counts(status, old, now, before, spec, &issues)
        indexes(status, old, spec, &issues)
    }

    /// Which ends a Job has reached.
    private struct Ending {
        let conditions: Conditions
        var isComplete: Bool { conditions.isTrue("Complete") }
        var isFailed: Bool { conditions.isTrue("Failed") }
        var isFailing: Bool { conditions.isTrue("FailureTarget") }
        var isSuccessful: Bool { conditions.isTrue("SuccessCriteriaMet") }
        var isFinished: Bool { isComplete || isFailed }

        init(_ status: JSON) { conditions = Conditions(status["conditions"]) }
    }

    private static func uncounted(_ pods: JSON, _ issues: inout Issues) {
        var seen: Set<String> = []
        for list in ["succeeded", "failed"] {
            for (index, uid) in pods.list(list).compactMap(\.string).enumerated() {
                let field = "status.uncountedTerminatedPods.\(list)[\(index)]"
                if uid.isEmpty {
                    issues.invalid(field, .string(uid), "must not be empty")
                } else if !seen.insert(uid).inserted {
                    issues.duplicate(field, .string(uid))
                }
            }
        }
    }

    private static func conditions(_ now: Ending, _ before: Ending, _ spec: JSON, _ issues: inout Issues) {
        func refuse(_ text: String, when isWrong: Bool) {
            if isWrong { issues.invalid("status.conditions", nil, text) }
        }
        let completes = now.isComplete != before.isComplete
        let fails = now.isFailed != before.isFailed
        refuse(
            "cannot set Complete=True and Failed=true conditions",
            when: (completes || fails) && now.isComplete && now.isFailed)
        refuse(
            "cannot set Complete=True and FailureTarget=true conditions",
            when: (completes || now.isFailing != before.isFailing) && now.isComplete && now.isFailing)
        refuse(
            "cannot set Failed=True condition without the FailureTarget=true condition",
            when: fails && now.isFailed && !now.isFailing)
        refuse(
            "cannot set Complete=True condition without the SuccessCriteriaMet=true condition",
            when: (completes || now.isSuccessful != before.isSuccessful) && now.isComplete && !now.isSuccessful)
        refuse(
            "cannot set SuccessCriteriaMet=True and Failed=true conditions", when: now.isSuccessful && now.isFailed)
        refuse(
            "cannot set SuccessCriteriaMet=True and FailureTarget=true conditions",
            when: now.isSuccessful && now.isFailing)
        refuse(
            "cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True",
            when: spec.has("successPolicy") && !now.isSuccessful && now.isComplete)
        for (type, was, stays) in [
            ("Failed", before.isFailed, now.isFailed), ("Complete", before.isComplete, now.isComplete),
            ("FailureTarget", before.isFailing, now.isFailing),
        ] {
            refuse("cannot disable the terminal \(type)=True condition", when: was && !stays)
        }
        refuse(
            "cannot disable the SuccessCriteriaMet=True condition", when: before.isSuccessful && !now.isSuccessful)
        refuse(
            "cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions",
            when: before.isComplete && !before.isSuccessful && now.isSuccessful)
    }

    private static func times(
        _ status: JSON, _ old: JSON, _ now: Ending, _ before: Ending, _ job: JSON, _ issues: inout Issues
    ) {
        let (start, end) = (status["startTime"] ?? .null, status["completionTime"] ?? .null)
        let (oldStart, oldEnd) = (old["startTime"] ?? .null, old["completionTime"] ?? .null)
        let spec = job["spec"] ?? [:]
        if now.isComplete != before.isComplete || end != oldEnd {
            if !end.isNull, !now.isComplete {
                issues.invalid(
                    "status.completionTime", end,
                    "cannot set completionTime when there is no Complete=True condition")
            }
            if end.isNull, now.isComplete {
                issues.required("status.completionTime", "completionTime is required for Complete jobs")
            }
        }
        if start != oldStart || end != oldEnd, let first = Timestamp(start), let last = Timestamp(end), last < first {
            issues.invalid("status.completionTime", end, "must be equal to or after `startTime`")
        }
        if !end.isNull, !oldEnd.isNull, end != oldEnd {
            issues.invalid("status.completionTime", end, "field is immutable")
        }
        let isNothing = spec["suspend"]?.bool == true && spec["completions"]?.int == 0
        if now.isFinished != before.isFinished || start != oldStart, !isNothing, start.isNull, now.isFinished {
            issues.required("status.startTime", "startTime is required for finished job")
        }
        let resumes =
            before.conditions.isTrue("Suspended") && now.conditions["Suspended"]?.status == "False"
        if start != oldStart, !resumes, !oldStart.isNull, spec["suspend"]?.bool != true {
            issues.invalid("status.startTime", start, "field is immutable for unsuspended job once set")
        }
    }

    private static func counts(
        _ status: JSON, _ old: JSON, _ now: Ending, _ before: Ending, _ spec: JSON, _ issues: inout Issues
    ) {
        func number(_ json: JSON, _ field: String) -> Int64 { json[field]?.int ?? 0 }
        func changes(_ field: String) -> Bool { (status[field] ?? .null) != (old[field] ?? .null) }
        let finishes = now.isFinished != before.isFinished
        if finishes || changes("active"), number(status, "active") > 0, now.isFinished {
            issues.invalid("status.active", status["active"], "active>0 is invalid for finished job")
        }
        if finishes || changes("terminating"), number(status, "terminating") > 0, now.isFinished {
            issues.invalid("status.terminating", status["terminating"], "terminating>0 is invalid for finished job")
        }
        let pods = status["uncountedTerminatedPods"] ?? [:]
        if finishes || changes("uncountedTerminatedPods"), now.isFinished,
            !(pods.list("failed").isEmpty && pods.list("succeeded").isEmpty)
        {
            issues.invalid("status.uncountedTerminatedPods", pods, "must be empty for finished job")
        }
        if changes("ready") || changes("active"), number(status, "ready") > number(status, "active") {
            issues.invalid("status.ready", status["ready"], "cannot set more ready pods than active")
        }
        if number(status, "failed") < number(old, "failed") {
            issues.invalid("status.failed", .int(number(status, "failed")), "cannot decrease the failed counter")
        }
        let isElastic = spec.text("completionMode") == "Indexed" && spec["completions"] == spec["parallelism"]
        if !isElastic, number(status, "succeeded") < number(old, "succeeded") {
            issues.invalid(
                "status.succeeded", .int(number(status, "succeeded")), "cannot decrease the succeeded counter")
        }
    }

    private static func indexes(_ status: JSON, _ old: JSON, _ spec: JSON, _ issues: inout Issues) {
        let completed = status.text("completedIndexes")
        let failed = status["failedIndexes"]?.string
        let completions = spec["completions"]?.int
        let changesCompleted = completed != old.text("completedIndexes")
        let changesFailed = failed != old["failedIndexes"]?.string
        func parse(_ text: String, _ field: String) {
            guard let completions,
                case .failure(let problem) = JobIndexText.intervals(text, completions: completions)
            else { return }
            issues.invalid("status.\(field)", .string(text), "error parsing \(field): \(problem.text)")
        }
        if changesCompleted {
            parse(completed, "completedIndexes")
            if !completed.isEmpty, spec.text("completionMode") != "Indexed" {
                issues.invalid(
                    "status.completedIndexes", .string(completed),
                    "cannot set non-empty completedIndexes when non-indexed completion mode")
            }
        }
        guard let failed else { return }
        if changesFailed {
            if spec.has("backoffLimitPerIndex") {
                parse(failed, "failedIndexes")
            } else {
                issues.invalid(
                    "status.failedIndexes", .string(failed),
                    "cannot set non-null failedIndexes when backoffLimitPerIndex is null")
            }
        }
        if changesFailed || changesCompleted, let completions,
            case .success(let done) = JobIndexText.intervals(completed, completions: completions),
            case .success(let lost) = JobIndexText.intervals(failed, completions: completions),
            let index = done.lazy.compactMap({ one in lost.first { $0.overlaps(one) }?.clamped(to: one).lowerBound })
                .first
        {
            issues.invalid(
                "status.failedIndexes", .string(failed),
                "failedIndexes and completedIndexes overlap at index: \(index)")
        }
    }
}
