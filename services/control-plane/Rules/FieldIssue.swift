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
    /// False for objects and lists, which would be long, where the reason shows the value otherwise.
    public let showsValue: Bool
    /// True for what was wrong before a change and was not touched by it: the client is told, nothing is refused.
    public let isTolerated: Bool

    /// Makes an issue.
    public init(
        field: String, reason: Reason, value: JSON? = nil, detail: String = "", showsValue: Bool = true,
        isTolerated: Bool = false
    ) {
        (self.field, self.reason, self.value, self.detail) = (field, reason, value, detail)
        (self.showsValue, self.isTolerated) = (showsValue, isTolerated)
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
        case _ where !showsValue: break
        default:
            if case .string(let text) = value {
                message += ": \(Self.quoted(text))"
            } else {
                message += ": \(Self.escaped((value ?? .null).text))"
            }
        }
        return detail.isEmpty ? message : "\(message): \(detail)"
    }

    /// JSON of objects and lists, with the escapes that Go's encoder makes for the sake of web pages.
    private static func escaped(_ text: String) -> String {
        text.replacing("<", with: "\\u003c").replacing(">", with: "\\u003e").replacing("&", with: "\\u0026")
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

    mutating func tooLong(_ field: String, _ limit: Int) {
        all.append(FieldIssue(field: field, reason: .tooLong, detail: "may not be more than \(limit) bytes"))
    }

    mutating func tooMany(_ field: String, _ count: Int, _ limit: Int) {
        let detail = "must have at most \(limit) items"
        all.append(FieldIssue(field: field, reason: .tooMany, value: .int(Int64(count)), detail: detail))
    }

    mutating func notFound(_ field: String, _ value: String, _ detail: String = "") {
        all.append(FieldIssue(field: field, reason: .notFound, value: .string(value), detail: detail))
    }

    /// Complains about a value that is none of `allowed`, which are named in their order.
    mutating func notSupported(_ field: String, _ value: JSON?, _ allowed: [String]) {
        let list = allowed.map(FieldIssue.quoted).joined(separator: ", ")
        let detail = allowed.isEmpty ? "" : "supported values: \(list)"
        all.append(FieldIssue(field: field, reason: .notSupported, value: value ?? "", detail: detail))
    }

    /// Complains unless a text is one of `allowed`: an empty one is missed when the field is required.
    mutating func supported(_ field: String, _ value: JSON?, _ allowed: [String], isRequired: Bool = false) {
        let text = value?.string ?? ""
        if isRequired, text.isEmpty { return required(field) }
        if !allowed.contains(text) { notSupported(field, .string(text), allowed) }
    }

    /// Complains unless a number is above zero.
    mutating func positive(_ field: String, _ number: Int64) {
        if number <= 0 { invalid(field, .int(number), "must be greater than zero") }
    }

    /// Complains unless a number lies in a range.
    mutating func range(_ field: String, _ value: JSON?, _ range: ClosedRange<Int64>) {
        guard let number = value?.int, !range.contains(number) else { return }
        invalid(field, .int(number), "must be between \(range.lowerBound) and \(range.upperBound), inclusive")
    }

    /// Complains unless a name, which may be missing, follows a rule.
    mutating func name(_ field: String, _ text: String, _ rule: (String) -> [String]) {
        if !text.isEmpty { invalid(field, text, rule(text)) }
    }

    /// Complains about a name that is missing or does not follow a rule.
    mutating func requiredName(_ field: String, _ text: String, _ rule: (String) -> [String]) {
        if text.isEmpty { required(field) } else { invalid(field, text, rule(text)) }
    }

    /// Complains about a text that is missing.
    mutating func requiredText(_ field: String, _ object: JSON, _ key: String) {
        if object.text(key).isEmpty { required("\(field).\(key)") }
    }

    /// Complains unless a path stays below where it begins.
    mutating func descendingPath(_ field: String, _ path: String) {
        if path.hasPrefix("/") { invalid(field, .string(path), "must be a relative path") }
        noBacksteps(field, path)
    }

    /// Complains about `..` in a path.
    mutating func noBacksteps(_ field: String, _ path: String) {
        if path.split(separator: "/", omittingEmptySubsequences: false).contains("..") {
            invalid(field, .string(path), "must not contain '..'")
        }
    }

    /// Complains unless a path stays below where it begins, and is not one of those that the kubelet uses itself.
    mutating func localPath(_ field: String, _ path: String) {
        descendingPath(field, path)
        if path.hasPrefix(".."), !path.hasPrefix("../") { invalid(field, .string(path), "must not start with '..'") }
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
