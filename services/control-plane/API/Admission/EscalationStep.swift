import ClusterStore
import KubeModel

/// Nobody gives away rights that are not theirs: roles may only hold rules that the writer has (or the verb
/// `escalate`), bindings only name roles whose rules the writer has (or the verb `bind`).
struct EscalationStep: AdmissionStep {
    let cluster: Cluster

    func validate(_ request: AdmissionRequest) async throws {
        guard request.kind.type.group == "rbac.authorization.k8s.io", request.subresource.isEmpty,
            !request.user.isMaster
        else { return }
        switch request.kind.type.kind {
        case "Role", "ClusterRole": try checkRole(request)
        case "RoleBinding", "ClusterRoleBinding": try checkBinding(request)
        default: break
        }
    }

    private func attributes(_ request: AdmissionRequest, verb: String, resource: String, name: String)
        -> AccessAttributes
    {
        AccessAttributes(
            verb: verb, group: request.kind.type.group, resource: resource, namespace: request.namespace, name: name)
    }

    private func checkRole(_ request: AdmissionRequest) throws {
        let unchanged = request.old.map {
            $0["rules"] == request.object["rules"] && $0["aggregationRule"] == request.object["aggregationRule"]
        }
        if unchanged == true { return }
        let escalates = cluster.rbac.allows(
            request.user, attributes(request, verb: "escalate", resource: request.kind.type.plural, name: request.name))
        if escalates { return }
        var rules = request.object["rules"]?.array?.map(PolicyRule.init) ?? []
        if request.object.value(at: "aggregationRule", "clusterRoleSelectors") != nil {
            var everything = PolicyRule(verbs: ["*"])
            everything.apiGroups = ["*"]
            everything.resources = ["*"]
            rules.append(everything)
        }
        try refuse(cluster.rbac.missing(rules, for: request.user, namespace: request.namespace), request)
    }

    private func checkBinding(_ request: AdmissionRequest) throws {
        if let old = request.old, old["roleRef"] == request.object["roleRef"],
            old["subjects"] == request.object["subjects"]
        {
            return
        }
        let reference = request.object["roleRef"] ?? .null
        let key = RBACAuthorizer.roleKey(reference, namespace: request.namespace)
        let resource = reference["kind"]?.string == "Role" ? "roles" : "clusterroles"
        if cluster.rbac.allows(request.user, attributes(request, verb: "bind", resource: resource, name: key.name)) {
            return
        }
        guard let rules = cluster.rbac.rules(of: key) else {
            throw APIError(
                .notFound, "\(request.kind.type.plural).rbac.authorization.k8s.io \"\(key.name)\" not found",
                kind: request.kind.type.plural,
                group: "rbac.authorization.k8s.io", name: key.name)
        }
        try refuse(cluster.rbac.missing(rules, for: request.user, namespace: request.namespace), request)
    }

    private func refuse(_ missing: [PolicyRule], _ request: AdmissionRequest) throws {
        guard !missing.isEmpty else { return }
        let groups = "[" + request.user.groups.map { "\"\($0)\"" }.joined(separator: " ") + "]"
        throw request.kind.forbidden(
            request.name,
            "user \"\(request.user.name)\" (groups=\(groups)) is attempting to grant RBAC permissions not currently held:\n"
                + missing.map(\.summary).joined(separator: "\n"))
    }
}
