import Foundation
import KubeModel

/// A Deployment and its ReplicaSets, sorted into the new one and the old ones.
struct Rollout: Sendable {
    let deployment: KubeObject
    /// The ReplicaSet whose template is the Deployment's.
    let new: KubeObject?
    /// The others, oldest first.
    let old: [KubeObject]
    let plan: DeploymentPlan

    var all: [KubeObject] { old + (new.map { [$0] } ?? []) }

    init(_ deployment: KubeObject, _ sets: [KubeObject]) {
        self.deployment = deployment
        let ordered = sets.sorted { ($0.creationTimestamp, $0.name) < ($1.creationTimestamp, $1.name) }
        // Where two are alike the oldest is it, so that every run picks the same one.
        let new = ordered.first { Self.isSameTemplate($0, deployment) }
        self.new = new
        old = ordered.filter { $0.name != new?.name }
        plan = DeploymentPlan(deployment)
    }

    /// `spec.replicas` changed since the ReplicaSets were last scaled.
    var isScaling: Bool {
        all.contains { set in
            guard set.spec.count("replicas") > 0, let desired = set.annotations[DeploymentReconciler.desiredKey] else {
                return false
            }
            return Int(desired) != plan.replicas
        }
    }

    var sizeAnnotations: [String: String] {
        [
            DeploymentReconciler.desiredKey: String(plan.replicas),
            DeploymentReconciler.maximumKey: String(plan.maximum),
        ]
    }

    /// One more than any old revision, unless the new ReplicaSet is at or above that already.
    var newRevision: Int {
        let next = (old.map(Self.revision).max() ?? 0) + 1
        return max(next, new.map(Self.revision) ?? 0)
    }

    func wantedAnnotations(of set: KubeObject?) -> [String: String] {
        var wanted = sizeAnnotations
        for (key, value) in deployment.annotations where !Self.isOwnAnnotation(key) { wanted[key] = value }
        wanted[DeploymentReconciler.revisionKey] = String(newRevision)
        let before = set.flatMap { $0.annotations[DeploymentReconciler.revisionKey] }
        if let set, let before, before != String(newRevision) {
            let history = set.annotations[DeploymentReconciler.historyKey]
            wanted[DeploymentReconciler.historyKey] = Self.history(history, adding: before)
        }
        return wanted
    }

    /// The revisions that a ReplicaSet had before, the oldest left out where the text would be longer than 2000.
    private static func history(_ old: String?, adding revision: String) -> String {
        guard let old, !old.isEmpty else { return revision }
        var parts = old.split(separator: ",").map(String.init) + [revision]
        while parts.count > 1, parts.reduce(parts.count - 1, { $0 + $1.utf8.count }) > 2000 { parts.removeFirst() }
        return parts.joined(separator: ",")
    }

    /// The ReplicaSet for the present template.
    func makeReplicaSet(hash: String, replicas: Int) -> KubeObject {
        let key = DeploymentReconciler.hashKey
        var template = deployment.spec["template"] ?? [:]
        template.set(.string(hash), at: "metadata", "labels", key)
        var selector = deployment.spec["selector"] ?? [:]
        selector.set(.string(hash), at: "matchLabels", key)
        var set = KubeObject(
            apiVersion: "apps/v1", kind: "ReplicaSet", name: "\(deployment.name)-\(hash)",
            namespace: deployment.namespace,
            labels: template.value(at: "metadata", "labels")?.stringMap ?? [:],
            annotations: wantedAnnotations(of: nil))
        set.metadata["ownerReferences"] = [deployment.controllerReference(.deployments)]
        var spec: JSON = ["replicas": .int(Int64(replicas)), "selector": selector, "template": template]
        spec["minReadySeconds"] = deployment.spec["minReadySeconds"]
        set.spec = spec
        return set
    }

    func status(at now: Date, of latest: KubeObject? = nil) -> DeploymentStatus {
        var judged = latest ?? deployment
        // What was observed is the generation that the plan was made from, though a newer one may be there by now.
        judged.metadata["generation"] = deployment.metadata["generation"]
        return DeploymentStatus(deployment: judged, new: new, all: all, plan: plan, now: now)
    }

    static func member(_ set: KubeObject) -> DeploymentPlan.Member {
        DeploymentPlan.Member(
            name: set.name, replicas: set.spec["replicas"]?.int.map(Int.init) ?? 1,
            available: set.status.count("availableReplicas"),
            maximum: set.annotations[DeploymentReconciler.maximumKey].flatMap { Int($0) } ?? 0,
            created: set.creationTimestamp)
    }

    static func revision(_ object: KubeObject) -> Int {
        object.annotations[DeploymentReconciler.revisionKey].flatMap { Int($0) } ?? 0
    }

    /// Equal but for the label that we add.
    static func isSameTemplate(_ set: KubeObject, _ deployment: KubeObject) -> Bool {
        var template = set.spec["template"] ?? [:]
        template.set(nil, at: "metadata", "labels", DeploymentReconciler.hashKey)
        var wanted = deployment.spec["template"] ?? [:]
        wanted.set(nil, at: "metadata", "labels", DeploymentReconciler.hashKey)
        return template == wanted
    }

    static func templateHash(_ template: JSON, collisions: Int) -> String {
        var bytes = CanonicalJSON.bytes(template)
        if collisions > 0 { bytes += String(collisions).utf8 }
        return CanonicalJSON.safeName(CanonicalJSON.fnv1a(bytes))
    }

    /// Annotations of the Deployment that its ReplicaSets do not inherit.
    private static func isOwnAnnotation(_ key: String) -> Bool {
        key == "kubectl.kubernetes.io/last-applied-configuration" || key == "deprecated.deployment.rollback.to"
            || key.hasPrefix("deployment.kubernetes.io/")
    }
}
