import Foundation
import KubeModel
import Logging

/// Asks one webhook about one request.
struct WebhookCaller: Sendable {
    let cluster: Cluster

    /// The kind under which a webhook wants to hear of a request; nil when it does not.
    ///
    /// With `matchPolicy: Equivalent` that may be another version of the kind that the request is for.
    ///
    /// - Throws: ``APIError`` when it cannot be told, and the webhook does not ignore failures.
    func kind(for hook: Webhook, _ request: AdmissionRequest) async throws -> ServedKind? {
        guard hook.selects(request.operation == .delete ? nil : request.object, request.old) else { return nil }
        func wants(_ kind: ServedKind) -> Bool {
            hook.rules.contains {
                $0.matches(kind, subresource: request.subresource, operation: request.operation)
            }
        }
        var found: ServedKind?
        if wants(request.kind) {
            found = request.kind
        } else if hook.matchesEquivalents {
            found = cluster.registry.all.first {
                $0 !== request.kind && $0.storageName == request.kind.storageName && wants($0)
            }
        }
        guard let found, try await selectsNamespace(hook, request) else { return nil }
        guard !hook.conditions.isEmpty else { return found }
        let input = AdmissionInput(request, as: found, resource: request.kind, rbac: cluster.rbac)
        switch hook.conditions.evaluate(AdmissionActivation(input)) {
        case .matches: return found
        case .skips: return nil
        case .fails(let problem): throw request.kind.forbidden(request.name, problem)
        }
    }

    private func selectsNamespace(_ hook: Webhook, _ request: AdmissionRequest) async throws -> Bool {
        guard !hook.namespaceSelector.isEmpty else { return true }
        func matches(_ namespace: JSON) -> Bool {
            hook.namespaceSelector.matches(namespace.value(at: "metadata", "labels")?.stringMap ?? [:])
        }
        if request.kind.storageName == "namespaces" {
            return matches(request.operation == .delete ? request.old ?? [:] : request.object)
        }
        // Objects outside of namespaces are never left out by the labels of one.
        guard request.kind.type.isNamespaced else { return true }
        guard let namespace = try await cluster.get("namespaces", "", request.namespace) else {
            throw APIError(
                .notFound, "namespaces \"\(request.namespace)\" not found", kind: "namespaces",
                name: request.namespace)
        }
        return matches(namespace)
    }

    /// Asks a webhook.
    ///
    /// - Returns: what it said; nil when it could not be asked, and that does not matter to its configuration.
    /// - Throws: ``APIError``: the refusal, or that the webhook failed.
    func ask(
        _ hook: Webhook, as kind: ServedKind, _ request: AdmissionRequest, isMutating: Bool
    ) async throws -> WebhookVerdict? {
        if request.isDryRun, hook.hasSideEffects {
            throw APIError(.badRequest, "admission webhook \"\(hook.name)\" does not support dry run")
        }
        let uid = UUID().uuidString.lowercased()
        let response: JSON
        let patch: JSON?
        do {
            response = try await exchange(hook, review(hook, kind, request, uid: uid), uid: uid)
            patch = try WebhookVerdict.patch(in: response, isMutating: isMutating, version: hook.reviewVersion)
        } catch let error as CancellationError {
            throw error
        } catch let error as WebhookVerdict.Unusable {
            try failed(hook, error.description)
            return nil
        } catch {
            try failed(hook, "failed to call webhook: \(error)")
            return nil
        }
        // Told whether or not the request is refused.
        for warning in response["warnings"]?.array?.compactMap(\.string) ?? [] { request.warnings?.add(warning) }
        for (key, value) in response["auditAnnotations"]?.object ?? [:] {
            AuditNotes.current?.add("\(hook.name)/\(key)", value.string ?? "")
        }
        guard response["allowed"]?.bool == true else { throw Self.refusal(hook, response["status"] ?? [:]) }
        return WebhookVerdict(patch: patch)
    }

    /// Notes that a webhook could not be asked, and refuses the request unless its configuration ignores that.
    private func failed(_ hook: Webhook, _ reason: String) throws(APIError) {
        let text = "failed calling webhook \"\(hook.name)\": \(reason)"
        guard hook.ignoresFailures else {
            throw APIError(
                .internalError, "Internal error occurred: \(text)",
                causes: [.init(field: "", reason: "", message: text)])
        }
        cluster.logger.warning(
            "a webhook failed; its configuration ignores that",
            metadata: ["webhook": "\(hook.name)", "error": "\(reason)"])
    }

