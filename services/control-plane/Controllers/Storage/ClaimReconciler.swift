import ControllerKit
import KubeClient
import KubeModel

/// Binds a PersistentVolumeClaim: to a volume that fits, or to a folder made for it.
struct ClaimReconciler: Reconciler {
    static let protection = "kubernetes.io/pvc-protection"
    static let boundByUs = "pv.kubernetes.io/bound-by-controller"
    static let provisioner = "martlet.dev/local-folder"

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
        feed.follow(caches.persistentVolumeClaims)
        feed.follow(caches.pods) { change in
            // A Pod that goes may free a claim; one that comes may be waited for.
            guard change.isDeleted || change.old == nil else { return [] }
            return change.object.claimNames.map { ReconcileRequest(namespace: change.object.namespace, name: $0) }
        }
        feed.follow(caches.persistentVolumes) { change in
            if let claim = change.object.spec["claimRef"], let name = claim["name"]?.string {
                return [ReconcileRequest(namespace: claim["namespace"]?.string, name: name)]
            }
            // A new volume may fit any claim that waits.
            return waiting(caches)
        }
        feed.follow(caches.storageClasses) { _ in waiting(caches) }
        return feed
    }

    private static func waiting(_ caches: ClusterCaches) -> [ReconcileRequest] {
        caches.persistentVolumeClaims.all().filter { $0.phase != "Bound" }.map { ObjectName($0).request }
    }

    func reconcile(_ request: ReconcileRequest) async throws -> ReconcileOutcome {
        guard let claim = context.caches.persistentVolumeClaims.get(request) else { return .settled }
        if claim.isBeingDeleted { return try await release(claim) }
        var current = claim
        if !claim.finalizers.contains(Self.protection) {
            current = try await setFinalizers(claim.finalizers + [Self.protection], of: claim)
        }
        if let name = current.spec["volumeName"]?.string, !name.isEmpty {
            return try await finishBinding(current, to: name)
        }
        current = try await assignClass(current)
        if isDelayed(current) {
            return try await wait(
                current, "WaitForFirstConsumer", "waiting for first consumer to be created before binding")
        }
        if let volume = ClaimPlan.match(
            current, className: className(current), among: context.caches.persistentVolumes.all())
        {
            return try await bind(current, to: volume)
        }
        return try await provision(current)
    }

    /// The class asked for; the default one when none was named.
    private func className(_ claim: KubeObject) -> String {
        if let name = claim.spec["storageClassName"]?.string { return name }
        if let name = claim.annotations["volume.beta.kubernetes.io/storage-class"] { return name }
        return context.caches.storageClasses.all()
            .filter { $0.annotations["storageclass.kubernetes.io/is-default-class"] == "true" }
            .max { ($0.creationTimestamp, $1.name) < ($1.creationTimestamp, $0.name) }?.name ?? ""
    }

    /// A claim that was made before there was a default class gets it once there is one.
    private func assignClass(_ claim: KubeObject) async throws -> KubeObject {
        let name = className(claim)
        guard claim.spec["storageClassName"] == nil, !name.isEmpty,
            claim.annotations["volume.beta.kubernetes.io/storage-class"] == nil
        else { return claim }
        do {
            return try await context.patch(
                claim, in: context.caches.persistentVolumeClaims, ["spec": ["storageClassName": .string(name)]])
        } catch let error as APIError where error.reason == .invalid || error.reason == .forbidden {
            return claim
        }
    }

    /// Its class waits for a Pod, and there is none. A volume that was reserved for the claim does not wait.
    private func isDelayed(_ claim: KubeObject) -> Bool {
        guard let kind = context.caches.storageClasses.get(className(claim)),
            kind["volumeBindingMode"]?.string == "WaitForFirstConsumer"
        else { return false }
        let key = PodIndex.claim(claim.namespace ?? "", claim.name)
        guard context.caches.pods.all(indexedBy: key).isEmpty else { return false }
        return !context.caches.persistentVolumes.all().contains { ClaimPlan.names($0.spec["claimRef"], claim) }
    }

    private func setFinalizers(_ finalizers: [String], of claim: KubeObject) async throws -> KubeObject {
        try await context.patch(
            claim, in: context.caches.persistentVolumeClaims,
            [
                "metadata": [
                    "resourceVersion": .string(claim.resourceVersion),
                    "finalizers": .array(finalizers.map(JSON.string)),
                ]
            ])
    }

    /// A claim stays as long as a Pod that was placed on a node uses it.
    private func release(_ claim: KubeObject) async throws -> ReconcileOutcome {
        guard claim.finalizers.contains(Self.protection) else { return .settled }
        let key = PodIndex.claim(claim.namespace ?? "", claim.name)
        guard !context.caches.pods.all(indexedBy: key).contains(where: Self.isInUse) else { return .settled }
        // The cache may be late, and a volume that is taken away under a Pod cannot be given back: ask.
        let pods = try await context.client.list(.pods, namespace: claim.namespace).items
        guard !pods.contains(where: { $0.claimNames.contains(claim.name) && Self.isInUse($0) }) else {
            return .checkAgain(after: .seconds(1))
        }
        do {
            _ = try await setFinalizers(claim.finalizers.filter { $0 != Self.protection }, of: claim)
        } catch let error as APIError where error.reason == .notFound {
            return .settled
        }
        return .settled
    }

    private static func isInUse(_ pod: KubeObject) -> Bool { pod.spec["nodeName"]?.string.map { !$0.isEmpty } ?? false }

    private func bind(_ claim: KubeObject, to volume: KubeObject) async throws -> ReconcileOutcome {
        let claimRef = ClaimPlan.claimRef(claim)
        if volume.spec.value(at: "claimRef", "uid")?.string != claim.uid {
            // With the version: of two claims that want one volume, one gets it.
            var changes: JSON = [
                "metadata": ["resourceVersion": .string(volume.resourceVersion)], "spec": ["claimRef": claimRef],
            ]
            // A volume that its maker reserved is not ours to free.
            if volume.spec["claimRef"] == nil { changes.set("yes", at: "metadata", "annotations", Self.boundByUs) }
            try await context.patch(volume, in: context.caches.persistentVolumes, changes)
        }
        var changes: JSON = [
            "metadata": ["annotations": ["pv.kubernetes.io/bind-completed": "yes"]],
            "spec": ["volumeName": .string(volume.name)],
        ]
        if (claim.spec["volumeName"]?.string ?? "").isEmpty {
            changes.set("yes", at: "metadata", "annotations", Self.boundByUs)
        }
        let bound = try await context.patch(claim, in: context.caches.persistentVolumeClaims, changes)
        return try await finishBinding(bound, to: volume.name)
    }

    private func finishBinding(_ claim: KubeObject, to name: String) async throws -> ReconcileOutcome {
        let volumes = context.caches.persistentVolumes
        var found = volumes.get(name)
        if found == nil { found = try await context.client.find(.persistentVolumes, name) }
        var status = claim.status
        guard let volume = found else {
            // Bound once, and the volume is gone: what was in it is lost, and the user is told.
            guard claim.annotations["pv.kubernetes.io/bind-completed"] != nil else {
                return try await wait(claim, "FailedBinding", "volume \"\(name)\" not found", isWarning: true)
            }
            if status["phase"]?.string != "Lost" {
                events.warning(
                    "ClaimLost", "Bound claim has lost its PersistentVolume. Data on the volume is lost!", about: claim)
            }
            status["phase"] = "Lost"
            try await context.writeStatus(status, of: claim, in: context.caches.persistentVolumeClaims)
            return .settled
        }
        switch volume.spec.value(at: "claimRef", "uid")?.string {
        case claim.uid: break
        case nil, "":
            let name = volume.spec.value(at: "claimRef", "name")?.string
            guard name == nil || ClaimPlan.names(volume.spec["claimRef"], claim) else { fallthrough }
            return try await bind(claim, to: volume)
        default:
            return try await wait(
                claim, "FailedBinding", "volume \"\(name)\" already bound to a different claim.", isWarning: true)
        }
        let grown = try await grow(volume, for: claim)
        status["phase"] = "Bound"
        status["accessModes"] = grown.spec["accessModes"]
        status["capacity"] = grown.spec["capacity"]
        try await context.writeStatus(status, of: claim, in: context.caches.persistentVolumeClaims)
        return .settled
    }

    /// A folder holds whatever fits on the disk: a claim that asks for more gets it at once.
    private func grow(_ volume: KubeObject, for claim: KubeObject) async throws -> KubeObject {
        guard volume.annotations["pv.kubernetes.io/provisioned-by"] == Self.provisioner,
            let wanted = claim.spec.value(at: "resources", "requests", "storage")?.quantity,
            let size = volume.spec.value(at: "capacity", "storage")?.quantity, wanted > size
        else { return volume }
        return try await context.patch(
            volume, in: context.caches.persistentVolumes,
            ["spec": ["capacity": ["storage": .string(wanted.text)]]])
    }

    private func provision(_ claim: KubeObject) async throws -> ReconcileOutcome {
        let className = className(claim)
        guard !className.isEmpty else {
            return try await wait(
                claim, "FailedBinding", "no persistent volumes available for this claim and no storage class is set")
        }
        guard let storageClass = context.caches.storageClasses.get(className) else {
            return try await wait(
                claim, "ProvisioningFailed", "storageclass.storage.k8s.io \"\(className)\" not found", isWarning: true)
        }
        let isDelayed = storageClass["volumeBindingMode"]?.string == "WaitForFirstConsumer"
        guard storageClass["provisioner"]?.string != "kubernetes.io/no-provisioner" else {
            return try await wait(
                claim, isDelayed ? "WaitForPodScheduled" : "FailedBinding",
                isDelayed
                    ? "waiting for pods to be scheduled, and for a volume that fits"
                    : "no persistent volumes available for this claim")
        }
        let path: String
        switch ClaimPlan.folder(claim, folders: folders, volumes: context.caches.persistentVolumes.all()) {
        case .free(let free): path = free
        case .beingRemoved: return .checkAgain(after: .seconds(1))  // and at once, when the old volume goes
        }
        let volume = ClaimPlan.volume(for: claim, className: className, storageClass: storageClass, path: path)
        let made: KubeObject
        do {
            made = try await context.client.create(.persistentVolumes, volume)
            events.normal("ProvisioningSucceeded", "Successfully provisioned volume \(made.name)", about: claim)
        } catch let error as APIError where error.reason == .alreadyExists {
            made = try await context.client.get(.persistentVolumes, volume.name)
        }
        context.caches.persistentVolumes.note(made)
        return try await bind(claim, to: made)
    }

    private func wait(
        _ claim: KubeObject, _ reason: String, _ message: String, isWarning: Bool = false
    ) async throws -> ReconcileOutcome {
        if isWarning {
            events.warning(reason, message, about: claim)
        } else {
            events.normal(reason, message, about: claim)
        }
        guard claim.phase != "Pending" else { return .settled }
        var status = claim.status
        status["phase"] = "Pending"
        try await context.writeStatus(status, of: claim, in: context.caches.persistentVolumeClaims)
        return .settled
    }
}
