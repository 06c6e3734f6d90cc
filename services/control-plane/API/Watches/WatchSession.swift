import ClusterStore
import HTTPKit
import KubeModel
import NIOCore
import Synchronization

/// One running watch: turns batches of the store into lines.
///
/// It lives in the task of its request; over HTTP only until its first state is sent, then a ``WatchFollower`` goes on.
final class WatchSession: Sendable {
    private let kind: ServedKind
    private let selection: Selection
    private let presentation: Presentation
    private let encoding: Encoding
    private let wantsBookmarks: Bool
    private let surroundings: Watches
    private let namespace: String?
    private let version: String
    private let end: ContinuousClock.Instant
    private let state: Mutex<Progress>

    private struct Progress {
        var hasSentColumns = false
        /// True when the next batch is to be followed by a bookmark.
        var owesBookmark = false
        var nextBookmark: ContinuousClock.Instant
        var changes: StoreWatch?
        var follower: WatchFollower?
    }

    init(
        kind: ServedKind, selection: Selection, presentation: Presentation, encoding: Encoding, wantsBookmarks: Bool,
        surroundings: Watches, namespace: String?, version: String, timeout: Duration
    ) {
        (self.kind, self.selection, self.presentation, self.encoding) = (kind, selection, presentation, encoding)
        (self.wantsBookmarks, self.surroundings, self.namespace) = (wantsBookmarks, surroundings, namespace)
        self.version = version
        let now = ContinuousClock.now
        end = now + timeout
        state = Mutex(Progress(nextBookmark: now + Self.bookmarkInterval))
    }

    private static let bookmarkInterval = Duration.seconds(50)
    /// How long a peer that was too slow has for taking what is on its way.
    private static let patience = Duration.seconds(5)
    /// Lines are put together up to this many bytes. A connection keeps a buffer for what was encrypted last: larger
    /// pieces would save little time and cost memory for every watcher.
    private static let pieceSize = 4 * 1024

    /// Does what comes first, then sends changes until the time is over or the peer is gone. A peer that takes so little
    /// that changes left the history before it was their turn is given up, wherever it is held up.
    func run(
        _ changes: StoreWatch, to write: ChunkWriter, first: @Sendable () async throws -> Void
    ) async throws {
        state.withLock { $0.changes = changes }
        surroundings.clock.add(self)
        do {
            try await first()
            if let connection = write.connection {
                let lane = surroundings.lanes[connection.eventLoop]
                let follower = WatchFollower(self, changes, connection, lane: lane)
                state.withLock { $0.follower = follower }
                return connection.follow(with: follower)
            }
            for try await batch in changes { for line in try lines(of: batch) { try await put(line, to: write) } }
            leave()
        } catch {
            leave()
            throw error
        }
    }

    /// Forgets what the watch takes.
    func leave() {
        surroundings.clock.remove(self)
        state.withLock { ($0.follower, $0.changes) = (nil, nil) }
    }

    /// True when the time of the watch is over.
    var isOver: Bool { ContinuousClock.now >= end }

    /// What is due at a moment: a bookmark, or the end.
    ///
    /// - Returns: when the watch wants to be asked again.
    func keepTime(at now: ContinuousClock.Instant) -> ContinuousClock.Instant {
        let (changes, follower, isBookmarkDue, next) = state.withLock { state in
            let isDue = wantsBookmarks && now >= state.nextBookmark
            if isDue {
                state.owesBookmark = true
                state.nextBookmark = now + Self.bookmarkInterval
            }
            return (state.changes, state.follower, isDue, wantsBookmarks ? min(end, state.nextBookmark) : end)
        }
        if now >= end {
            changes?.end()
            if let follower { follower.lane.schedule([follower]) }
            return now + .seconds(3600)
        }
        if isBookmarkDue { changes?.requestProgress() }
        return next
    }

