import KubeModel

/// The fields of the built-in kinds: their types, and how their lists merge. Read from a compact text once.
///
/// A line is `Type: field=type ...`. A type is `s` string, `i` integer, `f` number, `b` boolean, `q` quantity, `t` time,
/// `x` integer or string, `y` base64, `*` anything, `[T]` list, `{T}` map, or the name of another line. A list may be followed by
/// `@key` (merged by that key in strategic merge patches) or `@` (a merged list of scalars), a field by `!` (its
/// `$retainKeys` are honoured) and `+` (kept when empty).
struct TypeTable: Sendable {
    indirect enum FieldType: Sendable {
        case string, integer, number, boolean, quantity, time, integerOrString, base64, anything
        case list(FieldType)
        case map(FieldType)
        case structure(String)
    }

    struct Field: Sendable {
        let type: FieldType
        /// Key by which elements of the list are merged; empty for lists of scalars that are merged, nil for others.
        let mergeKey: String?
        let isKeptEmpty: Bool
    }

    typealias Structure = [String: Field]

    static let shared = TypeTable(lines: TypeTable.core + TypeTable.workloads + TypeTable.others)

    let structures: [String: Structure]

    init(lines: String) {
        var structures: [String: Structure] = [:]
        for line in lines.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard let name = words.first?.dropLast() else { continue }
            var fields: Structure = [:]
            for word in words.dropFirst() {
                let parts = word.split(separator: "=", maxSplits: 1)
                guard parts.count == 2 else { continue }
                var type = parts[1]
                var isKeptEmpty = false
                while let last = type.last, last == "+" || last == "!" {
                    if last == "+" { isKeptEmpty = true }
                    type = type.dropLast()
                }
                var mergeKey: String?
                if let at = type.firstIndex(of: "@") {
                    mergeKey = String(type[type.index(after: at)...])
                    type = type[..<at]
                }
                fields[String(parts[0])] = Field(type: Self.type(type), mergeKey: mergeKey, isKeptEmpty: isKeptEmpty)
            }
            structures[String(name), default: [:]].merge(fields) { _, new in new }
        }
        self.structures = structures
    }

    private static func type(_ text: Substring) -> FieldType {
        switch text {
        case "s": .string
        case "i": .integer
        case "f": .number
        case "b": .boolean
        case "q": .quantity
        case "t": .time
        case "x": .integerOrString
        case "y": .base64
        case "*": .anything
        default:
            switch text.first {
            case "[": .list(type(text.dropFirst().dropLast()))
            case "{": .map(type(text.dropFirst().dropLast()))
            default: .structure(String(text))
            }
        }
    }
}

/// How the lists of a built-in kind merge in strategic merge patches.
public struct MergeKeys: Sendable {
    /// Name of the kind's line in the table of types.
    let root: String

    /// The merge rules of a built-in kind, by the name of its type.
    public init(root: String) { self.root = root }

    /// The key by which the list at a path of field names is merged: empty for a merged list of scalars, nil for a list
    /// that is replaced. Lists on the way are stepped through without an index.
    public func mergeKey(at path: [String]) -> String? {
        var current: TypeTable.FieldType = .structure(root)
        var key: String?
        for name in path {
            while case .list(let element) = current { current = element }
            switch current {
            case .structure(let structure):
                guard let field = TypeTable.shared.structures[structure]?[name] else { return nil }
                current = field.type
                key = field.mergeKey
            case .map(let value):
                current = value
                key = nil
            default: return nil
            }
        }
        return key
    }
}
