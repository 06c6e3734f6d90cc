import KubeModel

/// The nftables rules that NetworkPolicies and the isolation of Profiles amount to, as text.
///
/// Every selected Pod has a chain for each direction, reached by its address over a map. What was accepted once goes on
/// (`ct state established`); the rules see the addresses of Pods, behind the translation of Services.
struct PolicyRules: Sendable {
    /// A Pod on the network.
    struct Pod: Sendable, Equatable {
        var name: String
        var namespace: String
        var labels: [String: String]
        var address: Address4
        /// Named ports of its containers: name to numbers by protocol (`tcp`).
        var ports: [String: [(protocol: String, number: Int)]] = [:]

        static func == (left: Pod, right: Pod) -> Bool {
            left.name == right.name && left.namespace == right.namespace && left.labels == right.labels
                && left.address == right.address
                && left.ports.mapValues { $0.map { "\($0.protocol)/\($0.number)" } }
                    == right.ports.mapValues { $0.map { "\($0.protocol)/\($0.number)" } }
        }
    }

    enum Direction: String, CaseIterable {
        case ingress = "Ingress"
        case egress = "Egress"
        var peer: String { self == .ingress ? "ip saddr" : "ip daddr" }
        var letter: String { self == .ingress ? "i" : "e" }
    }

    let bridge: String
    let gateway: Address4
    let pods: [Pod]
    /// Labels of the namespaces.
    let namespaces: [String: [String: String]]
    let policies: [KubeObject]
    /// Whether Pods of different Profiles are kept apart.
    let isolatesProfiles: Bool

    static let profileLabel = "app.kubernetes.io/part-of"
    static let profileValue = "kubeflow-profile"
    static func table(_ bridge: String) -> String { "martlet-\(bridge)-policies" }

    private func isProfile(_ namespace: String) -> Bool {
        namespaces[namespace]?[Self.profileLabel] == Self.profileValue
    }

    private static func applies(_ policy: KubeObject, _ direction: Direction) -> Bool {
        let types = (policy.spec["policyTypes"]?.array ?? []).compactMap(\.string)
        guard types.isEmpty else { return types.contains(direction.rawValue) }
        return direction == .ingress || policy.spec["egress"] != nil
    }

    func policies(of pod: Pod, _ direction: Direction) -> [KubeObject] {
        policies.filter { policy in
            policy.namespace == pod.namespace && Self.applies(policy, direction)
                && LabelSelector(object: policy.spec["podSelector"] ?? [:]).matches(pod.labels)
        }
    }

    /// True when something is said about a Pod.
    func concerns(_ pod: Pod) -> Bool {
        (isolatesProfiles && isProfile(pod.namespace))
            || Direction.allCases.contains { !policies(of: pod, $0).isEmpty }
    }

    /// The whole table; loading it replaces the one before in one step.
    var text: String {
        let table = Self.table(bridge)
        var chains = ""
        var maps: [Direction: [String]] = [:]
        for pod in pods.sorted(by: { $0.address < $1.address }) {
            for direction in Direction.allCases {
                let policies = policies(of: pod, direction)
                if !policies.isEmpty {
                    let name = "\(direction.letter)-\(String(pod.address.value, radix: 16))"
                    chains += chain(name, of: pod, policies, direction)
                    maps[direction, default: []].append("\(pod.address) : jump \(name)")
                } else if direction == .ingress, isolatesProfiles, isProfile(pod.namespace) {
                    maps[direction, default: []].append("\(pod.address) : jump n-\(pod.namespace)")
                }
            }
        }
        func map(_ name: String, _ direction: Direction) -> String {
            let elements = maps[direction] ?? []
            let line = elements.isEmpty ? "" : "    elements = { \(elements.joined(separator: ", ")) }\n"
            return "  map \(name) {\n    type ipv4_addr : verdict\n\(line)  }\n"
        }
        return """
            table ip \(table)
            delete table ip \(table)
            table ip \(table) {
            \(isolation)\(chains)\(map("to", .ingress))\(map("from", .egress))  chain forward {
                type filter hook forward priority 10
                ct state established,related accept
                iifname "\(bridge)" ip saddr vmap @from
                oifname "\(bridge)" ip daddr vmap @to
              }
              chain input {
                type filter hook input priority 10
                iifname != "\(bridge)" accept
                ct state established,related accept
                ip daddr \(gateway) udp dport 53 accept
                ip daddr \(gateway) tcp dport 53 accept
                ip saddr vmap @from
              }
            }

            """
    }

