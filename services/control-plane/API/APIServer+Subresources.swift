import ClusterRules
import ClusterStore
import KubeModel

extension APIServer {
    /// Requests below one object.
    func performSubresource(_ request: APIRequest, _ context: RequestContext) async throws -> APIAnswer {
        let (info, kind) = (context.info, context.kind)
        guard
            kind.subresources.contains(info.subresource)
                || (info.subresource == "finalize" && kind.type.kind == "Namespace")
        else {
            throw Self.unknownPath
        }
        switch (info.subresource, info.verb) {
        case ("status", "get"), ("ephemeralcontainers", "get"), ("resize", "get"): return try await get(context)
        case ("status", "update"), ("finalize", "update"), ("ephemeralcontainers", "update"), ("resize", "update"),
            ("approval", "update"):
            return try await update(request, context)
        case ("status", "patch"), ("ephemeralcontainers", "patch"), ("resize", "patch"):
            return try await patch(request, context)
        case ("scale", "get"): return .json(try scale(of: try await existing(context), kind))
        case ("scale", "update"), ("scale", "patch"): return try await changeScale(request, context)
        case ("log", "get"): return try await podLog(context)
        case ("binding", "create"): return try await bind(request, context)
        case ("eviction", "create"): return try await evict(request, context)
        case ("token", "create"): return try await requestToken(request, context)
        case ("exec", "get"), ("attach", "get"), ("exec", "create"), ("attach", "create"):
            try requireCreation(context)
            try await admitSubresource(context, object: processOptions(context), operation: .connect)
            return try await streams(request, context, pod: try await existing(context))
        case ("portforward", "get"), ("portforward", "create"):
            try requireCreation(context)
            let ports = context.query.all("ports").compactMap { Int64($0) }
            var options: JSON = ["kind": "PodPortForwardOptions", "apiVersion": "v1"]
            if !ports.isEmpty { options["ports"] = .array(ports.map(JSON.int)) }
            try await admitSubresource(context, object: options, operation: .connect)
            return try await portForward(request, context, pod: try await existing(context))
        default: throw notAllowed(info, kind)
        }
    }

    /// WebSockets begin with a GET; who may only read does not go into a Pod that way.
    private func requireCreation(_ context: RequestContext) throws(APIError) {
        guard context.info.verb == "get" else { return }
        var info = context.info
        info.verb = "create"
        guard cluster.rbac.allows(context.user, AccessAttributes(info)) else {
            throw context.kind.forbidden(context.name, "")
        }
    }

    func existing(_ context: RequestContext) async throws -> JSON {
        let kind = context.kind
        guard let stored = try await cluster.get(kind.key(context.namespace, context.name)) else {
            throw kind.notFound(context.name)
        }
        return try kind.tree(stored)
    }

    // MARK: scale

