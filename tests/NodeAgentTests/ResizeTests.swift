import Foundation
import KubeModel
import Testing

@testable import NodeAgent

@Suite("Resizing")
struct ResizeTests {
    private func resources(_ cpu: String?, _ memory: String?, limits: JSON? = nil) -> JSON {
        var requests: JSON = [:]
        requests["cpu"] = cpu.map(JSON.string)
        requests["memory"] = memory.map(JSON.string)
        var json: JSON = ["requests": requests]
        json["limits"] = limits
        return json
    }

    @Test("requests of a pod: what runs together adds up, what runs before counts when it is more")
    func requests() {
        let containers: [(kind: ContainerSpec.Kind, resources: JSON?)] = [
            (.sidecar, resources("100m", nil)), (.initial, resources("2", nil)), (.main, resources("500m", nil)),
            (.main, nil), (.main, ["limits": ["cpu": "250m"]]),
        ]
        #expect(PodResize.request("cpu", of: containers) == 2.1)
        #expect(PodResize.request("cpu", of: containers.filter { $0.kind != .initial }) == 0.85)
        #expect(PodResize.request("memory", of: containers) == 0)
    }

    @Test("what does not fit is refused in a kubelet's words")
    func refusals() {
        func refusal(_ wanted: [String: Double], _ before: [String: Double], _ others: [String: Double]) -> String? {
            PodResize.shortage(
                wanted: wanted, before: before, others: others, capacity: ["cpu": 2.0, "memory": 1000.0])?.message
        }
        #expect(refusal(["cpu": 1.5], [:], ["cpu": 0.5]) == nil)
        #expect(
            refusal(["cpu": 1.5, "memory": 1], ["cpu": 1], ["cpu": 0.6])
                == "Node didn't have enough resource: cpu, requested: 1500, used: 600, capacity: 2000")
        #expect(
            refusal(["memory": 900], [:], ["memory": 200])
                == "Node didn't have enough resource: memory, requested: 900, used: 200, capacity: 1000")
    }

    @Test("a node takes so many pods, of which those that ended do not count")
    func numberOfPods() {
        func pod(_ uid: String, _ phase: String) -> KubeObject {
            var object = KubeObject(apiVersion: "v1", kind: "Pod", name: uid, namespace: "b")
            object.metadata["uid"] = .string(uid)
            object.status = ["phase": .string(phase), "startTime": "2026-01-01T00:00:00Z"]
            return object
        }
        let pods = [pod("1", "Running"), pod("2", "Succeeded"), pod("3", "Pending")]
        func refusal(_ most: Double) -> String? {
            ResizePromises().shortage(
                of: "4", wanted: PodResize.requests(of: []), before: [:], among: pods,
                capacity: ["cpu": 1, "memory": 1, "pods": most])?.message
        }
        #expect(refusal(3) == nil)
        #expect(refusal(2) == "Node didn't have enough resource: pods, requested: 1, used: 2, capacity: 2")
    }

    @Test("what the whole node has not is refused for good")
    func infeasible() {
        func reason(_ cpu: Double) -> String? {
            PodResize.shortage(wanted: ["cpu": cpu], before: [:], others: ["cpu": 1], capacity: ["cpu": 2])?.ofResize
                .reason
        }
        #expect(reason(1) == nil)
        #expect(reason(2) == "Deferred")
        #expect(reason(2.5) == "Infeasible")
    }

    @Test("what a pod has already is not refused, however full the node is")
    func shrinking() {
        #expect(
            PodResize.shortage(
                wanted: ["cpu": 1, "memory": 20], before: ["cpu": 2, "memory": 10],
                others: ["cpu": 1000, "memory": 20], capacity: ["cpu": 2, "memory": 100]) == nil)
    }

    @Test("others count with what they were promised, not with what they wait for")
    func promised() {
        var object = KubeObject(apiVersion: "v1", kind: "Pod", name: "a", namespace: "b")
        object["spec"] = [
            "initContainers": [["name": "side", "restartPolicy": "Always", "resources": resources("1", nil)]],
            "containers": [
                ["name": "main", "resources": resources("1000", "2Gi")],
                ["name": "new", "resources": resources("2", nil)],
            ],
        ]
        #expect(PodResize.promised(PodSpec(object)) == ["cpu": 1003, "memory": 2_147_483_648, "pods": 1])
        object["status"] = [
            "initContainerStatuses": [["name": "side", "allocatedResources": ["cpu": "500m"]]],
            "containerStatuses": [
                ["name": "main", "allocatedResources": ["cpu": "250m", "memory": "1Ki"]], ["name": "new"],
            ],
        ]
        #expect(PodResize.promised(PodSpec(object)) == ["cpu": 2.75, "memory": 1024, "pods": 1])
    }

    @Test("what one pod was just promised is not promised to another")
    func promises() {
        let pods = ["1", "2"].map { uid in
            var object = KubeObject(apiVersion: "v1", kind: "Pod", name: "a\(uid)", namespace: "b")
            object.metadata["uid"] = .string(uid)
            object["spec"] = ["containers": [["name": "main", "resources": resources("1000", nil)]]]
            object["status"] = [
                "startTime": "2026-01-01T00:00:00Z",
                "containerStatuses": [["name": "main", "allocatedResources": ["cpu": "1"]]],
            ]
            return object
        }
        let promises = ResizePromises()
        func refusal(_ uid: String, _ wanted: Double, before: Double = 1) -> PodResize.Shortage? {
            promises.shortage(
                of: uid, wanted: ["cpu": wanted], before: ["cpu": before], among: pods, capacity: ["cpu": 4])
        }
        #expect(refusal("1", 1000) != nil)
        #expect(refusal("1", 3) == nil)
        #expect(
            refusal("2", 2)?.message
                == "Node didn't have enough resource: cpu, requested: 2000, used: 3000, capacity: 4000")
        #expect(refusal("1", 2, before: 3) == nil)
        #expect(refusal("2", 2) == nil)
    }

    @Test("updates name what the container has a limit for")
    func updates() {
        let plain = ContainerSpec(json: ["name": "a", "resources": resources("250m", nil)], kind: .main)
        #expect(PodResize.update(plain) == ["cpu": ["shares": 256]])
        let limited = plain.with(resources: ["limits": ["cpu": "1500m", "memory": "64Mi"]])
        #expect(
            PodResize.update(limited) == [
                "cpu": ["shares": 1536, "quota": 150_000, "period": 100_000],
                "memory": ["limit": 67_108_864, "swap": 67_108_864],
            ])
    }

    @Test("Events tell the wanted resources")
    func summary() {
        var object = KubeObject(apiVersion: "v1", kind: "Pod", name: "a", namespace: "b")
        object["spec"] = ["containers": [["name": "main", "resources": resources("1", nil)]]]
        #expect(
            PodResize.summary(PodSpec(object), error: "no")
                == #"{"containers":[{"name":"main","resources":{"requests":{"cpu":"1"}}}],"generation":0,"error":"no"}"#
        )
    }
}

