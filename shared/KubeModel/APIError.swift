/// A failure the caller can act on, in the vocabulary of a Kubernetes `Status` (meta/v1).
public struct APIError: Error, Equatable, Sendable {
    /// Why it failed; raw values are the `reason` strings that clients compare.
    public enum Reason: String, Sendable, CaseIterable {
        case unknown = ""
        case badRequest = "BadRequest"
        case unauthorized = "Unauthorized"
        case forbidden = "Forbidden"
        case notFound = "NotFound"
        case alreadyExists = "AlreadyExists"
        case conflict = "Conflict"
        case invalid = "Invalid"
        case gone = "Gone"
        case expired = "Expired"
        case methodNotAllowed = "MethodNotAllowed"
        case notAcceptable = "NotAcceptable"
        case requestEntityTooLarge = "RequestEntityTooLarge"
        case unsupportedMediaType = "UnsupportedMediaType"
        case tooManyRequests = "TooManyRequests"
        case serverTimeout = "ServerTimeout"
        case timeout = "Timeout"
        case internalError = "InternalError"
        case serviceUnavailable = "ServiceUnavailable"
        case insufficientStorage = "InsufficientStorage"
    }

    /// One thing that is wrong, with the field it is wrong in.
    public struct Cause: Equatable, Sendable {
        /// Field path as Kubernetes writes it, `spec.containers[0].name`.
        public let field: String
        /// `FieldValueInvalid`, `FieldValueRequired`, `FieldValueNotSupported`, ...
        public let reason: String
        /// The sentence for a person.
        public let message: String
        /// Makes a cause.
        public init(field: String, reason: String, message: String) {
            (self.field, self.reason, self.message) = (field, reason, message)
        }
    }

    /// Why it failed.
    public var reason: Reason
    /// What was asked for and what to change, in one sentence; never a secret.
    public var message: String
    /// HTTP status.
    public var code: Int
    /// `details` of the Status: kind (or resource), group and name of the object concerned.
    public var kind: String?
    /// API group of the object concerned.
    public var group: String?
    /// Name of the object concerned.
    public var name: String?
    /// Field by field, what is wrong.
    public var causes: [Cause]
    /// Seconds after which to try again.
    public var retryAfterSeconds: Int?
    /// With an expired list: where it can be gone on with, in another state.
    public var continueToken: String?
    /// True when the Status has `details` even if there is nothing to say in them.
    public var hasDetails: Bool

    /// Makes an error; the HTTP status follows from the reason unless given.
    public init(
        _ reason: Reason, _ message: String, code: Int? = nil, kind: String? = nil, group: String? = nil,
        name: String? = nil, causes: [Cause] = [], retryAfterSeconds: Int? = nil, hasDetails: Bool = false
    ) {
        self.reason = reason
        self.message = message
        self.code = code ?? reason.defaultCode
        self.kind = kind
        self.group = group
        self.name = name
        self.causes = causes
        self.retryAfterSeconds = retryAfterSeconds
        self.hasDetails = hasDetails
    }

    /// The error as a `Status` object.
    public var status: JSON {
        var status: JSON = [
            "kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Failure", "message": .string(message),
        ]
        if let continueToken { status["metadata"] = ["continue": .string(continueToken)] }
        if reason != .unknown { status["reason"] = .string(reason.rawValue) }
        var details = JSONObject()
        details["name"] = name.map(JSON.string)
        details["group"] = group.map(JSON.string)
        details["kind"] = kind.map(JSON.string)
        if !causes.isEmpty {
            details["causes"] = .array(
                causes.map {
                    var cause: JSON = [:]
                    if !$0.reason.isEmpty { cause["reason"] = .string($0.reason) }
                    cause["message"] = .string($0.message)
                    if !$0.field.isEmpty { cause["field"] = .string($0.field) }
                    return cause
                })
        }
        details["retryAfterSeconds"] = retryAfterSeconds.map { .int(Int64($0)) }
        if hasDetails || !details.isEmpty { status["details"] = .object(details) }
        status["code"] = .int(Int64(code))
        return status
    }

    /// Reads a `Status` object that a server answered; `code` is the HTTP status.
    public init(status: JSON, code: Int) {
        let details = status["details"]
        self.init(
            Reason(rawValue: status["reason"]?.string ?? "") ?? .unknown,
            status["message"]?.string ?? "the server answered \(code)", code: code,
            kind: details?["kind"]?.string, group: details?["group"]?.string, name: details?["name"]?.string,
            causes: (details?["causes"]?.array ?? []).map {
                Cause(
                    field: $0["field"]?.string ?? "", reason: $0["reason"]?.string ?? "",
                    message: $0["message"]?.string ?? "")
            },
            retryAfterSeconds: details?["retryAfterSeconds"]?.int.map(Int.init))
        continueToken = status.value(at: "metadata", "continue")?.string
    }
}

extension APIError.Reason {
    /// The HTTP status that goes with the reason.
    public var defaultCode: Int {
        switch self {
        case .badRequest: 400
        case .unauthorized: 401
        case .forbidden: 403
        case .notFound: 404
        case .methodNotAllowed: 405
        case .notAcceptable: 406
        case .alreadyExists, .conflict: 409
        case .gone, .expired: 410
        case .requestEntityTooLarge: 413
        case .unsupportedMediaType: 415
        case .invalid: 422
        case .tooManyRequests: 429
        case .unknown, .internalError: 500
        case .serviceUnavailable: 503
        case .serverTimeout, .timeout: 504
        case .insufficientStorage: 507
        }
    }
}
