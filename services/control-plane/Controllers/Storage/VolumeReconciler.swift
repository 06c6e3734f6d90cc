import ControllerKit
import KubeClient
import KubeModel

/// Follows the life of a PersistentVolume: available, bound, released; then retained, or removed with its folder.
struct VolumeReconciler: Reconciler {
    static let protection = "kubernetes.io/pv-protection"

    let context: ClusterContext
    let events: EventLog
    let folders: VolumeFolders

    init(context: ClusterContext) {
        self.context = context
        events = context.events("persistentvolume-controller")
        folders = VolumeFolders(root: context.configuration.volumesDirectory)
    }

    static func feed(_ caches: ClusterCaches) -> RequestFeed {
        let feed = RequestFeed()
        feed.follow(caches.persistentVolumes)
        feed.follow(caches.persistentVolumeClaims) { change in
            change.object.spec["volumeName"]?.string.map { [ReconcileRequest(name: $0)] } ?? []
        }
        return feed
    }

    func reconcile(_ request: ReconcileRequest) async throws -> ReconcileOutcome {
        guard let volume = context.caches.persistentVolumes.get(request) else { return .settled }
        let (phase, isOrphaned) = try await judge(volume)
        if volume.isBeingDeleted {
            guard phase != "Bound", volume.finalizers.contains(Self.protection) else { return .settled }
            return try await letGo(volume)
        }
        var current = volume
        if !volume.finalizers.contains(Self.protection) {
            current = try await setFinalizers(volume.finalizers + [Self.protection], of: volume)
        }
        if isOrphaned, volume.spec["persistentVolumeReclaimPolicy"]?.string == "Delete", isOurs(volume) {
            return try await reclaim(current)
        }
        try await setPhase(phase, of: current)
        return .settled
    }

    /// The phase, and whether the claim that it was bound to is gone for certain.
    private func judge(_ volume: KubeObject) async throws -> (phase: String, isOrphaned: Bool) {
        guard let reference = volume.spec["claimRef"], let name = reference["name"]?.string else {
            return ("Available", false)
        }
        guard let uid = reference["uid"]?.string, !uid.isEmpty else { return ("Available", false) }
        let namespace = reference["namespace"]?.string
        if let claim = context.caches.persistentVolumeClaims.get(name, namespace: namespace), claim.uid == uid {
            return ("Bound", false)
        }
        // Its contents depend on the answer: ask the API, not the cache.
        let live = try await context.client.find(.persistentVolumeClaims, name, namespace: namespace)
        return live?.uid == uid ? ("Bound", false) : ("Released", true)
    }

    private func isOurs(_ volume: KubeObject) -> Bool {
        volume.annotations["pv.kubernetes.io/provisioned-by"] != nil && volume.spec["hostPath"] != nil
    }

    private func reclaim(_ volume: KubeObject) async throws -> ReconcileOutcome {
        let path = volume.spec.value(at: "hostPath", "path")?.string ?? ""
        let isShared = context.caches.persistentVolumes.all().contains {
            $0.name != volume.name && $0.spec.value(at: "hostPath", "path")?.string == path
        }
        do {
            if !isShared {
                let (namespace, claim) = try folders.parts(of: path)
                try await context.configuration.removeVolume(namespace, claim)
            }
        } catch let error as APIError where error.reason == .serviceUnavailable {
            // The node agent is soon there, as a rule.
            events.warning("VolumeFailedDelete", error.message, about: volume)
            return .checkAgain(after: .seconds(2))
        } catch {
            let message = ReplicaSetReconciler.describe(error)
            events.warning("VolumeFailedDelete", message, about: volume)
            var status = volume.status
            status["phase"] = "Failed"
            status["message"] = .string(message)
            try await context.writeStatus(status, of: volume, in: context.caches.persistentVolumes)
            return .checkAgain(after: .seconds(60))
        }
        try await context.delete(volume, in: context.caches.persistentVolumes)
        return .settled
    }

    private func setPhase(_ phase: String, of volume: KubeObject) async throws {
        guard volume.phase != phase else { return }
        var status = volume.status
        status["phase"] = .string(phase)
        status["message"] = nil
        status["lastPhaseTransitionTime"] = .string(context.timestamp)
        try await context.writeStatus(status, of: volume, in: context.caches.persistentVolumes)
    }

    private func letGo(_ volume: KubeObject) async throws -> ReconcileOutcome {
        do {
            _ = try await setFinalizers(volume.finalizers.filter { $0 != Self.protection }, of: volume)
        } catch let error as APIError where error.reason == .notFound {
            return .settled
        }
        return .settled
    }

    private func setFinalizers(_ finalizers: [String], of volume: KubeObject) async throws -> KubeObject {
        try await context.patch(
            volume, in: context.caches.persistentVolumes,
            [
                "metadata": [
                    "resourceVersion": .string(volume.resourceVersion),
                    "finalizers": .array(finalizers.map(JSON.string)),
                ]
            ])
    }
}
