import ClusterStore
import KubeModel
import NIOCore

extension APIServer {
    /// Reads one object.
    func get(_ context: RequestContext) async throws -> APIAnswer {
        let kind = context.kind
        try checkVersion(try RequestedVersion.number(context.query["resourceVersion"] ?? "", ofList: false))
        guard let object = try await cluster.get(kind.key(context.namespace, context.name)) else {
            throw kind.notFound(context.name)
        }
        guard !context.presentation.isObject else { return kind.answer(object) }
        guard !context.presentation.isMetadataList else { throw kind.cannotShow(context.presentation) }
        return .json(kind.present(try kind.tree(object), as: context.presentation))
    }

    /// Refuses versions that have not been written yet.
    func checkVersion(_ version: UInt64?) throws(APIError) {
        let current = cluster.store.revision
        guard let version, version > current else { return }
        throw APIError(
            .timeout, "Too large resource version: \(version), current: \(current)",
            causes: [.init(field: "", reason: "ResourceVersionTooLarge", message: "Too large resource version")],
            retryAfterSeconds: 1)
    }

    /// Lists a collection, page by page where a limit is given.
    func list(_ context: RequestContext) async throws -> APIAnswer {
        let page = try await page(context)
        return try answer(page.objects, metadata: page.metadata, context)
    }

    /// One page of a collection.
    struct Page: Sendable {
        let objects: [StoredObject]
        /// `metadata` of the list.
        let metadata: JSON
    }

    /// The objects that a list, or the deletion of a collection, is about.
    func page(_ context: RequestContext) async throws -> Page {
        let kind = context.kind
        let options = try ListOptions(context.query)
        let selection = try Selection(query: context.query, kind: kind)
        let namespace = kind.type.isNamespaced && !context.namespace.isEmpty ? context.namespace : nil
        let (items, revision) = try await candidates(options, selection, namespace: namespace, kind: kind)
        // The newest state that is at hand is given whole, as the real server's cache does; it keeps none of Events.
        let limit = options.version == "0" && kind.type.kind != "Event" ? 0 : options.limit
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
            let token = ContinueToken(revision: revision, after: last.key, namespace: namespace)
            metadata["continue"] = .string(token.text)
            if selection.selectsEverything { metadata["remainingItemCount"] = .int(Int64(items.count - position)) }
        }
        return Page(objects: chosen, metadata: metadata)
    }

    /// What an index finds for a selection, in the state and from the place that the options name.
    private func candidates(
        _ options: ListOptions, _ selection: Selection, namespace: String?, kind: ServedKind
    ) async throws -> (items: [StoredObject], revision: UInt64) {
        let terms = selection.terms(for: kind)
        let place = namespace ?? selection.fields.pinnedNamespace
        guard options.token.isEmpty else {
            guard options.version.isEmpty || options.version == "0" else {
                throw APIError(.badRequest, "specifying resource version is not allowed when using continue")
            }
            let token = try ContinueToken(options.token)
            try checkVersion(token.revision)
            var (items, revision): ([StoredObject], UInt64)
            if let wanted = token.revision {
                let kept = try await cluster.list(kind.storageName, namespace: place, meeting: terms, at: wanted)
                guard let kept else { throw token.expired }
                (items, revision) = (kept, wanted)
            } else {
                (items, revision) = try await cluster.list(kind.storageName, namespace: place, meeting: terms)
            }
            items.removeFirst(items.firstIndex { token.start <= $0.key.place(in: namespace) } ?? items.count)
            return (items, revision)
        }
        let version = try RequestedVersion.number(options.version, ofList: true)
        try checkVersion(version)
        let newest = try await cluster.list(kind.storageName, namespace: place, meeting: terms)
        // Pages of a version that is named without a match are of exactly that version.
        let isExact = options.match == "Exact" || (options.match.isEmpty && options.limit > 0)
        guard isExact, let version, version != newest.revision else { return newest }
        let kept = try await cluster.list(kind.storageName, namespace: place, meeting: terms, at: version)
        guard let kept else {
            throw APIError(.expired, "The resourceVersion for the provided list is too old.")
        }
        return (kept, version)
    }

    /// A list in the wanted form. Objects go from the store to the answer as the bytes that they are.
    func answer(_ objects: [StoredObject], metadata: JSON, _ context: RequestContext) throws -> APIAnswer {
        let kind = context.kind
        if context.encoding == .protobuf, let answer = try binaryAnswer(objects, metadata: metadata, context) {
            return answer
        }
        switch context.presentation {
        case .object:
            var metadata = metadata
            // Lists of custom objects name it even where nothing follows.
            if kind.isCustom, metadata["continue"] == nil { metadata["continue"] = "" }
            let list = ListAnswer(kind: kind, objects: objects, metadata: metadata)
            return context.encoding == .json ? list.answer : list.whole
        case .table(let include, let version):
            return .json(kind.table(try objects.map(kind.tree), metadata: metadata, include: include, in: version))
        case .metadata: throw kind.cannotShow(context.presentation)
        case .metadataList(let version):
            return .json(kind.partials(try objects.map(kind.tree), metadata: metadata, in: version))
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
            ) { kind.partial(try kind.tree(objects[$0]), in: .v1) }
        }
        return bytes.map {
            APIAnswer(contentType: ProtobufEncoder.mediaType, body: .bytes(ByteBuffer(bytes: $0)))
        }
    }
}
