import ClusterStore
import KubeModel

extension APIServer {
    /// Streams the changes of a collection.
    func watch(_ context: RequestContext) async throws -> APIAnswer {
        let (kind, query) = (context.kind, context.query)
        var selection = try Selection(query: query, kind: kind)
        if !context.name.isEmpty {
            selection.fields.terms.append(
                .init(path: "metadata.name", keys: ["metadata", "name"], value: context.name, isNegated: false))
        }
        let version = query["resourceVersion"] ?? ""
        let sendsInitial = query["sendInitialEvents"].map { $0 == "true" || $0 == "1" }
        let match = query["resourceVersionMatch"] ?? ""
        if sendsInitial == true, match != "NotOlderThan" {
            throw Self.invalidList(
                "resourceVersionMatch",
                "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan")
        }
        if sendsInitial == nil, !match.isEmpty {
            throw Self.invalidList(
                "resourceVersionMatch",
                "Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided")
        }
        let namespace = kind.type.isNamespaced && !context.namespace.isEmpty ? context.namespace : nil
        let session = WatchSession(
            kind: kind, selection: selection, presentation: context.presentation, encoding: context.encoding,
            wantsBookmarks: query.flag("allowWatchBookmarks"), surroundings: watches, namespace: namespace,
            timeout: .seconds(query.int("timeoutSeconds").flatMap { $0 > 0 ? $0 : nil } ?? Int.random(in: 1800...3600)))
        let startsFresh = version.isEmpty || version == "0"
        if !startsFresh, UInt64(version) == nil {
            throw APIError(.badRequest, "Invalid value: \"\(version)\": resourceVersion must be a number: \(version)")
        }
        if sendsInitial == true { try checkVersion(version) }
        let wantsState = sendsInitial ?? startsFresh
        let terms = selection.terms(for: kind)
        let stream: @Sendable (ChunkWriter) async throws -> Void = { write in
            let cluster = self.cluster
            do {
                if wantsState {
                    let (items, revision) = try await cluster.list(
                        kind.storageName, namespace: namespace, meeting: terms)
                    let changes = try cluster.store.watch(
                        resource: kind.storageName, namespace: namespace, meeting: terms.first, from: revision)
                    try await session.run(changes, to: write) {
                        try await session.sendState(
                            items, revision: revision, marksEnd: sendsInitial == true, to: write)
                    }
                } else {
                    let from = startsFresh ? cluster.store.revision : UInt64(version) ?? 0
                    let changes = try cluster.store.watch(
                        resource: kind.storageName, namespace: namespace, meeting: terms.first, from: from)
                    try await session.run(changes, to: write) {}
                }
            } catch StoreError.gone(let oldest) {
                let error = APIError(.expired, "too old resource version: \(version) (\(oldest))")
                try await session.sendLast(session.event("ERROR", error.status), to: write)
            } catch StoreError.closed {
                return
            }
        }
        let contentType =
            context.encoding == .protobuf ? "\(ProtobufEncoder.mediaType);stream=watch" : "application/json"
        return APIAnswer(contentType: contentType, body: .stream(stream))
    }

    private static func invalidList(_ field: String, _ message: String) -> APIError {
        APIError(
            .invalid, "ListOptions.meta.k8s.io \"\" is invalid: \(field): \(message)", kind: "ListOptions",
            group: "meta.k8s.io", causes: [.init(field: field, reason: "FieldValueForbidden", message: message)])
    }
}
