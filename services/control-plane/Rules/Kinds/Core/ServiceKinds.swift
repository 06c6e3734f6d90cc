import Foundation
import KubeModel

extension BuiltinKinds {
    static let service = kind(
        .services, short: ["svc"], categories: ["all"], hasStatus: true, subresources: ["proxy"],
        defaults: ServiceDefaults.apply,
        create: { $0["status"] = ["loadBalancer": [:]] },
        update: ServiceDefaults.keepAllocations,
        validate: ServiceValidation.check,
        validateStatus: ServiceValidation.status,
        warnings: ServiceValidation.warnings,
        columns: [
            .name, TableColumn("Type"), TableColumn("Cluster-IP"), TableColumn("External-IP"), TableColumn("Port(s)"),
            .age, TableColumn("Selector", priority: 1),
        ],
        cells: { object, now in
            let spec = object["spec"] ?? [:]
            let ports = spec.list("ports").map { port in
                let node = port["nodePort"]?.int ?? 0
                return "\(port["port"]?.int ?? 0)\(node > 0 ? ":\(node)" : "")/\(port.text("protocol"))"
            }
            return [
                Cell.name(object), Cell.text(spec["type"]), spec.list("clusterIPs").first ?? "<none>",
                .string(externalAddress(object)),
                .string(ports.isEmpty ? "<none>" : ports.joined(separator: ",")), Cell.age(object, now),
                Cell.labels(spec["selector"]),
            ]
        })

    static func externalAddress(_ service: JSON) -> String {
        let spec = service["spec"] ?? [:]
        let external = spec.list("externalIPs").compactMap(\.string)
        switch spec.text("type") {
        case "ExternalName": return spec.text("externalName")
        case "LoadBalancer":
            let balanced = (service.value(at: "status", "loadBalancer")?.list("ingress") ?? []).map { ingress in
                ingress.text("ip").isEmpty ? ingress.text("hostname") : ingress.text("ip")
            }
            let all = Set(balanced).subtracting([""]).sorted() + external
            return all.isEmpty ? "<pending>" : all.joined(separator: ",")
        case "ClusterIP", "NodePort": return external.isEmpty ? "<none>" : external.joined(separator: ",")
        default: return "<unknown>"
        }
    }

    static let endpoints = kind(
        .endpoints, short: ["ep"],
        defaults: { $0.editEach("subsets") { $0.editEach("ports") { $0.fillText("protocol", "TCP") } } },
        validate: { object, old, issues in
            if let old, old["subsets"] == object["subsets"] { return }
            for (index, subset) in object.list("subsets").enumerated() {
                endpointSubset(subset, "subsets[\(index)]", &issues)
            }
        },
        warnings: { object, _, _ in
            if object.value(at: "metadata", "labels", "endpoints.kubernetes.io/managed-by") == "endpoint-controller" {
                return []
            }
            return object.list("subsets").enumerated().flatMap { index, subset in
                ["addresses", "notReadyAddresses"].flatMap { list in
                    subset.list(list).enumerated().flatMap { position, address in
                        NetworkRules.warnings(address.text("ip"), "subsets[\(index)].\(list)[\(position)].ip")
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
                for port in ports { all += hosts.map { "\($0.contains(":") ? "[\($0)]" : $0):\(port)" } }
            }
            let shown = object.list("subsets").isEmpty || !all.isEmpty ? shortened(all, to: 3, unit: "") : ""
            return [Cell.name(object), .string(shown), Cell.age(object, now)]
        })

    private static func endpointSubset(_ subset: JSON, _ path: String, _ issues: inout Issues) {
        if subset.list("addresses").isEmpty, subset.list("notReadyAddresses").isEmpty {
            issues.required(path, "must specify `addresses` or `notReadyAddresses`")
        }
        for list in ["addresses", "notReadyAddresses"] {
            for (index, address) in subset.list(list).enumerated() {
                let place = "\(path).\(list)[\(index)]"
                NetworkRules.checkAddress(address.text("ip"), "\(place).ip", &issues)
                issues.name("\(place).hostname", address.text("hostname"), NameRules.label)
                if let node = address["nodeName"]?.string {
                    issues.invalid("\(place).nodeName", node, NameRules.subdomain(node))
                }
                NetworkRules.checkEndpoint(address.text("ip"), "\(place).ip", &issues)
            }
        }
        for (index, port) in subset.list("ports").enumerated() {
            let place = "\(path).ports[\(index)]"
            let name = port.text("name")
            if name.isEmpty, subset.list("ports").count > 1 { issues.required("\(place).name") }
            issues.name("\(place).name", name, NameRules.label)
            issues.range("\(place).port", .int(port["port"]?.int ?? 0), 1...65_535)
            issues.supported("\(place).protocol", port["protocol"], ["SCTP", "TCP", "UDP"], isRequired: true)
            if let application = port["appProtocol"]?.string {
                issues.invalid("\(place).appProtocol", application, NameRules.qualifiedName(application))
            }
        }
    }

    /// The first few of a list, and how many more there are.
    static func shortened(_ all: [String], to count: Int, unit: String) -> String {
        if all.isEmpty { return "<none>" }
        let text = all.prefix(count).joined(separator: ",")
        return all.count > count ? "\(text) + \(all.count - count) more..." : text
    }
}
