public import KubeModel

/// Metadata of custom resources and of the resources embedded in them: it has a type of its own, whatever the schema
/// says, so unknown fields are dropped and wrong types refused.
public enum EmbeddedMetadata {
    /// Reads the metadata of an object and of the resources that its schema says are embedded.
    ///
    /// - Returns: the paths of the fields that were dropped.
    /// - Throws: ``APIError`` with `badRequest` for a field of the wrong type.
    public static func read(
        _ object: inout JSON, kind: ResourceType, schema: StructuralSchema?
    ) throws(APIError) -> [String] {
        var dropped: [String] = []
        try readMetadata(of: &object, "", kind, &dropped)
        if let root = schema?.root, root.hasResourcesBelow { try descend(&object, root, "", kind, &dropped) }
        return dropped
    }

    private static func readMetadata(
        of object: inout JSON, _ path: String, _ kind: ResourceType, _ dropped: inout [String]
    ) throws(APIError) {
        for name in ["apiVersion", "kind"] where !path.isEmpty {
            guard let value = object[name], value.string == nil else { continue }
            let problem = "\(path)\(name): Invalid value: \(value.text): must be a string"
            throw APIError(
                .badRequest,
                "\(kind.kind) in version \"\(kind.version)\" cannot be handled as a \(kind.kind): \(problem)")
        }
        guard var metadata = object["metadata"] else { return }
        if metadata.isNull {
            if !path.isEmpty { object["metadata"] = [:] }
            return
        }
        var reader = TypedReader(kind: kind)
        try reader.read(&metadata, as: "ObjectMeta")
        object["metadata"] = metadata
        dropped += reader.unknown.map { "\(path)metadata.\($0)" }
    }

    private static func descend(
        _ value: inout JSON, _ node: SchemaNode, _ path: String, _ kind: ResourceType, _ dropped: inout [String]
    ) throws(APIError) {
        switch value {
        case .object(var object):
            value = .null
            for key in object.keys {
                guard let child = node.child(key), child.isEmbeddedResource || child.hasResourcesBelow,
                    var member = object[key]
                else { continue }
                object[key] = .null
                try visit(&member, child, path + key, kind, &dropped)
                object[key] = member
            }
            value = .object(object)
        case .array(var elements):
            guard let items = node.items else { return }
            value = .null
            for index in elements.indices {
                // The dot behind the path of the list gives way to the index.
                try visit(&elements[index], items, "\(path.dropLast())[\(index)]", kind, &dropped)
            }
            value = .array(elements)
        default: return
        }
    }

    private static func visit(
        _ value: inout JSON, _ node: SchemaNode, _ path: String, _ kind: ResourceType, _ dropped: inout [String]
    ) throws(APIError) {
        if node.isEmbeddedResource, value.object != nil { try readMetadata(of: &value, "\(path).", kind, &dropped) }
        if node.hasResourcesBelow { try descend(&value, node, "\(path).", kind, &dropped) }
    }
}

extension StructuralSchema {
    /// Drops nulls where the schema allows none and has no default to put in their place: they count as not there.
    public func dropNulls(_ object: inout JSON) { Self.dropNulls(&object, root) }

    private static func dropNulls(_ value: inout JSON, _ node: SchemaNode) {
        switch value {
        case .object(var object):
            value = .null
            for key in object.keys {
                guard let child = node.child(key), var member = object[key] else { continue }
                if member.isNull {
                    if !child.isNullable, child.defaultValue == nil { object[key] = nil }
                    continue
                }
                object[key] = .null
                dropNulls(&member, child)
                object[key] = member
            }
            value = .object(object)
        case .array(var elements):
            guard let items = node.items else { return }
            value = .null
            for index in elements.indices { dropNulls(&elements[index], items) }
            value = .array(elements)
        default: return
        }
    }
}
