import Foundation
import KubeModel

extension BuiltinKinds {
    static let ingresses = ResourceType("networking.k8s.io", "v1", "ingresses", "Ingress")
    static let ingressClasses = ResourceType(
        "networking.k8s.io", "v1", "ingressclasses", "IngressClass", isNamespaced: false)
    static let networkPolicies = ResourceType("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy")

    static let networking: [KindDefinition] = [endpointSlice, networkPolicy, ingress, ingressClass]

    private static let endpointSlice = kind(
        .endpointSlices,
        defaults: {
            $0.editEach("ports") { port in
                port.fill("name", "")
                port.fillText("protocol", "TCP")
            }
        },
        validate: { object, old, issues in
            issues.oneOf("addressType", object["addressType"], ["FQDN", "IPv4", "IPv6"], isRequired: true)
            for (index, endpoint) in object.list("endpoints").enumerated() {
                if endpoint.list("addresses").isEmpty {
                    issues.required("endpoints[\(index)].addresses", "must contain at least 1 address")
                }
                guard object.text("addressType") != "FQDN" else { continue }
                for (place, address) in endpoint.list("addresses").enumerated() {
                    NetworkRules.checkAddress(address.string ?? "", "endpoints[\(index)].addresses[\(place)]", &issues)
                }
            }
            if let old { issues.immutable("addressType", object["addressType"], old["addressType"]) }
        },
        columns: [.name, TableColumn("AddressType"), TableColumn("Ports"), TableColumn("Endpoints"), .age],
        cells: { object, now in
            let ports = object.list("ports").map { $0["port"]?.int.map(String.init) ?? "*" }
            let addresses = object.list("endpoints").flatMap { $0.list("addresses").compactMap(\.string) }
            return [
                Cell.name(object), Cell.text(object["addressType"]),
                .string(ports.isEmpty ? "<unset>" : shortened(ports, to: 3, unit: "")),
                .string(addresses.isEmpty ? "<unset>" : shortened(addresses, to: 3, unit: "")), Cell.age(object, now),
            ]
        })

    private static let networkPolicy = kind(
        networkPolicies, short: ["netpol"],
        defaults: { object in
            object.edit("spec") { spec in
                if spec.list("policyTypes").isEmpty {
                    spec["policyTypes"] = spec.list("egress").isEmpty ? ["Ingress"] : ["Ingress", "Egress"]
                }
                for list in ["ingress", "egress"] {
                    spec.editEach(list) { $0.editEach("ports") { $0.fillText("protocol", "TCP") } }
                }
            }
        },
        validate: { object, _, issues in
            let spec = object["spec"] ?? [:]
            SelectorRules.check(spec["podSelector"], "spec.podSelector", &issues)
            for (list, peers) in [("ingress", "from"), ("egress", "to")] {
                for (index, rule) in spec.list(list).enumerated() {
                    for (place, peer) in rule.list(peers).enumerated() {
                        let path = "spec.\(list)[\(index)].\(peers)[\(place)]"
                        guard let block = peer["ipBlock"] else {
                            if peer.object?.isEmpty ?? true { issues.required(path, "must specify a peer") }
                            continue
                        }
                        NetworkRules.checkNetwork(block.text("cidr"), "\(path).ipBlock.cidr", &issues)
                    }
                }
            }
            for (index, type) in spec.list("policyTypes").enumerated() {
                issues.oneOf("spec.policyTypes[\(index)]", type, ["Egress", "Ingress"])
            }
        },
        columns: [.name, TableColumn("Pod-Selector"), .age],
        cells: { [Cell.name($0), Cell.selector($0.value(at: "spec", "podSelector")), Cell.age($0, $1)] })

    private static let ingress = kind(
        ingresses, short: ["ing"], hasStatus: true,
        create: { $0["status"] = ["loadBalancer": [:]] },
        validate: { object, _, issues in
            let spec = object["spec"] ?? [:]
            if spec.list("rules").isEmpty, !spec.has("defaultBackend") {
                issues.invalid("spec", spec, "either `defaultBackend` or `rules` must be specified")
            }
            for (index, rule) in spec.list("rules").enumerated() {
                let host = rule.text("host")
                if !host.isEmpty {
                    let plain = host.hasPrefix("*.") ? String(host.dropFirst(2)) : host
                    issues.invalid("spec.rules[\(index)].host", host, NameRules.subdomain(plain))
                }
                for (place, path) in (rule["http"]?.list("paths") ?? []).enumerated() {
                    let field = "spec.rules[\(index)].http.paths[\(place)]"
                    issues.oneOf(
                        "\(field).pathType", path["pathType"], ["Exact", "ImplementationSpecific", "Prefix"],
                        isRequired: true)
                    if path.text("pathType") != "ImplementationSpecific", !path.text("path").hasPrefix("/") {
                        issues.invalid("\(field).path", path["path"] ?? "", "must be an absolute path")
                    }
                    let backend = path["backend"] ?? [:]
                    if let service = backend["service"] {
                        if service.text("name").isEmpty { issues.required("\(field).backend.service.name") }
                        if service.value(at: "port", "number") == nil, service.value(at: "port", "name") == nil {
                            issues.required("\(field).backend", "port name or number is required")
                        }
                    } else if !backend.has("resource") {
                        issues.required("\(field).backend", "resource or service backend is required")
                    }
                }
            }
        },
        columns: [
            .name, TableColumn("Class"), TableColumn("Hosts"), TableColumn("Address"), TableColumn("Ports"), .age,
        ],
        cells: { object, now in
            let spec = object["spec"] ?? [:]
            let hosts = spec.list("rules").map { $0.text("host") }.filter { !$0.isEmpty }
            let addresses = (object.value(at: "status", "loadBalancer")?.list("ingress") ?? []).map {
                $0.text("ip").isEmpty ? $0.text("hostname") : $0.text("ip")
            }
            return [
                Cell.name(object), Cell.text(spec["ingressClassName"], or: "<none>"),
                .string(hosts.isEmpty ? "*" : shortened(hosts, to: 3, unit: "")),
                .string(addresses.joined(separator: ",")),
                spec.list("tls").isEmpty ? "80" : "80, 443", Cell.age(object, now),
            ]
        })

    private static let ingressClass = kind(
        ingressClasses,
        validate: { object, _, issues in
            if object.value(at: "spec", "controller")?.string?.isEmpty ?? true { issues.required("spec.controller") }
        },
        columns: [.name, TableColumn("Controller"), TableColumn("Parameters"), .age],
        cells: { object, now in
            let parameters = object.value(at: "spec", "parameters")
            let text = parameters.map {
                "\($0.text("kind"))\($0.text("apiGroup").isEmpty ? "" : ".")\($0.text("apiGroup"))/\($0.text("name"))"
            }
            return [
                Cell.name(object), Cell.text(object.value(at: "spec", "controller")), .string(text ?? "<none>"),
                Cell.age(object, now),
            ]
        })
}
