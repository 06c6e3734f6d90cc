import Foundation
import KubeModel

extension BuiltinKinds {
    static let node = kind(
        .nodes, short: ["no"], hasStatus: true, comesWithStatus: true, subresources: ["proxy"],
        defaults: { object in
            NodeRules.unifyRanges(&object)
            object.edit("status") { status in
                if !status.has("allocatable"), status.has("capacity") { status["allocatable"] = status["capacity"] }
            }
        },
        create: { object in
            object.edit("spec") { $0["configSource"] = nil }
            object.edit("status") { $0["config"] = nil }
        },
        update: { object, old in
            object["status"] = old["status"]
            object.edit("spec") { $0["configSource"] = old.value(at: "spec", "configSource") }
        },
        validate: { object, old, issues in
            NodeRules.check(object, &issues)
            if let old { NodeRules.checkChanges(object, old, &issues) }
        },
        validateStatus: NodeRules.checkChanges,
        warnings: NodeRules.warnings,
        columns: [
            .name, TableColumn("Status"), TableColumn("Roles"), .age, TableColumn("Version"),
            TableColumn("Internal-IP", priority: 1), TableColumn("External-IP", priority: 1),
            TableColumn("OS-Image", priority: 1), TableColumn("Kernel-Version", priority: 1),
            TableColumn("Container-Runtime", priority: 1),
        ],
        cells: { node, now in
            let status = node["status"] ?? [:]
            let ready = Conditions(status["conditions"])["Ready"]
            var words = [ready.map { $0.isTrue ? "Ready" : "NotReady" } ?? "Unknown"]
            if node.value(at: "spec", "unschedulable")?.bool == true { words.append("SchedulingDisabled") }
            let roles = NodeRules.roles(node)
            func address(_ type: String) -> JSON {
                status.list("addresses").first { $0.text("type") == type }?["address"] ?? "<none>"
            }
            func info(_ key: String) -> JSON { Cell.text(status.value(at: "nodeInfo", key), or: "<unknown>") }
            let architecture = status.value(at: "nodeInfo", "architecture")?.string ?? ""
            let kernel = (info("kernelVersion").string ?? "") + (architecture.isEmpty ? "" : " (\(architecture))")
            return [
                Cell.name(node), .string(words.joined(separator: ",")),
                .string(roles.isEmpty ? "<none>" : roles.joined(separator: ",")), Cell.age(node, now),
                Cell.text(status.value(at: "nodeInfo", "kubeletVersion")), address("InternalIP"), address("ExternalIP"),
                info("osImage"), .string(kernel), info("containerRuntimeVersion"),
            ]
        })
}

/// What nodes may say of themselves.
enum NodeRules {
    /// The older of the two fields for ranges of addresses is the first item of the newer one, and counts if they differ.
    static func unifyRanges(_ node: inout JSON) {
        let (first, all) = (node["spec"]?.text("podCIDR") ?? "", node["spec"]?.list("podCIDRs") ?? [])
        guard !first.isEmpty || !all.isEmpty else { return }
        node.edit("spec") { spec in
            if first.isEmpty { spec["podCIDR"] = all.first }
            if !first.isEmpty, all.first?.string != first { spec["podCIDRs"] = [.string(first)] }
        }
    }

    static func check(_ node: JSON, _ issues: inout Issues) {
        let spec = node["spec"] ?? [:]
        // Taints are complained about below the metadata, as the real server has it.
        taints(spec.list("taints"), "metadata.taints", &issues)
        resources(node, &issues)
        features(node, &issues)
        if let capacity = node.value(at: "status", "nodeInfo", "swap", "capacity")?.int {
            issues.positive("metadata.nodeSwapStatus.capacity", capacity)
        }
        let ranges = spec.list("podCIDRs").map { $0.string ?? "" }
        for (index, range) in ranges.enumerated() {
            NetworkRules.checkNetwork(range, "spec.podCIDRs[\(index)]", &issues)
        }
        guard ranges.count > 1 else { return }
        let families = Set(ranges.compactMap { IPAddress(String($0.prefix { $0 != "/" }))?.isIPv4 })
        if ranges.count > 2 || families.count < 2 {
            issues.invalid(
                "spec.podCIDRs", spec["podCIDRs"], "may specify no more than one CIDR for each IP family")
        }
    }

