import CEL
import ClusterRules
import KubeModel

/// Validating policies are asked outside of the locks of the chain, before the validating webhooks.
extension AdmissionChain {
    private static let longestAnnotation = 10 * 1024

    /// True when a validating policy may have something to say about a request.
    func hasValidatingPolicies(for request: AdmissionRequest) -> Bool {
        !PolicyDispatch(cluster: cluster).hooks(cluster.validatingPolicies, for: request).isEmpty
    }

    /// Asks the validating policies; all are asked, and the first that refuses is named.
    func askValidatingPolicies(_ request: AdmissionRequest) async throws {
        let dispatch = PolicyDispatch(cluster: cluster)
        let hooks = dispatch.hooks(cluster.validatingPolicies, for: request)
        guard !hooks.isEmpty else { return }
        var failures: [PolicyDispatch.Failure] = []
        let calls = try await dispatch.calls(hooks, for: request, &failures)
        var refusals: [APIError] = failures.filter { !$0.scope.ignoresFailures }.map { failure in
            request.refusal(by: failure.scope.name, failure.binding, failure.message, .invalid)
        }
        guard !calls.isEmpty else {
            if let first = refusals.first { throw first }
            return
        }
        let namespace = try await dispatch.namespace(of: request)
        var inputs: [ObjectIdentifier: AdmissionInput] = [:]
        func input(_ kind: ServedKind) -> AdmissionInput {
            if let known = inputs[ObjectIdentifier(kind)] { return known }
            let input = AdmissionInput(request, as: kind, rbac: cluster.rbac)
            inputs[ObjectIdentifier(kind)] = input
            return input
        }
        var annotations: [String: [String]] = [:]
        for call in calls {
            let seen = input(call.kind)
            let conditionInput =
                call.kind === request.kind
                ? seen : AdmissionInput(request, as: call.kind, resource: request.kind, rbac: cluster.rbac)
            let verdict = call.policy.evaluate(
                seen, conditionInput: conditionInput, call.param, namespace: namespace)
            for denial in verdict.denials { report(denial, by: call, request, &refusals) }
            for (key, value) in verdict.annotations {
                let key = "\(call.policy.scope.name)/\(key)"
                let value = String(decoding: value.utf8.prefix(Self.longestAnnotation), as: UTF8.self)
                if annotations[key]?.contains(value) != true { annotations[key, default: []].append(value) }
            }
            for failure in verdict.annotationFailures {
                refusals.append(request.refusal(by: call.policy.scope.name, call.binding.name, failure, .invalid))
            }
        }
        for (key, values) in annotations { AuditNotes.current?.addOnce(key, values.joined(separator: ", ")) }
        if let first = refusals.first { throw first }
    }

    private func report(
        _ denial: ValidatingPolicy.Verdict.Denial, by call: PolicyDispatch.Call<ValidatingPolicy>,
        _ request: AdmissionRequest, _ refusals: inout [APIError]
    ) {
        let (policy, binding) = (call.policy.scope.name, call.binding)
        for action in binding.actions {
            switch action {
            case "Deny":
                refusals.append(request.refusal(by: policy, binding.name, denial.message, denial.reason))
            case "Warn":
                request.warnings?.add(
                    "Validation failed for ValidatingAdmissionPolicy '\(policy)' with binding '\(binding.name)': "
                        + denial.message)
            case "Audit":
                let note: JSON = [
                    [
                        "message": .string(denial.message), "policy": .string(policy),
                        "binding": .string(binding.name), "expressionIndex": .int(Int64(denial.index)),
                        "validationActions": .array(binding.actions.map(JSON.string)),
                    ]
                ]
                AuditNotes.current?.addOnce(
                    "validation.policy.admission.k8s.io/validation_failure", note.text.escapedForPages)
            default: break
            }
        }
    }
}

extension String {
    /// JSON with the escapes that Go's encoder makes for the sake of web pages.
    fileprivate var escapedForPages: String {
        replacing("<", with: "\\u003c").replacing(">", with: "\\u003e").replacing("&", with: "\\u0026")
    }
}

extension AdmissionRequest {
    /// The name of the object as refusals give it.
    var refusedName: String {
        if !name.isEmpty { return name }
        guard let metadata = object["metadata"] else { return "Unknown" }
        let names = [metadata["name"], metadata["generateName"]].compactMap { $0?.string }.filter { !$0.isEmpty }
        return names.first ?? "Unknown"
    }

    /// What a validating policy makes of a request.
    fileprivate func refusal(
        by policy: String, _ binding: String?, _ detail: String, _ reason: APIError.Reason
    ) -> APIError {
        let bound = binding.map { " with binding '\($0)'" } ?? ""
        let text = "ValidatingAdmissionPolicy '\(policy)'\(bound) denied request: \(detail)"
        var error = kind.forbidden(
            refusedName, text, causes: [.init(field: "", reason: "", message: text)])
        (error.reason, error.code) = (reason, reason.defaultCode)
        return error
    }
}
