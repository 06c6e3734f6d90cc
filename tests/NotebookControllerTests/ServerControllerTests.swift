import KubeClient
import KubeModel
import Logging
import TestSupport
import Testing

@testable import NotebookController

@Suite("Controllers of Tensorboards and PVCViewers")
struct ServerControllerTests {
    private func withController(
        _ cluster: FakeCluster, settings: NotebookControllerConfiguration = .init(), _ body: () async throws -> Void
    ) async throws {
        let service = NotebookControllerService(
            client: cluster.client, configuration: settings,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await service.run() }
            defer { group.cancelAll() }
            try await body()
        }
    }

    private func board(_ logspath: String) -> JSON {
        ["metadata": ["name": "runs", "namespace": "team"], "spec": ["logspath": .string(logspath)]]
    }

    private let viewer: JSON = [
        "metadata": ["name": "data", "namespace": "team"], "spec": ["pvc": "data", "rwoScheduling": true],
    ]

    private func find(_ type: ResourceType, _ name: String, _ cluster: FakeCluster) async throws -> KubeObject? {
        try await cluster.client.find(type, name, namespace: "team")
    }

    /// Waits until an object is as a closure says.
    private func eventually(
        _ type: ResourceType, _ name: String, _ cluster: FakeCluster, _ isSo: @Sendable (KubeObject) -> Bool
    ) async throws -> Bool {
        try await cluster.eventually {
            try await cluster.client.find(type, name, namespace: "team").map(isSo) ?? false
        }
    }

    private func setDeployment(_ cluster: FakeCluster, _ name: String, ready: Int64) async throws {
        _ = try await cluster.client.patch(
            .deployments, name, namespace: "team",
            .merge([
                "status": [
                    "readyReplicas": .int(ready),
                    "conditions": [
                        [
                            "type": "Available", "status": ready > 0 ? "True" : "False", "reason": "R", "message": "m",
                            "lastUpdateTime": "2024-05-01T10:00:00Z",
                        ]
                    ],
                ]
            ]), subresource: "status")
    }

    @Test("a Tensorboard is served, and tells how far it is")
    func tensorboard() async throws {
        let cluster = FakeCluster()
        try await withController(cluster) {
            try await cluster.add(.tensorboards, board("pvc://logs"))
            #expect(try await eventually(.services, "runs", cluster) { $0.controller?.kind == "Tensorboard" })
            #expect(try await eventually(.deployments, "runs", cluster) { $0.controller?.kind == "Tensorboard" })
            try await setDeployment(cluster, "runs", ready: 1)
            #expect(
                try await eventually(.tensorboards, "runs", cluster) {
                    $0.status["readyReplicas"] == 1
                        && $0.status["conditions"]?[0]?["deploymentState"] == "Available"
                        && $0.status["conditions"]?[0]?["lastProbeTime"] == "2024-05-01T10:00:00Z"
                })
        }
    }

    @Test("other logs change the Deployment; a path that cannot be is told, and leaves it as it is")
    func changes() async throws {
        let cluster = FakeCluster()
        func change(_ logspath: String) async throws {
            _ = try await cluster.client.patch(
                .tensorboards, "runs", namespace: "team", .merge(["spec": ["logspath": .string(logspath)]]))
        }
        try await withController(cluster) {
            try await cluster.add(.tensorboards, board("pvc://logs"))
            #expect(try await eventually(.deployments, "runs", cluster) { _ in true })
            try await change("s3://bucket")
            let isChanged: @Sendable (KubeObject) -> Bool = { deployment in
                deployment.json.value(at: "spec", "template", "spec", "containers")?[0]?["args"]?[0]
                    == "--logdir=s3://bucket"
            }
            #expect(try await eventually(.deployments, "runs", cluster, isChanged))
            try await change("pvc://logs/../x")
            #expect(
                try await eventually(.tensorboards, "runs", cluster) {
                    $0.status["conditions"]?[0]?["reason"] == "InvalidLogspath"
                        && $0.status["conditions"]?[0]?["deploymentState"] == "Available"
                })
            #expect(isChanged(try #require(try await find(.deployments, "runs", cluster))))
            let events = try await cluster.client.list(.events, fieldSelector: "involvedObject.kind=Tensorboard").items
            #expect(events.map { $0["reason"] } == ["InvalidLogspath"])
        }
    }

    @Test("a Deployment of that name that is somebody else's is left alone")
    func foreign() async throws {
        let cluster = FakeCluster()
        try await cluster.add(.deployments, ["metadata": ["name": "runs", "namespace": "team"], "spec": ["own": 1]])
        try await withController(cluster) {
            try await cluster.add(.tensorboards, board("pvc://logs"))
            #expect(
                try await eventually(.tensorboards, "runs", cluster) {
                    $0.status["conditions"]?[0]?["reason"] == "NameTaken"
                })
        }
        #expect(try await find(.deployments, "runs", cluster)?.spec == ["own": 1])
        #expect(try await find(.services, "runs", cluster) == nil)
    }

    @Test("a viewer runs where its claim is in use, and stays there while it answers")
    func placement() async throws {
        let cluster = FakeCluster()
        try await cluster.add(
            .persistentVolumeClaims,
            ["metadata": ["name": "data", "namespace": "team"], "spec": ["accessModes": ["ReadWriteOnce"]]])
        func addPod(on node: String) async throws {
            try await cluster.add(
                .pods,
                [
                    "metadata": ["name": .string("lab-\(node)"), "namespace": "team"],
                    "spec": [
                        "nodeName": .string(node), "volumes": [["persistentVolumeClaim": ["claimName": "data"]]],
                    ], "status": ["phase": "Running"],
                ])
        }
        let node: @Sendable (KubeObject) -> String? = {
            ClaimPlace.preferred(by: $0.json.value(at: "spec", "template", "spec"))
        }
        try await addPod(on: "two")
        try await withController(cluster) {
            try await cluster.add(.pvcViewers, viewer)
            #expect(try await eventually(.deployments, "pvcviewer-data", cluster) { node($0) == "two" })
            try await setDeployment(cluster, "pvcviewer-data", ready: 1)
            #expect(
                try await eventually(.pvcViewers, "data", cluster) {
                    $0.status["ready"] == true && $0.status["url"] == "/pvcviewers/team/data/"
                })
            try await addPod(on: "one")
            // It reads again, and finds nothing to change.
            _ = try await cluster.client.patch(
                .pvcViewers, "data", namespace: "team", .merge(["metadata": ["labels": ["a": "b"]]]))
            #expect(
                try await eventually(.deployments, "pvcviewer-data", cluster) {
                    $0.json.value(at: "spec", "template", "metadata", "labels", "a") == "b" && node($0) == "two"
                })
        }
    }

    @Test("a new start of the controller writes nothing when nothing changed")
    func restart() async throws {
        let cluster = FakeCluster()
        try await withController(cluster) {
            try await cluster.add(.tensorboards, board("pvc://logs"))
            try await cluster.add(.pvcViewers, viewer)
            #expect(try await eventually(.tensorboards, "runs", cluster) { $0.status["readyReplicas"] == 0 })
            #expect(try await eventually(.pvcViewers, "data", cluster) { $0.status["ready"] == false })
        }
        cluster.forgetWrites()
        try await withController(cluster) {
            try await cluster.add(
                .tensorboards,
                ["metadata": ["name": "other", "namespace": "team"], "spec": ["logspath": "pvc://logs"]])
            #expect(try await eventually(.tensorboards, "other", cluster) { $0.status["readyReplicas"] == 0 })
        }
        #expect(cluster.writes.filter { $0.contains("runs") || $0.contains("data") }.isEmpty)
    }

    @Test("with Istio there is a route that covers the object's path and nothing else")
    func istio() async throws {
        let cluster = FakeCluster()
        try await cluster.add(
            .customResourceDefinitions,
            [
                "metadata": ["name": .string(ResourceType.virtualServices.qualifiedPlural)],
                "spec": ["versions": [["name": "v1", "served": true]]],
            ])
        try await withController(cluster) {
            var shadowing = viewer
            shadowing.set(["basePrefix": "/pipeline", "targetPort": 80], at: "spec", "networking")
            try await cluster.add(.pvcViewers, shadowing)
            #expect(
                try await eventually(.virtualServices, "pvcviewer-data", cluster) {
                    $0.spec["http"]?[0]?["match"] == [["uri": ["prefix": "/pvcviewers/team/data/"]]]
                })
            let told = try await cluster.eventually {
                try await cluster.client.list(.events, fieldSelector: "involvedObject.kind=PVCViewer").items
                    .contains { $0["reason"] == "FixedPath" }
            }
            #expect(told)
        }
    }
}
