import ClusterRules
import ClusterStore
import KubeModel

extension APIServer {
    private static let patchTypes = [
        "application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json",
        "application/apply-patch+yaml",
    ]

    /// Changes an object by a patch in one of the four forms.
    func patch(_ request: APIRequest, _ context: RequestContext) async throws -> APIAnswer {
        let kind = context.kind
        let type =
            (request.header("content-type") ?? "").split(separator: ";").first.map { $0.filter { $0 != " " } } ?? ""
        let accepted = kind.isCustom ? Self.patchTypes.filter { !$0.contains("strategic") } : Self.patchTypes
        guard accepted.contains(type) else { throw Codec.unsupported(type, accepted: accepted) }
        if context.query.flag("force"), type != Self.patchTypes[3] {
            throw APIError(
                .invalid,
                "PatchOptions.meta.k8s.io \"\" is invalid: force: Forbidden: may not be specified for non-apply patch",
                kind: "PatchOptions", group: "meta.k8s.io",
                causes: [
                    .init(
                        field: "force", reason: "FieldValueForbidden",
                        message: "Forbidden: may not be specified for non-apply patch")
                ])
        }
        let buffer = try await Codec.collect(request)
        var duplicates: [String] = []
        let body: JSON
        do throws(APIError) {
            body = try Codec.decode(buffer, format: type == Self.patchTypes[3] ? .yaml : .json, duplicates: &duplicates)
        } catch {
            throw APIError(.badRequest, "error decoding patch: \(error.message)")
        }
        if type == Self.patchTypes[3] { return try await apply(body, context) }
        let found = duplicates
        let outcome = try await change(context) { old in
            var patched: JSON
            switch type {
            case Self.patchTypes[0]: patched = try JSONPatch.apply(body, to: old)
            case Self.patchTypes[1]: patched = MergePatch.apply(body, to: old)
            default: patched = try StrategicMergePatch.apply(body, to: old, kind: kind.definition)
            }
            try self.checkPatched(
                &patched, old: old, duplicates: found, isStrategic: type == Self.patchTypes[2], context)
            return patched
        }
        return answer(outcome, context)
    }

    /// A patch cannot turn an object into another one.
    private func checkPatched(
        _ patched: inout JSON, old: JSON, duplicates: [String], isStrategic: Bool, _ context: RequestContext
    )
        throws(APIError)
    {
        guard patched.object != nil else { throw APIError(.badRequest, "the patched object is not an object") }
        for field in ["kind", "apiVersion"] where patched[field] != old[field] {
            // A strategic patch is laid over an object of the kind; what it says of the type is not looked at.
            if isStrategic, patched[field]?.string != nil || patched[field]?.isNull != false {
                patched[field] = old[field]
                continue
            }
            if field == "kind", context.kind.isCustom, let name = patched[field]?.string, !name.isEmpty {
                if !context.info.subresource.isEmpty {
                    patched[field] = old[field]
                    continue
                }
                var refusal = context.kind.invalid(
                    context.name,
                    [
                        FieldIssue(
                            field: "kind", reason: .invalid, value: .string(name),
                            detail: "must be \(context.kind.type.kind)")
                    ])
                refusal.kind = name
                throw refusal
            }
            let value = patched[field]?.text ?? ""
            throw Self.unusable(
                "the \(field) of the patched object (\(value)) is not \(old[field]?.string ?? "")")
        }
        let metadata = patched["metadata"]
        if let uid = metadata?["uid"]?.string, !uid.isEmpty, uid != old.value(at: "metadata", "uid")?.string {
            throw context.kind.invalid(
                context.name,
                [
                    FieldIssue(
                        field: "metadata.uid", reason: .invalid, value: .string(uid), detail: "field is immutable")
                ])
        }
        if let version = metadata?["resourceVersion"]?.string, !version.isEmpty, UInt64(version) == nil {
            throw APIError(.unknown, "strconv.ParseUint: parsing \"\(version)\": invalid syntax", code: 500)
        }
        try checkNames(&patched, context)
        do throws(APIError) {
            try complete(&patched, duplicates: duplicates, context, asPatch: true)
        } catch {
            throw Self.unusable(error.causes.first?.message ?? error.message)
        }
    }

