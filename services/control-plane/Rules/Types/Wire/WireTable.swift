/// The built-in types as they travel: every field with its name in JSON, its number in the binary form and its type,
/// under the names that the Kubernetes API gives them. Made by `tools/wire-table`, read from compact texts on first use.
///
/// `@core/v1 v1` begins a package and names the apiVersion of its kinds. A line is `Type: field=type#number ...`, with `Type::` where appliers own the structure
/// as a whole. A type is one of the letters in ``Kind/init(letter:)``, `[T]` list, `{T}` map, or a structure of this
/// (`Container`) or another package (`core/v1.Container`). The field `~` is a structure whose members stand among those
/// of the structure around it. Behind the number: `?` zero differs from missing, `!` written even when zero, `*`
/// required, `@key` merged by a strategic merge patch, `$` its `$retainKeys` are honoured, `^` a set, `%key,key` a list
/// of that identity, `:` owned as a whole.
public struct WireTable: Sendable {
    /// What a field holds.
    public indirect enum Kind: Sendable, Equatable {
        case string, integer, long, number, boolean, bytes, quantity, time, microTime, duration, integerOrString
        /// Any JSON.
        case anything
        /// A list of texts in a message of its own.
        case texts
        case schemaOrBoolean, schemaOrSchemas, schemaOrTexts
        case list(Kind)
        case map(Kind)
        /// By its place among ``WireTable/structures``.
        case structure(Int)
    }

    /// Who owns what in a list or map that several appliers write.
    public enum Ownership: Sendable, Equatable {
        case unmarked, atomic, set
        case map(keys: [String])
    }

    /// One field.
    public struct Field: Sendable {
        /// Name in JSON; empty for a structure whose members stand among its neighbours.
        public let name: String
        /// Number in the binary form.
        public let number: Int
        /// What it holds.
        public fileprivate(set) var kind: Kind
        /// True when zero and missing differ.
        public let isOptional: Bool
        /// True when JSON has it even when it is zero.
        public let isAlwaysWritten: Bool
        /// True when clients have to give it.
        public let isRequired: Bool
        /// Key by which a strategic merge patch merges the list; empty for scalars and maps, nil where it replaces.
        public let mergeKey: String?
        /// True when a patch may say which keys stay.
        public let retainsKeys: Bool
        /// Who owns what in it.
        public let ownership: Ownership
    }

    /// One structure.
    public struct Structure: Sendable {
        /// Package, `core/v1`.
        public let package: String
        /// Name, `Container`.
        public let name: String
        /// True when appliers own it as a whole.
        public let isAtomic: Bool
        /// The fields in the order of the source.
        public fileprivate(set) var fields: [Field]
        /// Places of the structures whose members stand among its own, with their field's number.
        public fileprivate(set) var inlined: [(number: Int, structure: Int)] = []
        private let names: [String: Int]
        private let numbers: [Int]

        init(package: String, name: String, isAtomic: Bool, fields: [Field]) {
            (self.package, self.name, self.isAtomic, self.fields) = (package, name, isAtomic, fields)
            var names: [String: Int] = [:]
            var numbers = [Int](repeating: -1, count: (fields.map(\.number).max() ?? 0) + 1)
            for (place, field) in fields.enumerated() {
                if !field.name.isEmpty { names[field.name] = place }
                numbers[field.number] = place
            }
            (self.names, self.numbers) = (names, numbers)
        }

        /// The field with a name in JSON.
        public func field(named name: String) -> Field? { names[name].map { fields[$0] } }

        /// The field with a number in the binary form.
        public func field(numbered number: Int) -> Field? {
            guard numbers.indices.contains(number), numbers[number] >= 0 else { return nil }
            return fields[numbers[number]]
        }
    }

    /// The table of this version.
    public static let shared = WireTable(texts: [
        metaV1, coreV1, appsV1, batchV1, autoscalingV1, autoscalingV2, policyV1, rbacV1, storageV1, coordinationV1,
        eventsV1, discoveryV1, networkingV1, schedulingV1, nodeV1, authenticationV1, authorizationV1,
        admissionregistrationV1, certificatesV1, flowcontrolV1, resourceV1, apiextensionsV1, apiregistrationV1,
        metricsV1beta1,
    ])

    /// All structures.
    public let structures: [Structure]
    private let places: [String: Int]
    /// Packages by the apiVersion of their kinds.
    private let packages: [String: String]

    /// The place of a structure, `core/v1.Pod`.
    public func place(_ name: String) -> Int? { places[name] }

