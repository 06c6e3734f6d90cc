/// One request to a service outside of the platform.
public struct WebRequest: Sendable {
    /// `GET` or `POST`.
    public var method: String
    /// The whole address.
    public var url: String
    /// Header fields.
    public var headers: [(name: String, value: String)]
    /// What is posted.
    public var body: [UInt8]

    /// Describes a request.
    public init(_ method: String, _ url: String, headers: [(name: String, value: String)] = [], body: [UInt8] = []) {
        (self.method, self.url, self.headers, self.body) = (method, url, headers, body)
    }
}

/// What came back, whole.
public struct WebResponse: Sendable {
    /// HTTP status.
    public let status: Int
    /// The body.
    public let body: [UInt8]
}

/// Why there is no answer.
public enum WebError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The address or a header field is none that may be used.
    case unusable(String)
    /// It did not come in time.
    case timeout
    /// It is longer than what is taken.
    case tooLong
    /// Too many requests are under way.
    case busy
    /// The caller gave it up.
    case cancelled
    /// No connection, no trust, or a broken answer; in curl's words.
    case failed(String)

    /// In a few words.
    public var description: String {
        switch self {
        case .unusable(let what): what
        case .timeout: "no answer in time"
        case .tooLong: "the answer is too long"
        case .busy: "too many requests are under way"
        case .cancelled: "given up"
        case .failed(let what): what
        }
    }
}
