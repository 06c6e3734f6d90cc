import HTTPKit
import KubeClient
import KubeModel
import Logging
import TestSupport
import Testing

@testable import ProfileController

@Suite("Profile controller")
struct ProfileControllerTests {
    /// Runs the whole service against a cluster in memory beside a body, and ends it.
    private func withController(
        _ cluster: FakeCluster, _ settings: ProfileControllerConfiguration = .init(),
        _ body: () async throws -> Void
    ) async throws {
        let service = ProfileControllerService(
            client: cluster.client, configuration: settings,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await service.run() }
            defer { group.cancelAll() }
            try await body()
        }
    }

    private func profile(owner: String = "ann@example.com", hard: JSON? = nil) -> JSON {
        var spec: JSON = ["owner": ["kind": "User", "name": .string(owner)]]
        if let hard { spec["resourceQuotaSpec"] = ["hard": hard] }
        return ["metadata": ["name": "team"], "spec": spec]
    }

    private func condition(_ cluster: FakeCluster) async throws -> JSON? {
        try await cluster.client.get(.profiles, "team").status["conditions"]?[0]
    }

    private func becomes(_ type: String, _ cluster: FakeCluster) async throws -> Bool {
        try await cluster.eventually { try await condition(cluster)?["type"]?.string == type }
    }

    @Test("a Profile gets its namespace, accounts, roles and quota, and says so")
    func creation() async throws {
        let cluster = FakeCluster()
        try await withController(cluster) {
            try await cluster.add(.profiles, profile(hard: ["cpu": "4"]))
            #expect(try await becomes("Successful", cluster))
        }
        let client = cluster.client
        let namespace = try await client.get(.namespaces, "team")
        #expect(namespace.annotations["owner"] == "ann@example.com")
        #expect(namespace.labels["app.kubernetes.io/part-of"] == "kubeflow-profile")
        #expect(
            try await client.list(.serviceAccounts, namespace: "team").items.map(\.name)
                == ["default-editor", "default-viewer"])
        #expect(
            try await client.list(.roleBindings, namespace: "team").items.map(\.name).sorted()
                == ["default-editor", "default-viewer", "namespaceAdmin"])
        #expect(
            try await client.get(.resourceQuotas, "kf-resource-quota", namespace: "team").spec
                == ["hard": ["cpu": "4"]])
        #expect(try await client.get(.profiles, "team").finalizers == ["profile-finalizer"])
        #expect(try await client.list(.authorizationPolicies).items.isEmpty)
    }

    @Test("a transfer ends when the new owner has the namespace, also one with the same name")
    func transfer() async throws {
        let cluster = FakeCluster()
        try await withController(cluster) {
            try await cluster.add(.profiles, profile(owner: "staff"))
            #expect(try await becomes("Successful", cluster))
            try await ProfileAdministration(client: cluster.client).transfer("team", toKind: "Group", "staff")
            let binding = try await cluster.client.get(.roleBindings, "namespaceAdmin", namespace: "team")
            #expect(binding["subjects"]?[0]?["kind"]?.string == "Group")
        }
    }

    @Test("a Profile whose name no namespace can have fails")
    func name() async throws {
        let cluster = FakeCluster()
        try await withController(cluster) {
            try await cluster.add(.profiles, ["metadata": ["name": "a.b"], "spec": profile()["spec"] ?? [:]])
            #expect(
                try await cluster.eventually {
                    let profile = try await cluster.client.get(.profiles, "a.b")
                    return profile.status["conditions"]?[0]?["type"]?.string == "Failed"
                })
        }
    }

    @Test("a settled Profile is not written again by a new start")
    func restart() async throws {
        let cluster = FakeCluster()
        try await withController(cluster) {
            try await cluster.add(.profiles, profile(hard: ["cpu": "4"]))
            #expect(try await becomes("Successful", cluster))
        }
        cluster.forgetWrites()
        try await withController(cluster) {
            try await cluster.add(.profiles, ["metadata": ["name": "other"], "spec": profile()["spec"] ?? [:]])
            let settled = try await cluster.eventually {
                try await cluster.client.get(.profiles, "other").status["conditions"] != nil
            }
            #expect(settled)
        }
        #expect(cluster.writes.filter { $0.contains("/team") }.isEmpty)
    }

    @Test("a new owner takes over the namespace and the binding")
    func newOwner() async throws {
        let cluster = FakeCluster()
        try await withController(cluster) {
            try await cluster.add(.profiles, profile())
            #expect(try await becomes("Successful", cluster))
            _ = try await cluster.client.patch(.profiles, "team", .merge(["spec": ["owner": ["name": "bob"]]]))
            let moved = try await cluster.eventually {
                let binding = try await cluster.client.get(.roleBindings, "namespaceAdmin", namespace: "team")
                return binding.annotations["user"] == "bob" && binding["subjects"]?[0]?["name"] == "bob"
            }
            #expect(moved)
            #expect(try await cluster.client.get(.namespaces, "team").annotations["owner"] == "bob")
            #expect(try await condition(cluster)?["type"] == "Successful")
        }
    }

    @Test("a namespace of somebody else is left alone, and the Profile says why")
    func foreignNamespace() async throws {
        let cluster = FakeCluster()
        try await cluster.add(.namespaces, ["metadata": ["name": "team", "annotations": ["owner": "eve"]]])
        try await withController(cluster) {
            try await cluster.add(.profiles, profile())
            #expect(try await becomes("Failed", cluster))
            #expect(
                try await condition(cluster)?["message"]
                    == "namespace already exist, but not owned by profile creator ann@example.com")
            #expect(try await cluster.client.list(.roleBindings).items.isEmpty)
            // Once it is marked as the owner's, it is adopted.
            _ = try await cluster.client.patch(
                .namespaces, "team", .merge(["metadata": ["annotations": ["owner": "ann@example.com"]]]))
            #expect(try await becomes("Successful", cluster))
            #expect(try await cluster.client.get(.namespaces, "team").controller?.kind == "Profile")
        }
    }

    @Test("what was taken away by hand comes back, and a role that was changed too")
    func drift() async throws {
        let cluster = FakeCluster()
        try await withController(cluster) {
            try await cluster.add(.profiles, profile())
            #expect(try await becomes("Successful", cluster))
            try await cluster.client.delete(.serviceAccounts, "default-editor", namespace: "team")
            _ = try await cluster.client.patch(
                .roleBindings, "default-viewer", namespace: "team", .merge(["roleRef": ["name": "cluster-admin"]]))
            let repaired = try await cluster.eventually {
                let account = try await cluster.client.find(.serviceAccounts, "default-editor", namespace: "team")
                let binding = try await cluster.client.find(.roleBindings, "default-viewer", namespace: "team")
                return account != nil && binding?["roleRef"]?["name"] == "kubeflow-view"
            }
            #expect(repaired)
        }
    }

    @Test("the quota follows the Profile, and goes when its limits go")
    func quota() async throws {
        let cluster = FakeCluster()
        try await withController(cluster) {
            try await cluster.add(.profiles, profile(hard: ["cpu": "4", "memory": "1Gi"]))
            #expect(try await becomes("Successful", cluster))
            _ = try await cluster.client.patch(
                .profiles, "team", .merge(["spec": ["resourceQuotaSpec": ["hard": ["memory": .null]]]]))
            let changed = try await cluster.eventually {
                try await cluster.client.get(.resourceQuotas, "kf-resource-quota", namespace: "team").spec
                    == ["hard": ["cpu": "4"]]
            }
            #expect(changed)
            _ = try await cluster.client.patch(.profiles, "team", .merge(["spec": ["resourceQuotaSpec": .null]]))
            let gone = try await cluster.eventually {
                try await cluster.client.find(.resourceQuotas, "kf-resource-quota", namespace: "team") == nil
            }
            #expect(gone)
        }
    }

    @Test("a deleted Profile is let go")
    func deletion() async throws {
        let cluster = FakeCluster()
        try await withController(cluster) {
            try await cluster.add(.profiles, profile())
            #expect(try await becomes("Successful", cluster))
            try await cluster.client.delete(.profiles, "team")
            #expect(try await cluster.eventually { try await cluster.client.find(.profiles, "team") == nil })
        }
    }

    @Test("a refusal of the server is shown, and tried again")
    func refusal() async throws {
        let cluster = FakeCluster()
        cluster.fail {
            $0.method == "POST" && $0.target.contains("rolebindings") ? APIError(.forbidden, "no such role") : nil
        }
        try await withController(cluster) {
            try await cluster.add(.profiles, profile())
            #expect(try await becomes("Failed", cluster))
            #expect(try await condition(cluster)?["message"] == "no such role")
            cluster.fail { _ in nil }
            #expect(try await becomes("Successful", cluster))
        }
    }

    @Test("with Istio the namespace is opened to its owner, also when Istio comes later")
    func istio() async throws {
        let cluster = FakeCluster()
        try await withController(cluster) {
            try await cluster.add(.profiles, profile())
            #expect(try await becomes("Successful", cluster))
            try await cluster.add(
                .customResourceDefinitions,
                [
                    "metadata": ["name": "authorizationpolicies.security.istio.io"],
                    "spec": ["versions": [["name": "v1", "served": true]]],
                ])
            let there = try await cluster.eventually {
                try await cluster.client.find(.authorizationPolicies, "ns-owner-access-istio", namespace: "team") != nil
            }
            #expect(there)
        }
    }

    @Test("without its file of labels it does not start")
    func missingLabels() async throws {
        var settings = ProfileControllerConfiguration()
        settings.namespaceLabelsPath = "/nowhere/labels.yaml"
        let service = ProfileControllerService(
            client: FakeCluster().client, configuration: settings, logger: Logger(label: "test"))
        await #expect(throws: NamespaceLabelsError.self) { try await service.run() }
    }
}
