import CEL
import ClusterRules
import Foundation
import KubeModel
import Testing

@Suite("Admission policies")
struct PolicyTests {
    private static let deployments = ResourceType("apps", "v1", "deployments", "Deployment")

    /// The warnings for one expression about Deployments.
    private static func warnings(
        _ expression: String, variables: JSON = [], paramKind: JSON = .null, params: JSONShape? = nil
    ) throws -> [String] {
        let policy: JSON = [
            "spec": [
                "validations": [["expression": .string(expression)]], "variables": variables, "paramKind": paramKind,
            ]
        ]
        let shape = try #require(TypeShapes.builtin(deployments, named: "Deployment"))
        return PolicyTypeCheck(of: policy).warnings([.init(deployments, shape)], params: params)
            .map { $0["warning"]?.string ?? "" }
    }

    @Test(
        "types of objects are checked",
        arguments: [
            "object.spec.replicas > 1", "object.metadata.labels['a'] == 'b'", "object.spec.template.spec.hostNetwork",
            "object.spec.template.spec.containers.all(c, c.name != '')", "object.kind == 'Deployment'",
            "object.spec.strategy.rollingUpdate.maxSurge == 1 || object.spec.strategy.rollingUpdate.maxSurge == '1'",
            "oldObject.metadata.creationTimestamp < timestamp('2030-01-01T00:00:00Z')", "params.any.thing == 1",
        ])
    func right(_ expression: String) throws {
        #expect(try Self.warnings(expression, paramKind: ["apiVersion": "v1", "kind": "Unknown"]).isEmpty)
    }

    @Test("what is wrong is told with the kind and the place")
    func wrong() throws {
        #expect(
            try Self.warnings("object.spec.nope == 1") == [
                "apps/v1, Kind=Deployment: ERROR: <input>:1:12: undefined field 'nope'\n | object.spec.nope == 1\n"
                    + " | ...........^\n"
            ])
        #expect(try Self.warnings("params.x == 1").count == 1)
        #expect(
            try Self.warnings(
                "object.spec.replicas == variables.a",
                variables: [
                    ["name": "a", "expression": "object.metadata.name"]
                ]
            ).count == 1)
    }

    @Test("rules that name everything are left out, subresources too")
    func resources() {
        let policy: JSON = [
            "spec": [
                "matchConstraints": [
                    "resourceRules": [
                        ["apiGroups": ["*"], "apiVersions": ["v1"], "resources": ["pods"]],
                        ["apiGroups": ["b", "a"], "apiVersions": ["v1"], "resources": ["x", "x/status", "*"]],
                    ]
                ]
            ]
        ]
        let rules = PolicyTypeCheck(of: policy).rules
        let asked = ["a", "b", "c"].flatMap { group in
            ["x", "y", "x/status", "*"].map { ResourceType(group, "v1", $0, "") }
        }
        let named = rules.map { rule in rule.map { asked.filter($0.contains).map(\.qualifiedPlural) } }
        #expect(named == [nil, ["x.a", "x.b"]])
    }

    @Test("a rule may name a thousand groups, versions and resources")
    func manyResources() {
        let texts = JSON.array((0..<1000).map { .string("x\($0)") })
        let policy: JSON = [
            "spec": [
                "matchConstraints": [
                    "resourceRules": [["apiGroups": texts, "apiVersions": texts, "resources": texts]]
                ]
            ]
        ]
        let rules = PolicyTypeCheck(of: policy).rules
        #expect(rules.map { $0?.contains(ResourceType("x1", "x999", "x20", "")) } == [true])
        #expect(rules.map { $0?.contains(ResourceType("x1", "x999", "x1000", "")) } == [false])
    }

    @Test("a selector of parameters is shown as the server prints it")
    func cells() throws {
        let type = ResourceType(
            "admissionregistration.k8s.io", "v1", "validatingadmissionpolicybindings",
            "ValidatingAdmissionPolicyBinding", isNamespaced: false)
        let kind = try #require(BuiltinKinds.find(type))
        let selector: JSON = [
            "matchLabels": ["b": "c", "a": "b"],
            "matchExpressions": [["key": "k", "operator": "In", "values": ["x", "y"]]],
        ]
        let binding: JSON = [
            "metadata": ["name": "n"], "spec": ["policyName": "p", "paramRef": ["selector": selector]],
        ]
        #expect(
            kind.cells(binding, .now)[2]
                == .string(
                    "&LabelSelector{MatchLabels:map[string]string{a: b,b: c,},MatchExpressions:[]LabelSelectorRequirement{"
                        + "LabelSelectorRequirement{Key:k,Operator:In,Values:[x y],},},}"))
    }
}
