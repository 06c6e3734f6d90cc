public import KubeModel

/// What a Service means where it says nothing, and what it keeps when it is changed.
enum ServiceDefaults {
    @Sendable static func apply(_ service: inout JSON) {
        service.fill("spec", [:])
        var type = ""
        service.edit("spec") { spec in
            spec.fillText("type", "ClusterIP")
            spec.fillText("sessionAffinity", "None")
            type = spec.text("type")
            spec.editEach("ports") { port in
                port.fillText("protocol", "TCP")
                if port["targetPort"] == nil || port["targetPort"] == 0 || port["targetPort"] == "" {
                    port["targetPort"] = port["port"]
                }
            }
            switch spec.text("sessionAffinity") {
            case "ClientIP":
                if spec.value(at: "sessionAffinityConfig", "clientIP", "timeoutSeconds")?.int == nil {
                    spec["sessionAffinityConfig"] = ["clientIP": ["timeoutSeconds": 10800]]
                }
            case "None": spec["sessionAffinityConfig"] = nil
            default: break
            }
            if isExternal(spec) { spec.fillText("externalTrafficPolicy", "Cluster") }
            if ["ClusterIP", "NodePort", "LoadBalancer"].contains(type) {
                spec.fill("internalTrafficPolicy", "Cluster")
            }
            if type == "LoadBalancer" { spec.fill("allocateLoadBalancerNodePorts", true) }
        }
        guard type == "LoadBalancer" else { return }
        service.edit("status") { status in
            status.edit("loadBalancer") { balancer in
                balancer.editEach("ingress") { if !$0.text("ip").isEmpty { $0.fill("ipMode", "VIP") } }
            }
        }
    }

    /// True for what can be reached from outside of the cluster.
    static func isExternal(_ spec: JSON) -> Bool {
        let type = spec.text("type")
        return type == "LoadBalancer" || type == "NodePort"
            || (type == "ClusterIP" && !spec.list("externalIPs").isEmpty)
    }

    /// True when nodes have to tell a load balancer whether they have Pods of the Service.
    static func needsHealthPort(_ spec: JSON) -> Bool {
        spec.text("type") == "LoadBalancer" && spec.text("externalTrafficPolicy") == "Local"
    }

    private static func needsAddress(_ spec: JSON) -> Bool { spec.text("type") != "ExternalName" }

    private static func needsNodePort(_ spec: JSON) -> Bool {
        spec.text("type") == "NodePort"
            || (spec.text("type") == "LoadBalancer" && spec["allocateLoadBalancerNodePorts"]?.bool != false)
    }

    /// A client that leaves out what the server allocated means to keep it; what the new type has no use for goes.
    @Sendable static func keepAllocations(_ service: inout JSON, _ old: JSON) {
        let before = old["spec"] ?? [:]
        service.fill("spec", [:])
        service.edit("spec") { spec in
            spec.fillText("type", "ClusterIP")
            keep(&spec, before)
            normalize(&spec, before)
            dropUnused(&spec, before)
        }
        if service.value(at: "spec", "type") != "LoadBalancer" { service.set([:], at: "status", "loadBalancer") }
    }

    private static func keep(_ spec: inout JSON, _ old: JSON) {
        if needsAddress(old), needsAddress(spec) {
            spec.fillText("clusterIP", old.text("clusterIP"))
            if spec.list("clusterIPs").isEmpty { spec["clusterIPs"] = old["clusterIPs"] }
        }
        if needsNodePort(old), needsNodePort(spec) {
            func used(_ spec: JSON) -> Set<Int64> {
                Set(spec.list("ports").compactMap { $0["nodePort"]?.int }.filter { $0 != 0 })
            }
            let taken = used(old).intersection(used(spec))
            var known: [String: Int64] = [:]
            for port in old.list("ports") { known[port.text("name")] = port["nodePort"]?.int ?? 0 }
            spec.editEach("ports") { port in
                guard (port["nodePort"]?.int ?? 0) == 0, let number = known[port.text("name")], number != 0,
                    !taken.contains(number)
                else { return }
                port["nodePort"] = .int(number)
            }
        }
        if needsHealthPort(old), needsHealthPort(spec), (spec["healthCheckNodePort"]?.int ?? 0) == 0 {
            spec["healthCheckNodePort"] = old["healthCheckNodePort"]
        }
    }

    /// Clients that only know the older of the two fields of addresses change that one.
    private static func normalize(_ spec: inout JSON, _ old: JSON) {
        let isSameAddress = spec.text("clusterIP") == old.text("clusterIP")
        if spec.list("clusterIPs").isEmpty, isSameAddress { spec["clusterIPs"] = old["clusterIPs"] }
        guard !isSameAddress, spec.list("clusterIPs") == old.list("clusterIPs") else { return }
        spec["clusterIPs"] = spec.text("clusterIP").isEmpty ? nil : [.string(spec.text("clusterIP"))]
    }

