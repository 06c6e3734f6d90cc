import ClusterRules
import KubeModel

extension APIServer {
    /// Answers the kinds that ask a question and are not stored.
    func review(_ request: APIRequest, _ context: RequestContext) async throws -> APIAnswer {
        var duplicates: [String] = []
        let body = try await Codec.body(of: request, kind: context.kind.type.kind, duplicates: &duplicates)
        var review = try incoming(body, duplicates: duplicates, context)
        let spec = review["spec"] ?? [:]
        review.set(.null, at: "metadata", "creationTimestamp")
        switch context.kind.type.kind {
        case "SubjectAccessReview", "LocalSubjectAccessReview":
            let user = UserInfo(json: spec, nameKey: "user")
            guard !user.name.isEmpty || !user.groups.isEmpty else {
                throw context.kind.invalid(
                    "",
                    [
                        .init(
                            field: "spec.user", reason: .invalid, value: "",
                            detail: "at least one of user or group must be specified")
                    ])
            }
            if context.kind.type.kind == "LocalSubjectAccessReview",
                let namespace = spec.value(at: "resourceAttributes", "namespace")?.string,
                namespace != context.namespace
            {
                throw context.kind.invalid(
                    "",
                    [
                        .init(
                            field: "spec.resourceAttributes.namespace", reason: .invalid, value: .string(namespace),
                            detail: "must match metadata.namespace: \(context.namespace)")
                    ])
            }
            review["status"] = try accessStatus(spec, user, context)
        case "SelfSubjectAccessReview":
            review["status"] = try accessStatus(spec, context.user, context)
        case "SelfSubjectRulesReview":
            let namespace = spec["namespace"]?.string ?? ""
            guard !namespace.isEmpty else { throw APIError(.badRequest, "no namespace on request") }
            let rules = cluster.rbac.rules(for: context.user, namespace: namespace)
            func list(_ chosen: [PolicyRule]) -> JSON { .array(chosen.map(\.json)) }
            review["status"] = [
                "resourceRules": list(rules.filter { !$0.resources.isEmpty }),
                "nonResourceRules": list(rules.filter { !$0.nonResourceURLs.isEmpty }), "incomplete": false,
            ]
        case "SelfSubjectReview":
            review.set(.string(Timestamp.now.text), at: "metadata", "creationTimestamp")
            review["status"] = ["userInfo": context.user.json]
        case "TokenReview":
            review["status"] = try await tokenStatus(spec, context)
        default: throw Self.unknownPath
        }
        return .json(review, status: 201)
    }

    private func accessStatus(_ spec: JSON, _ user: UserInfo, _ context: RequestContext) throws(APIError) -> JSON {
        let resource = spec["resourceAttributes"].flatMap { $0.isNull ? nil : $0 }
        let path = spec["nonResourceAttributes"].flatMap { $0.isNull ? nil : $0 }
        guard (resource == nil) != (path == nil) else {
            var error = context.kind.invalid(
                "",
                [
                    .init(
                        field: "spec.resourceAttributes", reason: .invalid, value: resource ?? .null,
                        detail: resource == nil
                            ? "exactly one of nonResourceAttributes or resourceAttributes must be specified"
                            : "cannot be specified in combination with nonResourceAttributes")
                ])
            (error.kind, error.group) = (nil, nil)
            throw error
        }
        var attributes = AccessAttributes(verb: "")
        func text(_ json: JSON, _ key: String) -> String { json[key]?.string ?? "" }
        if let resource {
            attributes = AccessAttributes(
                verb: text(resource, "verb"), group: text(resource, "group"), resource: text(resource, "resource"),
                subresource: text(resource, "subresource"), namespace: text(resource, "namespace"),
                name: text(resource, "name"))
        } else if let path {
            attributes = AccessAttributes(verb: text(path, "verb"), nonResourcePath: text(path, "path"))
        }
        return ["allowed": .bool(cluster.rbac.allows(user, attributes))]
    }

    private func tokenStatus(_ spec: JSON, _ context: RequestContext) async throws -> JSON {
        let token = spec["token"]?.string ?? ""
        guard !token.isEmpty else {
            throw APIError(.badRequest, "token is required for TokenReview in authentication")
        }
        var audiences = spec["audiences"]?.array?.compactMap(\.string) ?? []
        if audiences.isEmpty { audiences = [tokens.audience] }
        do {
            let proof = try await tokens.authenticate(token, audiences: audiences)
            return [
                "authenticated": true, "user": proof.user.json, "audiences": .array(proof.audiences.map(JSON.string)),
            ]
        } catch let error as APIError where error.reason == .unauthorized {
            return ["user": [:], "error": "the token is not valid, has expired, or is for another audience"]
        }
    }
}
