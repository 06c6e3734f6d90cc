import ControllerKit
import KubeModel

/// The objects that serve one Tensorboard or PVCViewer: a Deployment with one Pod, a Service, and with Istio a route.
struct ServerPlan: Sendable {
    let owner: KubeObject
    /// Of the Deployment and the Service.
    let name: String
    /// By which Deployment and Service find the Pod.
    let selector: [String: String]
    /// Labels of the Pod; the selector wins over them.
    let podLabels: [String: String]
    var podSpec: JSON
    /// Whether the old Pod has to be gone before a new one comes.
    var isRecreated = false
    /// Name and target of the Service's port; nil makes no Service.
    let port: (name: String, target: JSON)?
    let route: MeshRoute?

    var isStopped: Bool { owner.annotations[NotebookPlan.stopAnnotation] != nil }

    func deployment() -> KubeObject {
        var deployment = KubeObject(
            apiVersion: "apps/v1", kind: "Deployment", name: name, namespace: owner.namespace, labels: selector,
            annotations: WorkloadDifference.mark(of: podSpec))
        deployment.spec = [
            "replicas": isStopped ? 0 : 1,
            "selector": ["matchLabels": JSON(selector)],
            "template": ["metadata": ["labels": JSON(podLabels.merging(selector) { $1 })], "spec": podSpec],
        ]
        if isRecreated { deployment.spec["strategy"] = ["type": "Recreate"] }
        return deployment.owned(by: owner)
    }

    func change(of existing: KubeObject) -> JSON? {
        WorkloadDifference.patch(from: existing, to: deployment(), podLabels: true)
    }

    func service() -> KubeObject? {
        guard let port else { return nil }
        var service = KubeObject(
            apiVersion: "v1", kind: "Service", name: name, namespace: owner.namespace, labels: selector)
        service.spec = [
            "type": "ClusterIP",
            "selector": JSON(selector),
            "ports": [
                ["name": .string(port.name), "protocol": "TCP", "port": 80, "targetPort": port.target]
            ],
        ]
        return service.owned(by: owner)
    }

    /// What keeps the first port of a server from being asked before it listens.
    static func readiness(port: Int64) -> JSON { ["tcpSocket": ["port": .int(port)], "periodSeconds": 2] }
}

/// Why nothing can be made of an object, in words for the person who wrote it.
struct PlanProblem: Error, Equatable {
    /// In CamelCase, for conditions and Events.
    let reason: String
    /// What is wrong and what to change, in one sentence.
    let message: String
}

extension PlanProblem {
    /// What is wrong with the name of an object whose Service is called `prefix` and that name, or nil.
    static func ofName(_ name: String, kind: String, prefix: String = "", limit: Int) -> PlanProblem? {
        if name.utf8.count > limit {
            return PlanProblem(
                reason: "InvalidName",
                message: "the name of a \(kind) may have \(limit) characters, this one has \(name.utf8.count)")
        }
        guard NameRules.label1035(prefix + name).isEmpty else {
            return PlanProblem(
                reason: "InvalidName",
                message: "the name of a \(kind) must "
                    + (prefix.isEmpty ? "begin with a letter and " : "")
                    + "hold only lower-case letters, digits and \"-\", because its Service is named alike")
        }
        return nil
    }
}
