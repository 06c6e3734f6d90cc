import ControllerKit
import KubeClient
import KubeModel

/// Keeps a VolumeAttributesClass that is to be deleted as long as a claim or volume has it, or wants it.
struct AttributesClassReconciler: Reconciler {
    static let protection = "kubernetes.io/vac-protection"

    let context: ClusterContext

    static func feed(_ caches: ClusterCaches) -> RequestFeed {
        let feed = RequestFeed()
        feed.follow(caches.volumeAttributesClasses)
        for users in [caches.persistentVolumes, caches.persistentVolumeClaims] {
            // A class is let go by what its user was before.
            feed.follow(users) { _ in
                caches.volumeAttributesClasses.all().filter(\.isBeingDeleted).map { ReconcileRequest(name: $0.name) }
            }
        }
        return feed
    }

    func reconcile(_ request: ReconcileRequest) async throws -> ReconcileOutcome {
        guard let object = context.caches.volumeAttributesClasses.get(request) else { return .settled }
        let isProtected = object.finalizers.contains(Self.protection)
        if object.isBeingDeleted {
            guard isProtected, !isUsed(object.name) else { return .settled }
            try await setFinalizers(object.finalizers.filter { $0 != Self.protection }, of: object)
        } else if !isProtected {
            try await setFinalizers(object.finalizers + [Self.protection], of: object)
        }
        return .settled
    }

    private func isUsed(_ name: String) -> Bool {
        let isOfClaim = context.caches.persistentVolumeClaims.all().contains { claim in
            claim.spec["volumeAttributesClassName"]?.string == name
                || claim.status["currentVolumeAttributesClassName"]?.string == name
                || claim.status.value(at: "modifyVolumeStatus", "targetVolumeAttributesClassName")?.string == name
        }
        return isOfClaim
            || context.caches.persistentVolumes.all().contains {
                $0.spec["volumeAttributesClassName"]?.string == name
            }
    }

    private func setFinalizers(_ finalizers: [String], of object: KubeObject) async throws {
        _ = try await context.patch(
            object, in: context.caches.volumeAttributesClasses,
            [
                "metadata": [
                    "resourceVersion": .string(object.resourceVersion),
                    "finalizers": .array(finalizers.map(JSON.string)),
                ]
            ])
    }
}
