import Foundation
import KubeModel

extension BuiltinKinds {
    static let service = kind(
        .services, short: ["svc"], categories: ["all"], hasStatus: true, subresources: ["proxy"],
        defaults: ServiceRules.applyDefaults,
        create: { $0["status"] = ["loadBalancer": [:]] },
        update: ServiceRules.keepAllocations,
        validate: ServiceRules.validate,
        columns: [
            .name, TableColumn("Type"), TableColumn("Cluster-IP"), TableColumn("External-IP"), TableColumn("Port(s)"),
            .age,
            TableColumn("Selector", priority: 1),
        ],
        cells: { object, now in
            let spec = object["spec"] ?? [:]
            let ports = spec.list("ports").map { port in
                let node = port["nodePort"]?.int ?? 0
                return "\(port["port"]?.int ?? 0)\(node > 0 ? ":\(node)" : "")/\(port.text("protocol"))"
            }
            return [
                Cell.name(object), Cell.text(spec["type"]), Cell.text(spec["clusterIP"], or: "<none>"),
                .string(ServiceRules.externalAddress(object)),
                .string(ports.isEmpty ? "<none>" : ports.joined(separator: ",")), Cell.age(object, now),
                Cell.labels(spec["selector"]),
            ]
        })

    static let endpoints = kind(
        .endpoints, short: ["ep"],
        defaults: { $0.editEach("subsets") { $0.editEach("ports") { $0.fillText("protocol", "TCP") } } },
        validate: { object, _, issues in
            for (index, subset) in object.list("subsets").enumerated() {
                let path = "subsets[\(index)]"
                if subset.list("addresses").isEmpty, subset.list("notReadyAddresses").isEmpty {
                    issues.required(path, "must specify `addresses` or `notReadyAddresses`")
                }
                for list in ["addresses", "notReadyAddresses"] {
                    for (place, address) in subset.list(list).enumerated() {
                        NetworkRules.checkAddress(address.text("ip"), "\(path).\(list)[\(place)].ip", &issues)
                    }
                }
                for (place, port) in subset.list("ports").enumerated() {
                    if subset.list("ports").count > 1, port.text("name").isEmpty {
                        issues.required("\(path).ports[\(place)].name")
                    }
                    for problem in NameRules.port(port["port"]?.int ?? 0) {
                        issues.invalid("\(path).ports[\(place)].port", port["port"] ?? 0, problem)
                    }
                }
            }
        },
        columns: [.name, TableColumn("Endpoints"), .age],
        cells: { object, now in
            var all: [String] = []
            for subset in object.list("subsets") {
                let hosts = subset.list("addresses").map { $0.text("ip") }
                let ports = subset.list("ports").compactMap { $0["port"]?.int }
                if ports.isEmpty { all += hosts }
                for port in ports { all += hosts.map { "\($0):\(port)" } }
            }
            return [Cell.name(object), .string(shortened(all, to: 3, unit: "")), Cell.age(object, now)]
        })

    /// The first few of a list, and how many more there are.
    static func shortened(_ all: [String], to count: Int, unit: String) -> String {
        if all.isEmpty { return "<none>" }
        let text = all.prefix(count).joined(separator: ",")
        return all.count > count ? "\(text) + \(all.count - count) more..." : text
    }
}

/// Rules of Services.
enum ServiceRules {
    @Sendable static func applyDefaults(_ service: inout JSON) {
        service.fill("spec", [:])
        service.edit("spec") { spec in
            spec.fillText("type", "ClusterIP")
            spec.fillText("sessionAffinity", "None")
            let type = spec.text("type")
            spec.editEach("ports") { port in
                port.fillText("protocol", "TCP")
                if port["targetPort"] == nil || port["targetPort"] == 0 || port["targetPort"] == "" {
                    port["targetPort"] = port["port"]
                }
            }
            if spec.text("sessionAffinity") == "ClientIP" {
                spec.fill("sessionAffinityConfig", ["clientIP": ["timeoutSeconds": 10800]])
            } else {
                spec["sessionAffinityConfig"] = nil
            }
            guard type != "ExternalName" else { return }
            spec.fillText("internalTrafficPolicy", "Cluster")
            if type != "ClusterIP" { spec.fillText("externalTrafficPolicy", "Cluster") }
            if type == "LoadBalancer" { spec.fill("allocateLoadBalancerNodePorts", true) }
            spec.fill("ipFamilies", ["IPv4"])
            spec.fillText("ipFamilyPolicy", "SingleStack")
            let address = spec.text("clusterIP")
            if !address.isEmpty { spec.fill("clusterIPs", [.string(address)]) }
            if address.isEmpty, let first = spec.list("clusterIPs").first { spec["clusterIP"] = first }
        }
    }