    /// The refusal of a patch that does not leave an object of the kind.
    private static func unusable(_ detail: String) -> APIError {
        let message = detail.hasPrefix("Invalid value") ? detail : "Invalid value: \"<patch>\": \(detail)"
        return APIError(
            .invalid, " \"\" is invalid: patch: \(message)",
            causes: [.init(field: "patch", reason: "FieldValueInvalid", message: message)])
    }

    /// Server-side apply: creates what is missing, and otherwise merges by field ownership.
    private func apply(_ body: JSON, _ context: RequestContext) async throws -> APIAnswer {
        let kind = context.kind
        guard let manager = context.query["fieldManager"], !manager.isEmpty else {
            throw APIError(
                .invalid,
                "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch",
                kind: "PatchOptions", group: "meta.k8s.io",
                causes: [
                    .init(
                        field: "fieldManager", reason: "FieldValueRequired",
                        message: "Required value: is required for apply patch")
                ])
        }
        guard body.object != nil else { throw APIError(.badRequest, "the applied configuration is not an object") }
        for (field, expected) in [("apiVersion", kind.type.apiVersion), ("kind", kind.type.kind)]
        where body[field]?.string != expected {
            throw APIError(
                .badRequest,
                "the \(field) in the applied configuration (\(body[field]?.string ?? "")) is not \(expected)")
        }
        guard body.value(at: "metadata", "name")?.string?.isEmpty == false else {
            throw APIError(
                .badRequest,
                "the name of the object (\(context.name) based on URL) was undeterminable: name must be provided")
        }
        if let managed = body.value(at: "metadata", "managedFields")?.array, !managed.isEmpty {
            throw APIError(.badRequest, "metadata.managedFields must be nil")
        }
        var configuration = body
        if configuration["metadata"] == nil { configuration["metadata"] = [:] }
        if configuration.value(at: "metadata", "name")?.string ?? "" == "" {
            configuration.set(.string(context.name), at: "metadata", "name")
        }
        try checkNames(&configuration, context)
        let applied = configuration
        let force = context.query.flag("force")

        if try await cluster.get(kind.key(context.namespace, context.name)) == nil {
            guard context.info.subresource.isEmpty else { throw kind.notFound(context.name) }
            if let uid = applied.value(at: "metadata", "uid")?.string, !uid.isEmpty {
                throw kind.conflict(
                    context.name,
                    "uid mismatch: the provided object specified uid \(uid), and no existing object was found")
            }
            try cluster.rbac.require(context.user, AccessAttributes(context.info).with(verb: "create").withoutName)
            do {
                return answer(try await createApplied(applied, context), context, status: 201)
            } catch let error as APIError where error.reason == .alreadyExists {
                // Somebody else created it at the same moment: merge into theirs.
            }
        }
        let outcome = try await change(context, operation: "Apply") { old in
            var fields = ManagedFields(old)
            var merged = try fields.apply(
                applied, to: old, shape: kind.shape, by: context.manager(operation: "Apply"), force: force,
                at: Timestamp.now.text, keepsStatus: context.info.subresource == "status" || !kind.definition.hasStatus)
            try self.complete(&merged, duplicates: [], context, asPatch: true)
            merged.set(fields.json ?? .array([]), at: "metadata", "managedFields")
            if let version = applied.value(at: "metadata", "resourceVersion") {
                merged.set(version, at: "metadata", "resourceVersion")
            }
            return merged
        }
        return answer(outcome, context)
    }

    private func createApplied(_ applied: JSON, _ context: RequestContext) async throws -> Outcome {
        let kind = context.kind
        var object = applied
        try complete(&object, duplicates: [], context, asPatch: true)
        var fields = ManagedFields([:])
        _ = try fields.apply(
            applied, to: ["kind": .string(kind.type.kind), "apiVersion": .string(kind.type.apiVersion)],
            shape: kind.shape,
            by: context.manager(operation: "Apply"), force: true, at: Timestamp.now.text,
            keepsStatus: !kind.definition.hasStatus)
        object.set(fields.json, at: "metadata", "managedFields")
        return try await create(object, context, tracksChanges: false)
    }
}

extension AccessAttributes {
    /// Creation is asked about without the name, which does not exist yet.
    var withoutName: AccessAttributes {
        var copy = self
        copy.name = ""
        return copy
    }
}
