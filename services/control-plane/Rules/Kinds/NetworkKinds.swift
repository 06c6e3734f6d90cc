import Foundation
import KubeModel

extension BuiltinKinds {
    private static let group = "networking.k8s.io"
    static let ingresses = ResourceType(group, "v1", "ingresses", "Ingress")
    static let ingressClasses = ResourceType(group, "v1", "ingressclasses", "IngressClass", isNamespaced: false)
    static let networkPolicies = ResourceType(group, "v1", "networkpolicies", "NetworkPolicy")
    static let ipAddresses = ResourceType(group, "v1", "ipaddresses", "IPAddress", isNamespaced: false)
    static let serviceCIDRs = ResourceType(group, "v1", "servicecidrs", "ServiceCIDR", isNamespaced: false)

    static let networking: [KindDefinition] = [
        endpointSlice, networkPolicy, ingress, ingressClass, ipAddress, serviceCIDR,
    ]

    private static let endpointSlice = kind(
        .endpointSlices,
        defaults: {
            $0.editEach("ports") { port in
                port.fill("name", "")
                port.fill("protocol", "TCP")
            }
        },
        validate: SliceRules.check,
        columns: [.name, TableColumn("AddressType"), TableColumn("Ports"), TableColumn("Endpoints"), .age],
        cells: { object, now in
            let ports = object.list("ports").map { port in
                port["port"]?.int.map(String.init) ?? (port.text("name").isEmpty ? "*" : port.text("name"))
            }
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
                    spec.editEach(list) { $0.editEach("ports") { $0.fill("protocol", "TCP") } }
                }
            }
            if !object.has("spec") { object["spec"] = ["policyTypes": ["Ingress"]] }
        },
        validate: NetworkPolicyRules.check,
        columns: [.name, TableColumn("Pod-Selector"), .age],
        cells: { [Cell.name($0), Cell.selector($0.value(at: "spec", "podSelector")), Cell.age($0, $1)] })

    private static let ingress = kind(
        ingresses, short: ["ing"], hasStatus: true, validate: IngressRules.check,
        validateStatus: IngressRules.checkStatus,
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
        defaults: { object in
            object.edit("spec") { $0.edit("parameters") { $0.fill("scope", "Cluster") } }
        },
        validate: IngressRules.checkClass,
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

    private static let ipAddress = kind(
        ipAddresses, short: ["ip"],
        validate: { object, old, issues in
            let name = object.value(at: "metadata", "name")?.string ?? ""
            if old == nil, !name.isEmpty { AddressNameRules.check(name, &issues) }
            if let old {
                issues.immutable(
                    "spec.parentRef", object.value(at: "spec", "parentRef"), old.value(at: "spec", "parentRef"))
            }
            guard let parent = object.value(at: "spec", "parentRef"), !parent.isNull else {
                return issues.required("spec.parentRef")
            }
            issues.name("spec.parentRef.group", parent.text("group"), NameRules.subdomain)
            for field in ["resource", "name"] {
                issues.requiredName("spec.parentRef.\(field)", parent.text(field), NameRules.pathSegment)
            }
            issues.name("spec.parentRef.namespace", parent.text("namespace"), NameRules.pathSegment)
        },
        columns: [.name, TableColumn("ParentRef")],
        cells: { object, _ in
            let parent = object.value(at: "spec", "parentRef") ?? [:]
            let resource = parent.text("resource") + (parent.text("group").isEmpty ? "" : ".\(parent.text("group"))")
            let parts = [resource, parent.text("namespace"), parent.text("name")].filter { !$0.isEmpty }
            return [Cell.name(object), .string(parts.joined(separator: "/"))]
        })

    private static let serviceCIDR = kind(
        serviceCIDRs, hasStatus: true,
        validate: { object, old, issues in
            let networks = (object["spec"]?.list("cidrs") ?? []).map { $0.string ?? "" }
            guard let old else { return AddressNameRules.check(networks: networks, &issues) }
            let before = (old["spec"]?.list("cidrs") ?? []).map { $0.string ?? "" }
            let grows = before.count == 1 && networks.count == 2
            guard grows || before.count == networks.count else {
                return issues.invalid("spec.cidrs", object.value(at: "spec", "cidrs"), "field is immutable")
            }
            for (index, network) in before.enumerated() where networks[index] != network {
                issues.invalid("spec.cidrs[\(index)]", .string(networks[index]), "field is immutable")
            }
            if grows { AddressNameRules.check(networks: networks, &issues) }
        },
        columns: [.name, TableColumn("CIDRs"), .age],
        cells: { object, now in
            let networks = (object["spec"]?.list("cidrs") ?? []).compactMap(\.string)
            return [Cell.name(object), .string(networks.joined(separator: ",")), Cell.age(object, now)]
        })
}

/// Names that are addresses, and the networks that addresses of Services come from.
enum AddressNameRules {
    static func check(_ name: String, _ issues: inout Issues) {
        guard let address = IPAddress(name) else {
            return issues.invalid(
                "metadata.name", .string(name), "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")
        }
        if address.hasLeadingZeros { issues.invalid("metadata.name", .string(name), "must not have leading 0s") }
        if address.isMapped {
            issues.invalid("metadata.name", .string(name), "must not be an IPv4-mapped IPv6 address")
        }
        if address.text != name, !address.hasLeadingZeros, !address.isMapped {
            issues.invalid("metadata.name", .string(name), "must be in canonical form (\"\(address.text)\")")
        }
    }

    static func check(networks: [String], _ issues: inout Issues) {
        if networks.isEmpty { return issues.required("spec.cidrs", "at least one CIDR required") }
        let shown = JSON.array(networks.map(JSON.string))
        if networks.count > 2 { return issues.invalid("spec.cidrs", shown, "may only hold up to 2 values") }
        for (index, network) in networks.enumerated() {
            NetworkRules.checkNetwork(network, "spec.cidrs[\(index)]", &issues)
        }
        let families = networks.compactMap { IPAddress(String($0.prefix { $0 != "/" }))?.isIPv4 }
        if families.count == 2, families[0] == families[1] {
            issues.invalid(
                "spec.cidrs", shown,
                "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64")
        }
    }
}
