public import KubeModel
import NIOCore

/// What happened to an object of a watched collection.
public enum WatchEvent: Sendable, Equatable {
    /// It appeared, or began to match the selectors.
    case added(KubeObject)
    /// It changed.
    case modified(KubeObject)
    /// It is gone, or no longer matches the selectors; its last state.
    case deleted(KubeObject)
    /// Nothing happened up to this revision.
    case bookmark(resourceVersion: String)
}

extension KubeClient {
    /// Follows the changes of a collection after a revision, until the server ends the stream.
    ///
    /// - Parameters:
    ///   - type: what to watch.
    ///   - namespace: where; nil for everywhere.
    ///   - resourceVersion: of the list, or of the last event, that came before.
    ///   - labelSelector: as for the list before.
    ///   - fieldSelector: as for the list before.
    ///   - timeoutSeconds: after which the server is to end the stream; nil leaves it to the server.
    /// - Returns: the events in order. An error that the server reports (410: the revision is too old) is thrown as
    ///   ``APIError``. For one consumer; leaving the loop ends the request.
    /// - Throws: ``APIError`` when the server refuses the watch; what the transport throws.
    public func watch(
        _ type: ResourceType, namespace: String? = nil, from resourceVersion: String, labelSelector: String? = nil,
        fieldSelector: String? = nil, timeoutSeconds: Int? = nil
    ) async throws -> AsyncThrowingStream<WatchEvent, any Error> {
        var target = KubeTarget(type, namespace: namespace)
        target.add("watch", "true")
        target.add("allowWatchBookmarks", "true")
        target.add("resourceVersion", resourceVersion)
        target.add("labelSelector", labelSelector)
        target.add("fieldSelector", fieldSelector)
        target.add("timeoutSeconds", timeoutSeconds.map(String.init))
        let response = try await send(KubeRequest("GET", target.text, headers: [("Accept", "application/json")]))
        guard response.status < 400 else {
            throw response.failure(body: try await response.collect(upTo: 1 << 20))
        }
        let reader = WatchReader(type: type, body: response.body, leftOut: parts.leftOut(ofObjectsAt: 2))
        return AsyncThrowingStream { try await reader.next() }
    }
}

/// Turns the chunks of a watch into events.
///
/// `@unchecked Sendable`: the stream that owns it has one consumer and asks for one event at a time.
private final class WatchReader: @unchecked Sendable {
    private let type: ResourceType
    private var chunks: AsyncThrowingStream<ByteBuffer, any Error>.Iterator
    private var lines = LineJoiner()
    private let leftOut: [[String]]

    init(type: ResourceType, body: AsyncThrowingStream<ByteBuffer, any Error>, leftOut: [[String]]) {
        (self.type, chunks, self.leftOut) = (type, body.makeAsyncIterator(), leftOut)
    }

    func next() async throws -> WatchEvent? {
        while true {
            while let line = lines.next() {
                if let event = try event(line) { return event }
            }
            guard let chunk = try await chunks.next() else {
                // A last line without its end is a torn event: whoever resumes gets it again.
                return nil
            }
            try lines.add(chunk)
        }
    }

    private func event(_ line: [UInt8]) throws -> WatchEvent? {
        let json = try JSON(parsing: line, leavingOut: leftOut)
        guard let object = json["object"] else { return nil }
        switch json["type"]?.string {
        case "ADDED": return .added(type.completed(object))
        case "MODIFIED": return .modified(type.completed(object))
        case "DELETED": return .deleted(type.completed(object))
        case "BOOKMARK": return .bookmark(resourceVersion: KubeObject(object).resourceVersion)
        case "ERROR": throw APIError(status: object, code: object["code"]?.int.flatMap { Int(exactly: $0) } ?? 500)
        default: return nil
        }
    }
}
