import CEL
import ClusterRules
import KubeModel

/// Which mutating policies are asked a second time, because something changed after they had been asked.
struct PolicyReinvocation {
    private var invoked: Set<String> = []
    private var wanted: Set<String> = []
    private var isSecondTime = false
    /// The object as the policies left it.
    private var output: JSON?

    /// Begins the second time; `object` is what became of the object since.
    mutating func begin(with object: JSON) {
        isSecondTime = true
        if object != output { changed() }
    }

    /// True when a policy is to be asked.
    func includes(_ id: String) -> Bool { !isSecondTime || wanted.contains(id) }

    /// Something changed: those asked before want to see it.
    mutating func changed() {
        wanted.formUnion(invoked)
        invoked = []
    }

    mutating func note(_ id: String) { invoked.insert(id) }
    mutating func end(with object: JSON) { output = object }
}

extension AdmissionChain {
    /// The mutating policies that may concern a request.
    func mutatingPolicies(for request: AdmissionRequest) -> [PolicyHook<MutatingPolicy>] {
        guard request.operation != .delete else { return [] }
        return PolicyDispatch(cluster: cluster).hooks(cluster.mutatingPolicies, for: request)
    }

    /// Lets mutating policies change an object.
    ///
    /// - Returns: true when one did.
    /// - Throws: ``APIError`` when one cannot be applied and does not ignore that.
    func mutate(
        _ request: inout AdmissionRequest, _ hooks: [PolicyHook<MutatingPolicy>],
        _ reinvocation: inout PolicyReinvocation
    ) async throws -> Bool {
        guard !hooks.isEmpty else { return false }
        let dispatch = PolicyDispatch(cluster: cluster)
        var failures: [PolicyDispatch.Failure] = []
        let calls = try await dispatch.calls(hooks, for: request, &failures)
        var refusals = failures.filter { !$0.scope.ignoresFailures }.map {
            (Self.text($0.scope.name, $0.binding, $0.message), APIError.Reason.forbidden)
        }
        let before = request.object
        if !calls.isEmpty {
            let namespace = try await dispatch.namespace(of: request)
            for call in calls {
                for problem in try apply(call, to: &request, namespace, &reinvocation)
                where !call.policy.scope.ignoresFailures {
                    refusals.append((Self.text(call.policy.scope.name, call.binding.name, problem), .invalid))
                }
            }
        }
        if request.object != before { reinvocation.changed() }
        reinvocation.end(with: request.object)
        guard let first = refusals.first else { return request.object != before }
        var error = request.kind.forbidden(
            request.refusedName, "",
            causes: refusals.map { .init(field: "", reason: "", message: $0.0) })
        (error.message, error.reason) = (first.0, first.1)
        throw error
    }

    private static func inconvertible(_ kind: ServedKind, _ wanted: ServedKind) -> String {
        "converting (\(kind.type.version).\(kind.type.kind)) to (\(wanted.type.version).\(wanted.type.kind)): "
            + "unknown conversion"
    }

    /// The changed object as the request has it; policies cannot turn it into one of another kind.
    private func restored(_ object: JSON, from kind: ServedKind, _ request: AdmissionRequest) throws -> JSON {
        let changed = ResourceType(of: object)
        guard changed.kind == kind.type.kind, changed.apiVersion == kind.type.apiVersion else {
            let text =
                "failed to convert object: converting (\(changed.version).\(changed.kind)) to "
                + "(\(kind.type.group.isEmpty ? "core" : kind.type.group).\(kind.type.kind)): unknown conversion"
            throw APIError(
                .internalError, "Internal error occurred: \(text)",
                causes: [.init(field: "", reason: "", message: text)])
        }
        return request.restored(object, from: kind)
    }

    private static func text(_ policy: String, _ binding: String?, _ detail: String) -> String {
        binding.map { "policy '\(policy)' with binding '\($0)' denied request: \(detail)" }
            ?? "policy \"\(policy)\" denied request: \(detail)"
    }

    /// Asks one policy; answers what went wrong.
    private func apply(
        _ call: PolicyDispatch.Call<MutatingPolicy>, to request: inout AdmissionRequest, _ namespace: Value,
        _ reinvocation: inout PolicyReinvocation
    ) throws -> [String] {
        let (scope, kind) = (call.policy.scope, call.kind)
        let conditionInput = AdmissionInput(request, as: kind, resource: request.kind, rbac: cluster.rbac)
        let param = call.param.withoutType
        switch scope.conditions.evaluate(scope.activation(conditionInput, param)) {
        case .skips: return []
        case .fails(let problem): return [problem]
        case .matches: break
        }
        let id = "\(scope.name) \(call.binding.name) \(call.param.id)"
        guard reinvocation.includes(id) else { return [] }
        let input =
            kind === request.kind ? conditionInput : AdmissionInput(request, as: kind, rbac: cluster.rbac)
        let seen = request.presented(request.object, as: kind)
        var object = seen
        let problems = try call.policy.mutate(
            &object, input, param, namespace: namespace, ObjectPatching(kind: kind))
        if kind !== request.kind, !kind.isCustom {
            // The server that this one follows cannot convert what policies made of built-in kinds.
            return problems.isEmpty ? [Self.inconvertible(kind, request.kind)] : problems
        }
        if object != seen {
            request.object = try restored(object, from: kind, request)
            reinvocation.changed()
        }
        if call.policy.isReinvoked { reinvocation.note(id) }
        return problems
    }
}
