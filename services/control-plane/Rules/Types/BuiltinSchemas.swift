public import KubeModel

/// OpenAPI schemas of the built-in kinds, made from the table of wire facts and our own descriptions.
public enum BuiltinSchemas {
    /// Which OpenAPI a schema is for; the second knows no alternatives.
    public enum Version: Sendable { case second, third }

    /// Name of the schema of object metadata.
    public static let metadata = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"

    /// Name of the schema of a kind; nil for kinds that the table does not have.
    public static func name(of type: ResourceType) -> String? {
        let table = WireTable.shared
        return table.place(apiVersion: type.apiVersion, kind: type.kind).map { name(of: table.structures[$0]) }
    }

    /// The schemas of a kind, of lists of it and of everything that they refer to, by name.
    ///
    /// - Parameters:
    ///   - type: the kind.
    ///   - root: what references begin with, `#/components/schemas/`.
    ///   - version: what the document is written in.
    /// - Returns: the schemas by their full names.
    public static func schemas(of type: ResourceType, root: String, version: Version) -> JSONObject {
        let table = WireTable.shared
        let builder = Builder(root: root, version: version)
        let own = table.place(apiVersion: type.apiVersion, kind: type.kind)
        let list = table.place(apiVersion: type.apiVersion, kind: type.kind + "List")
        var schemas = builder.schemas(of: [own, list].compactMap { $0 })
        for (place, kind) in [(own, type.kind), (list, type.kind + "List")] {
            guard let place, let schema = schemas[name(of: table.structures[place])] else { continue }
            schemas[name(of: table.structures[place])] = withType(schema, type, kind)
        }
        return schemas
    }

    /// The schemas of object metadata and everything that it refers to, by name.
    public static func metadataSchemas(root: String, version: Version) -> JSONObject {
        let places = [WireTable.shared.place("meta/v1.ObjectMeta")].compactMap { $0 }
        return Builder(root: root, version: version).schemas(of: places)
    }

    /// Adds what every kind has and the table leaves out.
    private static func withType(_ schema: JSON, _ type: ResourceType, _ kind: String) -> JSON {
        var schema = schema
        var properties: JSONObject = [
            "apiVersion": ["type": "string", "description": .string(Descriptions.apiVersion)],
            "kind": ["type": "string", "description": .string(Descriptions.kind)],
        ]
        for (key, value) in schema["properties"]?.object ?? [:] { properties[key] = value }
        schema["properties"] = .object(properties)
        schema["x-kubernetes-group-version-kind"] = [
            ["group": .string(type.group), "version": .string(type.version), "kind": .string(kind)]
        ]
        return schema
    }

    /// `core/v1.Pod` is `io.k8s.api.core.v1.Pod`.
    static func name(of structure: WireTable.Structure) -> String {
        let package = structure.package.replacing("/", with: ".")
        let prefix =
            switch package {
            case "meta.v1": "io.k8s.apimachinery.pkg.apis."
            case "apiextensions.v1": "io.k8s.apiextensions-apiserver.pkg.apis."
            case "apiregistration.v1": "io.k8s.kube-aggregator.pkg.apis."
            case "metrics.v1beta1": "io.k8s.metrics.pkg.apis."
            default: "io.k8s.api."
            }
        return "\(prefix)\(package).\(structure.name)"
    }

    /// Schemas that are no structures.
    private static func scalar(_ kind: WireTable.Kind, _ version: Version) -> (name: String, schema: JSON)? {
        switch kind {
        case .quantity:
            let text: JSON = ["type": "string"]
            let schema: JSON = version == .second ? text : ["oneOf": [text, ["type": "number"]]]
            return ("io.k8s.apimachinery.pkg.api.resource.Quantity", schema)
        case .integerOrString:
            let schema: JSON =
                version == .second
                ? ["type": "string", "format": "int-or-string"]
                : ["format": "int-or-string", "oneOf": [["type": "integer"], ["type": "string"]]]
            return ("io.k8s.apimachinery.pkg.util.intstr.IntOrString", schema)
        case .time:
            return ("io.k8s.apimachinery.pkg.apis.meta.v1.Time", ["type": "string", "format": "date-time"])
        case .microTime:
            return ("io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime", ["type": "string", "format": "date-time"])
        default: return nil
        }
    }

