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
            object[key] = .array(sorted(elements, by: order, key: mergeKey, original: elements))
        }
        return object
    }

    private static func merge(
        _ patch: [JSON], into original: [JSON], _ type: TypeTable.FieldType, key: String, order: [JSON]?
    ) throws(APIError) -> [JSON] {
        if key.isEmpty {
            var merged = original
            for element in patch where !merged.contains(element) { merged.append(element) }
            return order.map { sorted(merged, by: $0, key: key, original: original) } ?? merged
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
        return order.map { sorted(merged, by: $0, key: key, original: original) } ?? merged
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

    /// Elements in the order that the patch asks for; those it does not name keep their place relative to the one that
    /// came before them.
    private static func sorted(_ elements: [JSON], by order: [JSON], key: String, original: [JSON]) -> [JSON] {
        func name(_ element: JSON) -> JSON { key.isEmpty ? element : element[key] ?? .null }
        let names = order.map { key.isEmpty ? $0 : $0[key] ?? .null }
        let named = names.compactMap { name in elements.first { Self.name($0, key) == name } }
        var result = named
        let originalNames = original.map(name)
        for element in elements where !names.contains(name(element)) {
            // Behind the nearest earlier element of the original list that is already placed.
            let position = originalNames.firstIndex(of: name(element)) ?? originalNames.count
            let before = originalNames[..<position].reversed().first { earlier in
                result.contains { name($0) == earlier }
            }
            if let before, let place = result.firstIndex(where: { name($0) == before }) {
                result.insert(element, at: place + 1)
            } else if position < originalNames.count {
                result.insert(element, at: 0)
            } else {
                result.append(element)
            }
        }
        return result
    }

    private static func name(_ element: JSON, _ key: String) -> JSON { key.isEmpty ? element : element[key] ?? .null }
}
