import ClusterRules
import KubeModel

/// Who lets a policy read parameters must be allowed to read them: a policy names their kind, a binding the objects.
struct ParamAuthorizationStep: AdmissionStep {
    let cluster: Cluster

    func validate(_ request: AdmissionRequest) async throws {
        guard request.kind.type.group == BuiltinKinds.admissionGroup, request.subresource.isEmpty,
            !request.user.isMaster
        else { return }
        switch request.kind.type.kind {
        case "ValidatingAdmissionPolicy", "MutatingAdmissionPolicy": try checkPolicy(request)
        case "ValidatingAdmissionPolicyBinding", "MutatingAdmissionPolicyBinding": try await checkBinding(request)
        default: break
        }
    }

    private func checkPolicy(_ request: AdmissionRequest) throws {
        let given = request.object.value(at: "spec", "paramKind")
        guard let kind = ParamKind(given), given != request.old?.value(at: "spec", "paramKind") else { return }
        var attributes = attributes(reading: kind)
        (attributes.verb, attributes.name, attributes.namespace) = ("get", "*", "*")
        guard !cluster.rbac.allows(request.user, attributes) else { return }
        throw refusal(
            request, "spec.paramKind",
            "user \(request.user.nativeText) must have \"get\" permission on all objects of the referenced paramKind "
                + "(kind=\(kind.kind), apiVersion=\(kind.apiVersion))")
    }

    private func checkBinding(_ request: AdmissionRequest) async throws {
        let spec = request.object["spec"] ?? [:]
        let before = request.old?["spec"]
        guard let reference = spec["paramRef"], !reference.isNull else { return }
        guard reference != before?["paramRef"] || spec["policyName"] != before?["policyName"] else { return }
        let policies =
            request.kind.type.kind.hasPrefix("Mutating")
            ? cluster.mutatingPolicies.policyResource : cluster.validatingPolicies.policyResource
        let policyName = spec["policyName"]?.string ?? ""
        let policy = try await cluster.get(policies, "", policyName)
        let kind = ParamKind(policy?.value(at: "spec", "paramKind"))
        var attributes = attributes(reading: kind)
        let name = reference["name"]?.string ?? ""
        (attributes.verb, attributes.name) = (name.isEmpty ? "list" : "get", name)
        attributes.namespace = reference["namespace"]?.string ?? ""
        guard !cluster.rbac.allows(request.user, attributes) else { return }
        let user = request.user.nativeText
        let detail: String
        if policy == nil {
            detail =
                "unable to get policy \(policyName) to determine minimum required permissions and user \(user) does "
                + "not have \"\(attributes.verb)\" permission for all groups, versions and resources"
        } else if let kind, cluster.registry.find(apiVersion: kind.apiVersion, kind: kind.kind) == nil {
            detail =
                "unable to resolve paramKind &ParamKind{APIVersion:\(kind.apiVersion),Kind:\(kind.kind),} to "
                + "determine minimum required permissions and user \(user) does not have \"\(attributes.verb)\" "
                + "permission for all groups, versions and resources"
        } else {
            detail = "user \(user) does not have \"\(attributes.verb)\" permission on the object referenced by paramRef"
        }
        throw refusal(request, "spec.paramRef", detail)
    }

    /// What reading objects of a kind takes; of everything when the kind is not known.
    private func attributes(reading kind: ParamKind?) -> AccessAttributes {
        guard let kind else { return AccessAttributes(verb: "", group: "*", resource: "*") }
        let found = cluster.registry.find(apiVersion: kind.apiVersion, kind: kind.kind)
        let group = kind.apiVersion.contains("/") ? String(kind.apiVersion.prefix { $0 != "/" }) : ""
        return AccessAttributes(verb: "", group: group, resource: found?.type.plural ?? "*")
    }

    private func refusal(_ request: AdmissionRequest, _ field: String, _ detail: String) -> APIError {
        request.kind.invalid(request.name, [FieldIssue(field: field, reason: .forbidden, detail: detail)])
    }
}

extension UserInfo {
    /// The user as refusals about parameters print it.
    fileprivate var nativeText: String {
        let more = extra.sorted { $0.key < $1.key }.map { "\($0.key):[\($0.value.joined(separator: " "))]" }
        return "&{\(name) \(uid) [\(groups.joined(separator: " "))] map[\(more.joined(separator: " "))]}"
    }
}
