import CEL
import ClusterRules
import KubeModel

/// What expressions of admission rules see of a request, whatever rule they belong to.
struct AdmissionInput: Sendable {
    var object: Value
    let old: Value
    let request: Value
    /// Nil where expressions may not ask for permissions.
    private(set) var authorizer: Value?
    private(set) var requestResource: Value?

    /// - Parameters:
    ///   - request: the request.
    ///   - kind: the kind as which the rule wants to see the object.
    ///   - resource: the kind whose resource is told to be the one asked for; nil is the same kind.
    ///   - rbac: who may do what.
    init(_ request: AdmissionRequest, as kind: ServedKind, resource: ServedKind? = nil, rbac: RBACAuthorizer) {
        object = request.operation == .delete ? .null : Value(request.presented(request.object, as: kind))
        old = request.old.map { Value(request.presented($0, as: kind)) } ?? .null
        let question = request.question(as: kind, resource: resource)
        self.request = Value(question)
        let source = RBACSource(user: request.user, rbac: rbac)
        authorizer = .object(AuthorizerValue(source))
        var about = AuthorizationQuestion()
        (about.group, about.resource, about.subresource) = (
            request.kind.type.group, request.kind.type.plural, request.subresource
        )
        (about.namespace, about.name) = (question["namespace"]?.string ?? "", request.givenName)
        requestResource = .object(AuthorizerValue(source, about: about))
    }

    /// The same for expressions that may not ask for permissions.
    var withoutAuthorizer: AdmissionInput {
        var input = self
        (input.authorizer, input.requestResource) = (nil, nil)
        return input
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

extension AdmissionRequest {
    /// The namespace as admission sees it: a Namespace is in itself.
    var admissionNamespace: String {
        if kind.type.isNamespaced { return namespace }
        return kind.storageName == "namespaces" ? name : ""
    }

    /// Group, version and kind of the object, seen as a kind.
    private func objectType(as wanted: ServedKind) -> ResourceType { wanted === kind ? objectType : wanted.type }

    /// The object, or the one before, seen as a kind.
    func presented(_ json: JSON, as wanted: ServedKind) -> JSON {
        let type = objectType(as: wanted)
        var ordered: JSONObject = ["kind": .string(type.kind), "apiVersion": .string(type.apiVersion)]
        var json = json
        if wanted !== kind, !kind.isCustom, bodyType == nil {
            json = wanted.definition.fromStored(kind.definition.toStored(json))
        }
        if isNameGenerated { json.set(nil, at: "metadata", "name") }
        for (key, value) in json.object ?? [:] where key != "kind" && key != "apiVersion" { ordered[key] = value }
        return .object(ordered)
    }

    /// What was seen as another kind, as an object of the request's.
    func restored(_ json: JSON, from seen: ServedKind) -> JSON {
        var json = json
        if seen !== kind, !kind.isCustom, bodyType == nil {
            json = kind.definition.fromStored(seen.definition.toStored(json))
        }
        json["apiVersion"] = .string(objectType.apiVersion)
        json["kind"] = .string(objectType.kind)
        if isNameGenerated, json.value(at: "metadata", "name") == nil {
            json.set(.string(name), at: "metadata", "name")
        }
        return json
    }

    /// The request without its objects, as reviews and expressions name its parts.
    ///
    /// - Parameters:
    ///   - wanted: the kind as which the object is seen.
    ///   - resource: the kind whose resource is told to be the one asked for; nil is the same kind.
    /// - Returns: an AdmissionRequest without `uid`, `object` and `oldObject`.
    func question(as wanted: ServedKind, resource: ServedKind? = nil) -> JSON {
        func identity(of type: ResourceType) -> JSON {
            ["group": .string(type.group), "version": .string(type.version), "kind": .string(type.kind)]
        }
        func place(of type: ResourceType) -> JSON {
            ["group": .string(type.group), "version": .string(type.version), "resource": .string(type.plural)]
        }
        var question: JSON = [
            "kind": identity(of: objectType(as: wanted)), "resource": place(of: (resource ?? wanted).type),
            "requestKind": identity(of: objectType), "requestResource": place(of: kind.type),
        ]
        if !subresource.isEmpty {
            question["subResource"] = .string(subresource)
            question["requestSubResource"] = .string(subresource)
        }
        if !givenName.isEmpty { question["name"] = .string(givenName) }
        if !admissionNamespace.isEmpty { question["namespace"] = .string(admissionNamespace) }
        question["operation"] = .string(operation.rawValue)
        question["userInfo"] = user.json
        question["dryRun"] = .bool(isDryRun)
        question["options"] = options
        if options["kind"] == "PatchOptions" {
            // A patch is admitted as what it comes to.
            question.set(operation == .create ? "CreateOptions" : "UpdateOptions", at: "options", "kind")
        }
        return question
    }
}