    private static func refusal(_ hook: Webhook, _ status: JSON) -> APIError {
        let denied = "admission webhook \"\(hook.name)\" denied the request"
        var error = APIError(status: status, code: Int(max(status["code"]?.int ?? 0, 400)))
        if let message = status["message"]?.string, !message.isEmpty {
            error.message = "\(denied): \(message)"
        } else if let reason = status["reason"]?.string, !reason.isEmpty {
            error.message = "\(denied): \(reason)"
        } else {
            error.message = "\(denied) without explanation"
        }
        return error
    }

    private func exchange(_ hook: Webhook, _ review: JSON, uid: String) async throws -> JSON {
        let timeout = "timeout=\(hook.timeoutSeconds)s"
        let answer: JSON
        switch hook.address {
        case .url(let url):
            answer = try await WebhookClient.shared.post(
                review, to: "\(url)?\(timeout)", authorities: hook.authorities, timeoutSeconds: hook.timeoutSeconds)
        case .service(let namespace, let name, let path, let port):
            let place = try await place(of: name, namespace, port: port)
            let host = "\(name).\(namespace).svc"
            let suffix = path.isEmpty || path.hasPrefix("/") ? path : "/\(path)"
            answer = try await WebhookClient.shared.post(
                review, to: "https://\(host):\(place.port)\(suffix)?\(timeout)", host: host, place: place.host,
                authorities: hook.authorities, timeoutSeconds: hook.timeoutSeconds)
        }
        guard answer["kind"]?.string == "AdmissionReview",
            answer["apiVersion"]?.string == "admission.k8s.io/\(hook.reviewVersion)", let response = answer["response"]
        else {
            throw WebhookVerdict.Unusable(
                "received invalid webhook response: it did not answer an admission.k8s.io/\(hook.reviewVersion) AdmissionReview"
            )
        }
        guard hook.reviewVersion == "v1beta1" || response["uid"]?.string == uid else {
            throw WebhookVerdict.Unusable(
                "received invalid webhook response: expected response.uid=\(uid), got \(response["uid"]?.text ?? "")")
        }
        return response
    }

    /// Where the port of a Service is reached: at a Pod behind it, or at its own address.
    private func place(of name: String, _ namespace: String, port: Int) async throws -> (host: String, port: Int) {
        guard let service = try await cluster.get("services", namespace, name) else {
            throw WebhookClient.Failure(description: "service \"\(name)\" not found")
        }
        let spec = service["spec"] ?? [:]
        if spec["type"] == "ExternalName" { return (spec["externalName"]?.string ?? "", port) }
        guard let found = (spec["ports"]?.array ?? []).first(where: { $0["port"]?.int == Int64(port) }) else {
            throw WebhookClient.Failure(description: "no service port \(port) found for service \"\(name)\"")
        }
        let portName = found["name"]?.string ?? ""
        for subset in try await cluster.get("endpoints", namespace, name)?["subsets"]?.array ?? [] {
            let target = (subset["ports"]?.array ?? []).first { ($0["name"]?.string ?? "") == portName }
            if let ip = subset["addresses"]?[0]?["ip"]?.string, let number = target?["port"]?.int {
                return (ip, Int(number))
            }
        }
        let address = spec["clusterIP"]?.string ?? ""
        guard !address.isEmpty, address != "None" else {
            throw WebhookClient.Failure(description: "no endpoints available for service \"\(name)\"")
        }
        return (address, port)
    }

    private func review(_ hook: Webhook, _ kind: ServedKind, _ request: AdmissionRequest, uid: String) -> JSON {
        var question: JSON = ["uid": .string(uid)]
        for (key, value) in request.question(as: kind).object ?? [:] { question[key] = value }
        question["object"] = request.operation == .delete ? .null : request.presented(request.object, as: kind)
        question["oldObject"] = request.old.map { request.presented($0, as: kind) } ?? .null
        return [
            "kind": "AdmissionReview", "apiVersion": .string("admission.k8s.io/\(hook.reviewVersion)"),
            "request": question,
        ]
    }
}
