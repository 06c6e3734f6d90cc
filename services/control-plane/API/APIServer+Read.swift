import ClusterStore
import Foundation
import KubeModel
import NIOCore

extension APIServer {
    /// Reads one object.
    func get(_ context: RequestContext) async throws -> APIAnswer {
        let kind = context.kind
        try checkVersion(context.query["resourceVersion"])
        guard let object = try await cluster.get(kind.key(context.namespace, context.name)) else {
            throw kind.notFound(context.name)
        }
        guard !context.presentation.isObject else { return kind.answer(object) }
        return .json(kind.present(try kind.tree(object), as: context.presentation))
    }

    /// Refuses versions that are no numbers, and those that have not been written yet.
    func checkVersion(_ text: String?) throws(APIError) {
        guard let text, !text.isEmpty, text != "0" else { return }
        guard let version = UInt64(text) else {
            throw APIError(
                .badRequest, "Invalid value: \"\(text)\": resourceVersion must be a number: \(text)")
        }
        let current = cluster.store.revision
        guard version > current else { return }
        throw APIError(
            .timeout, "Too large resource version: \(version), current: \(current)",
            causes: [.init(field: "", reason: "ResourceVersionTooLarge", message: "Too large resource version")],
            retryAfterSeconds: 1)
    }

    /// Lists a collection, page by page where a limit is given.
    func list(_ context: RequestContext) async throws -> APIAnswer {
        let (kind, query) = (context.kind, context.query)
        let selection = try Selection(query: query, kind: kind)
        let limit = query.int("limit") ?? 0
        let version = query["resourceVersion"] ?? ""
        let match = query["resourceVersionMatch"] ?? ""
        try Self.check(match: match, version: version, isContinuing: query["continue"]?.isEmpty == false)

        let namespace = kind.type.isNamespaced && !context.namespace.isEmpty ? context.namespace : nil
        let terms = selection.terms(for: kind)
        var items: [StoredObject]
        var revision: UInt64
        if let text = query["continue"], !text.isEmpty {
            guard version.isEmpty || version == "0" else {
                throw APIError(.badRequest, "specifying resource version is not allowed when using continue")
            }
            let token = try ContinueToken(text)
            if let wanted = token.revision {
                guard
                    let kept = try await cluster.list(
                        kind.storageName, namespace: namespace, meeting: terms, at: wanted)
                else { throw token.expired }
                (items, revision) = (kept, wanted)
            } else {
                (items, revision) = try await cluster.list(kind.storageName, namespace: namespace, meeting: terms)
            }
            items.removeFirst(items.firstIndex { token.last < $0.key.place } ?? items.count)
        } else {
            try checkVersion(version)
            let place = namespace ?? selection.fields.pinnedNamespace
            (items, revision) = try await cluster.list(kind.storageName, namespace: place, meeting: terms)
            if match == "Exact", let wanted = UInt64(version), wanted != revision {
                let kept = try await cluster.list(kind.storageName, namespace: namespace, meeting: terms, at: wanted)
                guard let kept else {
                    throw APIError(.expired, "The resourceVersion for the provided list is too old.")
                }
                (items, revision) = (kept, wanted)
            }
        }

        var chosen: [StoredObject] = []
        var position = 0
        while position < items.count {
            let object = items[position]
            if selection.selectsEverything || selection.matches(object) {
                if limit > 0, chosen.count == limit { break }
                chosen.append(object)
            }
            position += 1
        }
        var metadata: JSON = ["resourceVersion": .string(String(revision))]
        if position < items.count, let last = chosen.last {
            metadata["continue"] = .string(ContinueToken(revision: revision, last: last.key.place).text)
            if selection.selectsEverything { metadata["remainingItemCount"] = .int(Int64(items.count - position)) }
        }
        return try answer(chosen, metadata: metadata, context)
    }

