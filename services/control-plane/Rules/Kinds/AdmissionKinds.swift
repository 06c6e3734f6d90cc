import Foundation
import KubeModel

/// Policies by which the server itself refuses and changes what is written, and where they hold.
extension BuiltinKinds {
    /// Name of the group.
    public static let admissionGroup = "admissionregistration.k8s.io"

    static let admissionPolicies: [KindDefinition] = [
        policy("validatingadmissionpolicies", "ValidatingAdmissionPolicy", counts: "validations", isMutating: false),
        binding("validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding", isMutating: false),
        policy("mutatingadmissionpolicies", "MutatingAdmissionPolicy", counts: "mutations", isMutating: true),
        binding("mutatingadmissionpolicybindings", "MutatingAdmissionPolicyBinding", isMutating: true),
    ]

    private static func type(_ plural: String, _ kind: String) -> ResourceType {
        ResourceType(admissionGroup, "v1", plural, kind, isNamespaced: false)
    }

    private static func policy(
        _ plural: String, _ name: String, counts part: String, isMutating: Bool
    ) -> KindDefinition {
        kind(
            type(plural, name), root: "admissionregistration/v1.\(name)", categories: ["api-extensions"],
            hasStatus: !isMutating,
            defaults: { object in
                object.fill("spec", [:])
                object.edit("spec") { spec in
                    spec.fill("failurePolicy", "Fail")
                    spec.edit("matchConstraints", complete(match:))
                }
            },
            validate: { PolicyRules.check($0, old: $1, isMutating: isMutating, &$2) },
            validateStatus: { PolicyStatusRules.check($0, &$2) },
            warnings: { object, _, subresource in subresource.isEmpty ? reservedName(object) : [] },
            columns: [
                .name, TableColumn(isMutating ? "Mutations" : "Validations", type: "integer"),
                TableColumn("ParamKind"), .age,
            ],
            cells: { object, now in
                let param = object.value(at: "spec", "paramKind")
                return [
                    Cell.name(object), .int(Int64(object["spec"]?.list(part).count ?? 0)),
                    .string(param.map { "\($0.text("apiVersion"))/\($0.text("kind"))" } ?? "<unset>"),
                    Cell.age(object, now),
                ]
            })
    }

    private static func binding(_ plural: String, _ name: String, isMutating: Bool) -> KindDefinition {
        kind(
            type(plural, name), root: "admissionregistration/v1.\(name)", categories: ["api-extensions"],
            defaults: { object in object.edit("spec") { $0.edit("matchResources", complete(match:)) } },
            validate: { object, _, issues in BindingRules.check(object, isMutating: isMutating, &issues) },
            warnings: { object, _, _ in reservedName(object) },
            columns: [.name, TableColumn("PolicyName"), TableColumn("ParamRef"), .age],
            cells: { object, now in
                let spec = object["spec"] ?? [:]
                return [
                    Cell.name(object), .string(spec.text("policyName")), .string(cell(of: spec["paramRef"])),
                    Cell.age(object, now),
                ]
            })
    }

    private static func complete(match: inout JSON) {
        match.fill("matchPolicy", "Equivalent")
        match.fill("namespaceSelector", [:])
        match.fill("objectSelector", [:])
        for field in ["resourceRules", "excludeResourceRules"] { match.editEach(field) { $0.fill("scope", "*") } }
    }

    private static func reservedName(_ object: JSON) -> [String] {
        let suffix = ".static.k8s.io"
        guard object.value(at: "metadata", "name")?.string?.hasSuffix(suffix) == true else { return [] }
        return [
            "metadata.name: names ending with \"\(suffix)\" are reserved for static manifest-based configurations and "
                + "cannot be managed via the API"
        ]
    }

    private static func cell(of reference: JSON?) -> String {
        guard let reference, !reference.isNull else { return "<unset>" }
        let (name, namespace) = (reference.text("name"), reference.text("namespace"))
        if !name.isEmpty { return "\(namespace.isEmpty ? "*" : namespace)/\(name)" }
        guard reference.has("selector"), let selector = reference["selector"] else { return "<unset>" }
        let labels = (selector["matchLabels"]?.stringMap ?? [:]).sorted { $0.key < $1.key }
            .map { "\($0.key): \($0.value)," }
        let parts = selector.list("matchExpressions").map { part in
            let values = part.list("values").compactMap(\.string).joined(separator: " ")
            return "LabelSelectorRequirement{Key:\(part.text("key")),Operator:\(part.text("operator")),"
                + "Values:[\(values)],},"
        }
        return "&LabelSelector{MatchLabels:map[string]string{\(labels.joined())},"
            + "MatchExpressions:[]LabelSelectorRequirement{\(parts.joined())},}"
    }
}
