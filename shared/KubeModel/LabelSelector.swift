/// A condition on labels: `app=lab,tier!=web,env in (a,b),!legacy`, or the object form with `matchLabels` and
/// `matchExpressions`.
public struct LabelSelector: Sendable, Equatable {
    /// One part of the condition; all parts must hold.
    public struct Requirement: Sendable, Equatable {
        /// How the label is compared.
        public enum Operator: String, Sendable {
            case isIn = "In"
            case isNotIn = "NotIn"
            case exists = "Exists"
            case doesNotExist = "DoesNotExist"
            case isGreater = "Gt"
            case isLess = "Lt"
        }
        /// Key of the label.
        public let key: String
        /// How it is compared.
        public let comparison: Operator
        /// The values it is compared with.
        public let values: [String]

        /// Makes a requirement.
        public init(_ key: String, _ comparison: Operator, _ values: [String] = []) {
            (self.key, self.comparison, self.values) = (key, comparison, values)
        }

        /// True when the labels meet the requirement.
        public func matches(_ labels: [String: String]) -> Bool {
            let label = labels[key]
            switch comparison {
            case .isIn: return label.map(values.contains) ?? false
            case .isNotIn: return label.map { !values.contains($0) } ?? true
            case .exists: return label != nil
            case .doesNotExist: return label == nil
            case .isGreater, .isLess:
                guard let number = label.flatMap({ Int64($0) }), let bound = values.first.flatMap({ Int64($0) })
                else { return false }
                return comparison == .isGreater ? number > bound : number < bound
            }
        }
    }

    /// The parts, all of which must hold.
    public var requirements: [Requirement]
    /// True for the selector that matches nothing, which is what a missing selector means in most objects.
    public var matchesNothing: Bool

    /// A selector of these parts.
    public init(_ requirements: [Requirement] = []) {
        self.requirements = requirements
        matchesNothing = false
    }

    /// Matches all labels.
    public static let everything = LabelSelector()
    /// Matches no labels.
    public static let nothing: LabelSelector = {
        var selector = LabelSelector()
        selector.matchesNothing = true
        return selector
    }()

    /// True when it matches all labels.
    public var isEmpty: Bool { requirements.isEmpty && !matchesNothing }

    /// A selector of exact values, as in a Service's `spec.selector`.
    public init(_ labels: [String: String]) {
        self.init(labels.keys.sorted().map { Requirement($0, .isIn, labels[$0].map { [$0] } ?? []) })
    }

    /// True when the labels meet all requirements.
    public func matches(_ labels: [String: String]) -> Bool {
        !matchesNothing && requirements.allSatisfy { $0.matches(labels) }
    }

    /// Reads the object form (meta/v1 LabelSelector). A missing selector matches nothing, an empty one everything; an
    /// expression that cannot be understood makes it match nothing.
    public init(object: JSON?) {
        guard let object, !object.isNull else {
            self = .nothing
            return
        }
        self.init(object["matchLabels"]?.stringMap ?? [:])
        for expression in object["matchExpressions"]?.array ?? [] {
            guard let key = expression["key"]?.string,
                let comparison = Requirement.Operator(rawValue: expression["operator"]?.string ?? "")
            else {
                self = .nothing
                return
            }
            let values = expression["values"]?.array?.compactMap(\.string) ?? []
            requirements.append(Requirement(key, comparison, values.sorted()))
        }
        // By key, as the text is shown; parts of one key stay in the order in which they were written.
        requirements = requirements.enumerated().sorted {
            ($0.element.key, $0.offset) < ($1.element.key, $1.offset)
        }.map(\.element)
    }

    /// The string form.
    public var text: String {
        requirements.map { part in
            switch part.comparison {
            case .exists: part.key
            case .doesNotExist: "!\(part.key)"
            case .isGreater: "\(part.key)>\(part.values.first ?? "")"
            case .isLess: "\(part.key)<\(part.values.first ?? "")"
            case .isIn where part.values.count == 1: "\(part.key)=\(part.values[0])"
            case .isNotIn where part.values.count == 1: "\(part.key)!=\(part.values[0])"
            case .isIn: "\(part.key) in (\(part.values.joined(separator: ",")))"
            case .isNotIn: "\(part.key) notin (\(part.values.joined(separator: ",")))"
            }
        }.joined(separator: ",")
    }
}