    /// The place of the structure of a kind, by the apiVersion that its objects have. `List`s are kinds, too, and so are
    /// `Status` and the options of requests, which belong to every version.
    public func place(apiVersion: String, kind: String) -> Int? {
        if let package = packages[apiVersion], let place = places["\(package).\(kind)"] { return place }
        return apiVersion == "v1" || kind.hasSuffix("Options") ? places["meta/v1.\(kind)"] : nil
    }

    init(texts: [String]) {
        var lines: [(package: String, name: Substring, isAtomic: Bool, words: [Substring])] = []
        var places: [String: Int] = [:]
        var packages: [String: String] = [:]
        for text in texts {
            var package = ""
            for line in text.split(separator: "\n") {
                let words = line.split(separator: " ")
                guard let head = words.first else { continue }
                if head.first == "@" {
                    package = String(head.dropFirst())
                    packages[words.dropFirst().first.map(String.init) ?? package] = package
                    continue
                }
                let name = head.prefix { $0 != ":" }
                places["\(package).\(name)"] = lines.count
                lines.append((package, name, head.hasSuffix("::"), Array(words.dropFirst())))
            }
        }
        structures = lines.map { line in
            let fields = line.words.compactMap { Field($0, package: line.package, places: places) }
            var structure = Structure(
                package: line.package, name: String(line.name), isAtomic: line.isAtomic, fields: fields)
            for field in fields where field.name.isEmpty {
                if case .structure(let place) = field.kind { structure.inlined.append((field.number, place)) }
            }
            return structure
        }
        (self.places, self.packages) = (places, packages)
    }
}

extension WireTable.Kind {
    /// The kind that a letter of the table stands for.
    init?(letter: some StringProtocol) {
        switch letter {
        case "s": self = .string
        case "i": self = .integer
        case "l": self = .long
        case "f": self = .number
        case "b": self = .boolean
        case "y": self = .bytes
        case "q": self = .quantity
        case "t": self = .time
        case "u": self = .microTime
        case "d": self = .duration
        case "x": self = .integerOrString
        case "r": self = .anything
        case "W": self = .texts
        case "B": self = .schemaOrBoolean
        case "A": self = .schemaOrSchemas
        case "S": self = .schemaOrTexts
        default: return nil
        }
    }

    fileprivate init?(_ text: Substring, package: String, places: [String: Int]) {
        if let kind = Self(letter: text) {
            self = kind
        } else if text.first == "[" || text.first == "{" {
            guard let element = Self(text.dropFirst().dropLast(), package: package, places: places) else { return nil }
            self = text.first == "[" ? .list(element) : .map(element)
        } else {
            guard let place = places[text.contains(".") ? String(text) : "\(package).\(text)"] else { return nil }
            self = .structure(place)
        }
    }
}

extension WireTable.Field {
    /// Reads `name=type#number` and the marks behind it.
    fileprivate init?(_ word: Substring, package: String, places: [String: Int]) {
        guard let equals = word.firstIndex(of: "="), let mark = word.firstIndex(of: "#"),
            let kind = WireTable.Kind(word[word.index(after: equals)..<mark], package: package, places: places)
        else { return nil }
        let digits = word[word.index(after: mark)...].prefix { $0.isNumber }
        guard let number = Int(digits) else { return nil }
        var rest = word[digits.endIndex...]
        var (isOptional, isAlwaysWritten, isRequired, retainsKeys) = (false, false, false, false)
        var mergeKey: String?
        var ownership = WireTable.Ownership.unmarked
        while let sign = rest.popFirst() {
            let argument = rest.prefix { $0.isLetter || $0 == "," }
            switch sign {
            case "?": isOptional = true
            case "!": isAlwaysWritten = true
            case "*": isRequired = true
            case "$": retainsKeys = true
            case "^": ownership = .set
            case ":": ownership = .atomic
            case "@": mergeKey = String(argument)
            case "%": ownership = .map(keys: argument.split(separator: ",").map(String.init))
            default: break
            }
            rest = rest[argument.endIndex...]
        }
        name = word[..<equals] == "~" ? "" : String(word[..<equals])
        (self.number, self.kind, self.isOptional, self.isAlwaysWritten) = (number, kind, isOptional, isAlwaysWritten)
        (self.isRequired, self.mergeKey, self.retainsKeys) = (isRequired, mergeKey, retainsKeys)
        self.ownership = ownership
    }
}
