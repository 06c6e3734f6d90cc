import CEL
import KubeModel

/// The shapes that rules see: which parts of a schema they can reach, as what type, and how big these can be.
///
/// Parts without a type, and those whose fields are not specified, cannot be reached. Sizes are those that fit in a
/// request of 3 MiB where the schema sets no limit.
struct RuleShape {
    let shape: JSONShape
    /// The shortest JSON text of a value.
    let shortest: UInt64

    private static let largestRequest: UInt64 = 3 * 1024 * 1024
    private static let longestString = largestRequest - 2

    /// The shape of a schema.
    ///
    /// - Parameters:
    ///   - node: the schema.
    ///   - name: what the type of objects is called in messages.
    ///   - isResource: true for the root and for embedded resources, which have names and kinds.
    /// - Returns: the shape; nil for what rules cannot reach.
    static func make(_ node: SchemaNode, _ name: String, isResource: Bool) -> RuleShape? {
        if node.isIntOrString {
            return RuleShape(shape: JSONShape(.dynamic, maximumSize: length(node) ?? longestString), shortest: 1)
        }
        switch node.type {
        case "array":
            guard let items = node.items,
                let element = make(items, "\(name).@idx", isResource: items.isEmbeddedResource)
            else { return nil }
            let most = node.itemCounts.maximum.map(atLeastZero) ?? longestString / (element.shortest + 1)
            return RuleShape(shape: JSONShape(.list(element.shape, node.listKind), maximumSize: most), shortest: 2)
        case "object":
            if case .schema(let values) = node.additional {
                guard let value = make(values, "\(name).@elem", isResource: values.isEmbeddedResource) else {
                    return nil
                }
                let most = node.propertyCounts.maximum.map(atLeastZero) ?? longestString / (value.shortest + 6)
                return RuleShape(shape: JSONShape(.map(value.shape), maximumSize: most), shortest: 2)
            }
            return object(node, name, isResource: isResource)
        case "string": return string(node)
        case "boolean": return RuleShape(shape: JSONShape(.bool, maximumSize: 0), shortest: 4)
        case "number": return RuleShape(shape: JSONShape(.double, maximumSize: 0), shortest: 1)
        case "integer": return RuleShape(shape: JSONShape(.int, maximumSize: 0), shortest: 1)
        default: return nil
        }
    }

    private static func atLeastZero(_ value: Int64) -> UInt64 { UInt64(max(0, value)) }

    private static func length(_ node: SchemaNode) -> UInt64? {
        node.lengths.maximum.map { atLeastZero($0).multiplying(4) }
    }

    private static func object(_ node: SchemaNode, _ name: String, isResource: Bool) -> RuleShape {
        var fields: [String: JSONShape.Field] = [:]
        var shortest: UInt64 = 2
        for (key, child) in node.properties {
            guard let field = make(child, "\(name).\(key)", isResource: child.isEmbeddedResource) else { continue }
            if let escaped = RuleNames.escape(key) { fields[escaped] = .init(key: key, shape: field.shape) }
            // Words of the language can be written as they are where only a field can stand.
            if RuleNames.isReserved(key) { fields[key] = .init(key: key, shape: field.shape) }
            if node.required.contains(key), child.defaultValue == nil {
                shortest += UInt64(key.utf8.count) + field.shortest + 4
            }
        }
        if isResource {
            let text = JSONShape(.string, maximumSize: longestString)
            fields["kind"] = .init(key: "kind", shape: text)
            fields["apiVersion"] = .init(key: "apiVersion", shape: text)
            let names: [String: JSONShape.Field] = [
                "name": .init(key: "name", shape: text), "generateName": .init(key: "generateName", shape: text),
            ]
            let metadata = JSONShape(.object(typeName: "\(name).metadata", fields: names), maximumSize: 0)
            fields["metadata"] = .init(key: "metadata", shape: metadata)
        }
        let shape = JSONShape(.object(typeName: name, fields: fields), maximumSize: 0)
        return RuleShape(shape: shape, shortest: shortest)
    }

    private static func string(_ node: SchemaNode) -> RuleShape {
        switch node.format {
        case "byte":
            let most = node.lengths.maximum.map(atLeastZero) ?? longestString
            return RuleShape(shape: JSONShape(.bytes, maximumSize: most), shortest: 2)
        case "duration": return RuleShape(shape: JSONShape(.duration, maximumSize: 32), shortest: 3)
        case "date": return RuleShape(shape: JSONShape(.timestamp, maximumSize: 12), shortest: 12)
        case "date-time": return RuleShape(shape: JSONShape(.timestamp, maximumSize: 32), shortest: 21)
        default:
            var most = length(node)
            if most == nil, !node.allowed.isEmpty {
                most = node.allowed.compactMap(\.string).map { UInt64($0.utf8.count) }.max() ?? 0
            }
            return RuleShape(shape: JSONShape(.string, maximumSize: most ?? longestString), shortest: 2)
        }
    }
}

extension SchemaNode {
    /// How lists of this schema compare and add up in rules.
    fileprivate var listKind: JSONShape.ListKind {
        switch listType {
        case .atomic: .plain
        case .set: .set
        case .map(let keys): .keyed(keys)
        }
    }
}

/// Names of properties as rules write them.
enum RuleNames {
    private static let reserved: Set<String> = [
        "true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if", "import",
        "let", "loop", "package", "namespace", "return", "var", "void", "while",
    ]

    /// True for words of the language.
    static func isReserved(_ name: String) -> Bool { reserved.contains(name) }

    /// The name that a rule uses for a property; nil for properties that it cannot name.
    static func escape(_ name: String) -> String? {
        if reserved.contains(name) { return "__\(name)__" }
        guard let first = name.unicodeScalars.first, !("0"..."9").contains(first) else { return nil }
        var escaped = ""
        let scalars = Array(name.unicodeScalars)
        var index = 0
        while index < scalars.count {
            let scalar = scalars[index]
            switch scalar {
            case ".": escaped += "__dot__"
            case "-": escaped += "__dash__"
            case "/": escaped += "__slash__"
            case "_":
                if index + 1 < scalars.count, scalars[index + 1] == "_" {
                    escaped += "__underscores__"
                    index += 1
                } else {
                    escaped += "_"
                }
            case "a"..."z", "A"..."Z", "0"..."9": escaped.unicodeScalars.append(scalar)
            default: return nil
            }
            index += 1
        }
        return escaped
    }
}
