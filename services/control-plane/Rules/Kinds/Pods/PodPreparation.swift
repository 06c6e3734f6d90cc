import KubeModel

/// What the server does to Pods before they are checked.
enum PodPreparation {
    /// A new Pod begins without a status, and with what is derived from its labels and annotations.
    static func create(_ pod: inout JSON) {
        dropDisabled(&pod)
        var status: JSON = ["phase": "Pending", "qosClass": .string(PodResources.qosClass(pod["spec"] ?? [:]))]
        if !(pod["spec"]?.list("schedulingGates") ?? []).isEmpty {
            status["conditions"] = [
                [
                    "type": "PodScheduled", "status": "False", "lastProbeTime": .null,
                    "lastTransitionTime": Timestamp.now.json, "reason": "SchedulingGated",
                    "message": "Scheduling is blocked due to non-empty scheduling gates",
                ]
            ]
        }
        pod["status"] = status
        selectOwnLabels(&pod)
        appArmor(&pod)
    }

    /// Fields of features that are off by default: they are taken for unknown ones.
    static func dropDisabled(_ pod: inout JSON) { pod.edit("spec", dropDisabledFromSpec) }

    static func dropDisabledFromSpec(_ spec: inout JSON) {
        spec["schedulingGroup"] = nil
        for list in ["initContainers", "containers", "ephemeralContainers"] {
            spec.editEach(list) { container in container.edit("lifecycle") { $0["stopSignal"] = nil } }
        }
        spec.editEach("volumes") { volume in
            volume.edit("projected") { projected in
                projected.editEach("sources") { source in
                    source["clusterTrustBundle"] = nil
                    source["podCertificate"] = nil
                }
            }
        }
    }

    // MARK: Label keys

    /// Selectors that name labels of the Pod by key get the values.
    private static func selectOwnLabels(_ pod: inout JSON) {
        let labels = pod.value(at: "metadata", "labels")?.stringMap ?? [:]
        func complete(_ owner: inout JSON) {
            guard owner.has("labelSelector") else { return }
            for (field, action) in [("matchLabelKeys", "In"), ("mismatchLabelKeys", "NotIn")] {
                for key in owner.list(field).compactMap(\.string) {
                    guard let value = labels[key] else { continue }
                    owner.edit("labelSelector") { selector in
                        selector.fill("matchExpressions", [])
                        let added: JSON = [
                            "key": .string(key), "operator": .string(action), "values": [.string(value)],
                        ]
                        selector["matchExpressions"] = .array(selector.list("matchExpressions") + [added])
                    }
                }
            }
        }
        pod.edit("spec") { spec in
            spec.editEach("topologySpreadConstraints", complete)
            spec.edit("affinity") { affinity in
                for kind in ["podAffinity", "podAntiAffinity"] {
                    affinity.edit(kind) { rules in
                        rules.editEach("requiredDuringSchedulingIgnoredDuringExecution", complete)
                        rules.editEach("preferredDuringSchedulingIgnoredDuringExecution") {
                            $0.edit("podAffinityTerm", complete)
                        }
                    }
                }
            }
        }
    }

    // MARK: AppArmor

    static let appArmorPrefix = "container.apparmor.security.beta.kubernetes.io/"

    /// Profiles that were named in annotations, as before 1.30, become fields.
    private static func appArmor(_ pod: inout JSON) {
        let annotations = pod.value(at: "metadata", "annotations")?.stringMap ?? [:]
        guard annotations.keys.contains(where: { $0.hasPrefix(appArmorPrefix) }) else { return }
        pod.edit("spec") { spec in
            guard spec["os"]?.text("name") != "windows" else { return }
            let whole = spec.value(at: "securityContext", "appArmorProfile")
            for list in ["initContainers", "containers", "ephemeralContainers"] {
                spec.editEach(list) { container in
                    guard let name = annotations[appArmorPrefix + container.text("name")],
                        container["securityContext"]?.has("appArmorProfile") != true,
                        let profile = profile(name), profile != whole
                    else { return }
                    container.set(profile, at: "securityContext", "appArmorProfile")
                }
            }
        }
    }

    private static func profile(_ name: String) -> JSON? {
        switch name {
        case "unconfined": return ["type": "Unconfined"]
        case "runtime/default": return ["type": "RuntimeDefault"]
        default:
            guard name.hasPrefix("localhost/"), name.count > 10 else { return nil }
            return ["type": "Localhost", "localhostProfile": .string(String(name.dropFirst(10)))]
        }
    }

    // MARK: Subresources

    static func subresource(_ pod: inout JSON, _ old: JSON, _ name: String) {
        switch name {
        case "status": status(&pod, old)
        case "ephemeralcontainers":
            let containers = pod.value(at: "spec", "ephemeralContainers")
            keepMetadata(&pod, old)
            pod["spec"] = old["spec"]
            pod["status"] = old["status"]
            pod.set(containers, at: "spec", "ephemeralContainers")
        case "resize": resize(&pod, old)
        default: break
        }
    }

    private static func keepMetadata(_ pod: inout JSON, _ old: JSON) {
        let fields = pod.value(at: "metadata", "managedFields")
        let version = pod.value(at: "metadata", "resourceVersion")
        pod["metadata"] = old["metadata"]
        pod.set(fields, at: "metadata", "managedFields")
        pod.set(version, at: "metadata", "resourceVersion")
    }

    private static func resize(_ pod: inout JSON, _ old: JSON) {
        func sameNames(_ list: String) -> Bool {
            (pod["spec"]?.list(list) ?? []).map { $0.text("name") }
                == (old["spec"]?.list(list) ?? []).map { $0.text("name") }
        }
        guard sameNames("containers"), sameNames("initContainers") else { return }
        let wanted = pod["spec"] ?? [:]
        keepMetadata(&pod, old)
        pod["status"] = old["status"]
        var spec = old["spec"] ?? [:]
        spec["resources"] = wanted["resources"]
        for list in ["containers", "initContainers"] where spec.has(list) {
            spec[list] = .array(
                zip(spec.list(list), wanted.list(list)).map { container, changed in
                    var container = container
                    for field in ["resources", "resizePolicy"] { container[field] = changed[field] }
                    return container
                })
        }
        pod["spec"] = spec
    }

    private static func status(_ pod: inout JSON, _ old: JSON) {
        let before = old["status"] ?? [:]
        pod.edit("status") { status in
            status.fillText("qosClass", before.text("qosClass"))
            // One address and the list of all of them say the same.
            let address = status.text("podIP")
            let first = status.list("podIPs").first?.text("ip") ?? ""
            if !address.isEmpty, address != first {
                status["podIPs"] = [["ip": .string(address)]]
            } else if address.isEmpty, !first.isEmpty {
                status["podIP"] = .string(first)
            }
            if (status["observedGeneration"]?.int ?? 0) == 0 {
                status["observedGeneration"] = before["observedGeneration"]
            }
            var generations: [String: [JSON?]] = [:]
            for condition in before.list("conditions") {
                generations[condition.text("type"), default: []].append(condition["observedGeneration"])
            }
            status.editEach("conditions") { condition in
                let type = condition.text("type")
                guard var known = generations[type], !known.isEmpty else { return }
                let generation = known.removeFirst()
                generations[type] = known
                if (condition["observedGeneration"]?.int ?? 0) == 0 { condition["observedGeneration"] = generation }
            }
        }
    }
}
