import ClusterRules
import ClusterStore
import Foundation
import KubeModel

extension APIServer {
    /// Creates an object from the body of a request.
    func create(_ request: APIRequest, _ context: RequestContext) async throws -> APIAnswer {
        var duplicates: [String] = []
        let body = try await Codec.body(of: request, kind: context.kind.type.kind, duplicates: &duplicates)
        let object = try incoming(body, duplicates: duplicates, context)
        let stored = try await create(object, context)
        var answer = answer(stored, context, status: 201)
        if case .stored(let object) = stored { answer.createdName = object.key.name }
        return answer
    }

    /// The outcome of a write: what is stored, or what would be.
    enum Outcome: Sendable {
        case stored(StoredObject)
        case tentative(JSON)

        func tree(_ kind: ServedKind) throws -> JSON {
            switch self {
            case .stored(let object): try kind.tree(object)
            case .tentative(let json): json
            }
        }
    }

    func answer(_ outcome: Outcome, _ context: RequestContext, status: Int = 200) -> APIAnswer {
        let kind = context.kind
        if context.presentation.isObject, case .stored(let object) = outcome {
            return kind.answer(object, status: status)
        }
        guard var tree = try? outcome.tree(kind) else {
            return .error(APIError(.internalError, "the stored object cannot be read"))
        }
        if kind.isCustom { tree["apiVersion"] = .string(kind.type.apiVersion) }
        return .json(kind.present(tree, as: context.presentation), status: status)
    }

    /// Checks what came in against the kind it was sent to, and tells about fields that the kind does not have.
    func incoming(_ body: JSON, duplicates: [String], _ context: RequestContext) throws(APIError) -> JSON {
        let kind = context.kind
        guard body.object != nil else {
            throw APIError(.badRequest, "couldn't get version/kind; json parse error: the body is not a JSON object")
        }
        for field in ["apiVersion", "kind"] {
            guard let value = body[field], !value.isNull, value.string == nil else { continue }
            throw APIError(
                .badRequest,
                "couldn't get version/kind; json parse error: json: cannot unmarshal into Go struct field .\(field) of type string"
            )
        }
        let apiVersion = body["apiVersion"]?.string ?? ""
        let name = body["kind"]?.string ?? ""
        if !apiVersion.isEmpty, apiVersion != kind.type.apiVersion {
            if name == kind.type.kind || kind.isCustom {
                throw APIError(
                    .badRequest,
                    "the API version in the data (\(apiVersion)) does not match the expected API version (\(kind.type.apiVersion))"
                )
            }
        }
        if kind.isCustom, !name.isEmpty, name != kind.type.kind {
            throw kind.invalid(
                body.value(at: "metadata", "name")?.string ?? "",
                [FieldIssue(field: "kind", reason: .invalid, value: .string(name), detail: "must be \(kind.type.kind)")]
            )
        }
        if (!name.isEmpty && name != kind.type.kind) || (!apiVersion.isEmpty && apiVersion != kind.type.apiVersion) {
            throw APIError(
                .badRequest,
                "\(name) in version \"\(apiVersion)\" cannot be handled as a \(kind.type.kind): no kind \"\(name)\" is registered for version \"\(apiVersion)\" in this resource"
            )
        }
        var object = body
        try complete(&object, duplicates: duplicates, context)
        return object
    }

    /// Fills in kind and version, and handles fields that the kind does not have.
    func complete(_ object: inout JSON, duplicates: [String], _ context: RequestContext, asPatch: Bool = false)
        throws(APIError)
    {
        let kind = context.kind
        object["kind"] = .string(kind.type.kind)
        object["apiVersion"] = .string(kind.type.apiVersion)
        if let metadata = object["metadata"], metadata.isNull { object["metadata"] = [:] }
        if let metadata = object["metadata"], metadata.object == nil {
            throw APIError(
                .badRequest,
                "\(kind.type.kind) in version \"\(kind.type.version)\" cannot be handled as a \(kind.type.kind): metadata must be an object"
            )
        }
        if object["metadata"] == nil { object["metadata"] = [:] }
        let unknown = try kind.read(&object)
        try context.report(unknown: unknown, duplicates: duplicates, asPatch: asPatch)
    }

    /// Creates an object that was read already.
    func create(_ object: JSON, _ context: RequestContext, tracksChanges: Bool = true) async throws -> Outcome {
        let kind = context.kind
        var object = object
        var metadata = object["metadata"] ?? [:]
        if let version = metadata["resourceVersion"]?.string.flatMap({ UInt64($0) }), version > 0 {
            // The real server does not take this for a fault of the client.
            throw APIError(.unknown, "resourceVersion should not be set on objects to be created", code: 500)
        }
        let generateName = metadata["generateName"]?.string ?? ""
        let isGenerated = (metadata["name"]?.string ?? "").isEmpty && !generateName.isEmpty
        try placeInNamespace(&metadata, context)
        OwnerDuplicates.drop(from: &metadata, context)
        for field in ["resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"] {
            metadata[field] = nil
        }
        metadata["uid"] = .string(ObjectID.random())
        metadata["creationTimestamp"] = .string(Timestamp.now.text)
        if kind.hasGeneration { metadata["generation"] = 1 }
        object["metadata"] = metadata

        kind.definition.prepareForCreate(&object)
        kind.definition.applyDefaults(&object)
        for attempt in 0..<(isGenerated ? 8 : 1) {
            var candidate = object
            if isGenerated {
                candidate.set(.string(String(generateName.prefix(58)) + NameSuffix.random()), at: "metadata", "name")
            }
            let isLast = attempt == (isGenerated ? 7 : 0)
            let outcome = try await insert(
                candidate, context, isNameGenerated: isGenerated, isLast: isLast, tracksChanges: tracksChanges)
            if let outcome {
                return outcome
            }
        }
        throw kind.exists(object.value(at: "metadata", "name")?.string ?? "")
    }

