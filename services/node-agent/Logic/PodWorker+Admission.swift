import ControllerKit
import KubeModel

/// Which pods this node does not run, and how they end.
extension PodWorker {
    /// Why the pod is refused, before anything is done for it; nil when it is not.
    func refusal() -> (reason: String, message: String)? {
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
        guard let shortage = lack() else { return nil }
        return ("OutOf\(shortage.resource)", shortage.message)
    }

    /// What the node lacks for a new pod. Schedulers see to that; who names the node in the Pod passes them by.
    private func lack() -> PodResize.Shortage? {
        guard !isPromised else { return nil }
        isPromised = true
        // It was taken before.
        guard sandbox == nil, spec.object.status["startTime"] == nil else { return nil }
        let wanted = PodResize.requests(of: (spec.initial + spec.main).map { ($0.kind, $0.json["resources"]) })
        return context.promises.shortage(
            of: uid, wanted: wanted, before: [:], among: context.pods.all(),
            capacity: ["cpu": context.nodeCPU, "memory": context.nodeMemory])
    }

    /// Ends a pod that this node will not run.
    func reject(_ reason: String, _ message: String) {
        failure = (reason, "\(PodStatus.rejection)\(message)")
        note("Warning", reason, message)
        kicker.yield()
    }
}
