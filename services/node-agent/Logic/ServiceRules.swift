/// The nftables rules of an instance, as text; every instance has a table of its own.
enum ServiceRules {
    static func table(_ bridge: String) -> String { "martlet-\(bridge)" }

    /// One cluster address and port, and where its connections go.
    struct Target: Hashable, Sendable, Comparable {
        var address: Address4
        var `protocol`: String
        var port: Int
        var backends: [Backend]
        /// Seconds for which a client keeps its backend; 0: any backend each time.
        var affinitySeconds = 0

        static func < (left: Target, right: Target) -> Bool {
            (left.address.value, left.port, left.protocol) < (right.address.value, right.port, right.protocol)
        }
    }

    /// A pod's address and port.
    struct Backend: Hashable, Sendable, Comparable {
        var address: Address4
        var port: Int
        static func < (left: Backend, right: Backend) -> Bool {
            (left.address.value, left.port) < (right.address.value, right.port)
        }
    }

    /// An empty table: chains, and the way out of the pod network.
    static func base(bridge: String, network: Network4, services: Network4) -> String {
        """
        table ip \(table(bridge))
        delete table ip \(table(bridge))
        table ip \(table(bridge)) {
          \(selves(network))
          map svc {
            type ipv4_addr . inet_proto . inet_service : verdict
          }
          chain pre {
            type nat hook prerouting priority -100
            iifname "\(bridge)" ip daddr . meta l4proto . th dport vmap @svc
          }
          chain out {
            type nat hook output priority -100
            ip daddr . meta l4proto . th dport vmap @svc
          }
          chain post {
            type nat hook postrouting priority 100
            \(selfTalk(network)) oifname "\(bridge)" ct status dnat masquerade
            ip saddr \(network) oifname != "\(bridge)" masquerade
          }
          chain nobackend {
            type filter hook forward priority 0
            iifname "\(bridge)" ip daddr \(services) reject with icmp port-unreachable
          }
        }

        """
    }

    /// A pod that reaches itself through a Service needs another address to answer to; all others see who they talk to.
    private static func selfTalk(_ network: Network4) -> String {
        network.prefix >= 20 ? "ip saddr . ip daddr @self" : "ip saddr \(network)"
    }

    private static func selves(_ network: Network4) -> String {
        guard network.prefix >= 20 else { return "" }
        let pairs = (2..<network.size - 1).map { number in
            let address = Address4(value: network.base.value + number)
            return "\(address) . \(address)"
        }
        return "set self {\n    type ipv4_addr . ipv4_addr\n    elements = { \(pairs.joined(separator: ", ")) }\n  }"
    }

    /// Replaces all Services by these, in one step.
    static func services(bridge: String, _ targets: [Target]) -> String {
        let table = table(bridge)
        let targets = targets.filter { !$0.backends.isEmpty }.sorted()
        var text = "flush map ip \(table) svc\n"
        var elements: [String] = []
        text += "table ip \(table) {\n"
        for target in targets {
            let chain = name(target)
            text += "  chain \(chain) {\n"
            let backends = target.backends.sorted()
            let map = backends.enumerated().map { "\($0) : \($1.address) . \($1.port)" }.joined(separator: ", ")
            let selector =
                target.affinitySeconds > 0
                ? "jhash ip saddr mod \(backends.count)" : "numgen random mod \(backends.count)"
            if backends.count == 1, let only = backends.first {
                text += "    meta l4proto \(target.protocol) dnat to \(only.address):\(only.port)\n"
            } else {
                text += "    meta l4proto \(target.protocol) dnat ip to \(selector) map { \(map) }\n"
            }
            text += "  }\n"
            elements.append("\(target.address) . \(target.protocol) . \(target.port) : goto \(chain)")
        }
        text += "}\n"
        if !elements.isEmpty { text += "add element ip \(table) svc { \(elements.joined(separator: ", ")) }\n" }
        return text
    }

    /// Chains that earlier targets had; emptied before they are filled again, removed when nothing names them.
    static func cleaning(bridge: String, before: Set<String>, now: [Target]) -> (flush: String, delete: String) {
        let table = table(bridge)
        let current = Set(now.filter { !$0.backends.isEmpty }.map(name))
        let flush = before.sorted().map { "flush chain ip \(table) \($0)\n" }.joined()
        let delete = before.subtracting(current).sorted().map { "delete chain ip \(table) \($0)\n" }.joined()
        return (flush, delete)
    }

    static func name(_ target: Target) -> String {
        "s\(String(target.address.value, radix: 16))-\(target.protocol)-\(target.port)"
    }
}