    /// A client that leaves out what the server allocated means to keep it.
    @Sendable static func keepAllocations(_ service: inout JSON, _ old: JSON) {
        let before = old["spec"] ?? [:]
        guard before.text("type") != "ExternalName" else { return }
        service.edit("spec") { spec in
            guard spec.text("type") != "ExternalName" else {
                if !spec.has("clusterIP") || spec["clusterIP"] == before["clusterIP"] {
                    for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"] {
                        spec[field] = nil
                    }
                }
                return
            }
            for field in ["clusterIP", "clusterIPs"] where spec[field] == nil || spec[field] == "" || spec[field] == []
            {
                spec[field] = before[field]
            }
            // The older field alone was changed: the list follows.
            if spec.text("clusterIP") != before.text("clusterIP"), spec["clusterIPs"] == before["clusterIPs"] {
                spec["clusterIPs"] = [spec["clusterIP"] ?? ""]
            }
            guard spec.text("type") != "ClusterIP" || !spec.has("type") else {
                spec.editEach("ports") { $0["nodePort"] = nil }
                return
            }
            spec.editEach("ports") { port in
                guard (port["nodePort"]?.int ?? 0) == 0 else { return }
                let same = before.list("ports").first {
                    $0["port"] == port["port"] && $0.text("protocol") == (port["protocol"]?.string ?? "TCP")
                }
                if let number = same?["nodePort"] { port["nodePort"] = number }
            }
        }
    }

    @Sendable static func validate(_ service: JSON, _ old: JSON?, _ issues: inout Issues) {
        let spec = service["spec"] ?? [:]
        let type = spec.text("type")
        issues.oneOf(
            "spec.type", spec["type"], ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"], isRequired: true)
        issues.oneOf("spec.sessionAffinity", spec["sessionAffinity"], ["ClientIP", "None"], isRequired: true)
        issues.add(MetadataRules.labels(spec["selector"], "spec.selector"))
        let address = spec.text("clusterIP")
        let isHeadless = address == "None"
        if type == "ExternalName" {
            let name = spec.text("externalName").lowercased()
            if name.isEmpty {
                issues.required("spec.externalName")
            } else {
                let host = name.hasSuffix(".") ? String(name.dropLast()) : name
                issues.invalid("spec.externalName", name, NameRules.subdomain(host))
            }
            if !address.isEmpty, !isHeadless {
                issues.forbidden("spec.clusterIPs", "may not be set for ExternalName services")
            }
        } else {
            if spec.list("ports").isEmpty, !isHeadless { issues.required("spec.ports") }
            if isHeadless, type != "ClusterIP" {
                issues.invalid("spec.clusterIPs[0]", "None", "may not be set to 'None' for \(type) services")
            }
            if !address.isEmpty, !isHeadless { NetworkRules.checkAddress(address, "spec.clusterIPs[0]", &issues) }
        }
        ports(spec, type, &issues)
        for (index, external) in spec.list("externalIPs").enumerated() {
            NetworkRules.checkAddress(external.string ?? "", "spec.externalIPs[\(index)]", &issues)
        }
        issues.oneOf("spec.internalTrafficPolicy", spec["internalTrafficPolicy"], ["Cluster", "Local"])
        issues.oneOf("spec.externalTrafficPolicy", spec["externalTrafficPolicy"], ["Cluster", "Local"])
        issues.oneOf(
            "spec.ipFamilyPolicy", spec["ipFamilyPolicy"], ["PreferDualStack", "RequireDualStack", "SingleStack"])
        guard let before = old?["spec"], before.text("type") != "ExternalName", type != "ExternalName" else { return }
        let was = before.text("clusterIP")
        if !was.isEmpty, was != address {
            issues.invalid("spec.clusterIPs[0]", spec["clusterIPs"] ?? [], "may not change once set")
        }
    }

    private static func ports(_ spec: JSON, _ type: String, _ issues: inout Issues) {
        let ports = spec.list("ports")
        var names: Set<String> = []
        var seen: Set<String> = []
        for (index, port) in ports.enumerated() {
            let path = "spec.ports[\(index)]"
            let name = port.text("name")
            if name.isEmpty {
                if ports.count > 1 { issues.required("\(path).name") }
            } else {
                issues.invalid("\(path).name", name, NameRules.label(name))
                if !names.insert(name).inserted { issues.duplicate("\(path).name", .string(name)) }
            }
            for problem in NameRules.port(port["port"]?.int ?? 0) {
                issues.invalid("\(path).port", port["port"] ?? 0, problem)
            }
            issues.oneOf("\(path).protocol", port["protocol"], ["SCTP", "TCP", "UDP"], isRequired: true)
            switch port["targetPort"] {
            case .int(let number):
                for problem in NameRules.port(number) { issues.invalid("\(path).targetPort", .int(number), problem) }
            case .string(let target): issues.invalid("\(path).targetPort", target, NameRules.portName(target))
            default: break
            }
            if type == "ClusterIP" || type == "ExternalName", (port["nodePort"]?.int ?? 0) != 0 {
                issues.forbidden("\(path).nodePort", "may not be used when `type` is '\(type)'")
            }
            if !seen.insert("\(port["port"]?.int ?? 0)/\(port.text("protocol"))").inserted {
                issues.duplicate(path, ["port": port["port"] ?? 0, "protocol": port["protocol"] ?? "TCP"])
            }
        }
    }

    static func externalAddress(_ service: JSON) -> String {
        let spec = service["spec"] ?? [:]
        let external = spec.list("externalIPs").compactMap(\.string)
        switch spec.text("type") {
        case "ExternalName": return spec.text("externalName")
        case "LoadBalancer":
            let balanced = (service.value(at: "status", "loadBalancer")?.list("ingress") ?? []).map { ingress in
                ingress.text("ip").isEmpty ? ingress.text("hostname") : ingress.text("ip")
            }
            let all = balanced + external
            return all.isEmpty ? "<pending>" : all.joined(separator: ",")
        default: return external.isEmpty ? "<none>" : external.joined(separator: ",")
        }
    }
}
