import ControllerKit
import HTTPKit
import KubeModel
import NIOCore
import NIOHTTP1

/// `/api/stream`: server-sent events that keep the page current: a snapshot of each topic, then what changes.
///
/// Watches as the user, so that RBAC decides what is seen. Rows are made anew when anything they depend on changed, and
/// sent when they differ from what the page has; so nothing is missed, whatever the order of the causes.
struct EventStream: Sendable {
    enum Topic: String, CaseIterable { case notebooks, events, volumes, notebook }

    private enum Signal: Sendable { case changed, tick }

    /// Events beyond this many are too old to be looked at.
    private static let eventLimit = 250

    let core: GatewayCore
    let caller: Caller

    func response() async throws -> HTTPResponse {
        guard let namespace = caller.request.query("ns"), !namespace.isEmpty else {
            throw APIError(.badRequest, "name a namespace: /api/stream?ns=NAME")
        }
        let names = (caller.request.query("topics") ?? "notebooks").split(separator: ",").map(String.init)
        let notebook = caller.request.query("notebook").flatMap { $0.isEmpty ? nil : $0 }
        var topics = names.compactMap(Topic.init)
        guard topics.count == names.count, !topics.isEmpty else {
            throw APIError(.badRequest, "topics are notebooks, events, volumes and notebook")
        }
        if notebook == nil {
            topics.removeAll { $0 == .notebook }
        } else if !topics.contains(.notebook) {
            topics.append(.notebook)
        }
        try await checkAccess(namespace, topics)
        return HTTPResponse(
            status: 200,
            headers: ["content-type": "text/event-stream", "cache-control": "no-store", "x-accel-buffering": "no"],
            body: core.stream(to: caller, endsAtStop: true) { [topics] in
                try await checkAccess(namespace, topics)
                return true
            } _: { [topics] writer in
                try await run(namespace, topics: topics, notebook: notebook, writer: writer)
            })
    }

    private func checkAccess(_ namespace: String, _ topics: [Topic]) async throws {
        var types: [ResourceType] = [.notebooks, .events]
        if topics.contains(.volumes) { types += [.persistentVolumeClaims, .pvcViewers] }
        for type in types {
            guard try await core.reviews.allows(caller.identity, to: "watch", type, namespace: namespace) else {
                throw APIError(
                    .forbidden,
                    "User '\(caller.identity.user)' may not see the \(type.plural) in namespace '\(namespace)'.")
            }
        }
    }

    private func run(
        _ namespace: String, topics: [Topic], notebook: String?, writer: HTTPBodyWriter
    ) async throws {
        let sources = Sources(caller: caller, namespace: namespace, needsVolumes: topics.contains(.volumes))
        let (signals, continuation) = AsyncStream.makeStream(of: Signal.self, bufferingPolicy: .bufferingNewest(2))
        for cache in sources.all { cache.observe { _ in continuation.yield(.changed) } }
        try await writer.write(": connected\n\n")
        try await withThrowingTaskGroup { group in
            for cache in sources.all { group.addTask { try await cache.run() } }
            group.addTask {
                while (try? await Task.sleep(for: .seconds(15))) != nil { continuation.yield(.tick) }
            }
            for cache in sources.all { try await cache.waitUntilSynced() }
            var sent = Dictionary(uniqueKeysWithValues: topics.map { ($0, Contents()) })
            for topic in topics {
                let now = contents(topic, sources, notebook)
                try await writer.write(Self.snapshot(topic, now))
                sent[topic] = now
            }
            for await signal in signals {
                switch signal {
                case .tick: try await writer.write(": still here\n\n")
                case .changed:
                    try await Task.sleep(for: .milliseconds(25))  // what belongs together comes in bursts
                    var text = ""
                    for topic in topics {
                        let now = contents(topic, sources, notebook)
                        text += Self.difference(topic, from: sent[topic] ?? Contents(), to: now)
                        sent[topic] = now
                    }
                    if !text.isEmpty { try await writer.write(text) }
                }
            }
            group.cancelAll()
        }
    }

    // MARK: What a topic shows

    /// The objects that a stream watches.
    private struct Sources: Sendable {
        let notebooks: WatchCache
        let events: WatchCache
        let volumes: WatchCache?
        let viewers: WatchCache?

        init(caller: Caller, namespace: String, needsVolumes: Bool) {
            notebooks = WatchCache(client: caller.client, type: .notebooks, namespace: namespace)
            events = WatchCache(client: caller.client, type: .events, namespace: namespace)
            func cache(_ type: ResourceType) -> WatchCache? {
                needsVolumes ? WatchCache(client: caller.client, type: type, namespace: namespace) : nil
            }
            volumes = cache(.persistentVolumeClaims)
            viewers = cache(.pvcViewers)
        }

        var all: [WatchCache] { [notebooks, events] + [volumes, viewers].compactMap { $0 } }
    }

    /// Rows by name, in order.
    private struct Contents {
        var names: [String] = []
        var rows: [String: JSON] = [:]

        mutating func add(_ name: String, _ row: JSON) {
            names.append(name)
            rows[name] = row
        }
    }

    private func contents(_ topic: Topic, _ sources: Sources, _ notebook: String?) -> Contents {
        var contents = Contents()
        switch topic {
        case .notebooks:
            let events = EventTime.byNotebook(sources.events.all())
            for object in sources.notebooks.all() {
                contents.add(object.name, NotebookRow.json(object, events: events[object.name] ?? []))
            }
        case .notebook:
            guard let notebook, let object = sources.notebooks.all().first(where: { $0.name == notebook }) else {
                break
            }
            let events = EventTime.byNotebook(sources.events.all())
            contents.add(notebook, NotebookRow.detail(object, events: events[notebook] ?? []))
        case .volumes:
            let notebooks = sources.notebooks.all()
            let viewers = sources.viewers?.all() ?? []
            for claim in sources.volumes?.all() ?? [] {
                contents.add(claim.name, NotebookRow.volume(claim, notebooks: notebooks, viewers: viewers))
            }
        case .events:
            var events = sources.events.all()
            if let notebook {
                events = events.filter {
                    $0["involvedObject"]?["kind"]?.string == "Notebook"
                        && $0["involvedObject"]?["name"]?.string == notebook
                }
            }
            for event in EventTime.sorted(events).suffix(Self.eventLimit) { contents.add(event.name, event.json) }
        }
        return contents
    }

    // MARK: What is sent

    private static func snapshot(_ topic: Topic, _ contents: Contents) -> String {
        let key = topic == .events || topic == .notebook ? "items" : "rows"
        return message(
            topic, ["type": "snapshot", key: .array(contents.names.compactMap { contents.rows[$0] })])
    }

    private static func difference(_ topic: Topic, from old: Contents, to new: Contents) -> String {
        var text = ""
        for name in old.names where new.rows[name] == nil {
            text += message(topic, ["type": "remove", "name": .string(name)])
        }
        let key = topic == .events || topic == .notebook ? "item" : "row"
        for name in new.names {
            guard let row = new.rows[name], old.rows[name] != row else { continue }
            text += message(topic, ["type": "upsert", key: row])
        }
        return text
    }

    private static func message(_ topic: Topic, _ data: JSON) -> String {
        "event: \(topic.rawValue)\ndata: \(data.text)\n\n"
    }
}
