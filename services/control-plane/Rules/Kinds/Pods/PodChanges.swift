import KubeModel

/// What may change in a Pod.
enum PodChanges {
    private static let message =
        "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"

    /// Finds what a request to the Pod itself may not have changed.
    static func check(_ pod: JSON, _ oldPod: JSON, _ issues: inout Issues) {
        annotations(pod, oldPod, &issues)
        let new = pod["spec"] ?? [:]
        let old = oldPod["spec"] ?? [:]
        for list in ["containers", "initContainers"] {
            guard new.list(list).count == old.list(list).count else {
                return issues.forbidden("spec.\(list)", "pod updates may not add or remove containers")
            }
        }
        guard deadline(new, old, &issues) else { return }
        tolerations(new, old, &issues)
        gates(new, old, &issues)
        guard new != old else { return }
        var masked = new
        for list in ["containers", "initContainers"] where masked.has(list) {
            masked[list] = .array(
                zip(new.list(list), old.list(list)).map { container, before in
                    var container = container
                    container["image"] = before["image"]
                    return container
                })
        }
        for field in ["activeDeadlineSeconds", "tolerations", "schedulingGates"] { masked[field] = old[field] }
        if (old["terminationGracePeriodSeconds"]?.int ?? 0) < 0, masked["terminationGracePeriodSeconds"] == 1 {
            masked["terminationGracePeriodSeconds"] = old["terminationGracePeriodSeconds"]
        }
        if !old.list("schedulingGates").isEmpty { gated(&masked, old, &issues) }
        if masked != old { issues.forbidden("spec", message) }
    }

    private static let mirror = "kubernetes.io/config.mirror"

    static func annotations(_ pod: JSON, _ old: JSON, _ issues: inout Issues) {
        let new = pod.value(at: "metadata", "annotations")?.stringMap ?? [:]
        let before = old.value(at: "metadata", "annotations")?.stringMap ?? [:]
        for (key, value) in before where new[key] != value {
            let field = "metadata.annotations[\(key)]"
            if key.hasPrefix(PodPreparation.appArmorPrefix) {
                issues.forbidden(field, "may not remove or update AppArmor annotations")
            }
            if key == mirror { issues.forbidden(field, "may not remove or update mirror pod annotation") }
        }
        for key in new.keys where before[key] == nil {
            let field = "metadata.annotations[\(key)]"
            if key.hasPrefix(PodPreparation.appArmorPrefix) {
                issues.forbidden(field, "may not add AppArmor annotations")
            }
            if key == mirror { issues.forbidden(field, "may not add mirror pod annotation") }
        }
    }

    /// A deadline may come, and be shortened. False when there is no point in looking further.
    private static func deadline(_ new: JSON, _ old: JSON, _ issues: inout Issues) -> Bool {
        let field = "spec.activeDeadlineSeconds"
        let before = old["activeDeadlineSeconds"]?.int
        guard let seconds = new["activeDeadlineSeconds"]?.int else {
            if before != nil {
                issues.invalid(field, .null, "must not update from a positive integer to nil value")
            }
            return true
        }
        if !(0...Int64(Int32.max)).contains(seconds) {
            issues.invalid(field, .int(seconds), "must be between 0 and 2147483647, inclusive")
            return false
        }
        if let before, before < seconds {
            issues.invalid(field, .int(seconds), "must be less than or equal to previous value")
            return false
        }
        return true
    }

    private static func tolerations(_ new: JSON, _ old: JSON, _ issues: inout Issues) {
        func withoutSeconds(_ toleration: JSON) -> JSON {
            var toleration = toleration
            toleration["tolerationSeconds"] = nil
            return toleration
        }
        let kept = new.list("tolerations").map(withoutSeconds)
        if !old.list("tolerations").map(withoutSeconds).allSatisfy(kept.contains) {
            issues.forbidden(
                "spec.tolerations", "existing toleration can not be modified except its tolerationSeconds")
        }
    }

    private static func gates(_ new: JSON, _ old: JSON, _ issues: inout Issues) {
        let before = Set(old.list("schedulingGates").map { $0.text("name") })
        for (index, gate) in new.list("schedulingGates").enumerated() where !before.contains(gate.text("name")) {
            issues.forbidden(
                "spec.schedulingGates[\(index)].name",
                "only deletion is allowed, but found new scheduling gate '\(gate.text("name"))'")
        }
    }

    /// As long as a Pod waits at a gate, the nodes that it can go to may become fewer.
    private static func gated(_ masked: inout JSON, _ old: JSON, _ issues: inout Issues) {
        let selector = masked["nodeSelector"]?.stringMap ?? [:]
        for (key, value) in old["nodeSelector"]?.stringMap ?? [:] where selector[key] != value {
            issues.invalid(
                "spec.nodeSelector", masked["nodeSelector"] ?? .null,
                "only additions to spec.nodeSelector are allowed (no mutations or deletions)")
            break
        }
        masked["nodeSelector"] = old["nodeSelector"]
        let path = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"
        func terms(_ spec: JSON) -> [JSON] {
            spec.value(at: "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")?
                .list("nodeSelectorTerms") ?? []
        }
        let before = terms(old)
        let after = terms(masked)
        if !before.isEmpty, before.count != after.count {
            issues.invalid(
                path, .array(after), "no additions/deletions to non-empty NodeSelectorTerms list are allowed")
        } else {
            for (index, (term, was)) in zip(after, before).enumerated() where !onlyAdds(term, to: was) {
                issues.invalid("\(path)[\(index)]", term, "only additions are allowed (no mutations or deletions)")
            }
        }
        let own = old.value(at: "affinity", "nodeAffinity")
        if own == nil, masked["affinity"]?.object?.allSatisfy({ $0.key == "nodeAffinity" }) ?? true {
            masked["affinity"] = old["affinity"]
        } else {
            masked.set(own, at: "affinity", "nodeAffinity")
        }
    }

