import ClusterRules
import ClusterStore
import Foundation
import KubeModel
import NIOCore

/// `DeleteOptions` of a request, from its body and its query.
struct DeleteOptions: Sendable {
    enum Propagation: String, Sendable {
        case orphan = "Orphan"
        case background = "Background"
        case foreground = "Foreground"
    }

    var gracePeriodSeconds: Int64?
    var propagation: Propagation?
    var uid: String?
    var resourceVersion: String?
    /// True when the body wants nothing changed; the query may say the same.
    var isDryRun = false

    init(_ body: JSON?, query: Query) throws(APIError) {
        if let body { try Self.checkTypes(body) }
        // Who sends options says all in them.
        let query = body == nil ? query : Query()
        let asked = try ListOptions.number(query["gracePeriodSeconds"]).map(Int64.init)
        gracePeriodSeconds = body?["gracePeriodSeconds"]?.int ?? asked
        if let seconds = gracePeriodSeconds, seconds < 0 { gracePeriodSeconds = 1 }
        let dryRun = body?["dryRun"]?.array ?? []
        if !dryRun.isEmpty, dryRun != ["All"] {
            throw Self.invalid(
                "dryRun", "FieldValueNotSupported",
                "Unsupported value: \(JSON.array(dryRun).text): supported values: \"All\"")
        }
        isDryRun = !dryRun.isEmpty
        uid = body?.value(at: "preconditions", "uid")?.string ?? query["uid"]
        resourceVersion =
            body?.value(at: "preconditions", "resourceVersion")?.string ?? query["resourceVersion"]
        let policy = body?["propagationPolicy"]?.string ?? query["propagationPolicy"]
        let orphans =
            body?["orphanDependents"]?.bool
            ?? query["orphanDependents"].map { !["0", "false"].contains($0.lowercased()) }
        if policy != nil, orphans != nil {
            throw Self.invalid(
                "propagationPolicy", "FieldValueInvalid",
                "Invalid value: \"\(policy ?? "")\": orphanDependents and deletionPropagation cannot be both set")
        }
        if let policy, !policy.isEmpty {
            guard let known = Propagation(rawValue: policy) else {
                throw Self.invalid(
                    "propagationPolicy", "FieldValueNotSupported",
                    "Unsupported value: \"\(policy)\": supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\""
                )
            }
            propagation = known
        } else if let orphans {
            propagation = orphans ? .orphan : .background
        }
    }

    /// Refuses what is no DeleteOptions.
    private static func checkTypes(_ body: JSON) throws(APIError) {
        if let kind = body["kind"]?.string, kind != "DeleteOptions" {
            let version = body["apiVersion"]?.string ?? ""
            throw APIError(.badRequest, "no kind \"\(kind)\" is registered for version \"\(version)\"")
        }
        func require(_ field: String, _ type: String, _ isRight: (JSON) -> Bool) throws(APIError) {
            guard let value = body[field], !value.isNull, !isRight(value) else { return }
            throw APIError(
                .badRequest, "json: cannot unmarshal into Go struct field DeleteOptions.\(field) of type \(type)")
        }
        try require("gracePeriodSeconds", "int64") { $0.int != nil }
        try require("propagationPolicy", "v1.DeletionPropagation") { $0.string != nil }
        try require("orphanDependents", "bool") { $0.bool != nil }
        try require("preconditions", "v1.Preconditions") { $0.object != nil }
        try require("dryRun", "[]string") { $0.array?.allSatisfy { $0.string != nil } == true }
    }

    private static func invalid(_ field: String, _ reason: String, _ message: String) -> APIError {
        APIError(
            .invalid, "DeleteOptions.meta.k8s.io \"\" is invalid: \(field): \(message)", kind: "DeleteOptions",
            group: "meta.k8s.io", causes: [.init(field: field, reason: reason, message: message)])
    }
}

extension APIServer {
    private func deleteOptions(_ request: APIRequest) async throws -> DeleteOptions {
        let buffer = try await Codec.collect(request)
        guard buffer.readableBytes > 0 else { return try DeleteOptions(nil, query: request.query) }
        let type = request.header("content-type")
        guard let format = Codec.format(type) else {
            throw Codec.unsupported(type ?? "", accepted: Encoding.mediaTypes)
        }
        var duplicates: [String] = []
        return try DeleteOptions(
            try Codec.decode(buffer, format: format, duplicates: &duplicates), query: request.query)
    }

    /// Deletes an object, or marks it for those who must clean up first.
    func delete(_ request: APIRequest, _ context: RequestContext) async throws -> APIAnswer {
        let kind = context.kind
        let options = try await deleteOptions(request)
        let deletion = try await delete(context, options)
        if deletion.isGone, !kind.returnsDeletedObject {
            var details: JSON = ["name": .string(context.name)]
            if !kind.type.group.isEmpty { details["group"] = .string(kind.type.group) }
            details["kind"] = .string(kind.type.plural)
            details["uid"] = .string(deletion.uid)
            return .json([
                "kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Success", "details": details,
            ])
        }
        return answer(deletion.outcome, context)
    }

    struct Deletion: Sendable {
        let outcome: Outcome
        let uid: String
        let isGone: Bool
    }

