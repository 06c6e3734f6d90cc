import KubeModel

/// What a kubelet may report of a Pod.
enum PodStatusRules {
    static func check(_ pod: JSON, _ old: JSON, _ issues: inout Issues) {
        PodChanges.annotations(pod, old, &issues)
        PodRules.annotations(pod["metadata"] ?? [:], pod["spec"] ?? [:], "metadata.annotations", &issues)
        let (status, before) = (pod["status"] ?? [:], old["status"] ?? [:])
        let spec = old["spec"] ?? [:]
        for (index, condition) in status.list("conditions").enumerated() {
            let type = condition.text("type")
            if (condition["observedGeneration"]?.int ?? 0) < 0 {
                issues.invalid(
                    "status.conditions[\(index)].observedGeneration", condition["observedGeneration"],
                    "must be a non-negative integer")
            }
            if ["PodScheduled", "Ready", "Initialized"].contains(type) { continue }
            issues.invalid("status.conditions[\(index)].Type", type, NameRules.qualifiedName(type))
        }
        let nominated = status.text("nominatedNodeName")
        if nominated != before.text("nominatedNodeName"), !nominated.isEmpty {
            issues.invalid("status.nominatedNodeName", nominated, NameRules.subdomain(nominated))
            if !spec.text("nodeName").isEmpty {
                issues.forbidden(
                    "status.nominatedNodeName", "may not be set on pods that are already bound to a node")
            }
        }
        if (status["observedGeneration"]?.int ?? 0) < 0 {
            issues.invalid(
                "status.observedGeneration", status["observedGeneration"], "must be a non-negative integer")
        }
        issues.immutable("status.qosClass", status["qosClass"], before["qosClass"])
        for (list, containers) in [("containerStatuses", "containers"), ("initContainerStatuses", "initContainers")] {
            transitions(status.list(list), before.list(list), "status.\(list)", spec, containers, &issues)
        }
        transitions(
            status.list("ephemeralContainerStatuses"), before.list("ephemeralContainerStatuses"),
            "status.ephemeralContainerStatuses", spec, "", &issues)
        addresses(status.list("podIPs"), before.list("podIPs"), "status.podIPs", status["podIPs"], &issues)
        if let first = status.list("hostIPs").first, first.text("ip") != status.text("hostIP") {
            issues.invalid("status.hostIPs[0].ip", first["ip"], "must be equal to `hostIP`")
        }
        addresses(status.list("hostIPs"), before.list("hostIPs"), "status.hostIPs", status["hostIPs"], &issues)
    }

    /// A container that ended for good does not come back.
    private static func transitions(
        _ statuses: [JSON], _ before: [JSON], _ path: String, _ spec: JSON, _ containers: String,
        _ issues: inout Issues
    ) {
        for (index, old) in before.enumerated() {
            guard let end = old["state"]?["terminated"], !end.isNull,
                let now = statuses.first(where: { $0.text("name") == old.text("name") }),
                now["state"]?.has("terminated") != true
            else { continue }
            let container = spec.list(containers).first { $0.text("name") == old.text("name") }
            guard !mayRestart(container, spec.text("restartPolicy"), end["exitCode"]?.int ?? 0) else { continue }
            issues.forbidden("\(path)[\(index)].state", "may not be transitioned to non-terminated state")
        }
    }

    private static func mayRestart(_ container: JSON?, _ policy: String, _ code: Int64) -> Bool {
        guard let container else { return false }
        for rule in container.list("restartPolicyRules") {
            guard let codes = rule["exitCodes"] else { continue }
            let isListed = codes.list("values").contains(.int(code))
            if isListed == (codes.text("operator") == "In") { return true }
        }
        return switch container.text("restartPolicy").isEmpty ? policy : container.text("restartPolicy") {
        case "Always": true
        case "OnFailure": code != 0
        default: false
        }
    }

    private static func addresses(
        _ entries: [JSON], _ before: [JSON], _ path: String, _ value: JSON?, _ issues: inout Issues
    ) {
        let known = Set(before.map { $0.text("ip") })
        let texts = entries.map { $0.text("ip") }
        for (index, text) in texts.enumerated() where !known.contains(text) {
            NetworkRules.checkAddress(text, "\(path)[\(index)]", &issues)
        }
        guard texts.count > 1 else { return }
        let families = texts.compactMap { IPAddress($0)?.isIPv4 }
        if texts.count > 2 || Set(families).count < 2 {
            issues.invalid(path, value, "may specify no more than one IP for each IP family")
        }
    }
}
