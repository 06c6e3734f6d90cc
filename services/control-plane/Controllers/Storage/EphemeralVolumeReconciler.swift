import ControllerKit
import KubeClient
import KubeModel

/// Makes the claims of generic ephemeral volumes: owned by their Pod, and gone with it.
struct EphemeralVolumeReconciler: Reconciler {
    let context: ClusterContext
    let events: EventLog

    init(context: ClusterContext) {
        self.context = context
        events = context.events("ephemeral_volume")
    }

    static func feed(_ caches: ClusterCaches) -> RequestFeed {
        let feed = RequestFeed()
        feed.follow(caches.pods) { change in
            guard !change.isDeleted, change.old == nil, !volumes(of: change.object).isEmpty else { return [] }
            return [ObjectName(change.object).request]
        }
        feed.follow(caches.persistentVolumeClaims) { change in
            guard change.isDeleted, let owner = change.object.controller, owner.kind == "Pod" else { return [] }
            return [ReconcileRequest(namespace: change.object.namespace, name: owner.name)]
        }
        return feed
    }

    private static func volumes(of pod: KubeObject) -> [JSON] {
        (pod.spec["volumes"]?.array ?? []).filter { $0["ephemeral"] != nil }
    }

    func reconcile(_ request: ReconcileRequest) async throws -> ReconcileOutcome {
        guard let pod = context.caches.pods.get(request), pod.isActive else { return .settled }
        for volume in Self.volumes(of: pod) { try await claim(volume, of: pod) }
        return .settled
    }

    private func claim(_ volume: JSON, of pod: KubeObject) async throws {
        let claims = context.caches.persistentVolumeClaims
        let name = "\(pod.name)-\(volume["name"]?.string ?? "")"
        if let known = claims.get(name, namespace: pod.namespace) {
            return try check(known, pod)
        }
        let template = KubeObject(volume.value(at: "ephemeral", "volumeClaimTemplate") ?? [:])
        var claim = KubeObject(
            apiVersion: "v1", kind: "PersistentVolumeClaim", name: name, namespace: pod.namespace,
            labels: template.labels, annotations: template.annotations)
        claim.metadata["ownerReferences"] = [pod.controllerReference(.pods)]
        claim.spec = template.spec
        do {
            claims.note(try await context.client.create(.persistentVolumeClaims, claim))
        } catch let error as APIError where error.reason == .alreadyExists {
            let other = try await context.client.get(.persistentVolumeClaims, name, namespace: pod.namespace)
            claims.note(other)
            try check(other, pod)
        } catch let error as APIError {
            events.warning(
                "FailedBinding", "ephemeral volume claim \(name) could not be created: \(error.message)", about: pod)
            throw error
        }
    }

    /// Somebody else's claim of that name must not be used.
    private func check(_ claim: KubeObject, _ pod: KubeObject) throws(APIError) {
        guard claim.controller?.uid != pod.uid else { return }
        let message =
            "PVC \(claim.namespace ?? "")/\(claim.name) was not created for pod \(pod.namespace ?? "")/\(pod.name) (pod is not owner)"
        events.warning("FailedBinding", message, about: pod)
        throw APIError(.conflict, message)
    }
}
