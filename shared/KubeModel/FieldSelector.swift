/// A condition on fields: `metadata.name=lab,status.phase!=Running`.
public struct FieldSelector: Sendable, Equatable {
    /// One part of the condition; all parts must hold.
    public struct Requirement: Sendable, Equatable {
        /// Path of the field, with dots.
        public let field: String
        /// The value it is compared with.
        public let value: String
        /// True for `=`, false for `!=`.
        public let isEqual: Bool

        /// Makes a requirement.
        public init(_ field: String, _ value: String, isEqual: Bool = true) {
            (self.field, self.value, self.isEqual) = (field, value, isEqual)
        }
    }

    /// The parts, all of which must hold.
    public var requirements: [Requirement]

    /// A selector of these parts.
    public init(_ requirements: [Requirement] = []) { self.requirements = requirements }

    /// Matches every object.
    public static let everything = FieldSelector()

    /// True when it matches every object.
    public var isEmpty: Bool { requirements.isEmpty }

    /// The value that a field must have, when the selector demands one.
    public func required(_ field: String) -> String? {
        requirements.first { $0.field == field && $0.isEqual }?.value
    }

    /// True when the object's fields meet all requirements; a missing field counts as empty.
    public func matches(_ object: JSON) -> Bool {
        requirements.allSatisfy { part in
            let found = object.value(at: part.field.split(separator: ".").map(String.init))
            return (Self.text(of: found) == part.value) == part.isEqual
        }
    }

    private static func text(of value: JSON?) -> String {
        switch value {
        case .string(let text): text
        case .bool(let flag): flag ? "true" : "false"
        case .int(let number): String(number)
        case .double, .array, .object: value?.text ?? ""
        case .null, nil: ""
        }
    }

    /// Reads the string form of a query. Commas, equal signs and backslashes in values are escaped by a backslash.
    ///
    /// - Throws: ``APIError`` with `badRequest` that says what could not be read.
    public init(parsing text: String) throws(APIError) {
        requirements = []
        for part in Self.split(text) where !part.isEmpty {
            guard let (field, value, isEqual) = Self.parts(of: part) else {
                throw APIError(.badRequest, "invalid field selector: '\(text)': can't understand '\(part)'")
            }
            requirements.append(Requirement(field, value, isEqual: isEqual))
        }
    }

    /// Parts between commas that are not escaped.
    private static func split(_ text: String) -> [String] {
        var parts: [String] = []
        var current = ""
        var isEscaped = false
        for character in text {
            if character == ",", !isEscaped {
                parts.append(current)
                current = ""
                continue
            }
            isEscaped = character == "\\" && !isEscaped
            current.append(character)
        }
        return parts + [current]
    }

    private static func parts(of part: String) -> (String, String, Bool)? {
        guard let equal = part.firstIndex(of: "=") else { return nil }
        var field = part[..<equal]
        var value = part[part.index(after: equal)...]
        let isEqual = field.last != "!"
        if !isEqual { field = field.dropLast() }
        if isEqual, value.first == "=" { value = value.dropFirst() }
        let name = field.drop { $0 == " " }
        guard !name.isEmpty, let plain = unescaped(value) else { return nil }
        return (String(name), plain, isEqual)
    }

    private static func unescaped(_ value: Substring) -> String? {
        var plain = ""
        var isEscaped = false
        for character in value {
            if isEscaped {
                guard character == "," || character == "=" || character == "\\" else { return nil }
                plain.append(character)
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else {
                plain.append(character)
            }
        }
        return isEscaped ? nil : plain
    }

    /// The string form.
    public var text: String {
        requirements.map { part in
            var value = ""
            for character in part.value {
                if character == "," || character == "=" || character == "\\" { value.append("\\") }
                value.append(character)
            }
            return "\(part.field)\(part.isEqual ? "=" : "!=")\(value)"
        }.joined(separator: ",")
    }
}
