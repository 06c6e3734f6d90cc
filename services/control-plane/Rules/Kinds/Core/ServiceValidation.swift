import KubeModel

/// What a Service may say.
enum ServiceValidation {
    private static let types = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]
    private static let onlyBalanced = "may only be used when `type` is 'LoadBalancer'"

    @Sendable static func check(_ service: JSON, _ old: JSON?, _ issues: inout Issues) {
        let spec = service["spec"] ?? [:]
        let type = spec.text("type")
        if let old { changes(service, old, &issues) }
        annotations(service, type, old, &issues)
        let isHeadless = spec.list("clusterIPs") == ["None"]
        if spec.list("ports").isEmpty, !isHeadless, type != "ExternalName" { issues.required("spec.ports") }
        if isHeadless, type == "LoadBalancer" || type == "NodePort" {
            issues.invalid("spec.clusterIPs[0]", "None", "may not be set to 'None' for \(type) services")
        }
        if type == "ExternalName" { externalName(spec, &issues) }
        ports(spec, type, &issues)
        issues.add(MetadataRules.labels(spec["selector"], "spec.selector"))
        affinity(spec, &issues)
        addresses(service, old, &issues)
        let known = old?["spec"]?.list("externalIPs") ?? []
        for (index, address) in spec.list("externalIPs").enumerated() {
            let text = address.string ?? ""
            let before = issues.all.count
            if !known.contains(address) { NetworkRules.checkAddress(text, "spec.externalIPs[\(index)]", &issues) }
            if issues.all.count == before { NetworkRules.checkEndpoint(text, "spec.externalIPs[\(index)]", &issues) }
        }
        issues.supported("spec.type", spec["type"], types, isRequired: true)
        balancer(spec, type, &issues)
        policies(spec, type, &issues)
    }

    private static func externalName(_ spec: JSON, _ issues: inout Issues) {
        let isHeadless = spec.text("clusterIP") == "None"
        for field in ["clusterIPs", "ipFamilies", "ipFamilyPolicy"]
        where !(spec[field]?.isUnset ?? true) || (field == "clusterIPs" && isHeadless) {
            issues.forbidden("spec.\(field)", "may not be set for ExternalName services")
        }
        let name = spec.text("externalName")
        let host = name.hasSuffix(".") ? String(name.dropLast()) : name
        issues.requiredName("spec.externalName", host, NameRules.subdomain)
    }

    private static func annotations(_ service: JSON, _ type: String, _ old: JSON?, _ issues: inout Issues) {
        let annotations = service.value(at: "metadata", "annotations")?.stringMap ?? [:]
        let hints = "service.kubernetes.io/topology-aware-hints"
        if let mode = annotations["service.kubernetes.io/topology-mode"], let hint = annotations[hints], mode != hint {
            issues.invalid(
                "metadata.annotations[service.kubernetes.io/topology-mode]", .string(mode),
                "must match annotations[\(hints)] when both are specified")
        }
        let ranges = "service.beta.kubernetes.io/load-balancer-source-ranges"
        guard let value = annotations[ranges], service["spec"]?.list("loadBalancerSourceRanges").isEmpty ?? true
        else { return }
        let field = "metadata.annotations[\(ranges)]"
        if type != "LoadBalancer" { issues.forbidden(field, onlyBalanced) }
        guard old?.value(at: "metadata", "annotations", ranges)?.string != value else { return }
        let trimmed = value.filter { !$0.isWhitespace }
        guard !trimmed.isEmpty else { return }
        for range in trimmed.split(separator: ",", omittingEmptySubsequences: false) {
            NetworkRules.checkNetwork(String(range), field, &issues)
        }
    }

    private static func ports(_ spec: JSON, _ type: String, _ issues: inout Issues) {
        let ports = spec.list("ports")
        var names: Set<String> = []
        for (index, port) in ports.enumerated() {
            let path = "spec.ports[\(index)]"
            let name = port.text("name")
            if name.isEmpty {
                if ports.count > 1 { issues.required("\(path).name") }
            } else {
                issues.invalid("\(path).name", name, NameRules.label(name))
                if !names.insert(name).inserted { issues.duplicate("\(path).name", .string(name)) }
            }
            issues.range("\(path).port", .int(port["port"]?.int ?? 0), 1...65_535)
            issues.supported("\(path).protocol", port["protocol"], ["SCTP", "TCP", "UDP"], isRequired: true)
            PodValidation.port(port["targetPort"], "\(path).targetPort", &issues)
            if let application = port["appProtocol"]?.string {
                issues.invalid("\(path).appProtocol", application, NameRules.qualifiedName(application))
            }
            if type == "ClusterIP", (port["nodePort"]?.int ?? 0) != 0 {
                issues.forbidden("\(path).nodePort", "may not be used when `type` is 'ClusterIP'")
            }
        }
        var taken: Set<String> = []
        var seen: Set<String> = []
        for (index, port) in ports.enumerated() {
            let path = "spec.ports[\(index)]"
            let family = port.text("protocol")
            if let node = port["nodePort"]?.int, node != 0, !taken.insert("\(family)/\(node)").inserted {
                issues.duplicate("\(path).nodePort", .int(node))
            }
            let number = port["port"]?.int ?? 0
            if !seen.insert("\(number)/\(family)").inserted {
                issues.duplicate(path, ["port": .int(number), "protocol": .string(family)])
            }
        }
    }

    private static func affinity(_ spec: JSON, _ issues: inout Issues) {
        issues.supported("spec.sessionAffinity", spec["sessionAffinity"], ["ClientIP", "None"], isRequired: true)
        let config = spec["sessionAffinityConfig"] ?? .null
        let field = "spec.sessionAffinityConfig"
        switch spec.text("sessionAffinity") {
        case "ClientIP":
            guard let seconds = config.value(at: "clientIP", "timeoutSeconds")?.int else {
                return issues.required(field, "when session affinity type is ClientIP")
            }
            if seconds <= 0 || seconds > 86_400 {
                issues.invalid(
                    "\(field).clientIP.timeoutSeconds", .int(seconds), "must be greater than 0 and less than 86400")
            }
        case "None":
            if !config.isNull { issues.forbidden(field, "must not be set when session affinity is None") }
        default: break
        }
    }

    private static func balancer(_ spec: JSON, _ type: String, _ issues: inout Issues) {
        let ranges = spec.list("loadBalancerSourceRanges")
        // The field is written with a capital here, as the real server has it.
        if !ranges.isEmpty, type != "LoadBalancer" {
            issues.forbidden("spec.LoadBalancerSourceRanges", onlyBalanced)
        }
        for (index, range) in ranges.enumerated() {
            let text = (range.string ?? "").filter { !$0.isWhitespace }
            NetworkRules.checkNetwork(text, "spec.LoadBalancerSourceRanges[\(index)]", &issues)
        }
        if type != "LoadBalancer", spec.has("allocateLoadBalancerNodePorts") {
            issues.forbidden("spec.allocateLoadBalancerNodePorts", onlyBalanced)
        }
        guard let name = spec["loadBalancerClass"]?.string else { return }
        if type == "LoadBalancer" {
            issues.invalid("spec.loadBalancerClass", name, NameRules.qualifiedName(name))
        } else {
            issues.forbidden("spec.loadBalancerClass", onlyBalanced)
        }
    }

    private static func policies(_ spec: JSON, _ type: String, _ issues: inout Issues) {
        let external = spec["externalTrafficPolicy"]
        if ServiceDefaults.isExternal(spec) {
            issues.supported("spec.externalTrafficPolicy", external, ["Cluster", "Local"], isRequired: true)
        } else if !(external?.isUnset ?? true) {
            issues.invalid(
                "spec.externalTrafficPolicy", external, "may only be set for externally-accessible services")
        }
        let health = spec["healthCheckNodePort"]?.int ?? 0
        if !ServiceDefaults.needsHealthPort(spec) {
            if health != 0 {
                issues.invalid(
                    "spec.healthCheckNodePort", .int(health),
                    "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'")
            }
        } else if health == 0 {
            issues.required("spec.healthCheckNodePort")
        } else {
            issues.range("spec.healthCheckNodePort", .int(health), 1...65_535)
        }
        if let policy = spec["internalTrafficPolicy"], !policy.isNull {
            issues.supported("spec.internalTrafficPolicy", policy, ["Cluster", "Local"])
        } else if type != "ExternalName", types.contains(type) {
            issues.required("spec.internalTrafficPolicy")
        }
        if let distribution = spec["trafficDistribution"], !distribution.isNull {
            issues.supported(
                "spec.trafficDistribution", distribution, ["PreferClose", "PreferSameZone", "PreferSameNode"])
        }
    }

    /// The addresses inside of the cluster, and their families.
    static func addresses(_ service: JSON, _ old: JSON?, _ issues: inout Issues) {
        let spec = service["spec"] ?? [:]
        guard spec.text("type") != "ExternalName" else { return }
        let field = "spec.clusterIPs"
        let value = spec["clusterIPs"]
        let addresses = spec.list("clusterIPs").map { $0.string ?? "" }
        let single = spec.text("clusterIP")
        if single.isEmpty {
            if !addresses.isEmpty { issues.invalid(field, value, "must be empty when `clusterIP` is not specified") }
        } else if addresses.isEmpty {
            issues.required(field)
        } else if addresses[0] != single {
            issues.invalid(field, value, "first value must match `clusterIP`")
        }
        var families: Set<String> = []
        let listed = spec.list("ipFamilies").map { $0.string ?? "" }
        for (index, family) in listed.enumerated() {
            issues.supported("spec.ipFamilies[\(index)]", .string(family), ["IPv4", "IPv6"])
            if !families.insert(family).inserted {
                issues.duplicate("spec.ipFamilies[\(index)]", .string(family))
            }
        }
        if spec.has("ipFamilyPolicy") {
            issues.supported(
                "spec.ipFamilyPolicy", spec["ipFamilyPolicy"], ["PreferDualStack", "RequireDualStack", "SingleStack"])
        }
        let known = old?["spec"]?.list("clusterIPs").compactMap(\.string) ?? []
        let before = issues.all.count
        for (index, address) in addresses.enumerated() {
            if index == 0, address == "None" {
                if addresses.count > 1 { issues.invalid(field, value, "'None' must be the first and only value") }
            } else if !known.contains(address) {
                NetworkRules.checkAddress(address, "\(field)[\(index)]", &issues)
            }
        }
        let isBroken = issues.all.count > before
        if addresses.count > 2 { issues.invalid(field, value, "may only hold up to 2 values") }
        guard !isBroken else { return }
        let kinds = addresses.map { IPAddress($0)?.isIPv4 }
        if addresses.count > 1, Set(kinds).count < addresses.count {
            issues.invalid(field, value, "may specify no more than one IP for each IP family")
        }
        guard addresses != ["None"] else { return }
        for (index, (family, isIPv4)) in zip(listed, kinds).enumerated() {
            guard let isIPv4, family == "IPv4" && !isIPv4 || family == "IPv6" && isIPv4 else { continue }
            issues.invalid(
                "\(field)[\(index)]", .string(addresses[index]),
                "expected an \(family) value as indicated by `ipFamilies[\(index)]`")
        }
    }

    // MARK: Changes

    private static func changes(_ service: JSON, _ old: JSON, _ issues: inout Issues) {
        let (spec, before) = (service["spec"] ?? [:], old["spec"] ?? [:])
        if spec.text("type") != "ExternalName", before.text("type") != "ExternalName" {
            let isHeadless = (spec.list("clusterIPs") == ["None"], before.list("clusterIPs") == ["None"])
            if isHeadless != (true, true) {
                list("clusterIPs", "clusterIP", spec, before, &issues)
                if isHeadless == (false, false) { list("ipFamilies", "ipFamily", spec, before, &issues) }
            }
        }
        if spec.text("type") == "LoadBalancer", before.text("type") == "LoadBalancer",
            (spec["loadBalancerClass"] ?? .null) != (before["loadBalancerClass"] ?? .null)
        {
            issues.invalid("spec.loadBalancerClass", spec["loadBalancerClass"] ?? .null, "may not change once set")
        }
        if ServiceDefaults.needsHealthPort(spec), ServiceDefaults.needsHealthPort(before),
            spec["healthCheckNodePort"] != before["healthCheckNodePort"]
        {
            issues.forbidden("spec.healthCheckNodePort", "field is immutable")
        }
    }

    /// The first entry stays; a second one may come, and go when the policy says so.
    private static func list(
        _ key: String, _ name: String, _ spec: JSON, _ before: JSON, _ issues: inout Issues
    ) {
        let (new, old) = (spec.list(key), before.list(key))
        let field = "spec.\(key)"
        let value = spec[key] ?? .null
        if new.count == old.count {
            for (index, (now, was)) in zip(new, old).enumerated() where now != was {
                let place = key == "clusterIPs" ? index : 0
                issues.invalid("\(field)[\(place)]", value, "may not change once set")
            }
            return
        }
        if new.isEmpty { issues.invalid("\(field)[0]", value, "primary \(name) can not be unset") }
        if let first = new.first, let was = old.first, first != was {
            issues.invalid("\(field)[0]", value, "may not change once set")
        }
        if new.count < old.count, new.count == 1, spec.text("ipFamilyPolicy") != "SingleStack" {
            issues.invalid(
                "spec.ipFamilyPolicy", spec["ipFamilyPolicy"] ?? .null,
                "must be set to 'SingleStack' when releasing the secondary \(name)")
        }
    }

    static func status(_ service: JSON, _ old: JSON, _ issues: inout Issues) {
        let path = "status.loadBalancer.ingress"
        let entries = service.value(at: "status", "loadBalancer")?.list("ingress") ?? []
        let known = (old.value(at: "status", "loadBalancer")?.list("ingress") ?? []).map { $0.text("ip") }
        if service.value(at: "spec", "type") != "LoadBalancer" {
            if !entries.isEmpty { issues.forbidden(path, "may only be used when `spec.type` is 'LoadBalancer'") }
            return
        }
        for (index, entry) in entries.enumerated() {
            let place = "\(path)[\(index)]"
            let ip = entry.text("ip")
            if !ip.isEmpty, !known.contains(ip) { NetworkRules.checkAddress(ip, "\(place).ip", &issues) }
            if let mode = entry["ipMode"], !mode.isNull {
                if ip.isEmpty {
                    issues.forbidden("\(place).ipMode", "may not be specified when `ip` is not set")
                } else {
                    issues.supported("\(place).ipMode", mode, ["Proxy", "VIP"])
                }
            } else if !ip.isEmpty {
                issues.required("\(place).ipMode", "must be specified when `ip` is set")
            }
            let host = entry.text("hostname")
            guard !host.isEmpty else { continue }
            issues.invalid("\(place).hostname", host, NameRules.subdomain(host))
            if NetworkRules.isAddress(host) {
                issues.invalid("\(place).hostname", .string(host), "must be a DNS name, not an IP address")
            }
        }
    }

    static func warnings(_ service: JSON, _ old: JSON?, _ subresource: String) -> [String] {
        guard subresource.isEmpty else { return [] }
        let spec = service["spec"] ?? [:]
        let type = spec.text("type")
        let isHeadless = type == "ClusterIP" && spec.text("clusterIP") == "None"
        let external = spec.list("externalIPs").map { $0.string ?? "" }
        var found: [String] = []
        if service.value(at: "metadata", "annotations", "service.kubernetes.io/topology-aware-hints") != nil {
            found.append(
                "annotation service.kubernetes.io/topology-aware-hints is deprecated, please use service.kubernetes.io/topology-mode instead"
            )
        }
        for (index, address) in spec.list("clusterIPs").enumerated() where address != "None" {
            found += NetworkRules.warnings(address.string ?? "", "spec.clusterIPs[\(index)]")
        }
        if isHeadless {
            if !spec.text("loadBalancerIP").isEmpty {
                found.append("spec.loadBalancerIP is ignored for headless services")
            }
            if !external.isEmpty { found.append("spec.externalIPs is ignored for headless services") }
            if spec.text("sessionAffinity") != "None" {
                found.append("spec.SessionAffinity is ignored for headless services")
            }
        }
        for (index, address) in external.enumerated() {
            found += NetworkRules.warnings(address, "spec.externalIPs[\(index)]")
        }
        if !external.isEmpty, !isHeadless, type != "ExternalName" {
            found.append("spec.externalIPs is deprecated and may no longer be implemented in some clusters")
        }
        if type == "ExternalName", !external.isEmpty {
            found.append("spec.externalIPs is ignored when spec.type is \"ExternalName\"")
        }
        if type != "ExternalName", !spec.text("externalName").isEmpty {
            found.append("spec.externalName is ignored when spec.type is not \"ExternalName\"")
        }
        if spec.text("trafficDistribution") == "PreferClose" {
            found.append("spec.trafficDistribution: \"PreferClose\" is deprecated; use \"PreferSameZone\"")
        }
        return found
    }
}
