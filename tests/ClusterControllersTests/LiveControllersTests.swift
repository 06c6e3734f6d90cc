import ControlPlane
import Foundation
import HTTPKit
import KubeClient
import KubeModel
import Logging
import TestSupport
import Testing

/// The controllers at work on the real API, in this process.
@Suite("Controllers on the API", .timeLimit(.minutes(5)))
struct LiveControllersTests {
    /// Runs a control plane on an empty folder while `body` runs.
    private func withCluster(_ body: @escaping @Sendable (KubeClient, _ folder: String) async throws -> Void)
        async throws
    {
        let folder = try TemporaryFolder()
        let plane = try ControlPlane(
            ControlPlaneConfiguration(dataDirectory: folder.path, port: 0, nodeSocket: "\(folder.path)/node.sock"),
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                do { try await plane.run() } catch is CancellationError { return }
            }
            _ = try await plane.ready()
            let client = plane.client(user: "admin", groups: ["system:masters"])
            _ = try await client.create(.namespaces, KubeObject(apiVersion: "v1", kind: "Namespace", name: "team"))
            try await body(client, folder.path)
            group.cancelAll()
        }
    }

    /// Waits until `check` holds; the test's time limit ends it otherwise.
    private func eventually(_ what: Comment, _ check: () async throws -> Bool) async throws {
        let start = ContinuousClock.now
        while try await !check() {
            guard ContinuousClock.now - start < .seconds(60) else {
                Issue.record(what)
                throw CancellationError()
            }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    private func template(_ app: String) -> JSON {
        [
            "metadata": ["labels": ["app": .string(app)]],
            "spec": ["containers": [["name": "main", "image": "python:3.11"]]],
        ]
    }

    private func workload(_ kind: String, _ name: String, _ spec: JSON) -> KubeObject {
        var object = KubeObject(
            apiVersion: kind == "Job" ? "batch/v1" : "apps/v1", kind: kind, name: name, namespace: "team")
        object.spec = spec
        return object
    }

    private func node(cpu: String) -> KubeObject {
        var node = KubeObject(apiVersion: "v1", kind: "Node", name: "martlet")
        node.status = [
            "allocatable": ["cpu": .string(cpu), "memory": "8Gi", "pods": "110"],
            "conditions": [["type": "Ready", "status": "True", "reason": "KubeletReady", "message": "ready"]],
        ]
        return node
    }

    @Test("a Deployment makes its Pods, updates them, and takes them with it")
    func deployment() async throws {
        try await withCluster { client, _ in
            let spec: JSON = ["replicas": 2, "selector": ["matchLabels": ["app": "web"]], "template": template("web")]
            _ = try await client.create(.deployments, workload("Deployment", "web", spec))
            try await eventually("two Pods") { try await client.list(.pods, namespace: "team").items.count == 2 }
            try await eventually("status") {
                let status = try await client.get(.deployments, "web", namespace: "team").status
                return status["unavailableReplicas"] == 2 && status["updatedReplicas"] == 2
            }
            _ = try await client.patch(
                .deployments, "web", namespace: "team",
                .merge(["spec": ["template": ["metadata": ["labels": ["version": "2"]]]]]))
            try await eventually("a second ReplicaSet, with revision 2") {
                let sets = try await client.list(.replicaSets, namespace: "team").items
                return Set(sets.compactMap { $0.annotations["deployment.kubernetes.io/revision"] }) == ["1", "2"]
            }
            try await client.delete(.deployments, "web", namespace: "team")
            try await eventually("all collected") {
                let sets = try await client.list(.replicaSets, namespace: "team").items
                let pods = try await client.list(.pods, namespace: "team").items
                return sets.isEmpty && pods.isEmpty
            }
        }
    }

    @Test("two thousand Pods of one Deployment are there soon")
    func manyPods() async throws {
        try await withCluster { client, _ in
            let spec: JSON = [
                "replicas": 2000, "selector": ["matchLabels": ["app": "many"]], "template": template("many"),
            ]
            _ = try await client.create(.deployments, workload("Deployment", "many", spec))
            try await eventually("all of them") {
                try await client.get(.deployments, "many", namespace: "team").status["updatedReplicas"] == 2000
            }
        }
    }

    @Test("members of a group are placed together or not at all")
    func groups() async throws {
        try await withCluster { client, _ in
            let names: JSON = ["plural": "podgroups", "kind": "PodGroup"]
            let version: JSON = [
                "name": "v1alpha1", "served": true, "storage": true,
                "schema": [
                    "openAPIV3Schema": ["type": "object", "x-kubernetes-preserve-unknown-fields": true]
                ],
            ]
            var definition = KubeObject(
                apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition",
                name: "podgroups.scheduling.x-k8s.io",
                annotations: ["api-approved.kubernetes.io": "https://github.com/kubernetes-sigs/scheduler-plugins"])
            definition.spec = [
                "group": "scheduling.x-k8s.io", "scope": "Namespaced", "names": names, "versions": [version],
            ]
            _ = try await client.create(.customResourceDefinitions, definition)
            _ = try await client.create(.nodes, node(cpu: "2"))
            var group = KubeObject(
                apiVersion: "scheduling.x-k8s.io/v1alpha1", kind: "PodGroup", name: "g", namespace: "team")
            group.spec = ["minMember": 3]
            let type = ResourceType("scheduling.x-k8s.io", "v1alpha1", "podgroups", "PodGroup")
            try await eventually("groups are served") { (try? await client.create(type, group)) != nil }
            func member(_ name: String) -> KubeObject {
                var pod = KubeObject(
                    apiVersion: "v1", kind: "Pod", name: name, namespace: "team",
                    labels: ["scheduling.x-k8s.io/pod-group": "g"])
                pod.spec = [
                    "containers": [["name": "main", "image": "x", "resources": ["requests": ["cpu": "900m"]]]]
                ]
                return pod
            }
            // A namespace that has just been made gets the account that its Pods need.
            try await eventually("an account") {
                try await client.find(.serviceAccounts, "default", namespace: "team") != nil
            }
            for name in ["a", "b", "c"] { _ = try await client.create(.pods, member(name)) }
            try await eventually("they are told that they do not fit") {
                try await client.list(.pods, namespace: "team").items.allSatisfy {
                    KubeObjectStatus.condition($0.status, "PodScheduled")?["reason"] == "Unschedulable"
                }
            }
            #expect(try await client.list(.pods, namespace: "team").items.allSatisfy { $0.spec["nodeName"] == nil })
            _ = try await client.patch(
                .nodes, "martlet", .merge(["status": ["allocatable": ["cpu": "3"]]]), subresource: "status")
            try await eventually("all are placed") {
                try await client.list(.pods, namespace: "team").items.allSatisfy { $0.spec["nodeName"] == "martlet" }
            }
        }
    }

    @Test("a StatefulSet's Pod gets a claim, the claim a folder; both survive a stop, the folder goes with the claim")
    func statefulSet() async throws {
        try await withCluster { client, folder in
            // The node agent, whose folders they are, is a process of its own; here its interface is enough.
            var agent = Router(logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
            agent.add("DELETE", "/volumes/{namespace}/{claim}") { _, names in
                try FileManager.default.removeItem(
                    atPath: "\(folder)/volumes/\(names["namespace"])/\(names["claim"])")
                return HTTPResponse(status: 204)
            }
            let serving = Task { [agent] in
                try await HTTPServer(
                    listener: .unix(path: "\(folder)/node.sock"),
                    logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
                ) { await agent($0) }.run()
            }
            defer { serving.cancel() }
            _ = try await client.create(.nodes, node(cpu: "4"))
            let spec: JSON = [
                "replicas": 1, "serviceName": "lab", "selector": ["matchLabels": ["app": "lab"]],
                "template": template("lab"),
                "volumeClaimTemplates": [
                    [
                        "metadata": ["name": "data"],
                        "spec": ["accessModes": ["ReadWriteOnce"], "resources": ["requests": ["storage": "1Gi"]]],
                    ]
                ],
            ]
            _ = try await client.create(.statefulSets, workload("StatefulSet", "lab", spec))
            try await eventually("the Pod is placed") {
                try await client.find(.pods, "lab-0", namespace: "team")?.spec["nodeName"] == "martlet"
            }
            let claim = try await client.get(.persistentVolumeClaims, "data-lab-0", namespace: "team")
            #expect(claim.status["phase"] == "Bound")
            let volume = try await client.get(.persistentVolumes, "pvc-\(claim.uid)")
            let path = "\(folder)/volumes/team/data-lab-0"
            #expect(volume.spec.value(at: "hostPath", "path")?.string == path)
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)

            _ = try await client.patch(.statefulSets, "lab", namespace: "team", .merge(["spec": ["replicas": 0]]))
            try await eventually("the Pod is going") {
                try await client.find(.pods, "lab-0", namespace: "team")?.isBeingDeleted ?? true
            }
            try await client.delete(.persistentVolumeClaims, "data-lab-0", namespace: "team")
            #expect(try await client.find(.persistentVolumeClaims, "data-lab-0", namespace: "team") != nil)
            _ = try? await client.delete(.pods, "lab-0", namespace: "team", gracePeriodSeconds: 0)
            try await eventually("claim, volume and folder are gone") {
                let claim = try await client.find(.persistentVolumeClaims, "data-lab-0", namespace: "team")
                let left = try await client.find(.persistentVolumes, volume.name)
                return claim == nil && left == nil && !FileManager.default.fileExists(atPath: path)
            }
        }
    }

    @Test("a volume that nobody removes says why")
    func volumeThatStays() async throws {
        try await withCluster { client, folder in
            var volume = KubeObject(
                apiVersion: "v1", kind: "PersistentVolume", name: "v",
                annotations: ["pv.kubernetes.io/provisioned-by": "martlet"])
            volume.spec = [
                "capacity": ["storage": "1Gi"], "accessModes": ["ReadWriteOnce"], "storageClassName": "standard",
                "persistentVolumeReclaimPolicy": "Delete", "hostPath": ["path": .string("\(folder)/volumes/team/c")],
                "claimRef": [
                    "namespace": "team", "name": "c", "uid": "c0ffee00-0000-4000-8000-000000000000",
                ],
            ]
            _ = try await client.create(.persistentVolumes, volume)
            try await eventually("an Event") {
                try await client.list(.events, namespace: nil).items.contains {
                    let event = $0.json
                    return event["reason"] == "VolumeFailedDelete" && event.value(at: "involvedObject", "name") == "v"
                        && event["message"]?.string?.contains("cannot be reached") == true
                }
            }
            #expect(try await client.find(.persistentVolumes, "v") != nil)
        }
    }

    @Test("owners: foreground waits for what blocks, orphans stay, dependents of nobody go")
    func garbage() async throws {
        try await withCluster { client, _ in
            func map(_ name: String, owner: KubeObject? = nil, finalizers: [String] = []) -> KubeObject {
                var map = KubeObject(apiVersion: "v1", kind: "ConfigMap", name: name, namespace: "team")
                if !finalizers.isEmpty { map.metadata["finalizers"] = .array(finalizers.map(JSON.string)) }
                if let owner {
                    map.metadata["ownerReferences"] = [
                        [
                            "apiVersion": "v1", "kind": "ConfigMap", "name": .string(owner.name),
                            "uid": .string(owner.uid),
                            "blockOwnerDeletion": true,
                        ]
                    ]
                }
                return map
            }
            func find(_ name: String) async throws -> KubeObject? {
                try await client.find(.configMaps, name, namespace: "team")
            }
            let first = try await client.create(.configMaps, map("first"))
            _ = try await client.create(.configMaps, map("first-child", owner: first, finalizers: ["example.com/hold"]))
            try await client.delete(.configMaps, "first", namespace: "team", propagation: "Foreground")
            try await eventually("the child is going") { try await find("first-child")?.isBeingDeleted == true }
            #expect(try await find("first")?.finalizers == ["foregroundDeletion"])
            _ = try await client.patch(
                .configMaps, "first-child", namespace: "team", .merge(["metadata": ["finalizers": .null]]))
            try await eventually("the owner is gone") { try await find("first") == nil }

            let second = try await client.create(.configMaps, map("second"))
            _ = try await client.create(.configMaps, map("second-child", owner: second))
            // The graph has to know the child before its owner is orphaned.
            _ = try await client.create(.configMaps, map("stray", owner: first))
            try await eventually("the stray is gone") { try await find("stray") == nil }
            try await client.delete(.configMaps, "second", namespace: "team", propagation: "Orphan")
            try await eventually("the second owner is gone") { try await find("second") == nil }
            #expect(try await find("second-child")?.ownerReferences.isEmpty == true)
        }
    }

    @Test("a namespace is emptied before it goes, and waits for finalizers")
    func namespace() async throws {
        try await withCluster { client, _ in
            try await eventually("account and certificate") {
                let account = try await client.find(.serviceAccounts, "default", namespace: "team")
                let map = try await client.find(.configMaps, "kube-root-ca.crt", namespace: "team")
                return account != nil && map != nil
            }
            var map = KubeObject(apiVersion: "v1", kind: "ConfigMap", name: "held", namespace: "team")
            map.metadata["finalizers"] = ["example.com/hold"]
            _ = try await client.create(.configMaps, map)
            try await client.delete(.namespaces, "team")
            try await eventually("it says what is left") {
                let status = try await client.get(.namespaces, "team").status
                return KubeObjectStatus.condition(status, "NamespaceFinalizersRemaining")?["message"]?.string?.contains(
                    "example.com/hold in 1") == true
            }
            _ = try await client.patch(
                .configMaps, "held", namespace: "team", .merge(["metadata": ["finalizers": .null]]))
            try await eventually("it is gone") { try await client.find(.namespaces, "team") == nil }
        }
    }

    @Test("a Job counts each Pod once and completes; a Pod that is too large waits and says why")
    func jobAndScheduler() async throws {
        try await withCluster { client, _ in
            _ = try await client.create(.nodes, node(cpu: "1"))
            var pod = template("job")
            pod.set("Never", at: "spec", "restartPolicy")
            _ = try await client.create(
                .jobs, workload("Job", "sum", ["completions": 3, "parallelism": 2, "template": pod]))
            for _ in 0..<3 {
                try await eventually("a Pod runs") {
                    try await client.list(.pods, namespace: "team").items.contains { !$0.isFinishedForTest }
                }
                let running = try await client.list(.pods, namespace: "team").items.first { !$0.isFinishedForTest }
                _ = try await client.patch(
                    .pods, running?.name ?? "", namespace: "team", .merge(["status": ["phase": "Succeeded"]]),
                    subresource: "status")
            }
            try await eventually("complete") {
                let status = try await client.get(.jobs, "sum", namespace: "team").status
                return status["succeeded"] == 3
                    && status["conditions"]?.array?.contains { $0["type"] == "Complete" } == true
            }
            #expect(try await client.list(.pods, namespace: "team").items.count == 3)

            var large = KubeObject(apiVersion: "v1", kind: "Pod", name: "large", namespace: "team")
            large.spec = [
                "containers": [["name": "main", "image": "python:3.11", "resources": ["requests": ["cpu": "2"]]]]
            ]
            _ = try await client.create(.pods, large)
            try await eventually("it is told why it waits") {
                let conditions =
                    try await client.get(.pods, "large", namespace: "team").status["conditions"]?.array ?? []
                let message =
                    "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
                return conditions.contains { $0["message"]?.string == message }
            }
        }
    }
}

extension KubeObject {
    fileprivate var isFinishedForTest: Bool { ["Succeeded", "Failed"].contains(status["phase"]?.string ?? "") }
}

/// Reads conditions without the controllers' own code.
private enum KubeObjectStatus {
    static func condition(_ status: JSON, _ type: String) -> JSON? {
        status["conditions"]?.array?.first { $0["type"]?.string == type }
    }
}