    /// `autoscaling/v1 Scale` of an object.
    private func scale(of object: JSON, _ kind: ServedKind) throws -> JSON {
        var metadata = JSONObject()
        for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
            metadata[field] = object.value(at: "metadata", field)
        }
        var status: JSON
        let replicas: JSON
        if let paths = kind.custom?.scale {
            replicas = object.value(at: paths.specReplicas) ?? 0
            status = ["replicas": object.value(at: paths.statusReplicas) ?? 0]
            status["selector"] = paths.labelSelector.flatMap { object.value(at: $0) }
        } else {
            replicas = object.value(at: "spec", "replicas") ?? 0
            status = ["replicas": object.value(at: "status", "replicas") ?? 0]
            let selector = object.value(at: "spec", "selector")
            let text =
                kind.type.kind == "ReplicationController"
                ? LabelSelector(selector?.stringMap ?? [:]).text : LabelSelector(object: selector).text
            if !text.isEmpty { status["selector"] = .string(text) }
        }
        return [
            "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": .object(metadata),
            // Zero is left out, as everywhere in this kind.
            "spec": replicas.int == 0 ? [:] : ["replicas": replicas],
            "status": status,
        ]
    }

    private func changeScale(_ request: APIRequest, _ context: RequestContext) async throws -> APIAnswer {
        let kind = context.kind
        let type =
            (request.header("content-type") ?? "application/json").split(separator: ";").first.map(String.init) ?? ""
        let buffer = try await Codec.collect(request)
        var duplicates: [String] = []
        let isApply = type == "application/apply-patch+yaml"
        let isPatch = context.info.verb == "patch"
        let format = isApply ? Codec.Format.yaml : isPatch ? .json : Codec.format(type)
        guard let format else { throw Codec.unsupported(type, accepted: Encoding.mediaTypes) }
        let body = try Codec.decode(buffer, format: format, kind: "Scale", duplicates: &duplicates)
        let outcome = try await change(context) { old in
            let present = try self.scale(of: old, kind)
            var wanted = body
            if isPatch {
                wanted =
                    type == "application/json-patch+json"
                    ? try JSONPatch.apply(body, to: present) : MergePatch.apply(body, to: present)
            }
            if isPatch, let name = wanted.value(at: "metadata", "name")?.string, name != context.name {
                throw APIError(
                    .badRequest, "the name of the object (\(name)) does not match the name on the URL (\(context.name))"
                )
            }
            guard
                let replicas = wanted.value(at: "spec", "replicas").map({ $0.isNull ? 0 : $0 }) ?? (isPatch ? nil : 0),
                let number = replicas.int
            else { throw APIError(.badRequest, "spec.replicas must be a whole number") }
            guard number >= 0 else {
                throw APIError(
                    .invalid,
                    "Scale.autoscaling \"\(context.name)\" is invalid: spec.replicas: Invalid value: \(number): must be greater than or equal to 0",
                    kind: "Scale", group: "autoscaling", name: context.name,
                    causes: [
                        .init(
                            field: "spec.replicas", reason: "FieldValueInvalid",
                            message: "Invalid value: \(number): must be greater than or equal to 0")
                    ])
            }
            var new = old
            new.set(.int(number), at: (kind.custom?.scale?.specReplicas ?? ["spec", "replicas"])[...])
            let version = wanted.value(at: "metadata", "resourceVersion")?.string
            new.set(
                version.map(JSON.string) ?? old.value(at: "metadata", "resourceVersion"), at: "metadata",
                "resourceVersion")
            if version == nil { new.set(nil, at: "metadata", "resourceVersion") }
            try await self.admission.askWebhooks(
                about: AdmissionRequest(
                    operation: .update, kind: kind, subresource: "scale", namespace: context.namespace,
                    name: context.name, user: context.user, isDryRun: context.isDryRun,
                    object: try self.scale(of: new, kind), old: present, warnings: context.warnings,
                    options: context.options, bodyType: ResourceType(of: present)))
            return new
        }
        return .json(try scale(of: try outcome.tree(kind), kind))
    }

    // MARK: Pods

    /// Gives a Pod to a node: the one that the path names, or the `Binding` itself.
    func bind(_ request: APIRequest, _ context: RequestContext) async throws -> APIAnswer {
        var duplicates: [String] = []
        let body = try await Codec.body(of: request, kind: "Binding", duplicates: &duplicates)
        var (context, sent) = (context, context)
        if context.name.isEmpty {
            let name = body.value(at: "metadata", "name")?.string ?? ""
            guard !name.isEmpty else { throw APIError(.badRequest, "Name parameter required.") }
            sent.rename(name)
            if let pods = cluster.registry.find(apiVersion: "v1", kind: "Pod") {
                context.redirect(to: pods, name, subresource: "binding")
            }
        } else {
            try checkName(of: body, "Binding", context)
        }
        let node = body.value(at: "target", "name")?.string ?? ""
        let issues = PodBindingRules.issues(in: body)
        guard issues.isEmpty else {
            // The real server does not take these for faults of the client.
            let texts = issues.map { "\($0.field): \($0.message)" }
            throw APIError(
                .unknown, texts.count == 1 ? texts[0] : "[\(texts.joined(separator: ", "))]", code: 500)
        }
        var binding = body
        (binding["apiVersion"], binding["kind"]) = ("v1", "Binding")
        try await admitSubresource(sent, object: binding)
        _ = try await change(context) { old in
            if let problem = PodBindingRules.conflict(of: old) {
                let name = context.name
                throw APIError(
                    .conflict, "Operation cannot be fulfilled on pods/binding \"\(name)\": pod \(name) \(problem)",
                    kind: "pods/binding", name: name)
            }
            var new = old
            new.set(.string(node), at: "spec", "nodeName")
            var conditions = new.value(at: "status", "conditions")?.array ?? []
            conditions.removeAll { $0["type"] == "PodScheduled" }
            conditions.append([
                "type": "PodScheduled", "status": "True", "lastProbeTime": .null,
                "lastTransitionTime": .string(Timestamp.now.text),
            ])
            new.set(.array(conditions), at: "status", "conditions")
            return new
        }
        return .json(
            ["kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Success", "code": 201], status: 201)
    }

    /// What is sent to a subresource of a Pod names the Pod again.
    func checkName(of body: JSON, _ kind: String, _ context: RequestContext) throws(APIError) {
        guard body.value(at: "metadata", "name")?.string == context.name else {
            throw APIError(.badRequest, "name in URL does not match name in \(kind) object")
        }
    }

    // MARK: Service accounts

    private func requestToken(_ request: APIRequest, _ context: RequestContext) async throws -> APIAnswer {
        let body = try await subresourceBody(of: request, context, as: .tokenRequest)
        try checkAccount(of: body, context)
        let account = try await existing(context)
        let uid = account.value(at: "metadata", "uid")?.string ?? ""
        if let asked = body.value(at: "metadata", "uid")?.string, !asked.isEmpty, asked != uid {
            throw APIError(
                .conflict,
                "Operation cannot be fulfilled on TokenRequest.authentication.k8s.io \"\(context.name)\": the UID in "
                    + "the token request (\(asked)) does not match the UID of the service account (\(uid))",
                kind: "TokenRequest", group: "authentication.k8s.io", name: context.name)
        }
        try tokens.check(body)
        try await admitSubresource(context, object: body)
        let answer = try await tokens.issue(body, namespace: context.namespace, name: context.name, account: account)
        return .json(answer, status: 201)
    }

    /// What a request to run or join a process asks for, as webhooks see it.
    private func processOptions(_ context: RequestContext) -> JSON {
        let query = context.query
        var options: JSON = [
            "kind": context.info.subresource == "exec" ? "PodExecOptions" : "PodAttachOptions", "apiVersion": "v1",
        ]
        for flag in ["stdin", "stdout", "stderr", "tty"] where query.flag(flag) { options[flag] = true }
        options["container"] = query["container"].map(JSON.string)
        let command = query.all("command")
        if !command.isEmpty { options["command"] = .array(command.map(JSON.string)) }
        return options
    }

    private func checkAccount(of body: JSON, _ context: RequestContext) throws(APIError) {
        let name = body.value(at: "metadata", "name")?.string ?? ""
        guard !name.isEmpty, name != context.name else { return }
        let issue = FieldIssue(
            field: "metadata.name", reason: .invalid, value: .string(name),
            detail: "must match the service account name if specified")
        throw APIError(
            .invalid,
            "TokenRequest.authentication.k8s.io \"\(context.name)\" is invalid: metadata.name: \(issue.message)",
            kind: "TokenRequest", group: "authentication.k8s.io", name: context.name, causes: [issue.cause])
    }
}
