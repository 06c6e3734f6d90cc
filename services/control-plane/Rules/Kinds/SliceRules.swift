import KubeModel

/// Rules of EndpointSlices.
enum SliceRules {
    @Sendable static func check(_ object: JSON, _ old: JSON?, _ issues: inout Issues) {
        let type = object.text("addressType")
        issues.supported("addressType", object["addressType"], ["FQDN", "IPv4", "IPv6"], isRequired: true)
        check(ports: object.list("ports"), &issues)
        if let old { issues.immutable("addressType", object["addressType"], old["addressType"]) }
        let endpoints = object.list("endpoints")
        guard old == nil || old?.list("endpoints") != endpoints else { return }
        if endpoints.count > 1000 { return issues.tooMany("endpoints", endpoints.count, 1000) }
        for (index, endpoint) in endpoints.enumerated() {
            check(endpoint: endpoint, "endpoints[\(index)]", type, &issues)
        }
    }

    private static func check(ports: [JSON], _ issues: inout Issues) {
        if ports.count > 20_000 { return issues.tooMany("ports", ports.count, 20_000) }
        var names: Set<String> = []
        for (index, port) in ports.enumerated() {
            let place = "ports[\(index)]"
            let name = port.text("name")
            issues.name("\(place).name", name, NameRules.label)
            if !names.insert(name).inserted { issues.duplicate("\(place).name", .string(name)) }
            issues.supported("\(place).protocol", port["protocol"], ["SCTP", "TCP", "UDP"])
            if let text = port["appProtocol"]?.string {
                issues.invalid("\(place).appProtocol", text, NameRules.qualifiedName(text))
            }
        }
    }

    private static func check(endpoint: JSON, _ path: String, _ type: String, _ issues: inout Issues) {
        let addresses = endpoint.list("addresses")
        if addresses.isEmpty {
            issues.required("\(path).addresses", "must contain at least 1 address")
        } else if addresses.count > 100 {
            issues.tooMany("\(path).addresses", addresses.count, 100)
        }
        for (index, address) in addresses.enumerated() {
            check(address: address.string ?? "", "\(path).addresses", index, type, &issues)
        }
        if let node = endpoint["nodeName"]?.string {
            issues.invalid("\(path).nodeName", node, NameRules.subdomain(node))
        }
        let topology = endpoint["deprecatedTopology"]
        if let count = topology?.object?.count, count > 16 { issues.tooMany("\(path).deprecatedTopology", count, 16) }
        issues.add(MetadataRules.labels(topology, "\(path).deprecatedTopology"))
        if let host = endpoint["hostname"]?.string { issues.invalid("\(path).hostname", host, NameRules.label(host)) }
        check(hints: endpoint["hints"] ?? [:], "\(path).hints", &issues)
    }

    private static func check(
        address: String, _ path: String, _ index: Int, _ type: String, _ issues: inout Issues
    ) {
        let field = "\(path)[\(index)]"
        switch type {
        case "IPv4", "IPv6":
            let count = issues.all.count
            NetworkRules.checkAddress(address, field, &issues)
            guard issues.all.count == count, let parsed = IPAddress(address) else { return }
            if parsed.isIPv4 != (type == "IPv4") {
                issues.invalid(path, .string(address), "must be an \(type) address")
            }
            NetworkRules.checkEndpoint(address, field, &issues)
        case "FQDN":
            if address.isEmpty { return issues.required(field) }
            let name = address.hasSuffix(".") ? String(address.dropLast()) : address
            let problems = NameRules.subdomain(name)
            if !problems.isEmpty { return issues.invalid(field, .string(address), problems.joined(separator: ",")) }
            if name.split(separator: ".").count < 2 {
                issues.invalid(
                    field, .string(address), "should be a domain with at least two segments separated by dots")
            }
        default: return
        }
    }

    private static func check(hints: JSON, _ path: String, _ issues: inout Issues) {
        for (list, rule) in [("forZones", NameRules.labelValue), ("forNodes", NameRules.subdomain)] {
            let hints = hints.list(list)
            if hints.count > 8 { return issues.tooMany("\(path).\(list)", hints.count, 8) }
            var names: Set<String> = []
            for (index, hint) in hints.enumerated() {
                let name = hint.text("name")
                let field = "\(path).\(list)[\(index)].name"
                if !names.insert(name).inserted { issues.duplicate(field, .string(name)) }
                issues.invalid(field, name, rule(name))
            }
        }
    }
}
