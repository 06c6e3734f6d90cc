/// The nftables rules of an instance, as text; every instance has a table of its own.
enum ServiceRules {
    static func table(_ bridge: String) -> String { "martlet-\(bridge)" }

    /// One cluster address and port, with its node port if it has one, and where their connections go.
    struct Target: Hashable, Sendable, Comparable {
        var address: Address4
        var `protocol`: String
        var port: Int
        var backends: [Backend]
        /// Seconds for which a client keeps its backend; 0: any backend each time.
        var affinitySeconds = 0
        var nodePort: NodePort?
        var remembers: Bool { affinitySeconds > 0 && backends.count > 0 }

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
          map nodeports {
            type inet_proto . inet_service : verdict
          }
          set lonelyports {
            type inet_service
          }
          map hostports {
            type inet_proto . inet_service : ipv4_addr . inet_service
          }
          map addressports {
            type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service
          }
          chain spoofed {
            type filter hook prerouting priority -300
            iifname "\(bridge)" ip daddr 127.0.0.0/8 drop
          }
          chain pre {
            type nat hook prerouting priority -100
            fib daddr type local dnat ip to ip daddr . meta l4proto . th dport map @addressports
            fib daddr type local dnat ip to meta l4proto . th dport map @hostports
            fib daddr type local meta l4proto . th dport vmap @nodeports
            iifname "\(bridge)" ip daddr . meta l4proto . th dport vmap @svc
          }
          chain out {
            type nat hook output priority -100
            fib daddr type local dnat ip to ip daddr . meta l4proto . th dport map @addressports
            fib daddr type local dnat ip to meta l4proto . th dport map @hostports
            fib daddr type local meta l4proto . th dport vmap @nodeports
            ip daddr . meta l4proto . th dport vmap @svc
          }
          chain post {
            type nat hook postrouting priority 100
            \(selfTalk(network)) oifname "\(bridge)" ct status dnat masquerade
            ip saddr 127.0.0.0/8 oifname "\(bridge)" masquerade
            ip saddr \(network) oifname != "\(bridge)" masquerade
          }
          chain nobackend {
            type filter hook forward priority 0
            iifname "\(bridge)" ip daddr \(services) reject with icmp port-unreachable
          }
          chain lonely {
            type filter hook input priority 0
            fib daddr type local udp dport @lonelyports reject with icmp port-unreachable
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

    /// Empties what leads to Services, so that their chains may go.
    static func emptying(bridge: String) -> String {
        let table = table(bridge)
        return "flush map ip \(table) svc\nflush map ip \(table) nodeports\nflush set ip \(table) lonelyports\n"
    }

    /// Replaces all Services by these, in one step. Without endpoints, the kernel refuses connections to a node port by itself,
    /// for nobody listens there; datagrams would fill the socket that holds it.
    static func services(bridge: String, _ targets: [Target]) -> String {
        let table = table(bridge)
        let lonely = targets.filter { $0.backends.isEmpty && $0.protocol == "udp" }.compactMap { $0.nodePort?.number }
            .sorted()
        let targets = targets.filter { !$0.backends.isEmpty }.sorted()
        var text = emptying(bridge: bridge)
        var (elements, nodePorts): ([String], [String]) = ([], [])
        text += "table ip \(table) {\n"
        for target in targets {
            let chain = name(target)
            let backends = target.backends.sorted()
            if target.remembers {
                text += remembering(target, chain)
            } else {
                let map = backends.enumerated().map { "\($0) : \($1.address) . \($1.port)" }.joined(separator: ", ")
                text += "  chain \(chain) {\n"
                if backends.count == 1, let only = backends.first {
                    text += "    meta l4proto \(target.protocol) dnat to \(only.address):\(only.port)\n"
                } else {
                    text +=
                        "    meta l4proto \(target.protocol) dnat ip to numgen random mod \(backends.count) map { \(map) }\n"
                }
                text += "  }\n"
            }
            elements.append("\(target.address) . \(target.protocol) . \(target.port) : goto \(chain)")
            if let port = target.nodePort { nodePorts.append("\(port.protocol) . \(port.number) : goto \(chain)") }
        }
        text += "}\n"
        for (set, elements) in [("svc", elements), ("nodeports", nodePorts), ("lonelyports", lonely.map(String.init))]
        where !elements.isEmpty {
            text += "add element ip \(table) \(set) { \(elements.joined(separator: ", ")) }\n"
        }
        return text
    }

    /// A chain that sends a client where it was sent last, until it has not come for the time that the Service says. Who
    /// went where is in a set per backend, which outlives changes of the others.
    private static func remembering(_ target: Target, _ chain: String) -> String {
        let backends = target.backends.sorted()
        let names = backends.map { backendName(chain, $0) }
        let seconds = target.affinitySeconds
        var text = ""
        for (name, backend) in zip(names, backends) {
            text += "  set \(name) {\n    type ipv4_addr\n    flags dynamic,timeout\n  }\n"
            text += "  chain \(name) {\n    update @\(name) { ip saddr timeout \(seconds)s }\n"
            text += "    meta l4proto \(target.protocol) dnat to \(backend.address):\(backend.port)\n  }\n"
        }
        text += "  chain \(chain) {\n"
        for name in names { text += "    ip saddr @\(name) goto \(name)\n" }
        let map = names.enumerated().map { "\($0) : goto \($1)" }.joined(separator: ", ")
        return text + "    numgen random mod \(names.count) vmap { \(map) }\n  }\n"
    }

    private static func backendName(_ chain: String, _ backend: Backend) -> String {
        "\(chain)-\(String(backend.address.value, radix: 16))-\(backend.port)"
    }

    /// The chains of a Service's port: first its own, then those of its backends, which have sets by the same name.
    static func chains(_ target: Target) -> [String] {
        guard !target.backends.isEmpty else { return [] }
        let chain = name(target)
        return [chain] + (target.remembers ? target.backends.map { backendName(chain, $0) } : [])
    }

    /// Chains that earlier targets had; emptied before they are filled again, removed when nothing names them.
    static func cleaning(bridge: String, before: [Target], now: [Target]) -> (flush: String, delete: String) {
        let table = table(bridge)
        let old = Set(before.flatMap(chains))
        let gone = old.subtracting(now.flatMap(chains)).sorted()
        let flush = old.sorted().map { "flush chain ip \(table) \($0)\n" }.joined()
        let sets = Set(before.filter(\.remembers).flatMap { chains($0).dropFirst() })
        let delete = gone.map {
            "delete chain ip \(table) \($0)\n" + (sets.contains($0) ? "delete set ip \(table) \($0)\n" : "")
        }
        return (flush, delete.joined())
    }

    /// What clients send datagrams to: a port at a cluster address, or at all addresses of the machine (nil).
    struct Mailbox: Hashable, Sendable {
        var address: Address4?
        var port: Int
    }

    private static func mailboxes(_ targets: [Target]) -> [(mailbox: Mailbox, backends: Set<Address4>)] {
        targets.filter { $0.protocol == "udp" }.flatMap { target in
            let backends = Set(target.backends.map(\.address))
            let nodePort = target.nodePort.map { (Mailbox(address: nil, port: $0.number), backends) }
            return [(Mailbox(address: target.address, port: target.port), backends)] + (nodePort.map { [$0] } ?? [])
        }
    }

    /// Conversations over UDP that went to a backend which is gone (nil: to none at all).
    static func ended(before: [Target], now: [Target]) -> [(mailbox: Mailbox, backend: Address4?)] {
        let (old, new) = (mailboxes(before), mailboxes(now))
        let current = Dictionary(new.map { ($0.mailbox, $0.backends) }) { first, _ in first }
        var ended: [(mailbox: Mailbox, backend: Address4?)] = []
        for (mailbox, backends) in old {
            let left = current[mailbox] ?? []
            if backends.isEmpty, !left.isEmpty { ended.append((mailbox, nil)) }
            for address in backends.subtracting(left) { ended.append((mailbox, address)) }
        }
        let known = Set(old.map(\.mailbox))
        for (mailbox, _) in new where !known.contains(mailbox) { ended.append((mailbox, nil)) }
        return ended
    }

    static func name(_ target: Target) -> String {
        "s\(String(target.address.value, radix: 16))-\(target.protocol)-\(target.port)"
    }
}
