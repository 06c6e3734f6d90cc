import ClusterRules
import ClusterStore
import KubeModel

extension APIServer {
    /// Replaces an object (or its status) with the body of a request.
    func update(_ request: APIRequest, _ context: RequestContext) async throws -> APIAnswer {
        let kind = context.kind
        var duplicates: [String] = []
        let body = try await Codec.body(of: request, kind: context.kind.type.kind, duplicates: &duplicates)
        var object = try incoming(body, duplicates: duplicates, context)
        try checkNames(&object, context)
        let version = object.value(at: "metadata", "resourceVersion")?.string ?? ""
        if kind.requiresResourceVersion, version.isEmpty, context.info.subresource.isEmpty || kind.isCustom {
            var error = kind.invalid(
                context.name,
                [
                    FieldIssue(
                        field: "metadata.resourceVersion", reason: .invalid, value: 0,
                        detail: "must be specified for an update")
                ])
            error.kind = kind.type.plural
            throw error
        }
        if kind.allowsCreateOnUpdate, context.info.subresource.isEmpty, version.isEmpty || version == "0",
            try await cluster.get(kind.key(context.namespace, context.name)) == nil
        {
            try cluster.rbac.require(context.user, AccessAttributes(context.info).with(verb: "create"))
            object.set(nil, at: "metadata", "resourceVersion")
            return answer(try await create(object, context), context, status: 201)
        }
        let outcome = try await change(context) { _ in object }
        return answer(outcome, context)
    }

    /// The names in a body must be those of the URL; left-out ones are filled in.
    func checkNames(_ object: inout JSON, _ context: RequestContext) throws(APIError) {
        let name = object.value(at: "metadata", "name")?.string ?? ""
        let namespace = object.value(at: "metadata", "namespace")?.string ?? ""
        if name.isEmpty {
            throw APIError(.badRequest, "name must be provided")
        }
        guard name == context.name else {
            throw APIError(
                .badRequest, "the name of the object (\(name)) does not match the name on the URL (\(context.name))")
        }
        guard context.kind.type.isNamespaced else {
            object.set(nil, at: "metadata", "namespace")
            return
        }
        guard namespace.isEmpty || namespace == context.namespace else {
            throw APIError(
                .badRequest,
                "the namespace of the object (\(namespace)) does not match the namespace on the URL (\(context.namespace))"
            )
        }
        object.set(.string(context.namespace), at: "metadata", "namespace")
    }

    /// Reads, changes and writes an object, again when somebody else was faster and the caller named no version.
    ///
    /// `transform` makes the new state from the present one, in the version of the request.
    func change(
        _ context: RequestContext, operation: String = "Update", _ transform: (JSON) async throws -> JSON
    ) async throws -> Outcome {
        let kind = context.kind
        let key = kind.key(context.namespace, context.name)
        for _ in 0..<16 {
            guard let current = try await cluster.get(key) else { throw kind.notFound(context.name) }
            let old = try kind.tree(current)
            let new = try await transform(old)
            let version = new.value(at: "metadata", "resourceVersion")?.string ?? ""
            let isPinned = !version.isEmpty && version != "0" && version != String(current.revision)
            if isPinned { throw kind.conflict(context.name, ServedKind.modified) }
            if let outcome = try await replace(current, old: old, with: new, context, operation: operation) {
                return outcome
            }
        }
        throw kind.conflict(context.name, ServedKind.modified)
    }

    /// Admits, validates and stores a new state; nil when the object changed meanwhile.
    private func replace(
        _ current: StoredObject, old: JSON, with proposal: JSON, _ context: RequestContext, operation: String
    ) async throws -> Outcome? {
        let kind = context.kind
        let name = context.name
        if let uid = proposal.value(at: "metadata", "uid")?.string, !uid.isEmpty, uid != current.uid {
            throw kind.conflict(
                name, "Precondition failed: UID in precondition: \(uid), UID in object meta: \(current.uid)")
        }
        var new = keepServerFields(of: old, in: proposal)
        if var metadata = new["metadata"] {
            OwnerDuplicates.drop(from: &metadata, context)
            new["metadata"] = metadata
        }
        restrict(&new, to: context.info.subresource, old: old, kind: kind)
        kind.definition.prepareForUpdate(&new, old)
        if ["status", "binding"].contains(context.info.subresource) {
            // Rules of the main resource keep the old status; this request is about nothing else.
            new["status"] = proposal["status"]
        } else if context.info.subresource == "finalize" {
            new.set(proposal.value(at: "spec", "finalizers"), at: "spec", "finalizers")
        }
        if !context.info.subresource.isEmpty {
            kind.definition.prepareForSubresource(&new, old, context.info.subresource)
        }
        kind.definition.applyDefaults(&new)
        var admitted = AdmissionRequest(
            operation: .update, kind: kind, subresource: context.info.subresource, namespace: context.namespace,
            name: name,
            user: context.user, isDryRun: context.isDryRun, object: new, old: old, warnings: context.warnings,
            options: context.options)
        // Those are admitted as what was sent, not as what becomes of the object.
        if !["scale", "binding"].contains(context.info.subresource) {
            try await admission.prepare(&admitted)
            try await checkWithWebhooks(admitted)
        }
        return try await cluster.locks.withLocks(try await admission.locks(for: admitted)) {
            () async throws -> Outcome? in
            try await admission.admit(&admitted)
            var object = admitted.object
            var issues = MetadataRules.validate(object, old: old, kind: kind.definition)
            issues += kind.definition.issues(in: object, old: old, subresource: context.info.subresource)
            issues = issues.refused(warning: context.warnings)
            guard issues.isEmpty else { throw kind.invalid(name, issues) }
            for text in kind.definition.warnings(object, old, context.info.subresource) { context.warnings.add(text) }
            try await admission.validate(admitted)
            if kind.hasGeneration || kind.countsChangesOnly, context.info.subresource != "binding",
                kind.specDiffers(object, old)
            {
                object.set(.int((old.value(at: "metadata", "generation")?.int ?? 0) + 1), at: "metadata", "generation")
            }
            if operation == "Update" { track(&object, from: old, context) }
            return try await store(object, over: current, old: old, context)
        }
    }

