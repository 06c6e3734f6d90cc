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
        let options = try ListOptions(query, isWatch: true)
        let version = options.version
        let wanted = try RequestedVersion.number(version, ofList: false)
        let sendsInitial = options.sendsInitialEvents
        let namespace = kind.type.isNamespaced && !context.namespace.isEmpty ? context.namespace : nil
        let session = WatchSession(
            kind: kind, selection: selection, presentation: context.presentation, encoding: context.encoding,
            wantsBookmarks: query.flag("allowWatchBookmarks"), surroundings: watches, namespace: namespace,
            version: version,
            timeout: .seconds(options.timeoutSeconds.flatMap { $0 > 0 ? $0 : nil } ?? Int.random(in: 1800...3600)))
        let startsFresh = wanted == nil
        if sendsInitial == true { try checkVersion(wanted) }
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
                    let from = wanted ?? cluster.store.revision
                    let changes = try cluster.store.watch(
                        resource: kind.storageName, namespace: namespace, meeting: terms.first, from: from)
                    try await session.run(changes, to: write) {}
                }
            } catch StoreError.gone(let oldest) {
                try await session.sendLast(session.expired(oldest), to: write)
            } catch StoreError.closed {
                return
            }
        }
        let contentType =
            context.encoding == .protobuf ? "\(ProtobufEncoder.mediaType);stream=watch" : "application/json"
        return APIAnswer(contentType: contentType, body: .stream(stream))
    }
}
