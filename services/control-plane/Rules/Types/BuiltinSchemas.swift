public import KubeModel

/// OpenAPI schemas of the built-in kinds, made from the table of types.
public enum BuiltinSchemas {
    /// The schemas of a kind and of everything it refers to, by name.
    ///
    /// - Parameters:
    ///   - kind: the kind.
    ///   - prefix: what the names begin with, `io.k8s.api.core.v1.`.
    ///   - root: what references begin with, `#/components/schemas/`.
    /// - Returns: the schemas; references between them begin with `root`.
    public static func schemas(of kind: KindDefinition, prefix: String, root: String) -> JSONObject {
        let structure = kind.mergeKeys?.root ?? kind.type.kind
        var schemas = schemas(of: structure, prefix: prefix, root: root)
        if structure != kind.type.kind, let schema = schemas[prefix + structure] {
            schemas[prefix + kind.type.kind] = schema
        }
        if schemas[prefix + kind.type.kind] == nil {
            schemas[prefix + kind.type.kind] = ["type": "object", "x-kubernetes-preserve-unknown-fields": true]
        }
        return schemas
    }

    /// The schemas of a type and of everything it refers to, by name.
    public static func schemas(of structure: String, prefix: String, root: String) -> JSONObject {
        var schemas = JSONObject()
        var open = [structure]
        while let name = open.popLast() {
            guard schemas[prefix + name] == nil, let fields = TypeTable.shared.structures[name] else { continue }
            var properties = JSONObject()
            for key in fields.keys.sorted() {
                guard let field = fields[key] else { continue }
                var schema = schema(of: field.type, prefix: prefix, root: root, open: &open)
                if let mergeKey = field.mergeKey {
                    schema["x-kubernetes-patch-strategy"] = "merge"
                    if !mergeKey.isEmpty { schema["x-kubernetes-patch-merge-key"] = .string(mergeKey) }
                }
                properties[key] = schema
            }
            schemas[prefix + name] = ["type": "object", "properties": .object(properties)]
        }
        return schemas
    }

    private static func schema(of type: TypeTable.FieldType, prefix: String, root: String, open: inout [String]) -> JSON
    {
        switch type {
        case .string, .quantity: return ["type": "string"]
        case .base64: return ["type": "string", "format": "byte"]
        case .integer: return ["type": "integer", "format": "int32"]
        case .integer64: return ["type": "integer", "format": "int64"]
        case .number: return ["type": "number", "format": "double"]
        case .boolean: return ["type": "boolean"]
        case .time, .microTime: return ["type": "string", "format": "date-time"]
        case .integerOrString: return ["type": "string", "format": "int-or-string"]
        case .anything: return ["x-kubernetes-preserve-unknown-fields": true]
        case .list(let element):
            return ["type": "array", "items": schema(of: element, prefix: prefix, root: root, open: &open)]
        case .map(let value):
            return [
                "type": "object", "additionalProperties": schema(of: value, prefix: prefix, root: root, open: &open),
            ]
        case .structure(let name):
            open.append(name)
            return ["$ref": .string(root + prefix + name)]
        }
    }
}
