import ControllerKit
import KubeClient
import KubeModel

/// Which pods this node does not run, and how they end.
extension PodWorker {
    /// Why the pod is refused, before anything is done for it; nil when it is not.
    func refusal() async -> (reason: String, message: String)? {
        if let message = spec.refusal(
            allowsHostPath: context.configuration.allowsHostPath,
            allowsHostNetwork: context.configuration.allowsHostNetwork)
        {
            return ("UnexpectedAdmissionError", message)
        }
        if let system = spec.foreignSystem {
            return (
                "PodOSNotSupported", "Failed to admit pod as the OS field (\(system)) doesn't match node OS (linux)"
            )
        }
        if let message = Sysctls.refusal(spec) { return ("SysctlForbidden", message) }
        let isNew = !isPromised
        if let shortage = lack() { return ("OutOf\(shortage.resource)", shortage.message) }
        guard isNew, isUnknown, spec.choosesNodes,
            let node = try? await context.client.find(.nodes, context.configuration.nodeName), !spec.mayRun(on: node)
        else { return nil }
        return ("NodeAffinity", "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector")
    }

    /// True for a pod that was not taken before.
    private var isUnknown: Bool { sandbox == nil && spec.object.status["startTime"] == nil }

    /// What the node lacks for a new pod. Schedulers see to that; who names the node in the Pod passes them by.
    private func lack() -> PodResize.Shortage? {
        guard !isPromised else { return nil }
        isPromised = true
        guard isUnknown else { return nil }
        let wanted = PodResize.requests(of: (spec.initial + spec.main).map { ($0.kind, $0.json["resources"]) })
        return context.promises.shortage(
            of: uid, wanted: wanted, before: [:], among: context.pods.all(),
            capacity: context.allocatable)
    }

    /// Ends a pod that this node will not run.
    func reject(_ reason: String, _ message: String) {
        failure = (reason, "\(PodStatus.rejection)\(message)")
        note("Warning", reason, message)
        kicker.yield()
    }
}