    private static func dropUnused(_ spec: inout JSON, _ old: JSON) {
        if needsAddress(old), !needsAddress(spec) {
            if spec.list("clusterIPs") == old.list("clusterIPs") {
                spec["clusterIP"] = nil
                spec["clusterIPs"] = nil
            }
            for field in ["ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"] where spec[field] == old[field] {
                spec[field] = nil
            }
        }
        if needsNodePort(old), !needsNodePort(spec),
            spec.list("ports").map({ $0["nodePort"]?.int ?? 0 }) == old.list("ports").map({ $0["nodePort"]?.int ?? 0 })
        {
            spec.editEach("ports") { $0["nodePort"] = nil }
        }
        if needsHealthPort(old), !needsHealthPort(spec), spec["healthCheckNodePort"] == old["healthCheckNodePort"] {
            spec["healthCheckNodePort"] = nil
        }
        if old.text("type") == "LoadBalancer", spec.text("type") != "LoadBalancer" {
            for field in ["allocateLoadBalancerNodePorts", "loadBalancerClass"] where spec[field] == old[field] {
                spec[field] = nil
            }
        }
        if isExternal(old), !isExternal(spec), spec["externalTrafficPolicy"] == old["externalTrafficPolicy"] {
            spec["externalTrafficPolicy"] = nil
        }
    }
}

/// Which families of addresses a Service has.
public enum ServiceFamilies {
    /// Fills in the families of a Service before addresses are allocated, on a cluster that only has IPv4.
    ///
    /// - Parameters:
    ///   - service: the Service; its families and their policy are set.
    ///   - old: the stored Service when it is changed.
    /// - Returns: what is wrong with its addresses and families; nothing is to be allocated then.
    public static func prepare(_ service: inout JSON, old: JSON?) -> [FieldIssue] {
        var spec = service["spec"] ?? [:]
        guard spec.text("type") != "ExternalName" else { return [] }
        if old == nil, !spec.text("clusterIP").isEmpty, spec.list("clusterIPs").isEmpty {
            spec["clusterIPs"] = [.string(spec.text("clusterIP"))]
        }
        let isHeadless = spec.text("clusterIP") == "None"
        let isFree = isHeadless && (spec["selector"]?.object?.isEmpty ?? true)
        if !spec.has("ipFamilyPolicy") {
            let policy = isFree ? "RequireDualStack" : "SingleStack"
            spec["ipFamilyPolicy"] = old?.value(at: "spec", "ipFamilyPolicy") ?? .string(policy)
        }
        service["spec"] = spec
        var issues = Issues()
        ServiceValidation.addresses(service, old, &issues)
        guard issues.all.isEmpty else { return issues.all }
        families(&spec, isHeadless: isHeadless, isFree: isFree, &issues)
        service["spec"] = spec
        return issues.all
    }

    private static func families(_ spec: inout JSON, isHeadless: Bool, isFree: Bool, _ issues: inout Issues) {
        let policy = spec.text("ipFamilyPolicy")
        let field = "spec.ipFamilyPolicy"
        if policy == "SingleStack" {
            let detail = "must be 'RequireDualStack' or 'PreferDualStack' when multiple"
            if spec.list("clusterIPs").count == 2 {
                issues.invalid(field, .string(policy), "\(detail) cluster IPs are specified")
            }
            if spec.list("ipFamilies").count == 2 {
                issues.invalid(field, .string(policy), "\(detail) IP families are specified")
            }
        }
        var families = spec.list("ipFamilies")
        for (index, address) in spec.list("clusterIPs").enumerated() {
            if address == "None" { break }
            guard index >= families.count else { continue }
            if IPAddress(address.string ?? "")?.isIPv4 == false {
                issues.invalid(
                    "spec.clusterIPs[\(index)]", spec["clusterIPs"], "IPv6 is not configured on this cluster")
            } else {
                families.append("IPv4")
            }
        }
        guard issues.all.isEmpty else { return }
        if isFree {
            if families.isEmpty { families = ["IPv4"] }
            if families.count < 2, policy != "SingleStack" { families.append(families[0] == "IPv4" ? "IPv6" : "IPv4") }
            spec["ipFamilies"] = .array(families)
            return
        }
        if policy == "RequireDualStack" {
            issues.invalid(field, .string(policy), "this cluster is not configured for dual-stack services")
        }
        for (index, family) in families.enumerated() where family != "IPv4" {
            issues.invalid("spec.ipFamilies[\(index)]", family, "not configured on this cluster")
        }
        spec["ipFamilies"] = families.isEmpty ? ["IPv4"] : .array(families)
    }
}
