import Foundation
import KubeModel
import Testing

@testable import NodeAgent

@Suite("Pod status")
struct PodStatusTests {
    private let start = Date(timeIntervalSince1970: 1_700_000_000)

    private func running(_ number: Int = 0) -> ContainerFacts {
        var facts = ContainerFacts()
        var run = ContainerRun(number: number, directory: "/x/\(number)", id: "id-\(number)")
        run.startedAt = start
        facts.current = run
        facts.isWaiting = false
        facts.isStarted = true
        facts.isReady = true
        return facts
    }

    private func ended(_ code: Int, _ number: Int = 0, isWaiting: Bool = false) -> ContainerFacts {
        var facts = running(number)
        facts.current?.end = ContainerEnd(
            code: code, signal: 0, isOutOfMemory: false, finishedAt: start.addingTimeInterval(5),
            reason: code == 0 ? "Completed" : "Error", message: nil)
        facts.isWaiting = isWaiting
        facts.isReady = false
        facts.waitingReason = "CrashLoopBackOff"
        return facts
    }

    private func status(_ facts: [String: ContainerFacts], policy: String = "Always", initial: JSON? = nil) -> PodStatus
    {
        let pod = makePod {
            $0.set(.string(policy), at: "spec", "restartPolicy")
            if let initial { $0.set(initial, at: "spec", "initContainers") }
        }
        return PodStatus(
            pod: pod, containers: facts, address: Address4("10.244.0.7"), hostAddress: "10.244.0.1", startedAt: start)
    }

    @Test("the phase follows from the containers and the restart policy")
    func phases() {
        #expect(status([:]).phase == "Pending")
        #expect(status(["main": running()]).phase == "Running")
        #expect(status(["main": ended(1, isWaiting: true)]).phase == "Running")
        #expect(status(["main": ended(0)], policy: "Never").phase == "Succeeded")
        #expect(status(["main": ended(1)], policy: "Never").phase == "Failed")
        #expect(status(["main": ended(1)], policy: "OnFailure").phase == "Running")
        #expect(status(["main": ended(0)], policy: "OnFailure").phase == "Succeeded")
    }

    @Test("a pod waits for its init containers and fails with them")
    func initial() {
        let one: JSON = [["name": "prepare", "image": "busybox"]]
        #expect(status(["prepare": running()], initial: one).phase == "Pending")
        #expect(status(["prepare": ended(1)], policy: "Never", initial: one).phase == "Failed")
        #expect(status(["prepare": ended(0), "main": running()], initial: one).phase == "Running")
    }

    @Test("a container in back-off waits, and shows its last end")
    func backoff() {
        let json = status(["main": ended(3, 2, isWaiting: true)]).json(old: [:], now: start)
        let container = json["containerStatuses"]?[0]
        #expect(container?.value(at: "state", "waiting", "reason")?.string == "CrashLoopBackOff")
        #expect(container?.value(at: "lastState", "terminated", "exitCode")?.int == 3)
        #expect(container?["restartCount"]?.int == 2)
        #expect(container?["ready"]?.bool == false)
    }

    @Test("conditions keep their times and those of others")
    func conditions() {
        let old: JSON = [
            "conditions": [
                ["type": "Ready", "status": "True", "lastTransitionTime": "2020-01-01T00:00:00Z"],
                ["type": "example.com/Gate", "status": "True"],
                ["type": "PodScheduled", "status": "True", "lastTransitionTime": "2020-01-01T00:00:00Z"],
            ]
        ]
        let list = status(["main": running()]).json(old: old, now: start)["conditions"]?.array ?? []
        func find(_ type: String) -> JSON? { list.first { $0["type"]?.string == type } }
        #expect(find("Ready")?["lastTransitionTime"]?.string == "2020-01-01T00:00:00Z")
        #expect(find("ContainersReady")?["status"]?.string == "True")
        #expect(find("example.com/Gate") != nil)
        #expect(list.filter { $0["type"]?.string == "PodScheduled" }.count == 1)
        let unready = status([:]).json(old: old, now: start)["conditions"]?.array ?? []
        let ready = unready.first { $0["type"]?.string == "Ready" }
        #expect(ready?["reason"]?.string == "ContainersNotReady")
        #expect(ready?["message"]?.string == "containers with unready status: [main]")
    }

    private func condition(_ type: String, _ status: PodStatus, old: JSON = [:]) -> JSON? {
        status.json(old: old, now: start)["conditions"]?.array?.first { $0["type"]?.string == type }
    }