@Suite("Control groups")
struct CgroupReaderTests {
    private func tree(_ files: [String: String]) throws -> CgroupReader {
        let root = "\(NSTemporaryDirectory())/cgroup-\(files.count)-\(UInt32.random(in: 0 ... .max))"
        for (name, text) in files {
            let path = "\(root)/\(name)"
            try FileTools.makeDirectory(String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)]))
            try FileTools.write(text, to: path)
        }
        return CgroupReader(root: root)
    }

    @Test("version 2: one tree, microseconds")
    func unified() throws {
        let reader = try tree([
            "cgroup.controllers": "cpuset cpu io memory pids\n",
            "a/b/cpu.stat": "usage_usec 1500\nuser_usec 1000\nnr_throttled 0\n", "a/b/memory.current": "5000\n",
            "a/b/memory.stat": "anon 3000\nfile 2000\ninactive_file 1500\npgfault 7\npgmajfault 2\n",
        ])
        defer { FileTools.remove(reader.root) }
        #expect(reader.isUnified)
        #expect(
            reader.read("/a/b")
                == CgroupCounters(
                    processorNanoseconds: 1_500_000, memoryBytes: 5000, workingSetBytes: 3500, anonymousBytes: 3000,
                    pageFaults: 7, majorPageFaults: 2))
        #expect(reader.read("/a/c") == nil)
    }

    @Test("version 1, also where version 2 is mounted beside it without controllers")
    func separate() throws {
        let reader = try tree([
            "unified/cgroup.controllers": "\n", "cpuacct/a/cpuacct.usage": "1500\n",
            "memory/a/memory.usage_in_bytes": "5000\n",
            "memory/a/memory.stat":
                "rss 1\ntotal_rss 3000\ninactive_file 1\ntotal_inactive_file 1500\ntotal_pgfault 7\n",
        ])
        defer { FileTools.remove(reader.root) }
        #expect(!reader.isUnified)
        let counters = reader.read("/a")
        #expect(counters?.processorNanoseconds == 1500 && counters?.workingSetBytes == 3500)
        #expect(counters?.anonymousBytes == 3000 && counters?.pageFaults == 7)
    }
}
