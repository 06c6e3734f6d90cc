import ControllerKit
import KubeClient
import KubeModel

/// Gives every namespace its ServiceAccount `default` and the certificate of the cluster's authority.
struct NamespaceContentReconciler: Reconciler {
    static let rootName = "kube-root-ca.crt"

    /// What the annotation of the ConfigMap says in every cluster.
    private static let description =
        "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters."

    let context: ClusterContext

    static func feed(_ caches: ClusterCaches) -> RequestFeed {
        let feed = RequestFeed()
        feed.follow(caches.namespaces) { $0.old == nil ? [ReconcileRequest(name: $0.object.name)] : [] }
        for cache in [caches.serviceAccounts, caches.rootCertificates] {
            feed.follow(cache) { change in
                guard change.object.name == "default" || change.object.name == rootName else { return [] }
                // Also when somebody changed the certificate.
                return change.object.namespace.map { [ReconcileRequest(name: $0)] } ?? []
            }
        }
        return feed
    }

    func reconcile(_ request: ReconcileRequest) async throws -> ReconcileOutcome {
        let caches = context.caches
        guard let namespace = caches.namespaces.get(request), !namespace.isBeingDeleted else { return .settled }
        do {
            if caches.serviceAccounts.get("default", namespace: request.name) == nil {
                let account = KubeObject(
                    apiVersion: "v1", kind: "ServiceAccount", name: "default", namespace: request.name)
                try await make(account, in: caches.serviceAccounts)
            }
            try await publishCertificate(in: request.name)
        } catch let error as APIError where error.reason == .forbidden || error.reason == .notFound {
            // The namespace began to go, or went, while we looked.
            guard let live = try await context.client.find(.namespaces, request.name), !live.isBeingDeleted else {
                return .settled
            }
            throw error
        }
        return .settled
    }

    private func publishCertificate(in namespace: String) async throws {
        let cache = context.caches.rootCertificates
        let data: JSON = ["ca.crt": .string(context.configuration.rootCertificatePEM)]
        if let known = cache.get(Self.rootName, namespace: namespace) {
            guard known["data"] != data, !known.isBeingDeleted else { return }
            // What others put beside it goes, too.
            var changes = data
            for key in known["data"]?.object?.keys ?? [] where changes[key] == nil { changes[key] = .null }
            try await context.patch(known, in: cache, ["data": changes])
            return
        }
        var map = KubeObject(
            apiVersion: "v1", kind: "ConfigMap", name: Self.rootName, namespace: namespace,
            annotations: ["kubernetes.io/description": Self.description])
        map["data"] = data
        try await make(map, in: cache)
    }

    private func make(_ object: KubeObject, in cache: ObjectCache) async throws {
        do {
            cache.note(try await context.client.create(cache.type, object))
        } catch let error as APIError where error.reason == .alreadyExists {
            cache.note(try await context.client.get(cache.type, object.name, namespace: object.namespace))
        }
    }
}
