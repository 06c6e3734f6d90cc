import KubeModel
import Testing

@testable import ProfileController

@Suite("Profile plan")
struct ProfilePlanTests {
    static func profile(_ spec: JSON, name: String = "team") -> KubeObject {
        KubeObject([
            "apiVersion": "kubeflow.org/v1", "kind": "Profile", "metadata": ["name": .string(name), "uid": "p-1"],
            "spec": spec,
        ])
    }

    private static let ann: JSON = ["owner": ["kind": "User", "name": "ann@example.com"]]

    @Test("the namespace is marked, labelled and owned")
    func namespace() throws {
        let namespace = try ProfilePlan(Self.profile(Self.ann)).namespace(labels: ["a": "b", "gone": ""])
        #expect(namespace.name == "team")
        #expect(namespace.annotations == ["owner": "ann@example.com"])
        #expect(namespace.labels == ["istio-injection": "enabled", "a": "b"])
        #expect(namespace.controller?.uid == "p-1")
        #expect(namespace.controller?.kind == "Profile")
    }

    @Test("labels never overwrite what is there, and an empty value takes one away")
    func labels() throws {
        let plan = try ProfilePlan(Self.profile(Self.ann))
        let labels = plan.labels(
            onto: ["istio-injection": "disabled", "a": "mine", "old": "x"],
            from: ["a": "theirs", "old": "", "b": "new"])
        #expect(labels == ["istio-injection": "disabled", "a": "mine", "b": "new"])
    }

    @Test("three bindings tie accounts and owner to Kubeflow's roles")
    func bindings() throws {
        let bindings = try ProfilePlan(Self.profile(Self.ann)).roleBindings()
        #expect(bindings.map(\.name) == ["default-editor", "default-viewer", "namespaceAdmin"])
        #expect(
            bindings.compactMap { $0["roleRef"]?["name"]?.string } == [
                "kubeflow-edit", "kubeflow-view", "kubeflow-admin",
            ])
        #expect(
            bindings[0]["subjects"] == [["kind": "ServiceAccount", "name": "default-editor", "namespace": "team"]])
        #expect(
            bindings[2]["subjects"] == [
                ["kind": "User", "name": "ann@example.com", "apiGroup": "rbac.authorization.k8s.io"]
            ])
        #expect(bindings[2].annotations == ["user": "ann@example.com", "role": "admin"])
    }

    @Test("without limits there is no quota")
    func quota() throws {
        var spec = Self.ann
        #expect(try ProfilePlan(Self.profile(spec)).quota() == nil)
        spec["resourceQuotaSpec"] = ["hard": [:]]
        #expect(try ProfilePlan(Self.profile(spec)).quota() == nil)
        spec["resourceQuotaSpec"] = ["hard": ["cpu": "2"], "scopes": ["NotTerminating"]]
        let quota = try ProfilePlan(Self.profile(spec)).quota()
        #expect(quota?.name == "kf-resource-quota")
        #expect(quota?.spec == spec["resourceQuotaSpec"])
    }

    @Test(
        "owners that would let in somebody else are refused",
        arguments: [
            [:], ["owner": ["kind": "User", "name": ""]], ["owner": ["kind": "User", "name": "*@example.com"]],
            ["owner": ["kind": "Robot", "name": "x"]], ["owner": ["kind": "ServiceAccount", "name": "x"]],
        ] as [JSON])
    func owners(spec: JSON) {
        #expect(throws: ProfileProblem.self) { try ProfilePlan(Self.profile(spec)) }
    }

    @Test("a name that no namespace can have is refused", arguments: ["a.b", String(repeating: "a", count: 64)])
    func names(name: String) {
        #expect {
            try ProfilePlan(Self.profile(Self.ann, name: name))
        } throws: { error in
            (error as? ProfileProblem)?.message.hasPrefix("metadata.name cannot be the name of a namespace: ") == true
        }
    }

    @Test("the policy lets in the owner by the header, and a Group not at all")
    func policy() throws {
        var settings = ProfileControllerConfiguration()
        settings.userIDPrefix = "oidc:"
        let policy = try ProfilePlan(Self.profile(Self.ann)).authorizationPolicy(.authorizationPolicies, settings)
        let rules = policy.spec["rules"]?.array ?? []
        #expect(rules.count == 4)
        #expect(
            rules[0]["when"] == [
                ["key": "request.headers[kubeflow-userid]", "values": ["oidc:ann@example.com"]]
            ])
        #expect(rules[1]["when"] == [["key": "source.namespace", "values": ["team"]]])
        let group = Self.profile(["owner": ["kind": "Group", "name": "staff"]])
        let shared = try ProfilePlan(group).authorizationPolicy(.authorizationPolicies, settings)
        #expect(shared.spec["rules"]?.array?.count == 3)
    }

    @Test("a file of labels is a map of strings, and nothing else")
    func labelFile() throws {
        #expect(try NamespaceLabels.parse("a: b\nc: \"true\"\nd: \"\"", path: "f") == ["a": "b", "c": "true", "d": ""])
        #expect(try NamespaceLabels.parse("", path: "f") == [:])
        #expect(throws: NamespaceLabelsError.self) { try NamespaceLabels.parse("a: true", path: "f") }
        #expect(throws: NamespaceLabelsError.self) { try NamespaceLabels.parse("[a]", path: "f") }
    }
}
