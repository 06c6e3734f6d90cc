import KubeModel

/// Rules of NetworkPolicies.
enum NetworkPolicyRules {
    @Sendable static func check(_ object: JSON, _ old: JSON?, _ issues: inout Issues) {
        let spec = object["spec"] ?? [:]
        let kept = Set(networks(old))
        SelectorRules.check(spec["podSelector"], "spec.podSelector", &issues)
        for (list, peers) in [("ingress", "from"), ("egress", "to")] {
            for (index, rule) in spec.list(list).enumerated() {
                for (place, port) in rule.list("ports").enumerated() {
                    check(port: port, "spec.\(list)[\(index)].ports[\(place)]", &issues)
                }
                for (place, peer) in rule.list(peers).enumerated() {
                    check(peer: peer, "spec.\(list)[\(index)].\(peers)[\(place)]", kept, &issues)
                }
            }
        }
        let types = spec.list("policyTypes")
        if types.count > 2 {
            return issues.invalid(
                "spec.policyTypes", spec["policyTypes"], "may not specify more than two policyTypes")
        }
        for (index, type) in types.enumerated() {
            issues.supported("spec.policyTypes[\(index)]", type, ["Egress", "Ingress"])
        }
    }

    /// The networks that a stored policy names; they stay valid.
    private static func networks(_ policy: JSON?) -> [String] {
        [("ingress", "from"), ("egress", "to")].flatMap { list, peers in
            (policy?["spec"]?.list(list) ?? []).flatMap { rule in
                rule.list(peers).flatMap { peer -> [String] in
                    let block = peer["ipBlock"] ?? [:]
                    return [block.text("cidr")] + block.list("except").compactMap(\.string)
                }
            }
        }
    }

    private static func check(port: JSON, _ path: String, _ issues: inout Issues) {
        if let name = port["protocol"]?.string {
            issues.supported("\(path).protocol", .string(name), ["SCTP", "TCP", "UDP"])
        }
        let end = port["endPort"]?.int
        switch port["port"] {
        case .int(let first):
            for problem in NameRules.port(first) { issues.invalid("\(path).port", .int(first), problem) }
            guard let end else { return }
            if end < first {
                issues.invalid("\(path).endPort", .int(first), "must be greater than or equal to `port`")
            }
            for problem in NameRules.port(end) { issues.invalid("\(path).endPort", .int(end), problem) }
        case .string(let name):
            if let end {
                issues.invalid("\(path).endPort", .int(end), "may not be specified when `port` is non-numeric")
            }
            issues.invalid("\(path).port", name, NameRules.portName(name))
        default:
            if let end {
                issues.invalid("\(path).endPort", .int(end), "may not be specified when `port` is not specified")
            }
        }
    }

    private static func check(peer: JSON, _ path: String, _ kept: Set<String>, _ issues: inout Issues) {
        let present = ["podSelector", "namespaceSelector", "ipBlock"].filter { peer.has($0) }
        for field in ["podSelector", "namespaceSelector"] {
            SelectorRules.check(peer[field], "\(path).\(field)", &issues)
        }
        if let block = peer["ipBlock"], !block.isNull { check(block: block, "\(path).ipBlock", kept, &issues) }
        if present.isEmpty {
            issues.required(path, "must specify a peer")
        } else if present.count > 1, present.contains("ipBlock") {
            issues.forbidden(path, "may not specify both ipBlock and another peer")
        }
    }

    private static func check(block: JSON, _ path: String, _ kept: Set<String>, _ issues: inout Issues) {
        let text = block.text("cidr")
        if text.isEmpty { return issues.required("\(path).cidr") }
        if !kept.contains(text) { NetworkRules.checkNetwork(text, "\(path).cidr", &issues) }
        guard let network = Network(text) else { return }
        for (index, hole) in block.list("except").enumerated() {
            let text = hole.string ?? ""
            let field = "\(path).except[\(index)]"
            if text.isEmpty || !kept.contains(text) { NetworkRules.checkNetwork(text, field, &issues) }
            guard let inner = Network(text) else { continue }
            if !network.contains(inner) {
                issues.invalid(field, .string(text), "must be a strict subset of `cidr`")
            }
        }
    }

    /// A block of addresses.
    private struct Network {
        let bytes: [UInt8]
        let length: Int

        init?(_ text: String) {
            let parts = text.split(separator: "/", omittingEmptySubsequences: false)
            guard parts.count == 2, let address = IPAddress(String(parts[0])), let length = Int(parts[1]),
                length >= 0, length <= address.bytes.count * 8
            else { return nil }
            (bytes, self.length) = (address.bytes, length)
        }

        /// True when the other block is smaller and lies inside.
        func contains(_ other: Network) -> Bool {
            guard bytes.count == other.bytes.count, length < other.length else { return false }
            return (0..<length).allSatisfy { bit in
                let mask: UInt8 = 0x80 >> UInt8(bit % 8)
                return bytes[bit / 8] & mask == other.bytes[bit / 8] & mask
            }
        }
    }
}
