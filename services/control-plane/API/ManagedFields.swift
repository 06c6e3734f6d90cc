import KubeModel

/// Who owns which fields of an object: `metadata.managedFields`, and the rules by which ownership moves.
struct ManagedFields: Sendable {
    /// What tells one manager from another.
    struct Manager: Hashable, Sendable {
        var name: String
        var operation: String
        var apiVersion: String
        var subresource: String
    }

    struct Entry: Sendable {
        var manager: Manager
        var time: String
        var fields: FieldSet
    }

    var entries: [Entry]

    /// Reads `metadata.managedFields`.
    init(_ object: JSON) {
        entries = (object.value(at: "metadata", "managedFields")?.array ?? []).compactMap { entry in
            guard entry["fieldsV1"]?.object != nil else { return nil }
            return Entry(
                manager: Manager(
                    name: entry["manager"]?.string ?? "", operation: entry["operation"]?.string ?? "Update",
                    apiVersion: entry["apiVersion"]?.string ?? "", subresource: entry["subresource"]?.string ?? ""),
                time: entry["time"]?.string ?? "", fields: FieldSet(json: entry["fieldsV1"] ?? [:]))
        }
    }

    /// `metadata.managedFields`, nil when nobody owns anything.
    var json: JSON? {
        guard !entries.isEmpty else { return nil }
        let sorted = entries.sorted { left, right in
            (left.manager.operation, left.time, left.manager.name, left.manager.subresource)
                < (right.manager.operation, right.time, right.manager.name, right.manager.subresource)
        }
        return .array(sorted.map { Self.json($0.manager, $0.time, $0.fields.json) })
    }

    private static func json(_ manager: Manager, _ time: String, _ fields: JSON) -> JSON {
        var json: JSON = [
            "manager": .string(manager.name), "operation": .string(manager.operation),
            "apiVersion": .string(manager.apiVersion), "time": .string(time), "fieldsType": "FieldsV1",
            "fieldsV1": fields,
        ]
        if !manager.subresource.isEmpty { json["subresource"] = .string(manager.subresource) }
        return json
    }

    /// Takes out what nobody manages: what the server owns, or what names the object.
    static func strip(_ set: inout FieldSet, keepsStatus: Bool) {
        set.children[.field("apiVersion")] = nil
        set.children[.field("kind")] = nil
        if !keepsStatus { set.children[.field("status")] = nil }
        guard var metadata = set.children.removeValue(forKey: .field("metadata")) else { return }
        metadata.isMember = false
        metadata.children = metadata.children.filter { step, _ in
            guard case .field(let name) = step else { return true }
            return !CreatedFields.unmanagedMetadata.contains(name)
        }
        if !metadata.isEmpty { set.children[.field("metadata")] = metadata }
    }

    /// `metadata.managedFields` of a new object, whose fields are all its creator's; nil when ``record`` has to say.
    static func ofNew(
        _ object: JSON, shape: MergeShape, by manager: Manager, at time: String, keepsStatus: Bool
    ) -> JSON? {
        guard case .object(let members) = object,
            let fields = CreatedFields.json(of: members, shape: shape, keepsStatus: keepsStatus), !fields.isEmpty
        else { return nil }
        return [json(manager, time, .object(fields))]
    }

    private static func withoutServerFields(_ object: JSON) -> JSON {
        var object = object
        object.set(nil, at: "metadata", "managedFields")
        return object
    }

    /// Gives what changed between two states to the one who changed it.
    mutating func record(
        from old: JSON, to new: JSON, shape: MergeShape, by manager: Manager, at time: String, keepsStatus: Bool
    ) {
        var comparison = FieldComparison(
            from: Self.withoutServerFields(old), to: Self.withoutServerFields(new), shape: shape)
        Self.strip(&comparison.added, keepsStatus: keepsStatus)
        Self.strip(&comparison.modified, keepsStatus: keepsStatus)
        Self.strip(&comparison.removed, keepsStatus: true)
        let changed = comparison.added.union(comparison.modified)
        guard !changed.isEmpty || !comparison.removed.isEmpty else { return }
        for index in entries.indices {
            entries[index].fields.subtract(comparison.removed)
            if entries[index].manager != manager { entries[index].fields.subtract(changed) }
        }
        if let index = entries.firstIndex(where: { $0.manager == manager }) {
            entries[index].fields.formUnion(changed)
            entries[index].time = time
        } else if !changed.isEmpty {
            entries.append(Entry(manager: manager, time: time, fields: changed))
        }
        entries.removeAll(where: \.fields.isEmpty)
    }