    private static func onlyAdds(_ new: JSON, to old: JSON) -> Bool {
        let lists = ["matchExpressions", "matchFields"]
        if lists.allSatisfy({ old.list($0).isEmpty }) { return lists.allSatisfy { new.list($0).isEmpty } }
        return lists.allSatisfy { new.list($0).starts(with: old.list($0)) }
    }

    // MARK: Subresources

    /// Ephemeral containers may be added; those that are there stay as they are.
    static func checkEphemeral(_ pod: JSON, _ old: JSON, _ issues: inout Issues) {
        let added = pod["spec"]?.list("ephemeralContainers") ?? []
        for container in old["spec"]?.list("ephemeralContainers") ?? [] {
            let name = FieldIssue.quoted(container.text("name"))
            guard let now = added.first(where: { $0.text("name") == container.text("name") }) else {
                issues.forbidden(
                    "spec.ephemeralContainers", "existing ephemeral containers \(name) may not be removed\n")
                continue
            }
            if now != container {
                issues.forbidden(
                    "spec.ephemeralContainers", "existing ephemeral containers \(name) may not be changed\n")
            }
        }
    }

    /// CPU and memory of containers may change while they run.
    static func checkResize(_ pod: JSON, _ old: JSON, _ issues: inout Issues) {
        let (new, before) = (pod["spec"] ?? [:], old["spec"] ?? [:])
        let quality = PodResources.qosClass(new)
        if old.value(at: "status", "qosClass")?.string ?? PodResources.qosClass(before) != quality {
            issues.invalid(
                "spec", old.value(at: "status", "qosClass") ?? "",
                "Pod QOS Class may not change as a result of resizing"
            )
        }
        let running = (old["status"]?.list("containerStatuses") ?? []).first { $0["state"]?.has("running") == true }
        if let running, !running.has("resources") {
            issues.forbidden("spec", "Pod running on node without support for resize")
        }
        wholePod(new, before, &issues)
        var isOrdered = true
        for list in ["containers", "initContainers"] {
            guard new.list(list).count == before.list(list).count else {
                issues.forbidden("spec.\(list)", "\(list) may not be added or removed on resize")
                isOrdered = false
                continue
            }
            for (index, (now, was)) in zip(new.list(list), before.list(list)).enumerated()
            where now.text("name") != was.text("name") {
                issues.forbidden("spec.\(list)[\(index)].name", "\(list) may not be renamed or reordered on resize")
                isOrdered = false
            }
        }
        guard isOrdered else { return }
        for list in ["initContainers", "containers"] {
            for (index, (now, was)) in zip(new.list(list), before.list(list)).enumerated() {
                let path = "spec.\(list)[\(index)].resources"
                for field in ["requests", "limits"] where removes(now, was, field) {
                    issues.forbidden(
                        "\(path).\(field)", "resource \(field) cannot be removed")
                }
                var masked = now
                masked["resources"] = onlyScaled(now["resources"], like: was["resources"])
                if masked != was {
                    let isInit = list == "initContainers"
                    issues.forbidden(
                        isInit ? "spec.initContainers[\(index)]" : "spec",
                        isInit
                            ? "only cpu and memory resources for init or sidecar containers are mutable"
                            : "only cpu and memory resources are mutable")
                }
            }
        }
    }

    private static func wholePod(_ new: JSON, _ old: JSON, _ issues: inout Issues) {
        let before = old["resources"] ?? .null
        let after = new["resources"] ?? .null
        guard !before.isNull else { return }
        guard !after.isNull else {
            return issues.forbidden("spec.resources", "pod-level resources cannot be removed")
        }
        for field in ["requests", "limits"] where removes(new, old, field) {
            issues.forbidden("spec.resources.\(field)", "pod-level resource \(field) cannot be removed")
        }
        if onlyScaled(after, like: before) != before {
            issues.forbidden("spec", "only cpu and memory resources are mutable at pod-level")
        }
    }

    private static func removes(_ new: JSON, _ old: JSON, _ field: String) -> Bool {
        let kept = Set(new.value(at: "resources", field)?.object?.keys ?? [])
        return !(old.value(at: "resources", field)?.object?.keys ?? []).allSatisfy(kept.contains)
    }

    /// The resources with CPU and memory as they were.
    private static func onlyScaled(_ resources: JSON?, like old: JSON?) -> JSON {
        var masked: JSON = [:]
        for field in ["limits", "requests"] {
            var amounts = resources?[field]?.object ?? [:]
            for name in ["cpu", "memory"] { amounts[name] = old?.value(at: field, name) }
            if !amounts.isEmpty { masked[field] = .object(amounts) }
        }
        masked["claims"] = resources?["claims"]
        return masked
    }
}