    /// Sends everything that exists as `ADDED`.
    func sendState(_ items: [StoredObject], revision: UInt64, marksEnd: Bool, to write: ChunkWriter) async throws {
        var buffer = ByteBuffer()
        for object in items where selection.matches(object) {
            try append("ADDED", object, to: &buffer)
            if buffer.readableBytes > 256 * 1024 {
                try await put(buffer, to: write)
                buffer.clear()
            }
        }
        if marksEnd { appendBookmark(revision, isInitialEnd: true, to: &buffer) }
        if buffer.readableBytes > 0 { try await put(buffer, to: write) }
    }

    /// Sends the last line of a watch. A peer that has not taken it after a while is cut off, and what was kept for it
    /// goes.
    func sendLast(_ line: ByteBuffer, to write: ChunkWriter) async throws {
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

    /// What a batch becomes, and the bookmark that is due.
    func lines(of batch: StoreWatch.Batch) throws -> [ByteBuffer] {
        let pieces = try pieces(batch.events)
        let owesBookmark = state.withLock { state in
            defer { state.owesBookmark = false }
            return state.owesBookmark
        }
        guard owesBookmark else { return pieces }
        var buffer = ByteBuffer()
        appendBookmark(batch.revision, isInitialEnd: false, to: &buffer)
        return pieces + [buffer]
    }

    /// Writes a chunk. While the peer does not take it, the history may overtake it and the time may end.
    private func put(_ chunk: ByteBuffer, to write: ChunkWriter) async throws {
        if try write.offer(chunk) { return }
        let changes = state.withLock(\.changes)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await write.drained() }
            group.addTask {
                try await changes?.untilOvertaken()
                // The watch ended in another way, which its own loop finds out.
                try await Task.sleep(until: self.end, clock: .continuous)
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// The lines of some changes. Watchers of the same collection that see the same changes share them.
    private func pieces(_ events: [StoreEvent]) throws -> [ByteBuffer] {
        guard let first = events.first, let last = events.last else { return [] }
        guard selection.selectsEverything, presentation.isObject, encoding == .json else { return try encode(events) }
        let range = SharedLines.Range(
            kind: ObjectIdentifier(kind), namespace: namespace, first: first.revision, last: last.revision,
            count: events.count)
        return try surroundings.lines.pieces(of: range) { try encode(events) }
    }

    private func encode(_ events: [StoreEvent]) throws -> [ByteBuffer] {
        var pieces: [ByteBuffer] = []
        var buffer = ByteBuffer()
        for event in events {
            if buffer.readableBytes > 0, buffer.readableBytes + event.object.bytes.count + 64 > Self.pieceSize {
                pieces.append(buffer)
                buffer = ByteBuffer()
            }
            try append(event, to: &buffer)
        }
        if buffer.readableBytes > 0 { pieces.append(buffer) }
        return pieces
    }

    /// The line for a peer that was too slow, or came too late: changes up to `oldest` are gone.
    func expired(_ oldest: UInt64) -> ByteBuffer {
        event("ERROR", APIError(.expired, "too old resource version: \(version) (\(oldest))").status)
    }

    /// One event about an object that is made for it.
    private func event(_ type: String, _ object: JSON) -> ByteBuffer {
        if encoding == .protobuf, let bytes = ProtobufEncoder.object(object) {
            return ByteBuffer(bytes: ProtobufEncoder.watchEvent(type, bytes))
        }
        var buffer = ByteBuffer()
        buffer.writeString("{\"type\":\"\(type)\",\"object\":")
        buffer.writeBytes(object.bytes)
        buffer.writeString("}\n")
        return buffer
    }

    private func appendBookmark(_ revision: UInt64, isInitialEnd: Bool, to buffer: inout ByteBuffer) {
        var metadata: JSON = ["resourceVersion": .string(String(revision)), "creationTimestamp": .null]
        if isInitialEnd { metadata["annotations"] = ["k8s.io/initial-events-end": "true"] }
        var object: JSON = [
            "kind": .string(kind.type.kind), "apiVersion": .string(kind.type.apiVersion), "metadata": metadata,
        ]
        switch presentation {
        case .object: break
        case .metadata(let version), .metadataList(let version): object = kind.partial(object, in: version)
        case .table(_, let version):
            object = kind.table(
                [], metadata: ["resourceVersion": .string(String(revision))], include: .none, in: version,
                withColumns: takeColumns())
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