    private func placeInNamespace(_ metadata: inout JSON, _ context: RequestContext) throws(APIError) {
        guard context.kind.type.isNamespaced else {
            metadata["namespace"] = nil
            return
        }
        let given = metadata["namespace"]?.string ?? ""
        guard given.isEmpty || given == context.namespace else {
            throw APIError(
                .badRequest, "the namespace of the provided object does not match the namespace sent on the request")
        }
        metadata["namespace"] = .string(context.namespace)
    }

    /// Admits, validates and stores; nil when the name is taken and another one may be tried.
    private func insert(
        _ candidate: JSON, _ context: RequestContext, isNameGenerated: Bool, isLast: Bool, tracksChanges: Bool
    ) async throws -> Outcome? {
        let kind = context.kind
        var admitted = AdmissionRequest(
            operation: .create, kind: kind, subresource: "", namespace: context.namespace,
            name: candidate.value(at: "metadata", "name")?.string ?? "", user: context.user, isDryRun: context.isDryRun,
            object: candidate, old: nil, warnings: context.warnings, options: context.options,
            isNameGenerated: isNameGenerated)
        try await admission.prepare(&admitted)
        admitted.settleName()
        try await checkWithWebhooks(admitted)
        return try await cluster.locks.withLocks(try await admission.locks(for: admitted)) {
            () async throws -> Outcome? in
            let name = admitted.name
            let key = kind.key(context.namespace, name)
            try await admission.admit(&admitted)
            var object = admitted.object
            let issues =
                MetadataRules.validate(object, old: nil, kind: kind.definition) + kind.definition.validate(object, nil)
            guard issues.isEmpty else { throw kind.invalid(name, issues) }
            for text in kind.definition.warnings(object, nil, "") { context.warnings.add(text) }
            if try await cluster.get(key) != nil {
                if isLast { throw kind.exists(name) }
                return nil
            }
            try await admission.validate(admitted)
            if tracksChanges {
                object.set(nil, at: "metadata", "managedFields")
                trackCreation(of: &object, context)
            }
            object = kind.normalized(object)
            if context.isDryRun { return .tentative(kind.definition.fromStored(object)) }
            guard let stored = try await cluster.put(key, object, expecting: .absent) else {
                if isLast { throw kind.exists(name) }
                return nil
            }
            return .stored(stored)
        }
    }

    /// Asks the validating policies and webhooks about an object that has no other mistake.
    func checkWithWebhooks(_ admitted: AdmissionRequest) async throws {
        guard admission.hasValidatingWebhooks || admission.hasValidatingPolicies(for: admitted) else { return }
        let kind = admitted.kind
        // What the later steps fill in is part of a valid object, and is seen. It is filled in again, under
        // locks, when the object is stored.
        var admitted = admitted
        try await admission.admit(&admitted)
        var issues = MetadataRules.validate(admitted.object, old: admitted.old, kind: kind.definition)
        issues += kind.definition.issues(in: admitted.object, old: admitted.old, subresource: admitted.subresource)
        issues = issues.refused(warning: admitted.warnings)
        guard issues.isEmpty else { throw kind.invalid(admitted.name, issues) }
        try await admission.askValidators(admitted)
    }

    /// Records that all of a new object is its creator's.
    private func trackCreation(of object: inout JSON, _ context: RequestContext) {
        let type = context.kind.type
        let own = ManagedFields.ofNew(
            object, shape: context.kind.shape, by: context.manager(operation: "Update"), at: Timestamp.now.text,
            keepsStatus: context.info.subresource == "status" || !context.kind.definition.hasStatus)
        guard let own else {
            return track(&object, from: ["kind": .string(type.kind), "apiVersion": .string(type.apiVersion)], context)
        }
        object.set(own, at: "metadata", "managedFields")
    }

    /// Records who changed what.
    func track(_ object: inout JSON, from old: JSON, _ context: RequestContext, operation: String = "Update") {
        var fields = ManagedFields(object)
        if let explicit = object.value(at: "metadata", "managedFields")?.array, explicit.isEmpty || explicit == [[:]] {
            fields.entries = []
        } else if fields.entries.isEmpty, object.value(at: "metadata", "managedFields") == nil {
            fields = ManagedFields(old)
        }
        fields.record(
            from: old, to: object, shape: context.kind.shape, by: context.manager(operation: operation),
            at: Timestamp.now.text,
            keepsStatus: context.info.subresource == "status" || !context.kind.definition.hasStatus)
        object.set(fields.json, at: "metadata", "managedFields")
    }
}

/// Endings for generated names.
enum NameSuffix {
    private static let letters = Array("bcdfghjklmnpqrstvwxz2456789".utf8)

    /// Five letters and digits that form no words.
    static func random() -> String {
        // One number for all five: asking the system for randomness costs more than the rest.
        var random = UInt64.random(in: 0...UInt64.max)
        return String(unsafeUninitializedCapacity: 5) { buffer in
            for position in 0..<5 {
                let (quotient, remainder) = random.quotientAndRemainder(dividingBy: UInt64(letters.count))
                buffer[position] = letters[Int(remainder)]
                random = quotient
            }
            return 5
        }
    }
}