    private func store(_ object: JSON, over current: StoredObject, old: JSON, _ context: RequestContext) async throws
        -> Outcome?
    {
        let kind = context.kind
        if object.isSettled(comparedWith: old) { return context.isDryRun ? .tentative(old) : .stored(current) }
        var object = kind.normalized(object)
        let isGone = object.isFinallyDeleted
        if context.isDryRun { return .tentative(kind.definition.fromStored(object)) }
        if isGone {
            object.set(.string(String(current.revision)), at: "metadata", "resourceVersion")
            guard
                let removed = try await cluster.remove(
                    current.key, expecting: .revision(current.revision), finalState: object)
            else { return nil }
            return .stored(removed)
        }
        guard let stored = try await cluster.put(current.key, object, expecting: .revision(current.revision)) else {
            return nil
        }
        return .stored(stored)
    }

    /// What only the server sets stays as it was.
    private func keepServerFields(of old: JSON, in proposal: JSON) -> JSON {
        var new = proposal
        var metadata = new["metadata"] ?? [:]
        let before = old["metadata"] ?? [:]
        for field in [
            "name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
            "generation",
            "selfLink", "resourceVersion",
        ] {
            metadata[field] = before[field]
        }
        if metadata["managedFields"] == nil { metadata["managedFields"] = before["managedFields"] }
        new["metadata"] = metadata
        return new
    }

    /// A request to a subresource changes nothing but its part.
    private func restrict(_ new: inout JSON, to subresource: String, old: JSON, kind: ServedKind) {
        switch subresource {
        case "status":
            var kept = old
            kept["status"] = new["status"]
            var metadata = kind.isCustom ? old["metadata"] ?? [:] : new["metadata"] ?? [:]
            metadata["managedFields"] = new.value(at: "metadata", "managedFields")
            metadata["ownerReferences"] = old.value(at: "metadata", "ownerReferences")
            kept["metadata"] = metadata
            new = kept
        case "finalize":
            var kept = old
            kept.set(new.value(at: "spec", "finalizers"), at: "spec", "finalizers")
            new = kept
        case "ephemeralcontainers":
            var kept = old
            kept.set(new.value(at: "spec", "ephemeralContainers"), at: "spec", "ephemeralContainers")
            new = kept
        case "" where kind.definition.hasStatus && kind.isCustom:
            new["status"] = old["status"]
        default: break
        }
    }
}

extension ServedKind {
    /// True when a change counts as a new generation.
    func specDiffers(_ new: JSON, _ old: JSON) -> Bool {
        if type.kind == "EndpointSlice" && !isCustom,
            new.value(at: "metadata", "labels") != old.value(at: "metadata", "labels")
        {
            return true
        }
        guard isCustom || type.kind.hasSuffix("WebhookConfiguration") || type.kind == "EndpointSlice" else {
            let field = type.kind == "PodTemplate" ? "template" : "spec"
            return new[field] != old[field]
        }
        var (left, right) = (new.object ?? [:], old.object ?? [:])
        for field in ["metadata", "apiVersion", "kind"] + (definition.hasStatus ? ["status"] : []) {
            left[field] = nil
            right[field] = nil
        }
        return left != right
    }
}

extension JSON {
    /// True when two states differ at most in when who wrote the same fields.
    func isSettled(comparedWith old: JSON) -> Bool {
        if self == old { return true }
        func stripped(_ json: JSON) -> JSON {
            var json = json
            json.set(
                json.value(at: "metadata", "managedFields")?.array.map { entries in
                    .array(
                        entries.map { entry in
                            var entry = entry
                            entry["time"] = nil
                            return entry
                        })
                }, at: "metadata", "managedFields")
            json.set(nil, at: "metadata", "resourceVersion")
            return json
        }
        return stripped(self) == stripped(old)
    }

    /// True when nothing holds an object that is being deleted any more.
    var isFinallyDeleted: Bool {
        guard let metadata = self["metadata"], metadata["deletionTimestamp"]?.string != nil else { return false }
        guard metadata["finalizers"]?.array?.isEmpty ?? true else { return false }
        if self["kind"]?.string == "Namespace", !(self.value(at: "spec", "finalizers")?.array?.isEmpty ?? true) {
            return false
        }
        return (metadata["deletionGracePeriodSeconds"]?.int ?? 0) == 0
    }
}

extension AccessAttributes {
    func with(verb: String) -> AccessAttributes {
        var copy = self
        copy.verb = verb
        return copy
    }
}
