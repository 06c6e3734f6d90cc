public import KubeModel

/// One thing that is wrong with a field of an object, in the words of the Kubernetes API server.
public struct FieldIssue: Sendable, Equatable {
    /// What is wrong; the raw value begins the sentence.
    public enum Reason: String, Sendable {
        case invalid = "Invalid value"
        case required = "Required value"
        case notSupported = "Unsupported value"
        case forbidden = "Forbidden"
        case duplicate = "Duplicate value"
        case tooLong = "Too long"
        case tooMany = "Too many"
        case notFound = "Not found"
        case internalError = "Internal error"
        /// A value of the wrong type; worded like an invalid one.
        case typeInvalid
    }

    /// Path of the field, `spec.containers[0].name`.
    public let field: String
    /// What is wrong.
    public let reason: Reason
    /// The value that is wrong, shown where the reason shows one.
    public let value: JSON?
    /// What would be right.
    public let detail: String

    /// Makes an issue.
    public init(field: String, reason: Reason, value: JSON? = nil, detail: String = "") {
        (self.field, self.reason, self.value, self.detail) = (field, reason, value, detail)
    }

    /// The issue as a cause of a `Status`.
    public var cause: APIError.Cause {
        APIError.Cause(field: field, reason: reasonName, message: message)
    }

    /// `Invalid value: "Lab": a lowercase RFC 1123 label must ...`
    public var message: String {
        var message = reason == .typeInvalid ? Reason.invalid.rawValue : reason.rawValue
        switch reason {
        case .required, .forbidden, .tooLong, .internalError: break
        default:
            if case .string(let text) = value {
                message += ": \(Self.quoted(text))"
            } else {
                message += ": \((value ?? .null).text)"
            }
        }
        return detail.isEmpty ? message : "\(message): \(detail)"
    }

    /// Text in quotes, with escapes, as messages show it.
    static func quoted(_ text: String) -> String { JSON.string(text).text }

    private var reasonName: String {
        switch reason {
        case .invalid: "FieldValueInvalid"
        case .required: "FieldValueRequired"
        case .notSupported: "FieldValueNotSupported"
        case .forbidden: "FieldValueForbidden"
        case .duplicate: "FieldValueDuplicate"
        case .tooLong: "FieldValueTooLong"
        case .tooMany: "FieldValueTooMany"
        case .notFound: "FieldValueNotFound"
        case .internalError: "InternalError"
        case .typeInvalid: "FieldValueTypeInvalid"
        }
    }
}

/// The issues found so far, with short names for the usual ones.
struct Issues {
    private(set) var all: [FieldIssue] = []

    mutating func add(_ issue: FieldIssue) { all.append(issue) }
    mutating func add(_ issues: [FieldIssue]) { all += issues }

    mutating func invalid(_ field: String, _ value: JSON?, _ detail: String) {
        all.append(FieldIssue(field: field, reason: .invalid, value: value, detail: detail))
    }

    mutating func invalid(_ field: String, _ value: String, _ details: [String]) {
        for detail in details { invalid(field, .string(value), detail) }
    }

    mutating func required(_ field: String, _ detail: String = "") {
        all.append(FieldIssue(field: field, reason: .required, detail: detail))
    }

    mutating func forbidden(_ field: String, _ detail: String) {
        all.append(FieldIssue(field: field, reason: .forbidden, detail: detail))
    }

    mutating func duplicate(_ field: String, _ value: JSON) {
        all.append(FieldIssue(field: field, reason: .duplicate, value: value))
    }

    /// Complains unless the value, when there is one, is one of `allowed`.
    mutating func oneOf(_ field: String, _ value: JSON?, _ allowed: [String], isRequired: Bool = false) {
        guard let value, value != "" else {
            if isRequired { required(field) }
            return
        }
        if let text = value.string, allowed.contains(text) { return }
        let list = allowed.sorted().map(FieldIssue.quoted).joined(separator: ", ")
        all.append(FieldIssue(field: field, reason: .notSupported, value: value, detail: "supported values: \(list)"))
    }

    /// Complains about a number below zero.
    mutating func notNegative(_ field: String, _ value: JSON?) {
        if let number = value?.int, number < 0 {
            invalid(field, value, "must be greater than or equal to 0")
        }
    }

    /// Complains about a changed field. A missing value, null and empty are the same.
    mutating func immutable(_ field: String, _ new: JSON?, _ old: JSON?) {
        if Self.meaning(new) != Self.meaning(old) { invalid(field, new ?? .null, "field is immutable") }
    }

    private static func meaning(_ value: JSON?) -> JSON? {
        switch value {
        case .null, .string(""): nil
        case .array(let elements) where elements.isEmpty: nil
        case .object(let object) where object.isEmpty: nil
        default: value
        }
    }
}