    /// Deletes one object by name.
    func delete(_ context: RequestContext, _ options: DeleteOptions) async throws -> Deletion {
        let kind = context.kind
        let key = kind.key(context.namespace, context.name)
        for _ in 0..<16 {
            guard let current = try await cluster.get(key) else { throw kind.notFound(context.name) }
            if let uid = options.uid, uid != current.uid {
                throw kind.failedPrecondition(
                    context.name, "UID", wanted: uid, found: current.uid, "deleted and then recreated")
            }
            if let version = options.resourceVersion, version != String(current.revision) {
                throw kind.failedPrecondition(
                    context.name, "ResourceVersion", wanted: version, found: String(current.revision), "modified")
            }
            let old = try current.json()
            try await admission.checkDeletion(kind: kind, name: context.name, object: old)
            try await admission.askAboutDeletion(context, old: old)
            if let deletion = try await delete(current, old: old, context, options) { return deletion }
        }
        throw kind.conflict(context.name, ServedKind.modified)
    }

    private func delete(
        _ current: StoredObject, old: JSON, _ context: RequestContext, _ options: DeleteOptions
    ) async throws -> Deletion? {
        let kind = context.kind
        var new = old
        setFinalizers(&new, options.propagation ?? Self.propagation(of: kind))
        if kind.storageName == Cluster.definitions, old.value(at: "metadata", "deletionTimestamp")?.string == nil {
            CustomDefinitionStep.markDeleted(&new)
        }
        let grace = kind.type.kind == "Pod" ? Self.grace(of: old, wanted: options.gracePeriodSeconds) : 0
        let wasDeleted = old.value(at: "metadata", "deletionTimestamp")?.string != nil
        if wasDeleted {
            let before = old.value(at: "metadata", "deletionGracePeriodSeconds")?.int ?? 0
            if grace < before {
                new.set(.int(grace), at: "metadata", "deletionGracePeriodSeconds")
                new.set(
                    .string(Timestamp(Date().addingTimeInterval(Double(grace))).text), at: "metadata",
                    "deletionTimestamp")
            } else if before > 0, new == old {
                return Deletion(outcome: .stored(current), uid: current.uid, isGone: false)
            }
        } else {
            new.set(
                .string(Timestamp(Date().addingTimeInterval(Double(grace))).text), at: "metadata", "deletionTimestamp")
            new.set(.int(grace), at: "metadata", "deletionGracePeriodSeconds")
            if kind.type.kind == "Namespace" { new.set("Terminating", at: "status", "phase") }
        }
        var gone = new
        if gone.isFinallyDeleted {
            if !wasDeleted {
                // The object goes at once; watchers see the state that it had.
                gone = old
                gone.set(new.value(at: "metadata", "finalizers"), at: "metadata", "finalizers")
            }
            if context.isDryRun || options.isDryRun {
                return Deletion(outcome: .tentative(gone), uid: current.uid, isGone: true)
            }
            guard
                let removed = try await cluster.remove(
                    current.key, expecting: .revision(current.revision), finalState: kind.normalized(gone))
            else { return nil }
            return Deletion(outcome: .stored(removed), uid: current.uid, isGone: true)
        }
        if new == old { return Deletion(outcome: .stored(current), uid: current.uid, isGone: false) }
        if !wasDeleted, kind.hasGeneration {
            new.set(.int((old.value(at: "metadata", "generation")?.int ?? 0) + 1), at: "metadata", "generation")
        }
        if context.isDryRun || options.isDryRun {
            return Deletion(outcome: .tentative(new), uid: current.uid, isGone: false)
        }
        guard
            let stored = try await cluster.put(
                current.key, kind.normalized(new), expecting: .revision(current.revision))
        else { return nil }
        return Deletion(outcome: .stored(stored), uid: current.uid, isGone: false)
    }

    /// What becomes of dependents when the deletion does not say: the oldest kinds leave them behind.
    private static func propagation(of kind: ServedKind) -> DeleteOptions.Propagation? {
        ["jobs.batch", "replicationcontrollers"].contains(kind.storageName) ? .orphan : nil
    }

    /// The finalizers by which the garbage collector learns what to do with dependents.
    private func setFinalizers(_ object: inout JSON, _ propagation: DeleteOptions.Propagation?) {
        guard let propagation else { return }
        var finalizers = object.value(at: "metadata", "finalizers")?.array?.compactMap(\.string) ?? []
        let before = finalizers
        finalizers.removeAll { $0 == "orphan" || $0 == "foregroundDeletion" }
        if propagation == .orphan { finalizers.append("orphan") }
        if propagation == .foreground { finalizers.append("foregroundDeletion") }
        guard finalizers != before else { return }
        object.set(finalizers.isEmpty ? nil : .array(finalizers.map(JSON.string)), at: "metadata", "finalizers")
    }

    /// Seconds that a Pod gets to end: none when no node runs it.
    private static func grace(of pod: JSON, wanted: Int64?) -> Int64 {
        let phase = pod.value(at: "status", "phase")?.string
        if (pod.value(at: "spec", "nodeName")?.string ?? "").isEmpty || phase == "Succeeded" || phase == "Failed" {
            return 0
        }
        return wanted ?? pod.value(at: "spec", "terminationGracePeriodSeconds")?.int ?? 30
    }

    /// Deletes all objects of a collection that match.
    func deleteCollection(_ request: APIRequest, _ context: RequestContext) async throws -> APIAnswer {
        let kind = context.kind
        guard !kind.type.isNamespaced || !context.namespace.isEmpty, kind.type.kind != "Namespace" else {
            throw notAllowed(context.info, kind)
        }
        let options = try await deleteOptions(request)
        let page = try await page(context)
        var deleted: [StoredObject] = []
        for object in page.objects {
            do {
                var own = context
                own.rename(object.key.name)
                _ = try await delete(own, options)
                deleted.append(object)
            } catch let error as APIError where error.reason == .notFound {
                // Somebody else was faster.
            }
        }
        return try answer(deleted, metadata: page.metadata, context)
    }
}
