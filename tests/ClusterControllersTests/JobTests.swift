import Foundation
import KubeModel
import Testing

@testable import ClusterControllers

@Suite("Jobs")
struct JobTests {
    private func job(_ spec: JSON, status: JSON = [:]) -> KubeObject {
        var job = KubeObject(apiVersion: "batch/v1", kind: "Job", name: "j", namespace: "team")
        job.metadata["uid"] = "job"
        job.spec = spec
        job.status = status
        return job
    }

    private func pod(_ name: String, phase: String, index: Int? = nil) -> KubeObject {
        var pod = makePod(name, phase: phase)
        pod.metadata["finalizers"] = ["batch.kubernetes.io/job-tracking"]
        if let index { pod.metadata["annotations"] = ["batch.kubernetes.io/job-completion-index": .string("\(index)")] }
        return pod
    }

    private func plan(_ job: KubeObject, _ pods: [KubeObject]) -> JobPlan { JobPlan(job: job, pods: pods, now: Date()) }

    @Test("as many Pods as run at a time, and as are still needed")
    func missing() {
        let spec: JSON = ["completions": 5, "parallelism": 3]
        #expect(plan(job(spec), []).missing == 3)
        #expect(plan(job(spec, status: ["succeeded": 4]), []).missing == 1)
        #expect(plan(job(spec), [pod("a", phase: "Running"), pod("b", phase: "Succeeded")]).missing == 2)
        #expect(plan(job(["completions": 1, "suspend": true]), [pod("a", phase: "Running")]).missing == -1)
    }

    @Test("an end is counted once: not again while its uid is listed")
    func counting() {
        let status: JSON = ["uncountedTerminatedPods": ["succeeded": ["uid-a"]], "succeeded": 1]
        let plan = plan(
            job(["completions": 5], status: status), [pod("a", phase: "Succeeded"), pod("b", phase: "Succeeded")])
        #expect(plan.newlySucceeded.map(\.name) == ["b"])
        #expect(plan.succeeded == 3)
    }

    @Test("ends: complete, too many failures, deadline")
    func ends() {
        #expect(plan(job(["completions": 1]), [pod("a", phase: "Succeeded")]).end()?.isSuccess == true)
        #expect(
            plan(job(["completions": 1, "backoffLimit": 0]), [pod("a", phase: "Failed")]).end()?.reason
                == "BackoffLimitExceeded")
        #expect(plan(job(["completions": 1, "backoffLimit": 1]), [pod("a", phase: "Failed")]).end() == nil)
        let late = job(["completions": 1, "activeDeadlineSeconds": 5], status: ["startTime": "2020-01-01T00:00:00Z"])
        #expect(plan(late, []).end()?.reason == "DeadlineExceeded")
        #expect(plan(job(["parallelism": 2]), [pod("a", phase: "Succeeded"), pod("b", phase: "Running")]).end() == nil)
    }

    @Test("an indexed Job works on each index once")
    func indexed() {
        let spec: JSON = ["completions": 6, "parallelism": 3, "completionMode": "Indexed"]
        let current = plan(
            job(spec, status: ["completedIndexes": "0,2-3"]),
            [pod("a", phase: "Running", index: 1), pod("b", phase: "Succeeded", index: 5)])
        #expect(current.succeeded == 4)
        #expect(current.completedIndexes.text == "0,2,3,5")
        #expect(current.freeIndexes(9) == [4])
        let made = current.pod(index: 4)
        #expect(made.spec["hostname"] == "j-4")
        #expect(made.labels["job-name"] == "j")
    }

    @Test("indexes in short form", arguments: ["", "0", "0,1", "0-2", "1,3-5,7"])
    func indexText(text: String) {
        #expect(JobIndexes(text, below: 10).text == text)
    }

    @Test("a failure policy ends a Job at once, or forgives")
    func failurePolicy() {
        var failed = pod("a", phase: "Failed")
        failed.status["containerStatuses"] = [["name": "main", "state": ["terminated": ["exitCode": 42]]]]
        func spec(_ action: String) -> JSON {
            [
                "completions": 1, "backoffLimit": 0,
                "podFailurePolicy": [
                    "rules": [["action": .string(action), "onExitCodes": ["operator": "In", "values": [42]]]]
                ],
            ]
        }
        #expect(plan(job(spec("FailJob")), [failed]).end()?.reason == "PodFailurePolicy")
        #expect(plan(job(spec("Ignore")), [failed]).end() == nil)
        #expect(plan(job(spec("Count")), [failed]).end()?.reason == "BackoffLimitExceeded")
    }

    @Test(
        "schedules",
        arguments: [
            ("*/15 * * * *", "2026-03-01T10:07:00Z", "2026-03-01T10:15:00Z"),
            ("0 9 * * mon-fri", "2026-03-06T09:00:00Z", "2026-03-09T09:00:00Z"),
            ("@monthly", "2026-12-15T00:00:00Z", "2027-01-01T00:00:00Z"),
            ("0 0 29 2 *", "2026-03-01T00:00:00Z", "2028-02-29T00:00:00Z"),
            ("30 1 13 * 5", "2026-03-01T00:00:00Z", "2026-03-06T01:30:00Z"),
        ])
    func schedules(text: String, after: String, expected: String) throws {
        let zone = try #require(TimeZone(identifier: "UTC"))
        let date = try #require(Timestamp.date(after))
        #expect(try CronSchedule(text).next(after: date, in: zone).map(Timestamp.text) == expected)
    }

    @Test(
        "bad schedules are refused",
        arguments: ["", "* * * *", "60 * * * *", "*/0 * * * *", "5-1 * * * *", "x * * * *"])
    func badSchedules(text: String) {
        #expect(throws: APIError.self) { try CronSchedule(text) }
    }
}
