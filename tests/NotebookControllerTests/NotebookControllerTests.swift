import HTTPKit
import KubeClient
import KubeModel
import Logging
import TestSupport
import Testing

@testable import NotebookController

@Suite("Notebook controller")
struct NotebookControllerTests {
    /// Runs the whole service against a cluster in memory beside a body, and ends it.
    private func withController(
        _ cluster: FakeCluster, metrics: Metrics = Metrics(), _ body: () async throws -> Void
    ) async throws {
        let service = NotebookControllerService(
            client: cluster.client, metrics: metrics, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await service.run() }
            defer { group.cancelAll() }
            try await body()
        }
    }

    private let lab: JSON = [
        "metadata": ["name": "lab", "namespace": "team"],
        "spec": ["template": ["spec": ["containers": [["name": "lab", "image": "jupyter"]]]]],
    ]

    private func exists(_ type: ResourceType, _ cluster: FakeCluster, name: String = "lab") async throws -> Bool {
        try await cluster.eventually { try await cluster.client.find(type, name, namespace: "team") != nil }
    }

    private func notebook(_ cluster: FakeCluster) async throws -> KubeObject {
        try await cluster.client.get(.notebooks, "lab", namespace: "team")
    }

    private func addPod(_ cluster: FakeCluster, ready: Bool) async throws {
        try await cluster.add(
            .pods,
            [
                "metadata": ["name": "lab-0", "namespace": "team", "labels": ["notebook-name": "lab"]],
                "status": [
                    "conditions": [["type": "Ready", "status": .string(ready ? "True" : "False"), "extra": 1]],
                    "containerStatuses": [
                        ["name": "sidecar", "state": ["waiting": ["reason": "No"]]],
                        ["name": "lab", "state": ["running": ["startedAt": "2024-05-01T10:00:00Z"]]],
                    ],
                ],
            ])
    }

    private func addEvent(_ cluster: FakeCluster, _ name: String, about kind: String, _ object: String) async throws {
        try await cluster.add(
            .events,
            [
                "metadata": ["name": .string(name), "namespace": "team"],
                "involvedObject": ["kind": .string(kind), "name": .string(object), "namespace": "team"],
                "type": "Warning", "reason": "BackOff", "message": "it fell", "count": 1,
                "lastTimestamp": "2024-05-01T12:00:00Z",
            ])
    }

    private func reissued(_ cluster: FakeCluster) async throws -> [KubeObject] {
        try await cluster.client.list(.events, fieldSelector: "involvedObject.kind=Notebook").items
    }

    @Test("a Notebook gets its StatefulSet and Service, and is counted")
    func creation() async throws {
        let cluster = FakeCluster()
        let metrics = Metrics()
        try await withController(cluster, metrics: metrics) {
            try await cluster.add(.notebooks, lab)
            #expect(try await exists(.statefulSets, cluster))
            #expect(try await exists(.services, cluster))
            let status = try await cluster.eventually { try await notebook(cluster).status["readyReplicas"] == 0 }
            #expect(status)
            #expect(try await cluster.eventually { metrics.value("notebook_running", ["namespace": "team"]) == 1 })
            #expect(metrics.value("notebook_create_total", ["namespace": "team"]) == 1)
        }
        #expect(try await cluster.client.list(.virtualServices).items.isEmpty)
    }

    @Test("the status mirrors the Pod and the set, and is cleared when they go")
    func status() async throws {
        let cluster = FakeCluster()
        try await withController(cluster) {
            try await cluster.add(.notebooks, lab)
            #expect(try await exists(.statefulSets, cluster))
            try await addPod(cluster, ready: true)
            _ = try await cluster.client.patch(
                .statefulSets, "lab", namespace: "team", .merge(["status": ["readyReplicas": 1]]),
                subresource: "status")
            let wanted: JSON = [
                "conditions": [["type": "Ready", "status": "True"]], "readyReplicas": 1,
                "containerState": ["running": ["startedAt": "2024-05-01T10:00:00Z"]],
            ]
            #expect(try await cluster.eventually { try await notebook(cluster).status == wanted })
            try await cluster.client.delete(.pods, "lab-0", namespace: "team")
            let empty: JSON = ["conditions": [], "readyReplicas": 1, "containerState": [:]]
            #expect(try await cluster.eventually { try await notebook(cluster).status == empty })
        }
    }

    @Test("stopping and starting change the replicas, and repair by hand is undone")
    func stopAndStart() async throws {
        let cluster = FakeCluster()
        func replicas(_ count: Int64) async throws -> Bool {
            try await cluster.eventually {
                let set = try await cluster.client.find(.statefulSets, "lab", namespace: "team")
                return set?.spec["replicas"]?.int == count
            }
        }
        try await withController(cluster) {
            try await cluster.add(.notebooks, lab)
            #expect(try await replicas(1))
            _ = try await cluster.client.patch(
                .notebooks, "lab", namespace: "team",
                .merge(["metadata": ["annotations": ["kubeflow-resource-stopped": "now"]]]))
            #expect(try await replicas(0))
            _ = try await cluster.client.patch(
                .notebooks, "lab", namespace: "team",
                .merge(["metadata": ["annotations": ["kubeflow-resource-stopped": .null]]]))
            #expect(try await replicas(1))
            _ = try await cluster.client.patch(
                .statefulSets, "lab", namespace: "team", .merge(["spec": ["replicas": 3]]))
            #expect(try await replicas(1))
        }
    }

    @Test("a new start of the controller writes nothing when nothing changed")
    func restart() async throws {
        let cluster = FakeCluster()
        try await withController(cluster) {
            try await cluster.add(.notebooks, lab)
            #expect(try await exists(.services, cluster))
            try await addPod(cluster, ready: false)
            try await addEvent(cluster, "e1", about: "Pod", "lab-0")
            #expect(try await cluster.eventually { try await reissued(cluster).count == 1 })
            #expect(try await cluster.eventually { try await notebook(cluster).status["conditions"]?[0] != nil })
        }
        cluster.forgetWrites()
        try await withController(cluster) {
            try await cluster.add(
                .notebooks, ["metadata": ["name": "other", "namespace": "team"], "spec": lab["spec"] ?? [:]])
            #expect(try await exists(.services, cluster, name: "other"))
            try await addEvent(cluster, "e2", about: "StatefulSet", "other")
            #expect(try await cluster.eventually { try await reissued(cluster).count == 2 })
        }
        #expect(cluster.writes.filter { $0.contains("lab") }.isEmpty)
    }

    @Test("events of the Pod and the set are said again once, and count on with their source")
    func events() async throws {
        let cluster = FakeCluster()
        try await withController(cluster) {
            try await cluster.add(.notebooks, lab)
            #expect(try await exists(.statefulSets, cluster))
            try await addPod(cluster, ready: false)
            try await addEvent(cluster, "e1", about: "Pod", "lab-0")
            try await addEvent(cluster, "e2", about: "StatefulSet", "lab")
            try await addEvent(cluster, "e3", about: "Pod", "stranger-0")
            #expect(try await cluster.eventually { try await reissued(cluster).count == 2 })
            _ = try await cluster.client.patch(
                .events, "e1", namespace: "team", .merge(["count": 5, "lastTimestamp": "2024-05-01T12:05:00Z"]))
            let counted = try await cluster.eventually {
                try await reissued(cluster).contains {
                    $0["count"] == 5 && $0["lastTimestamp"] == "2024-05-01T12:05:00Z"
                }
            }
            #expect(counted)
        }
        let events = try await reissued(cluster)
        #expect(
            Set(events.compactMap { $0["message"]?.string })
                == ["Reissued from pod/lab-0: it fell", "Reissued from statefulset/lab: it fell"])
        #expect(events.allSatisfy { $0["reason"] == "BackOff" && $0["type"] == "Warning" })
        #expect(events.allSatisfy { $0["source"]?["component"] == "notebook-controller" })
        let uid = try await notebook(cluster).uid
        #expect(events.allSatisfy { $0["involvedObject"]?["uid"]?.string == uid })
    }

    @Test("an event that is seen before the set it is about is not lost")
    func earlyEvent() async throws {
        let cluster = FakeCluster()
        cluster.fail {
            $0.method == "POST" && $0.target.contains("statefulsets") ? APIError(.internalError, "later") : nil
        }
        try await withController(cluster) {
            try await addEvent(cluster, "e1", about: "StatefulSet", "lab")
            try await cluster.add(.notebooks, lab)
            #expect(try await cluster.eventually { cluster.openWatches >= 8 })
            cluster.fail { _ in nil }
            #expect(try await cluster.eventually { try await reissued(cluster).count == 1 })
        }
    }

    @Test("an event from before the Notebook was about an earlier one")
    func oldEvents() {
        let notebook = NotebookPlanTests.notebook()
        let old = KubeObject(["metadata": ["name": "e", "uid": "u"], "lastTimestamp": "2024-05-01T09:59:59Z"])
        #expect(EventReissuer.reissued(old, about: notebook) == nil)
        let new = KubeObject(["metadata": ["name": "e", "uid": "u"], "eventTime": "2024-05-01T10:00:01.000000Z"])
        #expect(EventReissuer.reissued(new, about: notebook)?["lastTimestamp"] == "2024-05-01T10:00:01Z")
    }

    @Test("a set of that name that is somebody else's is left alone")
    func foreignSet() async throws {
        let cluster = FakeCluster()
        try await cluster.add(
            .statefulSets, ["metadata": ["name": "lab", "namespace": "team"], "spec": ["replicas": 7]])
        try await withController(cluster) {
            try await cluster.add(.notebooks, lab)
            let told = try await cluster.eventually {
                try await reissued(cluster).contains { $0["reason"] == "NameTaken" }
            }
            #expect(told)
        }
        #expect(try await cluster.client.get(.statefulSets, "lab", namespace: "team").spec == ["replicas": 7])
    }

    @Test("with Istio there is a route in the version that is served")
    func istio() async throws {
        let cluster = FakeCluster()
        try await cluster.add(
            .customResourceDefinitions,
            [
                "metadata": ["name": "virtualservices.networking.istio.io"],
                "spec": ["versions": [["name": "v1beta1", "served": true]]],
            ])
        try await withController(cluster) {
            try await cluster.add(.notebooks, lab)
            #expect(try await exists(.virtualServices, cluster, name: "notebook-team-lab"))
        }
        let route = try await cluster.client.get(.virtualServices, "notebook-team-lab", namespace: "team")
        #expect(route.apiVersion == "networking.istio.io/v1beta1")
    }

    @Test("nothing is made for a Notebook that is going away")
    func deletion() async throws {
        let cluster = FakeCluster()
        var going = lab
        going.set("2024-05-01T11:00:00Z", at: "metadata", "deletionTimestamp")
        going.set(["x/y"], at: "metadata", "finalizers")
        try await cluster.add(.notebooks, going)
        try await withController(cluster) {
            try await cluster.add(
                .notebooks, ["metadata": ["name": "other", "namespace": "team"], "spec": lab["spec"] ?? [:]])
            #expect(try await exists(.services, cluster, name: "other"))
        }
        #expect(try await cluster.client.find(.statefulSets, "lab", namespace: "team") == nil)
    }
}
