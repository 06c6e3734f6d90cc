public import CEL
public import KubeModel

/// The types of objects as far as the type check of policies knows them.
public enum TypeShapes {
    /// The type of a built-in kind, which messages call by the name; nil for kinds that are not known.
    public static func builtin(_ type: ResourceType, named name: String) -> JSONShape? {
        let table = WireTable.shared
        guard let place = table.place(apiVersion: type.apiVersion, kind: type.kind) else { return nil }
        var fields = self.fields(of: place, name, table, within: [])
        for field in ["apiVersion", "kind"] { fields[field] = .init(key: field, shape: text) }
        return JSONShape(.object(typeName: name, fields: fields))
    }

    /// The type of a custom kind; nil when its schema says nothing.
    public static func custom(_ schema: StructuralSchema, named name: String) -> JSONShape? {
        guard let shape = RuleShape.make(schema.root, name, isResource: true)?.shape,
            case .object(_, var fields) = shape.kind
        else { return nil }
        let table = WireTable.shared
        if let place = table.place("meta/v1.ObjectMeta") {
            let metadata = "\(name).metadata"
            let members = self.fields(of: place, metadata, table, within: [])
            fields["metadata"] = .init(
                key: "metadata", shape: JSONShape(.object(typeName: metadata, fields: members)))
        }
        return JSONShape(.object(typeName: name, fields: fields))
    }

    private static let text = JSONShape(.string)

    private static func fields(
        of place: Int, _ name: String, _ table: WireTable, within: Set<Int>
    ) -> [String: JSONShape.Field] {
        var fields: [String: JSONShape.Field] = [:]
        let within = within.union([place])
        for field in table.structures[place].fields {
            if field.name.isEmpty, case .structure(let inner) = field.kind {
                fields.merge(self.fields(of: inner, name, table, within: within)) { own, _ in own }
            } else if let shape = shape(of: field.kind, "\(name).\(field.name)", table, within: within),
                let escaped = RuleNames.escape(field.name)
            {
                fields[escaped] = .init(key: field.name, shape: shape)
            }
        }
        return fields
    }

    /// Nil for what cannot be reached: quantities, which have no one type, and what contains itself.
    private static func shape(
        of kind: WireTable.Kind, _ name: String, _ table: WireTable, within: Set<Int>
    ) -> JSONShape? {
        switch kind {
        case .string, .duration: return text
        case .integer, .long: return JSONShape(.int)
        case .number: return JSONShape(.double)
        case .boolean: return JSONShape(.bool)
        case .bytes: return JSONShape(.bytes)
        case .time, .microTime: return JSONShape(.timestamp)
        case .integerOrString, .anything: return .dynamic
        case .texts: return JSONShape(.list(text, .plain))
        case .quantity, .schemaOrBoolean, .schemaOrSchemas, .schemaOrTexts: return nil
        case .list(let element):
            return shape(of: element, "\(name).@idx", table, within: within).map { JSONShape(.list($0, .plain)) }
        case .map(let value):
            return shape(of: value, "\(name).@elem", table, within: within).map { JSONShape(.map($0)) }
        case .structure(let place):
            guard !within.contains(place) else { return nil }
            return JSONShape(.object(typeName: name, fields: fields(of: place, name, table, within: within)))
        }
    }
}
