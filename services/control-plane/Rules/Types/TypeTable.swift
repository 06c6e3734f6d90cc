import KubeModel

/// The fields of the built-in kinds: their types, and how their lists merge. Read from a compact text once.
///
/// A line is `Type: field=type ...`. A type is `s` string, `i` integer of 32 bits, `l` of 64 bits, `f` number, `b` boolean,
/// `q` quantity, `t` time, `m` time with microseconds, `x` integer or string, `y` base64, `*` anything, `[T]` list, `{T}`
/// map, or the name of another line. A list may be followed by `@key` (merged by that key in strategic merge patches) or
/// `@` (a merged list of scalars). A field may be followed by `!` (its `$retainKeys` are honoured), `+` (kept when
/// empty), `-` (left out when zero or empty: the server cannot tell that from unset) and `~` (always written, with its
/// zero value when it is unset), or with null when `?` stands before.
struct TypeTable: Sendable {
    indirect enum FieldType: Sendable {
        case string, integer, integer64, number, boolean, quantity, time, microTime, integerOrString, base64, anything
        case list(FieldType)
        case map(FieldType)
        case structure(String)
    }

    struct Field: Sendable {
        let type: FieldType
        /// Key by which elements of the list are merged; empty for lists of scalars that are merged, nil for others.
        let mergeKey: String?
        let isKeptEmpty: Bool
        /// A zero value counts as not there.
        var dropsZero = false
        /// Written even when it is not there.
        var isAlwaysWritten = false
        /// Written as null, not as zero, when it is not there.
        var isNullable = false
        /// What is written for a field that is not there.
        var zero: JSON { isNullable ? .null : type.zero }
    }

    typealias Structure = [String: Field]

    static let shared = TypeTable(
        lines: TypeTable.core + TypeTable.volumes + TypeTable.workloads + TypeTable.others + TypeTable.extensions,
        others: TypeTable.wire)

    /// Parts of JSON schemas that are a schema or something else.
    static let unions: Set<String> = [
        "JSONSchemaPropsOrArray", "JSONSchemaPropsOrBool", "JSONSchemaPropsOrStringArray",
    ]

    let structures: [String: Structure]
    /// For every structure the fields that are always written, and those that have to be walked through to find more.
    let completions: [String: [Completion]]

    /// A field that has to be looked at when an object is made complete.
    struct Completion: Sendable {
        let name: String
        let field: Field
        /// What is written when the field is not there; nil when nothing is.
        let zero: JSON?
    }

    init(lines: String, others: [String: Structure] = [:]) {
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
                var dropsZero = false
                var isAlwaysWritten = false
                var isNullable = false
                while let last = type.last, "+!-~?".contains(last) {
                    if last == "+" { isKeptEmpty = true }
                    if last == "-" { dropsZero = true }
                    if last == "~" { isAlwaysWritten = true }
                    if last == "?" { isNullable = true }
                    type = type.dropLast()
                }
                var mergeKey: String?
                if let at = type.firstIndex(of: "@") {
                    mergeKey = String(type[type.index(after: at)...])
                    type = type[..<at]
                }
                fields[String(parts[0])] = Field(
                    type: Self.type(type), mergeKey: mergeKey, isKeptEmpty: isKeptEmpty, dropsZero: dropsZero,
                    isAlwaysWritten: isAlwaysWritten, isNullable: isNullable)
            }
            structures[String(name), default: [:]].merge(fields) { _, new in new }
        }
        structures.merge(others) { own, _ in own }
        self.structures = structures
        completions = Self.completions(structures)
    }

    /// Structures that are complete as they come, and refer to none that are not, have no entry.
    private static func completions(_ structures: [String: Structure]) -> [String: [Completion]] {
        var needed = Set(structures.filter { $0.value.values.contains(where: \.isAlwaysWritten) }.keys)
        var count = -1
        while count != needed.count {
            count = needed.count
            for (name, fields) in structures where !needed.contains(name) {
                if fields.values.contains(where: { $0.type.structure.map(needed.contains) ?? false }) {
                    needed.insert(name)
                }
            }
        }
        var completions: [String: [Completion]] = [:]
        for name in needed {
            completions[name] = (structures[name] ?? [:]).sorted { $0.key < $1.key }.compactMap { key, field in
                let isWalked = field.type.structure.map(needed.contains) ?? false
                guard isWalked || field.isAlwaysWritten else { return nil }
                return Completion(name: key, field: field, zero: field.isAlwaysWritten ? field.zero : nil)
            }
        }
        return completions
    }

    private static func type(_ text: Substring) -> FieldType {
        switch text {
        case "s": .string
        case "i": .integer
        case "l": .integer64
        case "m": .microTime
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

extension TypeTable.FieldType {
    /// Name of the structure that values, elements or members have.
    var structure: String? {
        switch self {
        case .structure(let name): name
        case .list(let element), .map(let element): element.structure
        default: nil
        }
    }

    /// The value of a field that was not set.
    var zero: JSON {
        switch self {
        case .string: ""
        case .integer, .integer64, .number, .integerOrString: 0
        case .boolean: false
        case .quantity: "0"
        case .structure: [:]
        case .time, .microTime, .base64, .anything, .list, .map: .null
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