    /// Walks through structures and writes the schema of each once.
    private struct Builder {
        let root: String
        let version: Version

        func schemas(of places: [Int]) -> JSONObject {
            let table = WireTable.shared
            var schemas = JSONObject()
            var open = places
            var seen = Set(places)
            while let place = open.popLast() {
                let structure = table.structures[place]
                var schema: JSON = ["type": "object"]
                if let text = Descriptions.text(of: structure) { schema["description"] = .string(text) }
                var properties = JSONObject()
                var required: [JSON] = []
                add(structure, of: structure, to: &properties, &required) { kind in
                    if case .structure(let next) = kind {
                        if seen.insert(next).inserted { open.append(next) }
                    } else if let (name, scalar) = BuiltinSchemas.scalar(kind, version) {
                        schemas[name] = scalar
                    }
                }
                if !properties.isEmpty { schema["properties"] = .object(properties) }
                if !required.isEmpty { schema["required"] = .array(required) }
                if structure.isAtomic { schema["x-kubernetes-map-type"] = "atomic" }
                schemas[BuiltinSchemas.name(of: structure)] = schema
            }
            return schemas
        }

        private func add(
            _ structure: WireTable.Structure, of owner: WireTable.Structure, to properties: inout JSONObject,
            _ required: inout [JSON], _ refer: (WireTable.Kind) -> Void
        ) {
            for field in structure.fields {
                if field.name.isEmpty, case .structure(let place) = field.kind {
                    add(WireTable.shared.structures[place], of: owner, to: &properties, &required, refer)
                    continue
                }
                var schema = schema(of: field.kind, refer)
                let text = Descriptions.text(of: field, in: structure)
                if version == .third, schema["$ref"] != nil { schema = ["allOf": [schema]] }
                if let text { schema["description"] = .string(text) }
                mark(&schema, field)
                properties[field.name] = schema
                if field.isRequired { required.append(.string(field.name)) }
            }
        }

        private func mark(_ schema: inout JSON, _ field: WireTable.Field) {
            switch field.ownership {
            case .unmarked: break
            case .atomic:
                if case .list = field.kind {
                    schema["x-kubernetes-list-type"] = "atomic"
                } else {
                    schema["x-kubernetes-map-type"] = "atomic"
                }
            case .set: schema["x-kubernetes-list-type"] = "set"
            case .map(let keys):
                schema["x-kubernetes-list-type"] = "map"
                schema["x-kubernetes-list-map-keys"] = .array(keys.map(JSON.string))
            }
            let strategies = [field.mergeKey == nil ? nil : "merge", field.retainsKeys ? "retainKeys" : nil]
            let strategy = strategies.compactMap { $0 }.joined(separator: ",")
            if !strategy.isEmpty { schema["x-kubernetes-patch-strategy"] = .string(strategy) }
            if let key = field.mergeKey, !key.isEmpty { schema["x-kubernetes-patch-merge-key"] = .string(key) }
        }

        private func schema(of kind: WireTable.Kind, _ refer: (WireTable.Kind) -> Void) -> JSON {
            switch kind {
            case .string, .duration: return ["type": "string"]
            case .bytes: return ["type": "string", "format": "byte"]
            case .integer: return ["type": "integer", "format": "int32"]
            case .long: return ["type": "integer", "format": "int64"]
            case .number: return ["type": "number", "format": "double"]
            case .boolean: return ["type": "boolean"]
            case .texts: return ["type": "array", "items": ["type": "string"]]
            case .anything, .schemaOrBoolean, .schemaOrSchemas, .schemaOrTexts:
                return ["x-kubernetes-preserve-unknown-fields": true]
            case .list(let element): return ["type": "array", "items": schema(of: element, refer)]
            case .map(let value): return ["type": "object", "additionalProperties": schema(of: value, refer)]
            case .structure(let place):
                refer(kind)
                return ["$ref": .string(root + BuiltinSchemas.name(of: WireTable.shared.structures[place]))]
            case .quantity, .time, .microTime, .integerOrString:
                refer(kind)
                return ["$ref": .string(root + (BuiltinSchemas.scalar(kind, version)?.name ?? ""))]
            }
        }
    }
}