    /// One chain for each Profile's namespace: from the Pods of other Profiles nothing comes in.
    private var isolation: String {
        guard isolatesProfiles else { return "" }
        let isolated = pods.filter { isProfile($0.namespace) }
        var text = set("profiles", isolated.map(\.address))
        for namespace in Set(isolated.map(\.namespace)).sorted() {
            text += set("in-\(namespace)", isolated.filter { $0.namespace == namespace }.map(\.address))
            text +=
                "  chain n-\(namespace) {\n    ip saddr @in-\(namespace) return\n    ip saddr @profiles counter drop\n  }\n"
        }
        return text
    }

    private func set(_ name: String, _ addresses: [Address4]) -> String {
        let list = Set(addresses).sorted().map(\.description).joined(separator: ", ")
        let elements = list.isEmpty ? "" : "    elements = { \(list) }\n"
        return "  set \(name) {\n    type ipv4_addr\n\(elements)  }\n"
    }

    private func chain(_ name: String, of pod: Pod, _ policies: [KubeObject], _ direction: Direction) -> String {
        var lines: [String] = []
        // A Pod always reaches itself.
        lines.append("\(direction.peer) \(pod.address) return")
        for policy in policies {
            for rule in policy.spec[direction == .ingress ? "ingress" : "egress"]?.array ?? [] {
                let peers = rule[direction == .ingress ? "from" : "to"]?.array ?? []
                let ports = rule["ports"]?.array ?? []
                for peer in matches(peers, in: pod.namespace, direction) {
                    if ports.isEmpty {
                        lines.append("\(peer.text)counter return")
                        continue
                    }
                    for port in ports { lines += self.lines(port, peer, pod, direction) }
                }
            }
        }
        lines.append("counter drop")
        return "  chain \(name) {\n" + lines.map { "    \($0)\n" }.joined() + "  }\n"
    }

    /// What a packet's other end has to be; `pods` where that is a Pod.
    private struct Peer {
        var text: String
        var pods: [Pod]?
    }

    private func matches(_ peers: [JSON], in namespace: String, _ direction: Direction) -> [Peer] {
        // No peers: everybody.
        guard !peers.isEmpty else { return [Peer(text: "", pods: nil)] }
        return peers.compactMap { peer in
            if let block = peer["ipBlock"] {
                guard let network = block["cidr"]?.string, Self.isNetwork(network) else { return nil }
                let except = (block["except"]?.array ?? []).compactMap(\.string).filter(Self.isNetwork)
                let exception = except.isEmpty ? "" : "\(direction.peer) != { \(except.joined(separator: ", ")) } "
                return Peer(text: "\(direction.peer) \(network) \(exception)", pods: nil)
            }
            let chosen = pods.filter { pod in
                if let selector = peer["namespaceSelector"] {
                    guard LabelSelector(object: selector).matches(namespaces[pod.namespace] ?? [:]) else {
                        return false
                    }
                } else if pod.namespace != namespace {
                    return false
                }
                return peer["podSelector"].map { LabelSelector(object: $0).matches(pod.labels) } ?? true
            }
            guard !chosen.isEmpty else { return nil }
            let addresses = Set(chosen.map(\.address)).sorted().map(\.description).joined(separator: ", ")
            return Peer(text: "\(direction.peer) { \(addresses) } ", pods: chosen)
        }
    }

    /// An IPv4 network; what else a policy names is not on this network.
    private static func isNetwork(_ text: String) -> Bool {
        let parts = text.split(separator: "/")
        return parts.count == 2 && Address4(parts[0]) != nil && Int(parts[1]).map { (0...32).contains($0) } ?? false
    }

    private func lines(_ port: JSON, _ peer: Peer, _ pod: Pod, _ direction: Direction) -> [String] {
        let kind = (port["protocol"]?.string ?? "TCP").lowercased()
        guard ["tcp", "udp", "sctp"].contains(kind) else { return [] }
        if let number = port["port"]?.int {
            let last = port["endPort"]?.int.map { "-\($0)" } ?? ""
            return ["\(peer.text)\(kind) dport \(number)\(last) counter return"]
        }
        guard let name = port["port"]?.string else { return ["\(peer.text)meta l4proto \(kind) counter return"] }
        func numbers(_ pod: Pod) -> [Int] {
            (pod.ports[name] ?? []).filter { $0.protocol == kind }.map(\.number)
        }
        if direction == .ingress { return numbers(pod).map { "\(peer.text)\(kind) dport \($0) counter return" } }
        // Outward a name means what it means at the other end.
        return (peer.pods ?? pods).flatMap { other in
            numbers(other).map { "ip daddr \(other.address) \(peer.text)\(kind) dport \($0) counter return" }
        }
    }
}
