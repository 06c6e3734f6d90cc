import KubeModel

extension PodValidation {
    private static let restartPolicies = ["Always", "Never", "OnFailure"]

    mutating func containers(_ spec: JSON, _ path: String) {
        let containers = spec.list("containers")
        guard !containers.isEmpty else { return issues.required("\(path).containers") }
        var names: Set<String> = []
        for (index, container) in containers.enumerated() {
            let place = "\(path).containers[\(index)]"
            common(container, place)
            let name = container.text("name")
            if !names.insert(name).inserted { issues.duplicate("\(place).name", .string(name)) }
            lifecycle(container, place)
            probes(container, place)
            restartRules(container, place)
        }
        portConflicts(containers, "\(path).containers")
    }

    mutating func initContainers(_ spec: JSON, _ path: String) {
        var names = Set(spec.list("containers").map { $0.text("name") })
        for (index, container) in spec.list("initContainers").enumerated() {
            let place = "\(path).initContainers[\(index)]"
            common(container, place)
            if container.has("restartPolicy") {
                restartRules(container, place)
            } else if !container.list("restartPolicyRules").isEmpty {
                issues.required("\(place).restartPolicy", "must specify restartPolicy when restart rules are used")
            }
            let name = container.text("name")
            if names.contains(name) { issues.duplicate("\(place).name", .string(name)) }
            if !name.isEmpty { names.insert(name) }
            portConflicts([container], "\(path).initContainers")
            if container.text("restartPolicy") == "Always" {
                lifecycle(container, place)
                probes(container, place)
                continue
            }
            for field in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] where container.has(field) {
                issues.forbidden("\(place).\(field)", "may not be set for init containers without restartPolicy=Always")
            }
            for (position, policy) in container.list("resizePolicy").enumerated()
            where policy.text("restartPolicy") == "RestartContainer" {
                issues.invalid(
                    "\(place).resizePolicy[\(position)].restartPolicy", "RestartContainer",
                    "must not be set to 'RestartContainer' for non-sidecar initContainers")
            }
        }
    }

    mutating func ephemeralContainers(_ spec: JSON, _ path: String) {
        let others = Set((spec.list("containers") + spec.list("initContainers")).map { $0.text("name") })
        var names = others
        for (index, container) in spec.list("ephemeralContainers").enumerated() {
            let place = "\(path).ephemeralContainers[\(index)]"
            common(container, place)
            trimmedImage(container, place)
            let name = container.text("name")
            if !names.insert(name).inserted { issues.duplicate("\(place).name", .string(name)) }
            let target = container.text("targetContainerName")
            if !target.isEmpty, !others.contains(target) { issues.notFound("\(place).targetContainerName", target) }
            for field in Self.notEphemeral where container.has(field) {
                if container[field]?.isUnset == true, ["ports", "resources", "resizePolicy"].contains(field) {
                    continue
                }
                issues.forbidden("\(place).\(field)", "cannot be set for an Ephemeral Container")
            }
            for (position, mount) in container.list("volumeMounts").enumerated() {
                for field in ["subPath", "subPathExpr"] where !mount.text(field).isEmpty {
                    issues.forbidden(
                        "\(place).volumeMounts[\(position)].\(field)", "cannot be set for an Ephemeral Container")
                }
            }
        }
    }

    private static let notEphemeral = [
        "ports", "resources", "resizePolicy", "restartPolicy", "restartPolicyRules", "livenessProbe",
        "readinessProbe", "startupProbe", "lifecycle",
    ]

    /// Images of Pods have no space around them; templates are not asked.
    mutating func trimmedImage(_ container: JSON, _ path: String) {
        let image = container.text("image")
        if image.first?.isWhitespace == true || image.last?.isWhitespace == true {
            issues.invalid("\(path).image", .string(image), "must not have leading or trailing whitespace")
        }
    }

    private mutating func common(_ container: JSON, _ path: String) {
        issues.requiredName("\(path).name", container.text("name"), NameRules.label)
        issues.requiredText(path, container, "image")
        issues.supported(
            "\(path).terminationMessagePolicy", container["terminationMessagePolicy"],
            ["File", "FallbackToLogsOnError"], isRequired: true)
        ports(container.list("ports"), "\(path).ports")
        environment(container.list("env"), "\(path).env")
        environmentSources(container.list("envFrom"), "\(path).envFrom")
        mounts(container, "\(path).volumeMounts")
        devices(container, "\(path).volumeDevices")
        issues.supported(
            "\(path).imagePullPolicy", container["imagePullPolicy"], ["Always", "IfNotPresent", "Never"],
            isRequired: true)
        ResourceRules.check(container["resources"] ?? [:], "\(path).resources", claims: claims, &issues)
        resizePolicies(container.list("resizePolicy"), "\(path).resizePolicy")
        security(container["securityContext"] ?? .null, "\(path).securityContext")
    }

    private mutating func ports(_ ports: [JSON], _ path: String) {
        var names: Set<String> = []
        for (index, port) in ports.enumerated() {
            let place = "\(path)[\(index)]"
            let name = port.text("name")
            if !name.isEmpty {
                let problems = NameRules.portName(name)
                issues.invalid("\(place).name", name, problems)
                if problems.isEmpty, !names.insert(name).inserted { issues.duplicate("\(place).name", .string(name)) }
            }
            let number = port["containerPort"]?.int ?? 0
            if number == 0 {
                issues.required("\(place).containerPort")
            } else {
                issues.range("\(place).containerPort", .int(number), 1...65_535)
            }
            if let host = port["hostPort"]?.int, host != 0 { issues.range("\(place).hostPort", .int(host), 1...65_535) }
            issues.supported("\(place).protocol", port["protocol"], ["SCTP", "TCP", "UDP"], isRequired: true)
        }
    }

    /// Two containers cannot have the same port of the node.
    private mutating func portConflicts(_ containers: [JSON], _ path: String) {
        var taken: Set<String> = []
        for (index, container) in containers.enumerated() {
            for (position, port) in container.list("ports").enumerated() {
                guard let number = port["hostPort"]?.int, number != 0 else { continue }
                let key = "\(port.text("protocol"))/\(port.text("hostIP"))/\(number)"
                if !taken.insert(key).inserted {
                    issues.duplicate("\(path)[\(index)].ports[\(position)].hostPort", .string(key))
                }
            }
        }
    }

    /// In the node's network the ports of containers are those of the node.
    mutating func hostPorts(_ spec: JSON, _ path: String) {
        guard spec["hostNetwork"]?.bool == true else { return }
        for (index, container) in spec.list("containers").enumerated() {
            for (position, port) in container.list("ports").enumerated() {
                let host = port["hostPort"]?.int ?? 0
                guard isPod || host != 0, host != port["containerPort"]?.int ?? 0 else { continue }
                issues.invalid(
                    "\(path).containers[\(index)].ports[\(position)].hostPort", .int(host),
                    "must match `containerPort` when `hostNetwork` is true")
            }
        }
    }

    private mutating func resizePolicies(_ policies: [JSON], _ path: String) {
        var seen: Set<String> = []
        for (index, policy) in policies.enumerated() {
            let resource = policy.text("resourceName")
            if !seen.insert(resource).inserted { issues.duplicate("\(path)[\(index)]", .string(resource)) }
            issues.supported(path, .string(resource), ["cpu", "memory"], isRequired: true)
            let restart = policy["restartPolicy"]
            issues.supported(path, restart, ["NotRequired", "RestartContainer"], isRequired: true)
            if restartPolicy == "Never", restart != "NotRequired" {
                issues.invalid(path, restart ?? "", "must be 'NotRequired' when pod `restartPolicy` is 'Never'")
            }
        }
    }

    private mutating func restartRules(_ container: JSON, _ path: String) {
        let rules = container.list("restartPolicyRules")
        if let policy = container["restartPolicy"], !policy.isNull {
            issues.supported("\(path).restartPolicy", policy, Self.restartPolicies)
        } else if rules.isEmpty {
            return
        } else {
            issues.required("\(path).restartPolicy", "must specify restartPolicy when restart rules are used")
        }
        if rules.count > 20 { issues.tooMany("\(path).restartPolicyRules", rules.count, 20) }
        for (index, rule) in rules.enumerated() {
            let place = "\(path).restartPolicyRules[\(index)]"
            issues.supported("\(place).action", rule["action"], ["Restart", "RestartAllContainers"])
            guard let codes = rule["exitCodes"], !codes.isNull else {
                issues.required("\(place).exitCodes", "must be specified")
                continue
            }
            issues.supported("\(place).exitCodes.operator", codes["operator"], ["In", "NotIn"])
            if codes.list("values").count > 255 {
                issues.tooMany("\(place).exitCodes.values", codes.list("values").count, 255)
            }
        }
    }

    // MARK: Resources of the whole Pod

    mutating func resources(_ spec: JSON, _ path: String) {
        guard let resources = spec["resources"], !resources.isNull else { return }
        guard system != "windows" else { return issues.forbidden(path, "may not be set for a windows pod") }
        if resources.has("claims") {
            issues.forbidden("\(path).claims", "claims may not be set for Resources at pod-level")
        }
        ResourceRules.check(resources, path, owner: .pod, claims: claims, &issues)
        for (name, sum) in PodResources.containers(of: spec, "requests") {
            guard let whole = Quantity(resources.value(at: "requests", name)), sum > whole else { continue }
            issues.invalid(
                "\(path).requests[\(name)]", .string(whole.text),
                "must be greater than or equal to aggregate container requests of \(sum.text)")
        }
        for (name, sum) in PodResources.containers(of: spec, "limits") where ResourceRules.isHugePages(name) {
            guard let whole = Quantity(resources.value(at: "limits", name)), sum > whole else { continue }
            issues.invalid(
                "\(path).limits[\(name)]", .string(whole.text),
                "must be greater than or equal to aggregate container limits of \(sum.text)")
        }
        for (index, container) in spec.list("containers").enumerated() {
            for (name, limit) in container.value(at: "resources", "limits")?.object ?? [:] {
                guard let whole = Quantity(resources.value(at: "limits", name)), let part = Quantity(limit),
                    part > whole
                else { continue }
                issues.invalid(
                    "\(path).containers[\(index)][\(name)].limits", .string(part.text),
                    "must be less than or equal to pod limits of \(whole.text)")
            }
        }
    }
}

extension JSON {
    /// True for what a field is before it is set.
    var isUnset: Bool {
        switch self {
        case .null, .string(""): true
        case .array(let elements): elements.isEmpty
        case .object(let members): members.isEmpty
        default: false
        }
    }
}
