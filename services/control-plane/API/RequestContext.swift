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
    let kind: ServedKind
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
        guard manager.utf8.count <= 128 else {
            throw APIError(
                .invalid,
                "\(Self.options(info)).meta.k8s.io \"\" is invalid: fieldManager: Too long: may not be more than 128 bytes",
                kind: Self.options(info), group: "meta.k8s.io",
                causes: [
                    .init(
                        field: "fieldManager", reason: "FieldValueTooLong",
                        message: "Too long: may not be more than 128 bytes")
                ])
        }
        if manager.isEmpty {
            let program = Substring(agent.utf8.prefix { $0 != UInt8(ascii: "/") })
            manager = String(program.utf8.count > 128 ? program.prefix(128) : program)
        }
        fieldManager = manager.isEmpty ? "unknown" : manager
        (presentation, encoding) = try Presentation.negotiate(request, kind: kind, verb: info.verb)
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

/// In which form an answer is wanted.
enum Presentation: Sendable, Equatable {
    enum RowObject: String, Sendable {
        case none = "None"
        case metadata = "Metadata"
        case object = "Object"
    }

    case object
    case table(RowObject)
    case metadata
    case metadataList

    var isObject: Bool { self == .object }
}
