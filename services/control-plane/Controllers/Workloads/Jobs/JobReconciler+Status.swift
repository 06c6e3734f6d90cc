import Foundation
import KubeClient
import KubeModel

/// What one run did, on the way to the status.
struct JobRun: Sendable {
    let plan: JobPlan
    var active, ready, terminating: Int
    var end: JobEnd?
    /// The number of Pods was looked at, so the status may speak of suspension.
    var isManaged = false
    var wait: Duration?

    init(plan: JobPlan) {
        self.plan = plan
        active = plan.active.count
        ready = plan.active.count(where: \.isReady)
        terminating = plan.terminating
    }

    mutating func note(deleted pods: [KubeObject]) {
        active -= pods.count
        terminating += pods.count
        ready -= pods.count(where: \.isReady)
    }

    /// To be woken after so many seconds at the latest.
    mutating func come(back seconds: Double) {
        let time = Duration.seconds(seconds) + .milliseconds(50)
        wait = min(wait ?? time, time)
    }
}

extension JobReconciler {
    /// Counts in three steps, each safe to repeat: uids of Pods that ended go into the status, then the Pods lose their
    /// finalizer, then the uids become numbers. The end of the Job is said first as a target, and finally when all Pods
    /// are gone and counted.
    func track(_ run: inout JobRun, whenSafe: () -> Void) async throws {
        let plan = run.plan
        var job = plan.job
        var status = job.status
        var uncounted = JobUncounted(job)
        settle(&status, &uncounted, tracked: Set(plan.pods.filter(isTracked).map(\.uid)))
        let (released, isAll) = take(plan, isEnding: run.end, &uncounted)
        status["uncountedTerminatedPods"] = uncounted.json
        writeCounts(run, &status)
        if let end = run.end {
            setCondition(&status, end.target, true, end.reason, end.message)
        } else if run.isManaged {
            writeSuspension(plan, &status)
        }
        if status["startTime"] == nil, !plan.isSuspended { status["startTime"] = .string(context.timestamp) }
        try await context.writeStatus(status, of: job, in: context.caches.jobs)
        whenSafe()

        job.status = status
        try await removeFinalizers(released)
        let left = context.caches.pods.all(indexedBy: OwnerIndex.owner(job.uid)).filter(isTracked)
        settle(&status, &uncounted, tracked: Set(left.map(\.uid)))
        status["uncountedTerminatedPods"] = uncounted.json
        var isFinished = false
        if let end = run.end, isAll, uncounted.isEmpty {
            if run.terminating == 0 {
                isFinished = true
                setCondition(&status, end.final, true, end.reason, end.message)
                if end.isSuccess { status["completionTime"] = .string(context.timestamp) }
            } else {
                run.come(back: 0)
            }
        } else if !isAll {
            run.come(back: 0)
        }
        try await context.writeStatus(status, of: job, in: context.caches.jobs)
        guard isFinished, let end = run.end else { return }
        if end.isSuccess {
            if let wanted = plan.completions, status.count("succeeded") > wanted {
                events.warning(
                    "TooManySucceededPods", "Too many succeeded pods running after completion count reached", about: job
                )
            }
            events.normal("Completed", "Job completed", about: job)
        } else {
            events.warning(end.reason, end.message, about: job)
        }
    }

    private func isTracked(_ pod: KubeObject) -> Bool { pod.finalizers.contains(JobPlan.finalizer) }

    /// uids whose Pod no longer has the finalizer become part of the counts.
    private func settle(_ status: inout JSON, _ uncounted: inout JobUncounted, tracked: Set<String>) {
        let (succeeded, failed) = (uncounted.succeeded.count, uncounted.failed.count)
        uncounted.succeeded.removeAll { !tracked.contains($0) }
        uncounted.failed.removeAll { !tracked.contains($0) }
        for (key, gone) in [
            ("succeeded", succeeded - uncounted.succeeded.count), ("failed", failed - uncounted.failed.count),
        ] where gone > 0 {
            status.setCount(key, status.count(key) + gone)
        }
    }

    /// Lists what ended. Returns the Pods that may lose their finalizer, and whether that is all of them.
    private func take(
        _ plan: JobPlan, isEnding end: JobEnd?, _ uncounted: inout JobUncounted
    ) -> (released: [KubeObject], isAll: Bool) {
        let listed = (succeeded: Set(uncounted.succeeded), failed: Set(uncounted.failed))
        var released: [KubeObject] = []
        for pod in plan.pods where isTracked(pod) && plan.mayRelease(pod, isEnding: end != nil) {
            guard released.count < JobPlan.batchLimit else { return (released, false) }
            released.append(pod)
            let hasIndex = JobPlan.index(of: pod).map { $0 < plan.completions ?? 0 } ?? false
            if pod.phase == "Succeeded", !listed.failed.contains(pod.uid) {
                // An index that succeeded is counted by its number.
                if !plan.isIndexed, !listed.succeeded.contains(pod.uid) { uncounted.succeeded.append(pod.uid) }
            } else if plan.hasFailed(pod) || end?.isSuccess == false {
                guard !listed.failed.contains(pod.uid), !plan.isIndexed || hasIndex,
                    !plan.failurePolicy.isSet || plan.failurePolicy.isCounted(pod)
                else { continue }
                uncounted.failed.append(pod.uid)
            }
        }
        return (released, true)
    }

    private func writeCounts(_ run: JobRun, _ status: inout JSON) {
        let plan = run.plan
        status.setCount("active", run.active)
        status["ready"] = .int(Int64(run.ready))
        status["terminating"] = .int(Int64(run.terminating))
        guard plan.isIndexed else { return }
        status.setCount("succeeded", plan.completedIndexes.count)
        status["completedIndexes"] = plan.completedIndexes.isEmpty ? nil : .string(plan.completedIndexes.text)
        status["failedIndexes"] = plan.failedIndexes.map { .string($0.text) }
    }

    private func writeSuspension(_ plan: JobPlan, _ status: inout JSON) {
        if plan.isSuspended {
            guard setCondition(&status, "Suspended", true, "JobSuspended", "Job suspended") else { return }
            events.normal("Suspended", "Job suspended", about: plan.job)
            status["startTime"] = nil
        } else if status.condition("Suspended") != nil,
            setCondition(&status, "Suspended", false, "JobResumed", "Job resumed")
        {
            events.normal("Resumed", "Job resumed", about: plan.job)
            status["startTime"] = .string(context.timestamp)
        }
    }

    /// Jobs write both times of a condition. True when anything changed.
    @discardableResult
    private func setCondition(
        _ status: inout JSON, _ type: String, _ isTrue: Bool, _ reason: String, _ message: String
    ) -> Bool {
        let old = status.condition(type)
        let value: JSON = isTrue ? "True" : "False"
        guard old?["status"] != value || old?["reason"]?.string != reason || old?["message"]?.string != message else {
            return false
        }
        let now = JSON.string(context.timestamp)
        let condition: JSON = [
            "type": .string(type), "status": value, "lastProbeTime": now, "lastTransitionTime": now,
            "reason": .string(reason), "message": .string(message),
        ]
        var conditions = status["conditions"]?.array ?? []
        if let index = conditions.firstIndex(where: { $0["type"]?.string == type }) {
            conditions[index] = condition
        } else {
            conditions.append(condition)
        }
        status["conditions"] = .array(conditions)
        return true
    }
}
