import ControllerKit
import Foundation
import KubeClient
import KubeModel

/// Events of what runs a Notebook, and those that we made of them.
struct EventCaches: Sendable {
    let pods: WatchCache
    let statefulSets: WatchCache
    let notebooks: WatchCache

    init(client: KubeClient) {
        func events(about kind: String) -> WatchCache {
            WatchCache(client: client, type: .events, fieldSelector: "involvedObject.kind=\(kind)")
        }
        pods = events(about: "Pod")
        statefulSets = events(about: "StatefulSet")
        notebooks = events(about: "Notebook")
    }

    var all: [WatchCache] { [pods, statefulSets, notebooks] }

    /// The Events so far about a StatefulSet or its Pods.
    func requests(about set: KubeObject) -> [ReconcileRequest] {
        [pods, statefulSets].flatMap { $0.all(namespace: set.namespace) }.filter { event in
            let name = event["involvedObject"]?["name"]?.string ?? ""
            return name == set.name || name.hasPrefix(set.name + "-")
        }.map { ReconcileRequest(namespace: $0.namespace, name: $0.name) }
    }
}

/// Says the Events of a Notebook's Pod and StatefulSet again about the Notebook, where people look.
///
/// The name of a repeated Event follows from its source and the Notebook, so that nothing is said twice, even after a
/// restart; when the source counts up or says something newer, the repeated one follows.
struct EventReissuer: Reconciler {
    static let component = "notebook-controller"

    let client: KubeClient
    let caches: NotebookCaches
    let events: EventCaches

    func reconcile(_ request: ReconcileRequest) async throws -> ReconcileOutcome {
        let found = [events.pods, events.statefulSets].lazy.compactMap {
            $0.get(request.name, namespace: request.namespace)
        }
        guard let source = found.first, let notebook = notebook(of: source),
            let wanted = Self.reissued(source, about: notebook)
        else { return .settled }
        do {
            guard let existing = events.notebooks.get(wanted.name, namespace: wanted.namespace) else {
                _ = try await client.create(.events, wanted)
                return .settled
            }
            let changing = ["count", "lastTimestamp", "message"]
            guard changing.contains(where: { existing[$0] != wanted[$0] }) else { return .settled }
            var change: JSON = [:]
            for field in changing { change[field] = wanted[field] ?? .null }
            _ = try await client.patch(.events, wanted.name, namespace: wanted.namespace, .merge(change))
        } catch let error as APIError where error.code == 404 || error.code == 403 {
            // The namespace is going away, or the Event ran out: nobody is left to read it.
        }
        return .settled
    }

    /// The Notebook whose Pod or StatefulSet an Event is about.
    private func notebook(of event: KubeObject) -> KubeObject? {
        guard let namespace = event.namespace, let name = event["involvedObject"]?["name"]?.string else { return nil }
        var notebookName = name
        if event["involvedObject"]?["kind"]?.string == "Pod" {
            if let pod = caches.pods.get(name, namespace: namespace) {
                notebookName = pod.labels[NotebookPlan.nameLabel] ?? ""
            } else {
                // A Pod that is gone: the name of a StatefulSet's Pod is the set's with a number.
                guard let dash = name.lastIndex(of: "-"), Int(name[name.index(after: dash)...]) != nil else {
                    return nil
                }
                notebookName = String(name[..<dash])
            }
        }
        guard let notebook = caches.notebooks.get(notebookName, namespace: namespace), !notebook.isBeingDeleted,
            caches.statefulSets.get(notebookName, namespace: namespace)?.controller?.uid == notebook.uid
        else { return nil }
        return notebook
    }

    /// The Event about the Notebook; nil for one from before the Notebook, which was about an earlier one.
    static func reissued(_ source: KubeObject, about notebook: KubeObject) -> KubeObject? {
        let last = time(of: source)
        if let date = KubeTime.date(last), let created = KubeTime.date(notebook.creationTimestamp), date < created {
            return nil
        }
        let kind = source["involvedObject"]?["kind"]?.string?.lowercased() ?? ""
        let name = source["involvedObject"]?["name"]?.string ?? ""
        let identity = StableHash.hex("\(notebook.uid)\u{1F}\(source.uid.isEmpty ? source.name : source.uid)")
        var event = KubeObject(
            apiVersion: "v1", kind: "Event", name: "\(notebook.name).\(identity)", namespace: notebook.namespace)
        event["involvedObject"] = notebook.reference
        event["type"] = source["type"] ?? "Normal"
        event["reason"] = source["reason"] ?? ""
        let message = source["message"]?.string ?? ""
        event["message"] = .string(String("Reissued from \(kind)/\(name): \(message)".prefix(1024)))
        event["source"] = ["component": .string(component)]
        event["reportingComponent"] = .string(component)
        event["reportingInstance"] = .string(component)
        event["firstTimestamp"] = source["firstTimestamp"]?.string.map(JSON.string) ?? .string(last)
        event["lastTimestamp"] = .string(last)
        event["count"] = source["count"]?.int.map(JSON.int) ?? source["series"]?["count"] ?? 1
        return event
    }

    /// When an Event last happened, in either of the two APIs' fields; to the second, as `lastTimestamp` is.
    private static func time(of event: KubeObject) -> String {
        let texts = [
            event["lastTimestamp"]?.string, event["series"]?["lastObservedTime"]?.string, event["eventTime"]?.string,
        ]
        let text = texts.lazy.compactMap { $0 }.first ?? event.creationTimestamp
        return KubeTime.date(text).map { KubeTime.seconds($0) } ?? text
    }
}