extension LabelSelector {
    /// Reads the string form of a query.
    ///
    /// - Throws: ``APIError`` with `badRequest` that says what could not be read.
    public init(parsing text: String) throws(APIError) {
        self.init()
        var reader = SelectorReader(text)
        reader.skipSpace()
        guard !reader.isAtEnd else { return }
        while true {
            requirements.append(try reader.requirement())
            reader.skipSpace()
            if reader.isAtEnd { break }
            guard reader.take(",") else { throw reader.failure("',' or the end") }
            reader.skipSpace()
            if reader.isAtEnd { break }
        }
    }
}

/// Reads the parts of a label selector's string form.
private struct SelectorReader {
    private let text: String
    private var rest: Substring

    init(_ text: String) {
        self.text = text
        rest = Substring(text)
    }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func skipSpace() { rest = rest.drop { $0 == " " || $0 == "\t" || $0 == "\n" || $0 == "\r" } }

    mutating func take(_ token: String) -> Bool {
        guard rest.hasPrefix(token) else { return false }
        rest = rest.dropFirst(token.count)
        return true
    }

    func failure(_ expected: String) -> APIError {
        let found = rest.isEmpty ? "the end" : "'\(rest.prefix(20))'"
        return APIError(
            .badRequest, "unable to parse requirement: found \(found), expected \(expected) in label selector '\(text)'"
        )
    }

    private mutating func word() -> String {
        skipSpace()
        let word = rest.prefix { !" \t\r\n,()!=<>".contains($0) }
        rest = rest.dropFirst(word.count)
        skipSpace()
        return String(word)
    }

    mutating func requirement() throws(APIError) -> LabelSelector.Requirement {
        if take("!") { return .init(try key(), .doesNotExist) }
        let key = try key()
        if isAtEnd || rest.hasPrefix(",") { return .init(key, .exists) }
        if take("==") || take("=") { return .init(key, .isIn, [try value(of: key)]) }
        if take("!=") { return .init(key, .isNotIn, [try value(of: key)]) }
        if take(">") { return .init(key, .isGreater, [try number(of: key)]) }
        if take("<") { return .init(key, .isLess, [try number(of: key)]) }
        switch word() {
        case "in": return .init(key, .isIn, try values(of: key))
        case "notin": return .init(key, .isNotIn, try values(of: key))
        default: throw failure("one of in, notin, =, ==, !=, gt, lt")
        }
    }

    private mutating func key() throws(APIError) -> String {
        let key = word()
        guard !key.isEmpty else { throw failure("a label key") }
        if let problem = NameRules.qualifiedName(key).first {
            throw APIError(.badRequest, "unable to parse requirement: <nil>: Invalid value: \"\(key)\": \(problem)")
        }
        return key
    }

    private mutating func value(of key: String) throws(APIError) -> String {
        let value = word()
        if let problem = NameRules.labelValue(value).first {
            throw APIError(
                .badRequest, "unable to parse requirement: values[0][\(key)]: Invalid value: \"\(value)\": \(problem)")
        }
        return value
    }

    private mutating func number(of key: String) throws(APIError) -> String {
        let value = word()
        guard Int64(value) != nil else {
            throw APIError(
                .badRequest,
                "unable to parse requirement: values[0][\(key)]: Invalid value: \"\(value)\": for 'Gt', 'Lt' operators, the value must be an integer"
            )
        }
        return value
    }

    private mutating func values(of key: String) throws(APIError) -> [String] {
        guard take("(") else { throw failure("'('") }
        var values: [String] = []
        while true {
            values.append(try value(of: key))
            if take(",") { continue }
            guard take(")") else { throw failure("',' or ')'") }
            return values
        }
    }
}