    private static func resources(_ node: JSON, _ issues: inout Issues) {
        for field in ["capacity", "allocatable"] {
            for (name, amount) in node.value(at: "status", field)?.object ?? [:] {
                ResourceRules.check(name, amount, "status.\(field).\(name)", &issues)
            }
        }
    }

    private static func features(_ node: JSON, _ issues: inout Issues) {
        let names = (node["status"]?.list("declaredFeatures") ?? []).map { $0.string ?? "" }
        for (index, name) in names.enumerated() {
            let field = "status.declaredFeatures[\(index)]"
            let shown = FieldIssue.quoted(name)
            if name.utf8.count > 253 {
                issues.invalid(
                    field, .string(name), "invalid feature name \(shown): must be no more than 253 characters")
            } else if name.wholeMatch(of: /[A-Z][a-zA-Z0-9]*(\/[a-zA-Z][a-zA-Z0-9]*)*/) == nil {
                issues.invalid(
                    field, .string(name),
                    "invalid feature name \(shown): must start with an UpperCamelCase segment, with subsequent segments separated by '/' (e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes"
                )
            }
            guard index > 0 else { continue }
            if names[index - 1] == name {
                issues.duplicate(field, .string(name))
            } else if names[index - 1] > name {
                issues.invalid(field, .string(name), "list must be sorted alphabetically")
            }
        }
    }

    private static func taints(_ taints: [JSON], _ path: String, _ issues: inout Issues) {
        var seen: Set<String> = []
        for (index, taint) in taints.enumerated() {
            let place = "\(path)[\(index)]"
            let key = taint.text("key")
            let value = taint.text("value")
            issues.invalid("\(place).key", key, NameRules.qualifiedName(key))
            let problems = NameRules.labelValue(value)
            if !problems.isEmpty {
                issues.invalid("\(place).value", .string(value), problems.joined(separator: ";"))
            }
            if taint.text("effect").isEmpty {
                issues.required("\(place).effect")
            } else {
                PodValidation.taintEffect(taint["effect"], "\(place).effect", &issues)
            }
            if !seen.insert("\(key)=\(taint.text("effect"))").inserted {
                issues.add(
                    FieldIssue(
                        field: place, reason: .duplicate, value: taint,
                        detail: "taints must be unique by key and effect pair"))
            }
        }
    }

    static func checkChanges(_ node: JSON, _ old: JSON, _ issues: inout Issues) {
        resources(node, &issues)
        features(node, &issues)
        var addresses: [JSON] = []
        for (index, address) in (node["status"]?.list("addresses") ?? []).enumerated() {
            if addresses.contains(address) { issues.duplicate("status.addresses[\(index)]", address) }
            addresses.append(address)
        }
        let (spec, before) = (node["spec"] ?? [:], old["spec"] ?? [:])
        if !before.list("podCIDRs").isEmpty, before.list("podCIDRs") != spec.list("podCIDRs") {
            issues.forbidden("spec.podCIDRs", "node updates may not change podCIDR except from \"\" to valid")
        }
        if !before.text("providerID").isEmpty, before.text("providerID") != spec.text("providerID") {
            issues.forbidden("spec.providerID", "node updates may not change providerID except from \"\" to valid")
        }
        taints(spec.list("taints"), "metadata.taints", &issues)
        if spec.text("externalID") != before.text("externalID") {
            issues.forbidden("spec.externalID", "may not be updated")
        }
    }

    static func roles(_ node: JSON) -> [String] {
        let prefix = "node-role.kubernetes.io/"
        var roles: Set<String> = []
        for (key, value) in node.value(at: "metadata", "labels")?.object ?? [:] {
            if key.hasPrefix(prefix) { roles.insert(String(key.dropFirst(prefix.count))) }
            if key == "kubernetes.io/role" { roles.insert(value.string ?? "") }
        }
        return roles.subtracting([""]).sorted()
    }

    @Sendable static func warnings(_ node: JSON, _ old: JSON?, _ subresource: String) -> [String] {
        guard subresource.isEmpty else { return [] }
        var found: [String] = []
        let spec = node["spec"] ?? [:]
        if spec.has("configSource") {
            found.append("spec.configSource: the feature is removed")
        }
        if !spec.text("externalID").isEmpty {
            found.append("spec.externalID: this field is deprecated, and is unused by Kubernetes")
        }
        return found
    }
}
