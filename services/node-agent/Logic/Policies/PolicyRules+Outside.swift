import KubeModel

/// The rules for callers that are no Pods, without the kernel.
extension PolicyRules {
    /// True when the policies of the Pod with the address let somebody outside of the cluster in.
    ///
    /// - Parameters:
    ///   - caller: who comes in, no Pod.
    ///   - backend: address and port of the Pod; nobody is let in to one that is not known.
    ///   - kind: `tcp` or `udp`.
    /// - Returns: true where no policy selects the Pod, or one lets the caller in.
    func admits(_ caller: Address4, to backend: ServiceRules.Backend, protocol kind: String) -> Bool {
        guard let pod = pods.first(where: { $0.address == backend.address }) else { return false }
        let selecting = policies(of: pod, .ingress)
        guard !selecting.isEmpty else { return true }
        return selecting.flatMap { $0.spec["ingress"]?.array ?? [] }.contains { rule in
            let peers = rule["from"]?.array ?? []
            let ports = rule["ports"]?.array ?? []
            return (peers.isEmpty || peers.contains { Self.block($0, holds: caller) })
                && (ports.isEmpty || ports.contains { Self.port($0, of: pod, is: backend.port, kind) })
        }
    }

    private static func block(_ peer: JSON, holds caller: Address4) -> Bool {
        guard let block = peer["ipBlock"], let network = block["cidr"]?.string, holds(network, caller) else {
            return false
        }
        return !(block["except"]?.array ?? []).compactMap(\.string).contains { holds($0, caller) }
    }

    /// Any prefix, other than networks of Pods have.
    private static func holds(_ network: String, _ address: Address4) -> Bool {
        let parts = network.split(separator: "/")
        guard parts.count == 2, let base = Address4(parts[0]), let prefix = UInt32(parts[1]), prefix <= 32 else {
            return false
        }
        return prefix == 0 || base.value >> (32 - prefix) == address.value >> (32 - prefix)
    }

    private static func port(_ port: JSON, of pod: Pod, is number: Int, _ kind: String) -> Bool {
        guard (port["protocol"]?.string ?? "TCP").lowercased() == kind else { return false }
        if let first = port["port"]?.int {
            return (first...max(first, port["endPort"]?.int ?? first)).contains(Int64(number))
        }
        guard let name = port["port"]?.string else { return true }
        return (pod.ports[name] ?? []).contains { $0.protocol == kind && $0.number == number }
    }
}
