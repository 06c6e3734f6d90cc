import ClusterRules
import KubeModel
import Synchronization

/// What one request wants, besides its body.
struct RequestContext: Sendable {
    /// What clients are told about unknown fields.
    enum FieldValidation: String, Sendable {
        case ignore = "Ignore"
        case warn = "Warn"
        case strict = "Strict"
    }

    let user: UserInfo
    private(set) var kind: ServedKind
    private(set) var info: RequestInfo
    let query: Query
    let isDryRun: Bool
    let validation: FieldValidation
    let fieldManager: String
    let presentation: Presentation
    let encoding: Encoding
    /// Collected for the `Warning` header.
    let warnings = Warnings()

    final class Warnings: Sendable {
        private let texts = Mutex<[String]>([])
        func add(_ text: String) { texts.withLock { if !$0.contains(text) { $0.append(text) } } }
        var all: [String] { texts.withLock { $0 } }
    }

    init(user: UserInfo, kind: ServedKind, info: RequestInfo, request: APIRequest) throws(APIError) {
        (self.user, self.kind, self.info, query) = (user, kind, info, request.query)
        let dryRun = request.query.all("dryRun").filter { !$0.isEmpty }
        for value in dryRun where value != "All" {
            throw APIError(
                .invalid,
                "\(Self.options(info)).meta.k8s.io \"\" is invalid: dryRun: Unsupported value: \"\(value)\": supported values: \"All\"",
                kind: Self.options(info), group: "meta.k8s.io",
                causes: [
                    .init(
                        field: "dryRun", reason: "FieldValueNotSupported",
                        message: "Unsupported value: \"\(value)\": supported values: \"All\"")
                ])
        }
        isDryRun = !dryRun.isEmpty
        if let text = request.query["fieldValidation"], !text.isEmpty {
            guard let validation = FieldValidation(rawValue: text) else {
                throw APIError(
                    .invalid,
                    "\(Self.options(info)).meta.k8s.io \"\" is invalid: fieldValidation: Unsupported value: \"\(text)\": supported values: \"Ignore\", \"Strict\", \"Warn\"",
                    kind: Self.options(info), group: "meta.k8s.io",
                    causes: [
                        .init(
                            field: "fieldValidation", reason: "FieldValueNotSupported",
                            message: "Unsupported value: \"\(text)\"")
                    ])
            }
            self.validation = validation
        } else {
            validation = .warn
        }
        let agent = request.header("user-agent") ?? ""
        var manager = request.query["fieldManager"] ?? ""
        if ["create", "update", "patch"].contains(info.verb), let issue = Self.issue(ofManager: manager) {
            throw APIError(
                .invalid, "\(Self.options(info)).meta.k8s.io \"\" is invalid: \(issue.field): \(issue.message)",
                kind: Self.options(info), group: "meta.k8s.io", causes: [issue.cause])
        }
        if manager.isEmpty {
            let program = Substring(agent.utf8.prefix { $0 != UInt8(ascii: "/") })
            manager = String(program.utf8.count > 128 ? program.prefix(128) : program)
        }
        fieldManager = manager.isEmpty ? "unknown" : manager
        (presentation, encoding) = try Presentation.negotiate(request, kind: kind, verb: info.verb)
    }

    /// What is wrong with the name of a manager of fields.
    private static func issue(ofManager name: String) -> FieldIssue? {
        if name.utf8.count > 128 {
            return FieldIssue(field: "fieldManager", reason: .tooLong, detail: "may not be more than 128 bytes")
        }
        var position = 0
        for scalar in name.unicodeScalars {
            guard scalar.isPrintable else {
                let code = String(scalar.value, radix: 16, uppercase: true)
                let number = String(repeating: "0", count: max(0, 4 - code.count)) + code
                return FieldIssue(
                    field: "fieldManager", reason: .invalid, value: .string(name),
                    detail: "invalid character U+\(number) (at position \(position))")
            }
            position += scalar.utf8.count
        }
        return nil
    }

    /// The options of a write as an object, which webhooks get to see.
    var options: JSON {
        var options: JSON = ["kind": .string(Self.options(info)), "apiVersion": "meta.k8s.io/v1"]
        if isDryRun { options["dryRun"] = ["All"] }
        guard info.verb != "delete", info.verb != "deletecollection" else { return options }
        if let manager = query["fieldManager"], !manager.isEmpty { options["fieldManager"] = .string(manager) }
        if let text = query["fieldValidation"], !text.isEmpty { options["fieldValidation"] = .string(text) }
        return options
    }

    /// The kind that holds the options of a write, as messages name it.
    private static func options(_ info: RequestInfo) -> String {
        switch info.verb {
        case "update": "UpdateOptions"
        case "patch": "PatchOptions"
        case "delete", "deletecollection": "DeleteOptions"
        default: "CreateOptions"
        }
    }

    var namespace: String { info.namespace }
    var name: String { info.name }

    /// The same request, sent to a subresource of an object instead.
    mutating func redirect(to kind: ServedKind, _ name: String, subresource: String) {
        self.kind = kind
        (info.resource, info.name, info.subresource) = (kind.type.plural, name, subresource)
    }

    /// The same request about another object of the collection.
    mutating func rename(_ name: String) { info.name = name }

    func manager(operation: String) -> ManagedFields.Manager {
        let subresource = info.subresource == "finalize" ? "" : info.subresource
        return .init(
            name: fieldManager, operation: operation, apiVersion: kind.type.apiVersion, subresource: subresource)
    }

    /// Tells the client about fields that no kind has, or refuses them.
    ///
    /// `type` is what was sent, where that is not the kind of the object itself.
    func report(
        unknown: [String], duplicates: [String], asPatch: Bool = false, as type: ResourceType? = nil
    ) throws(APIError) {
        guard validation != .ignore else { return }
        let texts = duplicates.map { "duplicate field \"\($0)\"" } + unknown.map { "unknown field \"\($0)\"" }
        guard !texts.isEmpty else { return }
        if validation == .warn {
            for text in texts { warnings.add(text) }
            return
        }
        let detail = "strict decoding error: \(texts.joined(separator: ", "))"
        if asPatch {
            throw kind.invalid(name, [FieldIssue(field: "patch", reason: .invalid, value: "<patch>", detail: detail)])
        }
        let type = type ?? kind.type
        throw APIError(
            .badRequest, "\(type.kind) in version \"\(type.version)\" cannot be handled as a \(type.kind): \(detail)")
    }
}

extension Unicode.Scalar {
    /// True for letters, marks, numbers, punctuation, symbols and the plain space.
    fileprivate var isPrintable: Bool {
        switch properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
        case .spaceSeparator: self == " "
        default: true
        }
    }
}

/// In which form an answer is wanted.
enum Presentation: Sendable, Equatable {
    enum RowObject: String, Sendable {
        case none = "None"
        case metadata = "Metadata"
        case object = "Object"
    }

    /// The version of `meta.k8s.io` in which a form is named; all forms look the same in both.
    enum Version: String, Sendable {
        case v1
        case v1beta1

        var apiVersion: JSON { .string("meta.k8s.io/\(rawValue)") }
    }

    case object
    case table(RowObject, Version)
    case metadata(Version)
    case metadataList(Version)

    var isObject: Bool { self == .object }
    var isMetadataList: Bool { if case .metadataList = self { true } else { false } }
}
