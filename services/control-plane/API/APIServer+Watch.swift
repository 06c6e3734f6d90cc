import ClusterStore
import Foundation
import KubeModel
import NIOCore
import Synchronization

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
            wantsBookmarks: query.flag("allowWatchBookmarks"),
            timeout: .seconds(query.int("timeoutSeconds").flatMap { $0 > 0 ? $0 : nil } ?? Int.random(in: 1800...3600)))
        let startsFresh = version.isEmpty || version == "0"
        if !startsFresh, UInt64(version) == nil {
            throw APIError(.badRequest, "Invalid value: \"\(version)\": resourceVersion must be a number: \(version)")
        }
        if sendsInitial == true { try checkVersion(version) }
        let wantsState = sendsInitial ?? startsFresh
        let terms = selection.terms(for: kind)
        let stream: @Sendable (@escaping ChunkWriter) async throws -> Void = { write in
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

/// One running watch: turns batches of the store into lines.
final class WatchSession: Sendable {
    private let kind: ServedKind
    private let selection: Selection
    private let presentation: Presentation
    private let encoding: Encoding
    private let wantsBookmarks: Bool
    private let timeout: Duration
    private let state = Mutex(Progress())

    private struct Progress {
        var hasSentColumns = false
        /// True when the next batch is to be followed by a bookmark.
        var owesBookmark = false
    }

    init(
        kind: ServedKind, selection: Selection, presentation: Presentation, encoding: Encoding, wantsBookmarks: Bool,
        timeout: Duration
    ) {
        (self.kind, self.selection, self.presentation, self.encoding) = (kind, selection, presentation, encoding)
        (self.wantsBookmarks, self.timeout) = (wantsBookmarks, timeout)
    }

    private static let bookmarkInterval = Duration.seconds(50)
    /// How long a peer that was too slow has for taking what is on its way.
    private static let patience = Duration.seconds(5)

    /// One event about an object that is made for it.
    func event(_ type: String, _ object: JSON) -> ByteBuffer {
        if encoding == .protobuf, let bytes = ProtobufEncoder.object(object) {
            return ByteBuffer(bytes: ProtobufEncoder.watchEvent(type, bytes))
        }
        return Self.line(type, object.bytes)
    }

    private static func line(_ type: String, _ object: some Collection<UInt8>) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeString("{\"type\":\"\(type)\",\"object\":")
        buffer.writeBytes(object)
        buffer.writeString("}\n")
        return buffer
    }

    /// Sends everything that exists as `ADDED`.
    func sendState(_ items: [StoredObject], revision: UInt64, marksEnd: Bool, to write: ChunkWriter) async throws {
        var buffer = ByteBuffer()
        for object in items where selection.matches(object) {
            try append("ADDED", object, to: &buffer)
            if buffer.readableBytes > 256 * 1024 {
                try await write(buffer)
                buffer.clear()
            }
        }
        if marksEnd { appendBookmark(revision, isInitialEnd: true, to: &buffer) }
        if buffer.readableBytes > 0 { try await write(buffer) }
    }

    /// Does what comes first, then sends changes until the time is over or the peer is gone. A peer that takes so little
    /// that changes left the history before it was their turn is given up, wherever it is held up.
    func run(
        _ changes: StoreWatch, to write: @escaping ChunkWriter, first: @escaping @Sendable () async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await first()
                for try await batch in changes { try await self.send(batch, to: write) }
            }
            group.addTask { try await self.keepTime(changes) }
            group.addTask {
                try await changes.untilOvertaken()
                // The watch ended in another way, which the first task tells.
                try await Task.sleep(for: self.timeout)
            }
            // Whichever ends first ends the watch.
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// Sends the last line of a watch. A peer that has not taken it after a while is cut off, and what was kept for it
    /// goes.
    func sendLast(_ line: ByteBuffer, to write: @escaping ChunkWriter) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await write(line) }
            group.addTask {
                try await Task.sleep(for: Self.patience)
                throw CancellationError()
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func send(_ batch: StoreWatch.Batch, to write: ChunkWriter) async throws {
        var buffer = ByteBuffer()
        for event in batch.events { try append(event, to: &buffer) }
        let owesBookmark = state.withLock { state in
            defer { state.owesBookmark = false }
            return state.owesBookmark
        }
        if owesBookmark { appendBookmark(batch.revision, isInitialEnd: false, to: &buffer) }
        if buffer.readableBytes > 0 { try await write(buffer) }
    }

    /// Asks for bookmarks now and then, until the time is over.
    private func keepTime(_ changes: StoreWatch) async throws {
        let end = ContinuousClock.now + timeout
        while true {
            let now = ContinuousClock.now
            guard now < end else { return }
            try await Task.sleep(for: min(Self.bookmarkInterval, end - now))
            guard wantsBookmarks else { continue }
            state.withLock { $0.owesBookmark = true }
            changes.requestProgress()
        }
    }

    private func appendBookmark(_ revision: UInt64, isInitialEnd: Bool, to buffer: inout ByteBuffer) {
        var metadata: JSON = ["resourceVersion": .string(String(revision)), "creationTimestamp": .null]
        if isInitialEnd { metadata["annotations"] = ["k8s.io/initial-events-end": "true"] }
        var object: JSON = [
            "kind": .string(kind.type.kind), "apiVersion": .string(kind.type.apiVersion), "metadata": metadata,
        ]
        switch presentation {
        case .object: break
        case .metadata, .metadataList: object = kind.partial(object)
        case .table:
            object = kind.table(
                [], metadata: ["resourceVersion": .string(String(revision))], include: .none, withColumns: takeColumns()
            )
        }
        var bookmark = event("BOOKMARK", object)
        buffer.writeBuffer(&bookmark)
    }

    private func append(_ event: StoreEvent, to buffer: inout ByteBuffer) throws {
        let matches = selection.selectsEverything || selection.matches(event.object)
        switch event.kind {
        case .added:
            if matches { try append("ADDED", event.object, to: &buffer) }
        case .modified:
            let matched = selection.selectsEverything || event.previous.map(selection.matches) ?? false
            if matches {
                try append(matched ? "MODIFIED" : "ADDED", event.object, to: &buffer)
            } else if matched {
                try append("DELETED", event.object, to: &buffer)
            }
        case .deleted:
            let matched = event.previous.map { selection.selectsEverything || selection.matches($0) } ?? matches
            if matched { try append("DELETED", event.object, to: &buffer) }
        }
    }

    private func append(_ type: String, _ object: StoredObject, to buffer: inout ByteBuffer) throws {
        if encoding == .protobuf {
            var event = event(type, kind.present(try kind.tree(object), as: presentation))
            buffer.writeBuffer(&event)
            return
        }
        buffer.writeString("{\"type\":\"\(type)\",\"object\":")
        if presentation.isObject {
            kind.write(object, into: &buffer)
        } else {
            let tree = kind.present(try kind.tree(object), as: presentation, withColumns: takeColumns())
            buffer.writeBytes(tree.bytes)
        }
        buffer.writeString("}\n")
    }

    /// Columns are described in the first line only.
    private func takeColumns() -> Bool {
        state.withLock { state in
            defer { state.hasSentColumns = true }
            return !state.hasSentColumns
        }
    }
}
