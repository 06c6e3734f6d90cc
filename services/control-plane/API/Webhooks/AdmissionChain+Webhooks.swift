import ClusterRules
import KubeModel

/// Webhooks are called outside of the locks of the chain: they may take seconds, and may use the API themselves.
extension AdmissionChain {
    /// The webhooks that want to hear of a request, each with the kind under which it does.
    private func wanted(_ resource: String, _ request: AdmissionRequest) async throws -> [(Webhook, ServedKind)] {
        let hooks = cluster.webhooks.hooks(resource)
        guard !hooks.isEmpty, !request.isExemptFromWebhooks else { return [] }
        let caller = WebhookCaller(cluster: cluster)
        var found: [(Webhook, ServedKind)] = []
        for hook in hooks {
            if let kind = try await caller.kind(for: hook, request) { found.append((hook, kind)) }
        }
        return found
    }

    /// Lets the chain's first steps, the mutating policies and the mutating webhooks change an object that is about to
    /// be written.
    func prepare(_ request: inout AdmissionRequest) async throws {
        for step in early { try await step.admit(&request) }
        let policies = mutatingPolicies(for: request)
        let hooks = request.isExemptFromWebhooks ? [] : cluster.webhooks.hooks(WebhookRegistry.mutating)
        guard !hooks.isEmpty || !policies.isEmpty else { return }
        var reinvocation = PolicyReinvocation()
        var isChanged = try await mutate(&request, policies, &reinvocation)
        let caller = WebhookCaller(cluster: cluster)
        var called: Set<Int> = []
        /// Webhooks that were asked before something changed, and want to see the result.
        var again: Set<Int> = []
        for (index, hook) in hooks.enumerated() {
            guard let kind = try await caller.kind(for: hook, request) else { continue }
            if try await change(&request, hook, kind, caller) {
                again.formUnion(called)
                isChanged = true
            }
            if hook.isReinvoked { called.insert(index) }
        }
        guard request.operation != .delete, isChanged || !hooks.isEmpty else { return }
        // What the steps fill in may be missing in what policies and webhooks added.
        let before = request.object
        for step in early { try await step.admit(&request) }
        if isChanged {
            reinvocation.begin(with: request.object)
            _ = try await mutate(&request, policies, &reinvocation)
        }
        if request.object != before { again.formUnion(called) }
        for (index, hook) in hooks.enumerated() where again.contains(index) {
            guard let kind = try await caller.kind(for: hook, request) else { continue }
            _ = try await change(&request, hook, kind, caller)
        }
    }

    /// Asks a mutating webhook; true when it changed something.
    private func change(
        _ request: inout AdmissionRequest, _ hook: Webhook, _ kind: ServedKind, _ caller: WebhookCaller
    ) async throws -> Bool {
        guard let verdict = try await caller.ask(hook, as: kind, request, isMutating: true),
            let patch = verdict.patch, patch.array?.isEmpty == false
        else { return false }
        guard request.operation != .delete else {
            throw APIError(
                .internalError,
                "Internal error occurred: admission webhook \"\(hook.name)\" attempted to modify the object, which is "
                    + "not supported for this operation")
        }
        var object = request.presented(request.object, as: kind)
        do {
            object = try JSONPatch.apply(patch, to: object)
        } catch {
            throw APIError(.internalError, "Internal error occurred: \(error.message)")
        }
        object = request.restored(object, from: kind)
        try request.kind.read(&object)
        request.kind.definition.applyDefaults(&object)
        let isChanged = object != request.object
        request.object = object
        return isChanged
    }

    /// True when a validating webhook may have something to say.
    var hasValidatingWebhooks: Bool { !cluster.webhooks.hooks(WebhookRegistry.validating).isEmpty }

    /// Asks the validating policies and then all validating webhooks.
    func askValidators(_ request: AdmissionRequest) async throws {
        try await askValidatingPolicies(request)
        try await askValidatingWebhooks(request)
    }

