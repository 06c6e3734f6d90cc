public import KubeModel

/// Strategic merge patches: like merge patches, but lists with a merge key are merged element by element, and directives
/// (`$patch`, `$deleteFromPrimitiveList/...`, `$setElementOrder/...`, `$retainKeys`) say the rest.
public enum StrategicMergePatch {
    /// Applies the patch to an object of a built-in kind.
    ///
    /// - Throws: ``APIError``: `unsupportedMediaType` for custom resources, `badRequest` for what is no patch.
    public static func apply(_ patch: JSON, to document: JSON, kind: KindDefinition) throws(APIError) -> JSON {
        guard let keys = kind.mergeKeys else {
            throw APIError(
                .unsupportedMediaType,
                "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
            )
        }
        guard case .object(let changes) = patch else {
            throw APIError(.badRequest, "error decoding patch: a strategic merge patch must be an object")
        }
        let type = TypeTable.FieldType.structure(keys.root)
        return try merge(changes, into: document.object ?? [:], type).map(JSON.object) ?? [:]
    }

    private static let deletePrefix = "$deleteFromPrimitiveList/"
    private static let orderPrefix = "$setElementOrder/"

    private static func failure(_ message: String) -> APIError {
        APIError(.badRequest, "error when applying patch: \(message)")
    }

    private static func field(_ name: String, of type: TypeTable.FieldType) -> TypeTable.Field? {
        switch type {
        case .structure(let structure): TypeTable.shared.structures[structure]?[name]
        case .map(let element): TypeTable.Field(type: element, mergeKey: nil, isKeptEmpty: false)
        default: nil
        }
    }

    /// The merged object, or nil when the patch deletes it.
    private static func merge(
        _ patch: JSONObject, into original: JSONObject, _ type: TypeTable.FieldType
    ) throws(APIError) -> JSONObject? {
        var object = original
        switch patch["$patch"]?.string {
        case "delete": return nil
        case "replace":
            var replaced = patch
            replaced["$patch"] = nil
            return try cleaned(replaced, type)
        case "merge", nil: break
        case .some(let directive): throw failure("unknown patch directive \"\(directive)\"")
        }
        if let retained = patch["$retainKeys"]?.array?.compactMap(\.string) {
            for (key, value) in patch where !key.hasPrefix("$") && !value.isNull && !retained.contains(key) {
                throw failure("field \(key) is set but is not in $retainKeys")
            }
            for key in object.keys where !retained.contains(key) { object[key] = nil }
        }
        for (key, value) in patch where !key.hasPrefix("$") {
            let field = field(key, of: type)
            switch value {
            case .null: object[key] = nil
            case .object(let changes):
                let merged = try merge(changes, into: object[key]?.object ?? [:], field?.type ?? .anything)
                object[key] = merged.map(JSON.object)
            case .array(let elements):
                guard let field, let mergeKey = field.mergeKey, case .list(let elementType) = field.type else {
                    object[key] = .array(try replacement(elements, field?.type))
                    continue
                }
                object[key] = .array(
                    try merge(
                        elements, into: object[key]?.array ?? [], elementType, key: mergeKey,
                        order: patch[orderPrefix + key]?.array))
            default: object[key] = value
            }
        }
        for (directive, value) in patch where directive.hasPrefix(deletePrefix) {
            let key = String(directive.dropFirst(deletePrefix.count))
            guard let removed = value.array else { throw failure("\(directive) must be a list") }
            guard let elements = object[key]?.array else { continue }
            object[key] = .array(elements.filter { !removed.contains($0) })
        }
        // An order alone, without changes of the list, still sorts it.
        for (directive, value) in patch where directive.hasPrefix(orderPrefix) {
            let key = String(directive.dropFirst(orderPrefix.count))
            guard patch[key] == nil, let elements = object[key]?.array, let order = value.array,
                let mergeKey = field(key, of: type)?.mergeKey
            else { continue }
            object[key] = .array(arranged(elements, by: order, key: mergeKey, original: elements))
        }
        return object
    }

    private static func merge(
        _ patch: [JSON], into original: [JSON], _ type: TypeTable.FieldType, key: String, order: [JSON]?
    ) throws(APIError) -> [JSON] {
        if key.isEmpty {
            var merged = original
            for element in patch where !merged.contains(element) { merged.append(element) }
            return arranged(merged, by: order ?? patch, key: key, original: original)
        }
        if patch.contains(where: { $0["$patch"] == "replace" }) {
            return try replacement(patch, .list(type))
        }
        var merged = original
        for element in patch {
            guard case .object(let changes) = element else {
                throw failure("an element of a merged list must be an object")
            }
            guard let name = changes[key] else {
                throw failure("map: \(element.text) does not contain declared merge key: \(key)")
            }
            let position = merged.firstIndex { $0[key] == name }
            if changes["$patch"] == "delete" {
                merged.removeAll { $0[key] == name }
            } else if let position {
                let result = try merge(changes, into: merged[position].object ?? [:], type)
                merged[position] = .object(result ?? [:])
            } else {
                merged.append(.object(try merge(changes, into: [:], type) ?? [:]))
            }
        }
        return arranged(merged, by: order ?? patch, key: key, original: original)
    }

    /// The elements of a list that is replaced: directives are taken out.
    private static func replacement(_ elements: [JSON], _ type: TypeTable.FieldType?) throws(APIError) -> [JSON] {
        var elementType = TypeTable.FieldType.anything
        if case .list(let element)? = type { elementType = element }
        var kept: [JSON] = []
        for element in elements {
            guard case .object(var object) = element else {
                kept.append(element)
                continue
            }
            if let directive = object["$patch"]?.string {
                object["$patch"] = nil
                if directive == "replace" && object.isEmpty || directive == "delete" { continue }
            }
            kept.append(.object(try cleaned(object, elementType)))
        }
        return kept
    }

    private static func cleaned(_ object: JSONObject, _ type: TypeTable.FieldType) throws(APIError) -> JSONObject {
        try merge(object, into: [:], type) ?? [:]
    }

    /// The elements in their final order: those that the patch names as it names them, the others as they were; between
    /// the two, whatever the old list does not have in front of an element of the patch comes behind it.
    private static func arranged(_ elements: [JSON], by order: [JSON], key: String, original: [JSON]) -> [JSON] {
        func name(_ element: JSON) -> JSON { key.isEmpty ? element : element[key] ?? .null }
        let wanted = order.map(name)
        let before = original.map(name)
        func place(_ element: JSON, in names: [JSON]) -> Int { names.firstIndex(of: name(element)) ?? names.count }
        func sorted(_ list: [JSON], like names: [JSON]) -> [JSON] {
            list.enumerated().sorted { left, right in
                let (a, b) = (place(left.element, in: names), place(right.element, in: names))
                return a != b ? a < b : left.offset < right.offset
            }.map(\.element)
        }
        var named = sorted(elements.filter { wanted.contains(name($0)) }, like: wanted)[...]
        var others = sorted(elements.filter { !wanted.contains(name($0)) }, like: before)[...]
        var result: [JSON] = []
        while let first = named.first {
            let (other, own) = (others.first.map { place($0, in: before) }, place(first, in: before))
            if let other, own < before.count, other < own {
                result.append(others.removeFirst())
            } else {
                result.append(named.removeFirst())
            }
        }
        return result + others
    }
}
