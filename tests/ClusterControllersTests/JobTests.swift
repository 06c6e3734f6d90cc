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
        let suspended = plan(job(["completions": 1, "suspend": true]), [pod("a", phase: "Running")])
        #expect(suspended.missing == 0)
        #expect(suspended.surplus.map(\.name) == ["a"])
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
        let done = plan(job(["completions": 1]), [pod("a", phase: "Succeeded")])
        #expect(done.end() == nil)
        #expect(done.isComplete(active: 0))
        #expect(!done.isComplete(active: 1))
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
        #expect(made.finalizers == ["batch.kubernetes.io/job-tracking"])
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

    @Test("failures are counted by index, and the next Pod of an index knows how many there were")
    func backoffPerIndex() {
        let spec: JSON = [
            "completions": 3, "parallelism": 3, "completionMode": "Indexed", "backoffLimitPerIndex": 1,
            "maxFailedIndexes": 1,
        ]
        var second = pod("b", phase: "Failed", index: 1)
        second.metadata.set("1", at: "annotations", "batch.kubernetes.io/job-index-failure-count")
        let current = plan(
            job(spec), [pod("a", phase: "Failed", index: 0), second, pod("c", phase: "Running", index: 2)])
        #expect(current.failedIndexes?.text == "1")
        #expect(current.freeIndexes(9) == [0])
        #expect(
            current.pod(index: 0).annotations["batch.kubernetes.io/job-index-failure-count"] == "1")
        #expect(!current.mayRelease(current.pods[0], isEnding: false))
        #expect(current.mayRelease(second, isEnding: false))
        #expect(current.end() == nil)
        let over = plan(job(spec, status: ["failedIndexes": "0,2"]), [])
        #expect(over.end()?.reason == "MaxFailedIndexesExceeded")
        let all = plan(job(spec, status: ["failedIndexes": "0", "completedIndexes": "1,2"]), [])
        #expect(all.end()?.reason == "FailedIndexes")
    }

    @Test("a success policy is met by some of the indexes")
    func successPolicy() {
        func spec(_ rule: JSON) -> JSON {
            ["completions": 5, "completionMode": "Indexed", "successPolicy": ["rules": [["succeededCount": 5], rule]]]
        }
        func end(_ rule: JSON) -> JobEnd? { plan(job(spec(rule), status: ["completedIndexes": "0,3-4"]), []).end() }
        #expect(end(["succeededIndexes": "0,3"])?.message == "Matched rules at index 1")
        #expect(end(["succeededIndexes": "0-1"]) == nil)
        #expect(end(["succeededIndexes": "0-3", "succeededCount": 2])?.reason == "SuccessPolicy")
    }

    @Test("the wait doubles with each failure since the last success")
    func backoff() throws {
        func ended(_ phase: String, _ second: Int) -> KubeObject {
            var pod = pod("p\(second)", phase: phase)
            let time = "2026-01-01T00:00:\(second)Z"
            pod.status["containerStatuses"] = [["state": ["terminated": ["finishedAt": .string(time)]]]]
            return pod
        }
        let now = try #require(Timestamp.date("2026-01-01T00:00:50Z"))
        var record = JobBackoff()
        #expect(record.remaining(at: now) == 0)
        record.note(succeeded: [], failed: [ended("Failed", 41), ended("Failed", 42)])
        #expect(record.remaining(at: now) == 12)
        record.note(succeeded: [ended("Succeeded", 44)], failed: [ended("Failed", 43), ended("Failed", 45)])
        #expect(record.failures == 1)
        #expect(record.remaining(at: now) == 5)
    }

    @Test("of Pods with the same index all but one go, as do those without a valid one")
    func duplicates() {
        let spec: JSON = ["completions": 2, "parallelism": 3, "completionMode": "Indexed"]
        let pods = [
            pod("a", phase: "Running", index: 0), pod("b", phase: "Pending", index: 0),
            pod("c", phase: "Running", index: 7), pod("d", phase: "Running"),
        ]
        #expect(Set(plan(job(spec), pods).surplus.map(\.name)) == ["b", "c", "d"])
    }

    @Test("indexes of a very large Job are kept as ranges")
    func ranges() {
        var indexes = JobIndexes("0-1999999,2000001", below: 2_000_000_000)
        #expect(indexes.count == 2_000_001)
        indexes.insert([2_000_000])
        #expect(indexes.text == "0-2000001")
        #expect(indexes.missing(2, below: 2_000_004) == [2_000_002, 2_000_003])
        #expect(JobIndexes("0-3,9", below: 5).text == "0-3")
        #expect(JobIndexes("1,3", below: 9).contains(3))
        #expect(!JobIndexes("1,3", below: 9).contains(2))
    }
}
