import ClusterRules
import KubeModel

extension APIServer {
    /// Answers the kinds that ask a question and are not stored.
    func review(_ request: APIRequest, _ context: RequestContext) async throws -> APIAnswer {
        var duplicates: [String] = []
        let body = try await Codec.body(of: request, kind: context.kind.type.kind, duplicates: &duplicates)
        var review = try incoming(body, duplicates: duplicates, context)
        if context.kind.type.isNamespaced {
            let namespace = review.value(at: "metadata", "namespace")?.string ?? ""
            guard namespace.isEmpty || namespace == context.namespace else {
                throw APIError(
                    .badRequest,
                    "the namespace of the provided object does not match the namespace sent on the request")
            }
            review.set(.string(context.namespace), at: "metadata", "namespace")
        }
        let spec = review["spec"] ?? [:]
        try await admitSubresource(context, object: review)
        let issues = context.kind.definition.validate(review, nil)
        guard issues.isEmpty else {
            // Reviews are named by nothing in their refusals.
            var error = context.kind.invalid("", issues)
            error.kind = nil
            throw error
        }
        switch context.kind.type.kind {
        case "SubjectAccessReview", "LocalSubjectAccessReview":
            review["status"] = accessStatus(spec, UserInfo(json: spec, nameKey: "user"))
        case "SelfSubjectAccessReview":
            review["status"] = accessStatus(spec, context.user)
        case "SelfSubjectRulesReview":
            let namespace = spec["namespace"]?.string ?? ""
            guard !namespace.isEmpty else { throw APIError(.badRequest, "no namespace on request") }
            let rules = cluster.rbac.grantedRules(for: context.user, namespace: namespace)
            func list(_ chosen: [PolicyRule]) -> JSON { .array(chosen.map(\.json)) }
            review["metadata"] = [:]
            review["spec"] = [:]
            review["status"] = [
                "resourceRules": list(rules.filter { !$0.resources.isEmpty }),
                "nonResourceRules": list(rules.filter { !$0.nonResourceURLs.isEmpty }), "incomplete": false,
            ]
        case "SelfSubjectReview":
            review["metadata"] = ["creationTimestamp": .string(Timestamp.now.text)]
            review["status"] = ["userInfo": context.user.json]
        case "TokenReview":
            review["status"] = try await tokenStatus(spec, context)
        default: throw Self.unknownPath
        }
        context.kind.definition.applyDefaults(&review)
        return .json(review, status: 201)
    }

    private func accessStatus(_ spec: JSON, _ user: UserInfo) -> JSON {
        let resource = spec["resourceAttributes"].flatMap { $0.isNull ? nil : $0 }
        let path = spec["nonResourceAttributes"].flatMap { $0.isNull ? nil : $0 }
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
        var status: JSON = ["allowed": .bool(cluster.rbac.allows(user, attributes))]
        status["reason"] = cluster.rbac.reason(user, attributes).map(JSON.string)
        let ignored = ["fieldSelector", "labelSelector"].filter { field in
            let operators: Set<String> = ["In", "NotIn", "Exists", "DoesNotExist"]
            let requirements = resource?.value(at: field, "requirements")?.array ?? []
            return requirements.contains { !operators.contains($0["operator"]?.string ?? "") }
        }
        if !ignored.isEmpty {
            let problems = ignored.map { "spec.resourceAttributes.\($0) ignored due to parse error" }
            status["evaluationError"] = .string(problems.joined(separator: ", "))
        }
        return status
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
            return ["user": [:], "error": "invalid bearer token"]
        }
    }
}