    @Test("sidecars count for readiness, and undo no initialization")
    func sidecars() {
        let one: JSON = [["name": "helper", "image": "busybox", "restartPolicy": "Always"]]
        var unready = running()
        unready.isReady = false
        let held = condition("Ready", status(["helper": unready, "main": running()], initial: one))
        #expect(held?["status"]?.string == "False")
        #expect(held?["message"]?.string == "containers with unready status: [helper]")
        let again = status(["helper": ended(1, isWaiting: true), "main": running()], initial: one)
        #expect(condition("Initialized", again)?["status"]?.string == "True")
        let over = condition(
            "Initialized", status(["helper": ended(137), "main": ended(0)], policy: "Never", initial: one))
        #expect(over?["status"]?.string == "True")
        #expect(over?["reason"]?.string == "PodCompleted")
    }

    @Test("a pod has not ended before all its containers have")
    func held() {
        let one: JSON = [["name": "helper", "image": "busybox", "restartPolicy": "Always"]]
        let done = status(["helper": running(), "main": ended(0)], policy: "Never", initial: one)
        #expect(done.json(old: ["phase": "Running"], now: start)["phase"]?.string == "Running")
        #expect(condition("Ready", done)?["reason"]?.string == "PodCompleted")
        var late = status(["main": running()])
        late.failure = ("DeadlineExceeded", "too long")
        let json = late.json(old: ["phase": "Running"], now: start)
        #expect(json["phase"]?.string == "Running")
        #expect(json["reason"] == nil)
        #expect(late.json(old: ["phase": "Failed"], now: start)["reason"]?.string == "DeadlineExceeded")
    }

    @Test("an init container is ready once it has succeeded")
    func readiness() {
        let one: JSON = [["name": "prepare", "image": "busybox"]]
        func isReady(_ facts: ContainerFacts) -> Bool? {
            status(["prepare": facts], initial: one).json(old: [:], now: start)["initContainerStatuses"]?[0]?["ready"]?
                .bool
        }
        #expect(isReady(running()) == false)
        #expect(isReady(ended(1)) == false)
        #expect(isReady(ended(0)) == true)
    }

    @Test("a pod that was not taken has no statuses of containers")
    func rejection() {
        var rejected = status([:])
        rejected.failure = ("NodePorts", PodStatus.rejection + "no port")
        #expect(rejected.json(old: [:], now: start)["containerStatuses"] == nil)
        var evicted = status(["main": ended(137)])
        evicted.failure = ("Evicted", "The node was low on resource: ephemeral-storage.")
        #expect(evicted.json(old: [:], now: start)["containerStatuses"]?.array?.count == 1)
    }

    @Test("why others end a pod stays in its conditions")
    func disruption() {
        let target: JSON = ["type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"]
        #expect(condition("DisruptionTarget", status(["main": running()]), old: ["conditions": [target]]) == target)
        #expect(!PodStatus.ownConditions.contains("DisruptionTarget"))
    }

    @Test("the files of a shim tell how a container ended")
    func ends() {
        let killed = ContainerRun.end("137 9 1 2026-01-02T03:04:05.678901234Z\n", failure: nil)
        #expect(killed?.reason == "OOMKilled" && killed?.signal == 9)
        #expect(ContainerRun.end("0 0 0 2026-01-02T03:04:05Z", failure: nil)?.reason == "Completed")
        let failed = ContainerRun.end("128 0 0 2026-01-02T03:04:05Z", failure: "StartError no such file")
        #expect(failed?.reason == "StartError" && failed?.message == "no such file")
        #expect(ContainerRun.end("", failure: nil) == nil)
    }

    @Test("times are read with fractions and offsets")
    func times() {
        #expect(Timestamps.date("2023-11-14T22:13:20Z") == start)
        #expect(Timestamps.date("2023-11-14T23:13:20.5+01:00") == start.addingTimeInterval(0.5))
        #expect(Timestamps.date("yesterday") == nil)
        #expect(Timestamps.precise(start) == "2023-11-14T22:13:20.000000Z")
    }
}

@Suite("Pressure on the node")
struct NodePressureTests {
    @Test("a machine that runs short says of what")
    func pressure() {
        #expect(NodePressure(availableMemory: 1 << 30, disk: (100 << 30, 6 << 30), processes: (10, 100)) == .init())
        let short = NodePressure(availableMemory: 99 << 20, disk: (10 << 30, 1 << 29), processes: (95, 100))
        #expect(short.isOfMemory && short.isOfDisk && short.isOfProcesses)
        let conditions = NodeRegistration.conditions(old: [], short)
        #expect(conditions.map { $0["status"]?.string } == ["True", "True", "True", "True"])
        #expect(conditions[1]["reason"]?.string == "KubeletHasDiskPressure")
        #expect(
            NodeRegistration.news(old: [], conditions) == [
                "NodeHasInsufficientMemory", "NodeHasDiskPressure", "NodeHasInsufficientPID", "NodeReady",
            ])
        let later = NodeRegistration.conditions(old: conditions, .init(availableMemory: 1))
        #expect(NodeRegistration.news(old: conditions, later) == ["NodeHasNoDiskPressure", "NodeHasSufficientPID"])
        #expect(NodeRegistration.news(old: later, later) == [])
    }
}