    /// Server-side apply: `live` with the applied configuration put over it and what the manager gave up taken out.
    ///
    /// - Throws: ``APIError`` `conflict` when a field that would change belongs to somebody else and `force` is false.
    mutating func apply(
        _ configuration: JSON, to live: JSON, shape: MergeShape, by manager: Manager, force: Bool, at time: String,
        keepsStatus: Bool
    ) throws(APIError) -> JSON {
        var applied = configuration
        applied.set(nil, at: "metadata", "managedFields")
        var owned = shape.fieldSet(of: applied)
        Self.strip(&owned, keepsStatus: keepsStatus)
        let before = entries.first { $0.manager == manager }?.fields ?? FieldSet()
        let base = Self.withoutServerFields(live)
        var merged = shape.merge(base, applied)

        var comparison = FieldComparison(from: base, to: merged, shape: shape)
        Self.strip(&comparison.added, keepsStatus: keepsStatus)
        Self.strip(&comparison.modified, keepsStatus: keepsStatus)
        let changed = comparison.added.union(comparison.modified)
        var conflicts: [(manager: Manager, fields: FieldSet)] = []
        for entry in entries where entry.manager != manager {
            let contested = entry.fields.intersection(changed)
            if !contested.isEmpty { conflicts.append((entry.manager, contested)) }
        }
        if !conflicts.isEmpty, !force {
            if manager.name == "kubectl" {
                let own = Self.unchangedSinceClientSideApply(live, shape: shape)
                conflicts = conflicts.map { ($0.manager, $0.fields.subtracting(own)) }.filter { !$0.fields.isEmpty }
            }
            if !conflicts.isEmpty { throw Self.conflict(conflicts) }
        }

        for index in entries.indices where entries[index].manager != manager { entries[index].fields.subtract(changed) }
        entries.removeAll(where: \.fields.isEmpty)

        // What the manager applied before and leaves out now goes, unless somebody else owns it too.
        var others = FieldSet()
        for entry in entries where entry.manager != manager { others.formUnion(entry.fields) }
        let dropped = before.subtracting(owned)
        if !dropped.isEmpty { merged = shape.removing(dropped, keeping: others.union(owned), from: merged) ?? merged }

        if let index = entries.firstIndex(where: { $0.manager == manager }) {
            if entries[index].fields != owned || merged != base {
                entries[index].fields = owned
                entries[index].time = time
            }
        } else if !owned.isEmpty {
            entries.append(Entry(manager: manager, time: time, fields: owned))
        }
        entries.removeAll(where: \.fields.isEmpty)
        return merged
    }

    /// The fields that `kubectl apply` set on the client's side and that are still as it set them: the same person may
    /// go on with server-side apply without a conflict with themselves.
    private static func unchangedSinceClientSideApply(_ live: JSON, shape: MergeShape) -> FieldSet {
        let annotation = "kubectl.kubernetes.io/last-applied-configuration"
        guard let text = live.value(at: "metadata", "annotations", annotation)?.string,
            let applied = try? JSON(parsing: text)
        else { return FieldSet() }
        let comparison = FieldComparison(from: applied, to: live, shape: shape)
        return shape.fieldSet(of: applied).subtracting(comparison.modified).subtracting(comparison.added)
            .subtracting(comparison.removed)
    }

    private static func conflict(_ conflicts: [(manager: Manager, fields: FieldSet)]) -> APIError {
        var causes: [APIError.Cause] = []
        var parts: [String] = []
        for (manager, fields) in conflicts.sorted(by: { $0.manager.name < $1.manager.name }) {
            var who = "\"\(manager.name)\""
            if !manager.subresource.isEmpty { who += " with subresource \"\(manager.subresource)\"" }
            if manager.operation == "Update" { who += " using \(manager.apiVersion)" }
            let paths = fields.paths()
            for path in paths {
                causes.append(.init(field: path, reason: "FieldManagerConflict", message: "conflict with \(who)"))
            }
            parts.append(
                paths.count == 1
                    ? "conflict with \(who): \(paths[0])"
                    : "conflicts with \(who):\n" + paths.map { "- \($0)" }.joined(separator: "\n"))
        }
        let count = causes.count
        return APIError(
            .conflict,
            "Apply failed with \(count) conflict\(count == 1 ? "" : "s"): \(parts.joined(separator: "\n"))",
            causes: causes)
    }
}
