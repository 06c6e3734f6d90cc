import ControllerKit
import KubeClient
import KubeModel

/// Keeps the Endpoints and EndpointSlices of a Service.
struct EndpointsReconciler: Reconciler {
    static let serviceKey = "kubernetes.io/service-name"
    static let managedByKey = "endpointslice.kubernetes.io/managed-by"
    static let skipMirrorKey = "endpointslice.kubernetes.io/skip-mirror"
    private static let controller = "endpointslice-controller.k8s.io"
    private static let mirror = "endpointslicemirroring-controller.k8s.io"
    /// What the API server writes itself, and nobody may mirror over.
    private static let apiServer = ReconcileRequest(namespace: "default", name: "kubernetes")

    let context: ClusterContext

    static func feed(_ caches: ClusterCaches) -> RequestFeed {
        let feed = RequestFeed()
        feed.follow(caches.services)
        feed.follow(caches.endpoints)
        feed.follow(caches.endpointSlices) { change in
            change.object.labels[serviceKey].map { [ReconcileRequest(namespace: change.object.namespace, name: $0)] }
                ?? []
        }
        feed.follow(caches.nodes) { change in
            // A node that comes, goes or moves to another zone concerns the Services of its Pods.
            let zone = "topology.kubernetes.io/zone"
            if let old = change.old, !change.isDeleted, old.labels[zone] == change.object.labels[zone] { return [] }
            let pods = caches.pods.all(indexedBy: PodIndex.node(change.object.name))
            return Set(pods.flatMap { requests(caches, of: $0) }).map { $0 }
        }
        feed.follow(caches.pods) { change in
            if let old = change.old, !change.isDeleted, isSame(old, change.object) { return [] }
            return requests(caches, of: change.object) + (change.old.map { requests(caches, of: $0) } ?? [])
        }
        return feed
    }

    /// The Services that select a Pod.
    private static func requests(_ caches: ClusterCaches, of pod: KubeObject) -> [ReconcileRequest] {
        caches.services.all(namespace: pod.namespace).filter { selector(of: $0)?.matches(object: pod) ?? false }
            .map { ObjectName($0).request }
    }

    private static func addresses(_ pod: KubeObject) -> JSON? { pod.status["podIPs"] }

    /// Nothing that endpoints depend on differs.
    private static func isSame(_ old: KubeObject, _ new: KubeObject) -> Bool {
        old.labels == new.labels && old.status["podIP"] == new.status["podIP"]
            && addresses(old) == addresses(new) && old.isReady == new.isReady
            && old.phase == new.phase && old.isBeingDeleted == new.isBeingDeleted
            && old.spec["nodeName"] == new.spec["nodeName"]
    }

    static func selector(of service: KubeObject) -> LabelSelector? {
        guard let labels = service.spec["selector"]?.stringMap, !labels.isEmpty else { return nil }
        return LabelSelector(labels: labels)
    }

    func reconcile(_ request: ReconcileRequest) async throws -> ReconcileOutcome {
        let caches = context.caches
        guard let service = caches.services.get(request), !service.isBeingDeleted else {
            return try await cleanUp(request)
        }
        guard service.spec["type"]?.string != "ExternalName" else { return try await cleanUp(request) }
        if let selector = Self.selector(of: service) {
            let pods = caches.pods.all(indexedBy: PodIndex.namespace(request.namespace ?? ""))
                .filter { selector.matches($0.labels) }
            let plan = EndpointsPlan(service: service, pods: pods, node: { caches.nodes.get($0) })
            if let subsets = plan.subsets() { try await writeEndpoints(service, subsets) }
            try await writeSlices(service, plan.slices(), by: Self.controller, from: service)
        } else if request != Self.apiServer, let endpoints = caches.endpoints.get(request),
            endpoints.labels[Self.skipMirrorKey] != "true"
        {
            try await writeSlices(service, EndpointsPlan.mirrored(endpoints), by: Self.mirror, from: endpoints)
        } else if request != Self.apiServer {
            try await writeSlices(service, [], by: Self.mirror, from: service)
        }
        return .settled
    }

    /// Without the Service its Endpoints go; slices are owned by it and go by garbage collection.
    private func cleanUp(_ request: ReconcileRequest) async throws -> ReconcileOutcome {
        guard request != Self.apiServer, let endpoints = context.caches.endpoints.get(request),
            endpoints.annotations[Self.ownedKey] != nil || endpoints.labels[Self.managedLabel] == "endpoint-controller"
        else { return .settled }
        try await context.delete(endpoints, in: context.caches.endpoints)
        return .settled
    }

    private static let ownedKey = "endpoints.kubernetes.io/last-change-trigger-time"
    private static let managedLabel = "endpoints.kubernetes.io/managed-by"

    /// Where the API has a limit, the addresses beyond it are left out, and the Endpoints say so.
    private static let capacity = 1000

