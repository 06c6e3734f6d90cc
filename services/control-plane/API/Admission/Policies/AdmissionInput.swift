import CEL
import KubeModel

/// What expressions of admission rules see of a request, whatever rule they belong to.
struct AdmissionInput: Sendable {
    let object: Value
    let old: Value
    let request: Value
    let authorizer: Value
    let requestResource: Value

    /// - Parameters:
    ///   - request: the request.
    ///   - kind: the kind as which the rule wants to see the object.
    ///   - rbac: who may do what.
    init(_ request: AdmissionRequest, as kind: ServedKind, rbac: RBACAuthorizer) {
        object = request.operation == .delete ? .null : Value(kind.presented(request.object))
        old = request.old.map { Value(kind.presented($0)) } ?? .null
        let question = request.question(as: kind)
        self.request = Value(question)
        let source = RBACSource(user: request.user, rbac: rbac)
        authorizer = .object(AuthorizerValue(source))
        var about = AuthorizationQuestion()
        (about.group, about.resource, about.subresource) = (
            request.kind.type.group, request.kind.type.plural, request.subresource
        )
        (about.namespace, about.name) = (question["namespace"]?.string ?? "", request.name)
        requestResource = .object(AuthorizerValue(source, about: about))
    }
}

/// Answers the questions of expressions about permissions.
private struct RBACSource: AuthorizationSource {
    let user: UserInfo
    let rbac: RBACAuthorizer

    func decide(_ question: AuthorizationQuestion) -> (isAllowed: Bool, reason: String, error: String?) {
        var asking = user
        if let account = question.serviceAccount {
            asking = UserInfo(
                name: "system:serviceaccount:\(account.namespace):\(account.name)",
                groups: [
                    "system:serviceaccounts", "system:serviceaccounts:\(account.namespace)", "system:authenticated",
                ])
        }
        let attributes =
            question.path.map { AccessAttributes(verb: question.verb, nonResourcePath: $0) }
            ?? AccessAttributes(
                verb: question.verb, group: question.group, resource: question.resource,
                subresource: question.subresource, namespace: question.namespace, name: question.name)
        return (rbac.allows(asking, attributes), "", nil)
    }
}

extension ServedKind {
    /// An object as this kind and version, which come first.
    func presented(_ json: JSON) -> JSON {
        var ordered: JSONObject = ["kind": .string(type.kind), "apiVersion": .string(type.apiVersion)]
        for (key, value) in json.object ?? [:] where key != "kind" && key != "apiVersion" { ordered[key] = value }
        return .object(ordered)
    }
}

extension AdmissionRequest {
    /// The namespace as admission sees it: a Namespace is in itself.
    var admissionNamespace: String {
        if kind.type.isNamespaced { return namespace }
        return kind.storageName == "namespaces" ? name : ""
    }

    /// The request without its objects, as reviews and expressions name its parts.
    func question(as wanted: ServedKind) -> JSON {
        func names(_ kind: ServedKind) -> (kind: JSON, resource: JSON) {
            let (group, version) = (JSON.string(kind.type.group), JSON.string(kind.type.version))
            return (
                ["group": group, "version": version, "kind": .string(kind.type.kind)],
                ["group": group, "version": version, "resource": .string(kind.type.plural)]
            )
        }
        let (seen, asked) = (names(wanted), names(kind))
        var question: JSON = [
            "kind": seen.kind, "resource": seen.resource, "requestKind": asked.kind, "requestResource": asked.resource,
        ]
        if !subresource.isEmpty {
            question["subResource"] = .string(subresource)
            question["requestSubResource"] = .string(subresource)
        }
        if !name.isEmpty { question["name"] = .string(name) }
        if !admissionNamespace.isEmpty { question["namespace"] = .string(admissionNamespace) }
        question["operation"] = .string(operation.rawValue)
        question["userInfo"] = user.json
        question["dryRun"] = .bool(isDryRun)
        question["options"] = options
        return question
    }
}
