import Foundation
import KubeModel

extension BuiltinKinds {
    static let access: [KindDefinition] = [
        role(.roles), roleBinding(.roleBindings), role(.clusterRoles), roleBinding(.clusterRoleBindings),
    ]

    private static func role(_ type: ResourceType) -> KindDefinition {
        let isCluster = !type.isNamespaced
        return kind(
            type,
            validate: { object, _, issues in
                for (index, rule) in object.list("rules").enumerated() {
                    let path = "rules[\(index)]"
                    if rule.list("verbs").isEmpty {
                        issues.required("\(path).verbs", "verbs must contain at least one value")
                    }
                    if !rule.list("nonResourceURLs").isEmpty {
                        if !isCluster {
                            issues.invalid(
                                "\(path).nonResourceURLs", rule["nonResourceURLs"],
                                "namespaced rules cannot apply to non-resource URLs")
                        }
                        if !rule.list("apiGroups").isEmpty || !rule.list("resources").isEmpty
                            || !rule.list("resourceNames").isEmpty
                        {
                            issues.invalid(
                                "\(path).nonResourceURLs", rule["nonResourceURLs"],
                                "rules cannot apply to both regular resources and non-resource URLs")
                        }
                        continue
                    }
                    if rule.list("apiGroups").isEmpty {
                        issues.required("\(path).apiGroups", "resource rules must supply at least one api group")
                    }
                    if rule.list("resources").isEmpty {
                        issues.required("\(path).resources", "resource rules must supply at least one resource")
                    }
                }
                for (index, selector) in (object["aggregationRule"]?.list("clusterRoleSelectors") ?? []).enumerated() {
                    let path = "aggregationRule.clusterRoleSelectors[\(index)]"
                    SelectorRules.check(selector, path, &issues)
                    if !SelectorRules.isReadable(selector) {
                        issues.invalid(path, selector, "invalid label selector.")
                    }
                }
                if let rule = object["aggregationRule"], rule.list("clusterRoleSelectors").isEmpty {
                    issues.required(
                        "aggregationRule.clusterRoleSelectors",
                        "at least one clusterRoleSelector required if aggregationRule is non-nil")
                }
            },
            columns: [.name, .createdAt], cells: { object, _ in [Cell.name(object), Cell.createdAt(object)] })
    }

    private static let group = "rbac.authorization.k8s.io"

    private static func roleBinding(_ type: ResourceType) -> KindDefinition {
        let isCluster = !type.isNamespaced
        return kind(
            type,
            defaults: { object in
                object.fill("roleRef", [:])
                object.edit("roleRef") { $0.fillText("apiGroup", group) }
                object.editEach("subjects") { subject in
                    if ["User", "Group"].contains(subject.text("kind")) { subject.fillText("apiGroup", group) }
                }
            },
            validate: { object, old, issues in
                let reference = object["roleRef"] ?? [:]
                issues.oneOf("roleRef.apiGroup", reference["apiGroup"], [group], isRequired: true)
                issues.oneOf(
                    "roleRef.kind", reference["kind"] ?? "", isCluster ? ["ClusterRole"] : ["ClusterRole", "Role"],
                    isRequired: true)
                let name = reference.text("name")
                if name.isEmpty {
                    issues.required("roleRef.name")
                } else {
                    issues.invalid("roleRef.name", name, NameRules.pathSegment(name))
                }
                for (index, subject) in object.list("subjects").enumerated() {
                    self.subject(subject, "subjects[\(index)]", isCluster: isCluster, &issues)
                }
                if let old, reference != (old["roleRef"] ?? [:]) {
                    issues.invalid("roleRef", reference, "cannot change roleRef")
                }
            },
            columns: [
                .name, TableColumn("Role"), .age, TableColumn("Users", priority: 1), TableColumn("Groups", priority: 1),
                TableColumn("ServiceAccounts", priority: 1),
            ],
            cells: { object, now in
                let reference = object["roleRef"] ?? [:]
                func names(_ kind: String) -> JSON {
                    let subjects = object.list("subjects").filter { $0.text("kind") == kind }.map { subject in
                        kind == "ServiceAccount"
                            ? "\(subject.text("namespace"))/\(subject.text("name"))" : subject.text("name")
                    }
                    return .string(subjects.joined(separator: ", "))
                }
                return [
                    Cell.name(object), .string("\(reference.text("kind"))/\(reference.text("name"))"),
                    Cell.age(object, now),
                    names("User"), names("Group"), names("ServiceAccount"),
                ]
            })
    }

    private static func subject(_ subject: JSON, _ path: String, isCluster: Bool, _ issues: inout Issues) {
        let name = subject.text("name")
        if name.isEmpty { issues.required("\(path).name") }
        switch subject.text("kind") {
        case "ServiceAccount":
            if !name.isEmpty { issues.invalid("\(path).name", name, NameRules.subdomain(name)) }
            if !subject.text("apiGroup").isEmpty {
                issues.oneOf("\(path).apiGroup", subject["apiGroup"], [""])
            }
            if isCluster, subject.text("namespace").isEmpty { issues.required("\(path).namespace") }
        case "User", "Group": issues.oneOf("\(path).apiGroup", subject["apiGroup"], [group], isRequired: true)
        default: issues.oneOf("\(path).kind", subject["kind"], ["Group", "ServiceAccount", "User"], isRequired: true)
        }
    }
}