    /// Asks all validating webhooks at once.
    func askValidatingWebhooks(_ request: AdmissionRequest) async throws {
        let wanted = try await wanted(WebhookRegistry.validating, request)
        guard !wanted.isEmpty else { return }
        let caller = WebhookCaller(cluster: cluster)
        let failures = await withTaskGroup(of: (Int, (any Error)?).self) { group in
            for (index, (hook, kind)) in wanted.enumerated() {
                group.addTask {
                    do {
                        _ = try await caller.ask(hook, as: kind, request, isMutating: false)
                        return (index, nil)
                    } catch {
                        return (index, error)
                    }
                }
            }
            var failures: [(index: Int, error: any Error)] = []
            for await (index, error) in group {
                if let error { failures.append((index, error)) }
            }
            return failures
        }
        if let first = failures.min(by: { $0.index < $1.index }) { throw first.error }
    }

    /// Asks policies and both kinds of webhooks about what is sent to a subresource or is only a question; nothing is changed.
    func askWebhooks(about request: AdmissionRequest) async throws {
        let caller = WebhookCaller(cluster: cluster)
        for (hook, kind) in try await wanted(WebhookRegistry.mutating, request) {
            _ = try await caller.ask(hook, as: kind, request, isMutating: true)
        }
        try await askValidators(request)
    }

    /// Asks policies and both kinds of webhooks about a deletion.
    func askAboutDeletion(_ context: RequestContext, old: JSON) async throws {
        guard context.info.subresource.isEmpty else { return }
        var request = AdmissionRequest(
            operation: .delete, kind: context.kind, subresource: "", namespace: context.namespace,
            name: context.info.verb == "deletecollection" ? "" : context.name,
            user: context.user, isDryRun: context.isDryRun, object: .null, old: old, warnings: context.warnings,
            options: context.options)
        let caller = WebhookCaller(cluster: cluster)
        for (hook, kind) in try await wanted(WebhookRegistry.mutating, request) {
            _ = try await change(&request, hook, kind, caller)
        }
        try await askValidators(request)
    }
}

extension AdmissionRequest {
    /// True for what webhooks do not get to see, or a mistake in one could not be undone.
    var isExemptFromWebhooks: Bool { kind.type.group == BuiltinKinds.admissionGroup }
}

extension ServedKind {
    /// Reads an object as this kind: unknown fields are dropped, custom kinds get their defaults.
    ///
    /// - Returns: the paths of the fields that were dropped.
    @discardableResult
    func read(_ object: inout JSON) throws(APIError) -> [String] {
        guard let custom else { return try definition.decode(&object) }
        var unknown = custom.schema?.prune(&object) ?? []
        unknown += try EmbeddedMetadata.read(&object, kind: type, schema: custom.schema)
        custom.schema?.dropNulls(&object)
        custom.schema?.applyDefaults(&object)
        return unknown
    }
}

extension APIServer {
    /// Lets webhooks refuse what is sent to a subresource, or a question that is not stored.
    func admitSubresource(
        _ context: RequestContext, object: JSON, operation: AdmissionRequest.Operation = .create
    ) async throws {
        try await admission.askWebhooks(
            about: AdmissionRequest(
                operation: operation, kind: context.kind, subresource: context.info.subresource,
                namespace: context.namespace, name: context.name, user: context.user, isDryRun: context.isDryRun,
                object: object, old: nil, warnings: context.warnings, options: context.options,
                bodyType: context.info.subresource.isEmpty ? nil : ResourceType(of: object)))
    }
}

extension ResourceType {
    /// The type that an object says it is of; which resource that is in is not known.
    init(of object: JSON) {
        let version = object["apiVersion"]?.string ?? ""
        let parts = version.split(separator: "/", maxSplits: 1).map(String.init)
        self.init(
            parts.count == 2 ? parts[0] : "", parts.last ?? "", "", object["kind"]?.string ?? "", isNamespaced: true)
    }
}
