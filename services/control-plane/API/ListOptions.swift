import KubeModel

/// What a request says about a collection besides selectors (`ListOptions` of meta/v1), checked as kube-apiserver does.
struct ListOptions: Sendable {
    /// At most so many objects a page; 0 for all.
    let limit: Int
    /// Seconds that a watch lasts; nil where the server chooses.
    let timeoutSeconds: Int?
    /// The version that was asked for, as it was written; empty for the newest.
    let version: String
    /// `Exact`, `NotOlderThan`, or empty.
    let match: String
    /// Where a list read page by page goes on; empty for its beginning.
    let token: String
    /// Whether a watch begins with what exists; nil where the version decides.
    let sendsInitialEvents: Bool?

    /// Reads the options of a list, of a watch or of the deletion of a collection.
    ///
    /// - Throws: ``APIError`` with `badRequest` for numbers that are none, with `invalid` for what does not go together.
    init(_ query: Query, isWatch: Bool = false) throws(APIError) {
        limit = try Self.number(query["limit"]) ?? 0
        timeoutSeconds = try Self.number(query["timeoutSeconds"])
        version = query["resourceVersion"] ?? ""
        token = query["continue"] ?? ""
        match = query["resourceVersionMatch"] ?? ""
        sendsInitialEvents = query["sendInitialEvents"] == nil ? nil : query.flag("sendInitialEvents")
        let causes = isWatch ? watchProblems : listProblems
        guard !causes.isEmpty else { return }
        let texts = causes.map { "\($0.field): \($0.message)" }
        let list = texts.count == 1 ? texts[0] : "[\(texts.joined(separator: ", "))]"
        throw APIError(
            .invalid, "ListOptions.meta.k8s.io \"\" is invalid: \(list)", kind: "ListOptions", group: "meta.k8s.io",
            causes: causes)
    }

    /// A whole number of the query; nil where there is none.
    static func number(_ text: String?) throws(APIError) -> Int? {
        guard let text else { return nil }
        guard let number = Int(text) else {
            throw APIError(.badRequest, "strconv.ParseInt: parsing \"\(text)\": invalid syntax")
        }
        return number
    }

    private static func forbidden(_ message: String, field: String = "resourceVersionMatch") -> APIError.Cause {
        .init(field: field, reason: "FieldValueForbidden", message: "Forbidden: \(message)")
    }

    private func unsupported(_ known: String) -> APIError.Cause {
        .init(
            field: "resourceVersionMatch", reason: "FieldValueNotSupported",
            message: "Unsupported value: \"\(match)\": supported values: \(known)")
    }

    private var listProblems: [APIError.Cause] {
        var causes: [APIError.Cause] = []
        if !match.isEmpty {
            if version.isEmpty {
                causes.append(Self.forbidden("resourceVersionMatch is forbidden unless resourceVersion is provided"))
            }
            if !token.isEmpty {
                causes.append(Self.forbidden("resourceVersionMatch is forbidden when continue is provided"))
            }
            if match != "Exact", match != "NotOlderThan" {
                causes.append(unsupported("\"Exact\", \"NotOlderThan\", \"\""))
            }
            if match == "Exact", version == "0" {
                causes.append(
                    Self.forbidden("resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\""))
            }
        }
        if sendsInitialEvents != nil {
            causes.append(Self.forbidden("sendInitialEvents is forbidden for list", field: "sendInitialEvents"))
        }
        return causes
    }

    private var watchProblems: [APIError.Cause] {
        // A watch that begins with what exists is checked as if it had asked for that.
        let isFresh = sendsInitialEvents == nil && match.isEmpty && (version.isEmpty || version == "0")
        let match = isFresh ? "NotOlderThan" : self.match
        var causes: [APIError.Cause] = []
        if sendsInitialEvents != nil, match != "NotOlderThan" {
            causes.append(Self.forbidden("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"))
        }
        guard !match.isEmpty else { return causes }
        if sendsInitialEvents == nil, !isFresh {
            causes.append(
                Self.forbidden("resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"))
        }
        if match != "NotOlderThan" { causes.append(unsupported("\"NotOlderThan\"")) }
        if !token.isEmpty {
            causes.append(Self.forbidden("resourceVersionMatch is forbidden when continue is provided"))
        }
        return causes
    }
}

/// A resource version that a request names.
enum RequestedVersion {
    /// The number; nil for the newest state (nothing or 0).
    ///
    /// - Throws: ``APIError`` for what is no number: `badRequest` for lists, an internal error for reads and watches, as
    ///   the real server answers.
    static func number(_ text: String, ofList: Bool) throws(APIError) -> UInt64? {
        guard !text.isEmpty else { return nil }
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            throw refused(text, "invalid syntax", ofList)
        }
        guard let number = UInt64(text) else { throw refused(text, "value out of range", ofList) }
        return number == 0 ? nil : number
    }

    private static func refused(_ text: String, _ problem: String, _ ofList: Bool) -> APIError {
        let message =
            "resourceVersion: Invalid value: \"\(text)\": strconv.ParseUint: parsing \"\(text)\": \(problem)"
        return ofList
            ? APIError(.badRequest, "invalid resource version: \(message)") : APIError(.unknown, message, code: 500)
    }
}