    private func writeEndpoints(_ service: KubeObject, _ all: [JSON]) async throws {
        let cache = context.caches.endpoints
        let (subsets, isTruncated) = Self.truncated(all)
        var labels = service.labels
        labels[Self.managedLabel] = "endpoint-controller"
        labels[Self.headlessLabel] = service.spec["clusterIP"]?.string == "None" ? "" : nil
        guard let known = cache.get(service.name, namespace: service.namespace) else {
            var endpoints = KubeObject(
                apiVersion: "v1", kind: "Endpoints", name: service.name, namespace: service.namespace, labels: labels,
                annotations: [Self.ownedKey: service.creationTimestamp])
            if isTruncated { endpoints.metadata.set("truncated", at: "annotations", Self.capacityKey) }
            if !subsets.isEmpty { endpoints["subsets"] = .array(subsets) }
            cache.note(try await context.client.create(.endpoints, endpoints))
            return
        }
        guard (known["subsets"]?.array ?? []) != subsets || known.labels != labels else { return }
        var changed = known
        changed["subsets"] = subsets.isEmpty ? nil : .array(subsets)
        changed.metadata["labels"] = JSON(labels)
        changed.metadata.set(.string(context.timestamp), at: "annotations", Self.ownedKey)
        changed.metadata.set(isTruncated ? "truncated" : nil, at: "annotations", Self.capacityKey)
        cache.note(try await context.client.update(.endpoints, changed))
    }

    private static let capacityKey = "endpoints.kubernetes.io/over-capacity"
    private static let headlessLabel = "service.kubernetes.io/headless"

    private static func truncated(_ subsets: [JSON]) -> ([JSON], Bool) {
        var room = capacity
        var isTruncated = false
        let kept = subsets.map { subset -> JSON in
            var subset = subset
            for key in ["addresses", "notReadyAddresses"] {
                guard let addresses = subset[key]?.array else { continue }
                if addresses.count > room { isTruncated = true }
                subset[key] = room > 0 ? .array(Array(addresses.prefix(room))) : nil
                room = max(0, room - addresses.count)
            }
            return subset
        }
        return (kept, isTruncated)
    }

    /// Makes the slices hold what is wanted: known ones are changed, preferably those with the same ports.
    private func writeSlices(
        _ service: KubeObject, _ wanted: [EndpointsPlan.Slice], by manager: String, from source: KubeObject
    ) async throws {
        let cache = context.caches.endpointSlices
        var known = cache.all(indexedBy: "\(service.namespace ?? "")/\(service.name)")
            .filter { $0.labels[Self.managedByKey] == manager && !$0.isBeingDeleted }.sorted { $0.name < $1.name }
        for content in wanted {
            var slice = makeSlice(service, content, by: manager, from: source)
            func fits(_ old: KubeObject) -> Bool {
                old["addressType"]?.string == content.addressType
                    && old["ports"]?.array ?? [] == slice["ports"]?.array ?? []
            }
            guard
                let index = known.firstIndex(where: {
                    fits($0) && $0["endpoints"]?.array ?? [] == content.endpoints
                }) ?? known.firstIndex(where: fits)
            else {
                cache.note(try await context.client.create(.endpointSlices, slice))
                continue
            }
            let old = known.remove(at: index)
            guard old["endpoints"]?.array ?? [] != content.endpoints || old.labels != slice.labels else { continue }
            for key in ["name", "generateName", "uid", "resourceVersion"] { slice.metadata[key] = old.metadata[key] }
            slice.metadata.set(.string(context.timestamp), at: "annotations", Self.ownedKey)
            cache.note(try await context.client.update(.endpointSlices, slice))
        }
        for slice in known { try await context.delete(slice, in: cache) }
    }

    private func makeSlice(
        _ service: KubeObject, _ content: EndpointsPlan.Slice, by manager: String, from source: KubeObject
    ) -> KubeObject {
        let reserved = [Self.serviceKey, Self.managedByKey, Self.managedLabel, Self.headlessLabel]
        var labels = source.labels.filter { !reserved.contains($0.key) }
        labels[Self.serviceKey] = service.name
        labels[Self.managedByKey] = manager
        let isMirror = manager == Self.mirror
        if !isMirror, service.spec["clusterIP"]?.string == "None" { labels[Self.headlessLabel] = "" }
        var annotations: [String: String] = [Self.ownedKey: service.creationTimestamp]
        if isMirror {
            annotations = source.annotations
            annotations["kubectl.kubernetes.io/last-applied-configuration"] = nil
        }
        var metadata: JSON = [
            "namespace": .string(service.namespace ?? ""), "labels": JSON(labels),
            "generateName": .string(
                service.name.utf8.count > 57 ? String(service.name.prefix(57)) : service.name + "-"),
            "ownerReferences": [(isMirror ? source : service).controllerReference(isMirror ? .endpoints : .services)],
        ]
        if !annotations.isEmpty { metadata["annotations"] = JSON(annotations) }
        let ports = content.ports.map { port in
            var port = port
            if port["name"] == nil { port["name"] = "" }
            return port
        }
        return KubeObject([
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": metadata,
            "addressType": .string(content.addressType),
            "endpoints": content.endpoints.isEmpty ? .null : .array(content.endpoints),
            "ports": ports.isEmpty ? .null : .array(ports),
        ])
    }
}