    private static func check(match: String, version: String, isContinuing: Bool) throws(APIError) {
        guard !match.isEmpty else { return }
        func invalid(_ reason: String, _ message: String) -> APIError {
            APIError(
                .invalid, "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: \(message)",
                kind: "ListOptions",
                group: "meta.k8s.io", causes: [.init(field: "resourceVersionMatch", reason: reason, message: message)])
        }
        if isContinuing {
            throw invalid(
                "FieldValueForbidden", "Forbidden: resourceVersionMatch is forbidden when continue is provided")
        }
        if version.isEmpty {
            throw invalid(
                "FieldValueForbidden", "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided"
            )
        }
        guard match == "Exact" || match == "NotOlderThan" else {
            throw invalid(
                "FieldValueNotSupported",
                "Unsupported value: \"\(match)\": supported values: \"Exact\", \"NotOlderThan\", \"\"")
        }
        if match == "Exact", version == "0" {
            throw invalid(
                "FieldValueForbidden",
                "Forbidden: resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"")
        }
    }

    /// A list in the wanted form. Objects go from the store to the answer as the bytes that they are.
    func answer(_ objects: [StoredObject], metadata: JSON, _ context: RequestContext) throws -> APIAnswer {
        let kind = context.kind
        if context.encoding == .protobuf, let answer = try binaryAnswer(objects, metadata: metadata, context) {
            return answer
        }
        switch context.presentation {
        case .object:
            let list = ListAnswer(kind: kind, objects: objects, metadata: metadata)
            return context.encoding == .json ? list.answer : list.whole
        case .table(let include):
            return .json(kind.table(try objects.map(kind.tree), metadata: metadata, include: include))
        case .metadata, .metadataList:
            let items = try objects.map { kind.partial(try kind.tree($0)) }
            return .json([
                "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
                "items": .array(items),
            ])
        }
    }
}

extension APIServer {
    /// A list in binary form, object by object, so that no tree of the whole is made.
    private func binaryAnswer(_ objects: [StoredObject], metadata: JSON, _ context: RequestContext) throws -> APIAnswer?
    {
        let kind = context.kind
        let bytes: [UInt8]?
        switch context.presentation {
        case .table: return nil
        case .object:
            bytes = try ProtobufEncoder.list(
                apiVersion: kind.type.apiVersion, kind: kind.listKind, itemKind: kind.type.kind, metadata: metadata,
                count: objects.count
            ) { try kind.tree(objects[$0]) }
        case .metadata, .metadataList:
            bytes = try ProtobufEncoder.list(
                apiVersion: "meta.k8s.io/v1", kind: "PartialObjectMetadataList", itemKind: "PartialObjectMetadata",
                metadata: metadata, count: objects.count
            ) { kind.partial(try kind.tree(objects[$0])) }
        }
        return bytes.map {
            APIAnswer(contentType: ProtobufEncoder.mediaType, body: .bytes(ByteBuffer(bytes: $0)))
        }
    }
}

/// Where a list that is read page by page goes on: in the state in which it began, after the last object that was sent.
struct ContinueToken: Sendable {
    /// The state in which the list began; nil for the newest one.
    let revision: UInt64?
    /// Place of the last object that was sent, as lists are ordered.
    let last: String

    /// As it goes to clients and comes back.
    var text: String {
        let revision = revision.map { Int64(clamping: $0) } ?? -1
        let json: JSON = ["v": "meta.k8s.io/v1", "rv": .int(revision), "start": .string(last)]
        return Data(json.bytes).base64EncodedString().replacing("=", with: "").replacing("+", with: "-").replacing(
            "/", with: "_")
    }

    /// What is answered when the state is no longer known: with a token that goes on in the newest one.
    var expired: APIError {
        var error = APIError(
            .expired,
            "The provided continue parameter is too old to display a consistent list result. You can start a new list "
                + "without the continue parameter, or use the continue token in this response to retrieve the remainder "
                + "of the results. Continuing with the provided token results in an inconsistent list - objects that "
                + "were created, modified, or deleted between the time the first chunk was returned and now may show up "
                + "in the list.")
        error.continueToken = ContinueToken(revision: nil, last: last).text
        return error
    }

    init(revision: UInt64?, last: String) { (self.revision, self.last) = (revision, last) }

    init(_ token: String) throws(APIError) {
        var text = token.replacing("-", with: "+").replacing("_", with: "/")
        text += String(repeating: "=", count: (4 - text.count % 4) % 4)
        guard let data = Data(base64Encoded: text), let json = try? JSON(parsing: Array(data)),
            json["v"] == "meta.k8s.io/v1", let revision = json["rv"]?.int, revision > 0 || revision == -1,
            let last = json["start"]?.string
        else { throw APIError(.badRequest, "continue key is not valid: \(token)") }
        self.init(revision: revision > 0 ? UInt64(revision) : nil, last: last)
    }
}

extension ObjectKey {
    /// Place of an object among those of its resource.
    var place: String { namespace.isEmpty ? name : "\(namespace)/\(name)" }
}
