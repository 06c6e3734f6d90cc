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
        feed.follow(caches.pods) { change in
            if let old = change.old, !change.isDeleted, isSame(old, change.object) { return [] }
            return caches.services.all(namespace: change.object.namespace).filter { service in
                guard let selector = selector(of: service) else { return false }
                return selector.matches(change.object.labels)
                    || (change.old.map { selector.matches($0.labels) } ?? false)
            }.map { ObjectName($0).request }
        }
        return feed
    }

    /// Nothing that endpoints depend on differs.
    private static func isSame(_ old: KubeObject, _ new: KubeObject) -> Bool {
        old.labels == new.labels && old.status["podIP"] == new.status["podIP"] && old.isReady == new.isReady
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
            let plan = EndpointsPlan(service: service, pods: pods)
            try await writeEndpoints(service, plan.subsets())
            try await writeSlices(service, plan.slices(), by: Self.controller, labels: service.labels)
        } else if request != Self.apiServer, let endpoints = caches.endpoints.get(request),
            endpoints.labels[Self.skipMirrorKey] != "true"
        {
            try await writeSlices(
                service, EndpointsPlan.mirrored(endpoints), by: Self.mirror, labels: endpoints.labels)
        } else if request != Self.apiServer {
            try await writeSlices(service, [], by: Self.mirror, labels: [:])
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

    private func writeEndpoints(_ service: KubeObject, _ subsets: [JSON]) async throws {
        let cache = context.caches.endpoints
        var labels = service.labels
        labels[Self.managedLabel] = "endpoint-controller"
        if service.spec["clusterIP"]?.string == "None" { labels["service.kubernetes.io/headless"] = "" }
        guard let known = cache.get(service.name, namespace: service.namespace) else {
            var endpoints = KubeObject(
                apiVersion: "v1", kind: "Endpoints", name: service.name, namespace: service.namespace, labels: labels)
            if !subsets.isEmpty { endpoints["subsets"] = .array(subsets) }
            cache.note(try await context.client.create(.endpoints, endpoints))
            return
        }
        guard (known["subsets"]?.array ?? []) != subsets || known.labels != labels else { return }
        var changed = known
        changed["subsets"] = subsets.isEmpty ? nil : .array(subsets)
        changed.metadata["labels"] = JSON(labels)
        cache.note(try await context.client.update(.endpoints, changed))
    }

    private func writeSlices(
        _ service: KubeObject, _ wanted: [(ports: [JSON], endpoints: [JSON])], by manager: String,
        labels: [String: String]
    ) async throws {
        let cache = context.caches.endpointSlices
        let known = cache.all(indexedBy: "\(service.namespace ?? "")/\(service.name)")
            .filter { $0.labels[Self.managedByKey] == manager }
        var names: Set<String> = []
        for (index, content) in wanted.enumerated() {
            var slice = makeSlice(service, index, content, by: manager, labels: labels)
            names.insert(slice.name)
            if let old = known.first(where: { $0.name == slice.name }) {
                let isSame = ["ports", "endpoints"].allSatisfy { old[$0]?.array ?? [] == slice[$0]?.array ?? [] }
                if isSame, old.labels == slice.labels { continue }
                slice.metadata["uid"] = .string(old.uid)
                slice.metadata["resourceVersion"] = .string(old.resourceVersion)
                cache.note(try await context.client.update(.endpointSlices, slice))
            } else {
                cache.note(try await context.client.create(.endpointSlices, slice))
            }
        }
        for slice in known where !names.contains(slice.name) { try await context.delete(slice, in: cache) }
    }

    private func makeSlice(
        _ service: KubeObject, _ index: Int, _ content: (ports: [JSON], endpoints: [JSON]), by manager: String,
        labels: [String: String]
    ) -> KubeObject {
        var labels = labels
        labels[Self.serviceKey] = service.name
        labels[Self.managedByKey] = manager
        labels[Self.managedLabel] = nil
        if manager == Self.controller, service.spec["clusterIP"]?.string == "None" {
            labels["service.kubernetes.io/headless"] = ""
        }
        // The name follows from Service and number, so that a repeated run finds what the last one made.
        let hash = CanonicalJSON.safeName(CanonicalJSON.fnv1a("\(service.uid)/\(index)".utf8)).prefix(5)
        var slice = KubeObject(
            apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", name: "\(service.name.prefix(240))-\(hash)",
            namespace: service.namespace, labels: labels)
        slice.metadata["ownerReferences"] = [service.controllerReference(.services)]
        let isIPv6 = content.endpoints.first?["addresses"]?[0]?.string?.contains(":") ?? false
        slice["addressType"] = isIPv6 ? "IPv6" : "IPv4"
        slice["ports"] = .array(
            content.ports.map { port in
                var port = port
                if port["name"] == nil { port["name"] = "" }
                return port
            })
        slice["endpoints"] = .array(content.endpoints)
        return slice
    }
}
