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
        var items: [StoredObject]
        var revision: UInt64
        if let text = query["continue"], !text.isEmpty {
            guard version.isEmpty || version == "0" else {
                throw APIError(.badRequest, "specifying resource version is not allowed when using continue")
            }
            let token = try ContinueToken(text)
            revision = token.revision
            items = try await cluster.list(kind.storageName, namespace: namespace, at: revision)
            items.removeFirst(items.firstIndex { token.last < $0.key.place } ?? items.count)
        } else {
            try checkVersion(version)
            (items, revision) = try await snapshot(
                kind, namespace: namespace ?? selection.fields.pinnedNamespace, selection)
            if match == "Exact", let wanted = UInt64(version), wanted != revision {
                items = try await cluster.list(kind.storageName, namespace: namespace, at: wanted)
                revision = wanted
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

    /// The objects of a collection; a selector that pins one name needs no walk.
    private func snapshot(_ kind: ServedKind, namespace: String?, _ selection: Selection) async throws -> (
        items: [StoredObject], revision: UInt64
    ) {
        if let name = selection.fields.pinnedName, namespace != nil || !kind.type.isNamespaced {
            let revision = cluster.store.revision
            let object = try await cluster.get(kind.key(namespace ?? "", name))
            return (object.map { [$0] } ?? [], max(revision, object?.revision ?? 0))
        }
        return try await cluster.list(kind.storageName, namespace: namespace)
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
        switch context.presentation {
        case .object:
            var buffer = ByteBuffer()
            buffer.reserveCapacity(256 + objects.reduce(0) { $0 + $1.bytes.count + 1 })
            buffer.writeString(
                "{\"kind\":\"\(kind.listKind)\",\"apiVersion\":\"\(kind.type.apiVersion)\",\"metadata\":")
            buffer.writeBytes(metadata.bytes)
            buffer.writeString(",\"items\":[")
            var isFirst = true
            for object in objects {
                if !isFirst { buffer.writeInteger(UInt8(ascii: ",")) }
                isFirst = false
                kind.writeItem(object, into: &buffer)
            }
            buffer.writeString("]}")
            return APIAnswer(body: .bytes(buffer))
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

/// Where a list that is read page by page goes on: in the state in which it began, after the last object that was sent.
struct ContinueToken: Sendable {
    let revision: UInt64
    /// Place of the last object that was sent, as lists are ordered.
    let last: String

    /// As it goes to clients and comes back.
    var text: String {
        let json: JSON = ["v": "meta.k8s.io/v1", "rv": .int(Int64(clamping: revision)), "start": .string(last)]
        return Data(json.bytes).base64EncodedString().replacing("=", with: "").replacing("+", with: "-").replacing(
            "/", with: "_")
    }

    init(revision: UInt64, last: String) { (self.revision, self.last) = (revision, last) }

    init(_ token: String) throws(APIError) {
        var text = token.replacing("-", with: "+").replacing("_", with: "/")
        text += String(repeating: "=", count: (4 - text.count % 4) % 4)
        guard let data = Data(base64Encoded: text), let json = try? JSON(parsing: Array(data)),
            json["v"] == "meta.k8s.io/v1", let revision = json["rv"]?.int, revision > 0,
            let last = json["start"]?.string
        else { throw APIError(.badRequest, "continue key is not valid: \(token)") }
        self.init(revision: UInt64(revision), last: last)
    }
}

extension ObjectKey {
    /// Place of an object among those of its resource.
    var place: String { namespace.isEmpty ? name : "\(namespace)/\(name)" }
}
