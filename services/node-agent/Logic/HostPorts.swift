import KubeModel
import Synchronization

/// A port of the host that leads to a Pod: `hostPort` and `hostIP` of its containers.
struct HostPort: Hashable, Sendable {
    var `protocol`: String
    var port: Int
    /// The address of the host that it is a port of; nil: of all.
    var address: Address4?
    var containerPort: Int

    /// Two Pods cannot both have a port at an address, whatever it leads to.
    func conflicts(with other: HostPort) -> Bool {
        port == other.port && `protocol` == other.protocol
            && (address == nil || other.address == nil || address == other.address)
    }

    /// The ports that a pod asks for, TCP and UDP, without those that are among all addresses anyway.
    ///
    /// - Throws: ``NodeError`` when a `hostIP` is no address that this node could have.
    static func all(of pod: PodSpec) throws(NodeError) -> [HostPort] {
        var ports: [HostPort] = []
        for json in pod.all.flatMap({ $0.json["ports"]?.array ?? [] }) {
            let kind = json["protocol"]?.string ?? "TCP"
            guard let port = json["hostPort"]?.int, port > 0, kind == "TCP" || kind == "UDP" else { continue }
            ports.append(
                HostPort(
                    protocol: kind.lowercased(), port: Int(port),
                    address: try address(json["hostIP"]?.string ?? "", of: port),
                    containerPort: Int(json["containerPort"]?.int ?? port)))
        }
        let everywhere = Set(ports.filter { $0.address == nil })
        return ports.filter { port in
            var wide = port
            wide.address = nil
            return port.address == nil || !everywhere.contains(wide)
        }
    }

    /// `::` is what programs write that mean every address of both protocols.
    private static func address(_ text: String, of port: Int64) throws(NodeError) -> Address4? {
        if ["", "0.0.0.0", "::"].contains(text) { return nil }
        guard let address = Address4(text), !address.isOfMany else {
            throw NodeError(
                "hostIP \"\(text)\" of host port \(port) is not an IPv4 address that a machine can have, and this node "
                    + "has no others; \(remedy)")
        }
        return address
    }

    /// What to say where the host does not have the address.
    var absence: String {
        "host port \(port) cannot be opened: this machine does not have the address \(address?.description ?? "0.0.0.0"); "
            + Self.remedy
    }

    private static let remedy = "set hostIP to an address that `ip -4 address` shows, or leave it out for all addresses"

    /// Elements of the maps of ``ServiceRules/base(bridge:network:services:)``, added or removed.
    ///
    /// - Parameters:
    ///   - verb: `add` or `delete`.
    ///   - ports: which; at least one.
    ///   - bridge: whose table.
    ///   - pod: where they lead to; nil names the keys only.
    /// - Returns: lines for nft.
    static func rules(_ verb: String, _ ports: [HostPort], bridge: String, to pod: Address4? = nil) -> String {
        let (narrow, wide) = (ports.filter { $0.address != nil }, ports.filter { $0.address == nil })
        return [("hostports", wide), ("addressports", narrow)].filter { !$1.isEmpty }.map { map, ports in
            let elements = ports.map { port in
                let key = (port.address.map { "\($0) . " } ?? "") + "\(port.protocol) . \(port.port)"
                return key + (pod.map { " : \($0) . \(port.containerPort)" } ?? "")
            }
            return "\(verb) element ip \(ServiceRules.table(bridge)) \(map) { \(elements.joined(separator: ", ")) }\n"
        }.joined()
    }
}

extension NodeContext {
    /// Opens ports of the host for a pod, in this network and, where that is another one, in the machine's. The bridge's
    /// address, which Pods know as that of the host, is in this one only.
    ///
    /// - Returns: false when another pod, or a program of the host, has one of them.
    /// - Throws: ``NodeError`` when one cannot be opened.
    func openHostPorts(_ ports: [HostPort], for sandbox: Sandbox) async throws -> Bool {
        guard try await network.openPorts(ports, for: sandbox) else { return false }
        do {
            let outside = ports.filter { $0.address != network.network.gateway }
            if try await machinePorts?.open(outside, for: sandbox) ?? true { return true }
        } catch {
            await network.closePorts(ports, of: sandbox)
            throw error
        }
        await network.closePorts(ports, of: sandbox)
        return false
    }

    /// Closes them again.
    func closeHostPorts(_ ports: [HostPort], of sandbox: Sandbox) async {
        await machinePorts?.close(ports, of: sandbox)
        await network.closePorts(ports, of: sandbox)
    }

    /// Rules take ports of any address; a pod should not wait for callers at one that nobody has. Where this network is not
    /// the machine's, opening finds it out.
    ///
    /// - Throws: ``NodeError`` for the first port of an address that this machine does not have.
    func checkAddresses(of ports: [HostPort]) throws(NodeError) {
        guard machinePorts == nil else { return }
        for port in ports {
            if let address = port.address, !HostSockets.canBind(address) { throw NodeError(port.absence) }
        }
    }
}

extension PodNetwork {
    /// Opens ports of the host for a pod.
    ///
    /// - Returns: false when another pod, or a program of the host, has one of them.
    /// - Throws: ``NodeError`` when the rules are refused.
    func openPorts(_ ports: [HostPort], for sandbox: Sandbox) async throws -> Bool {
        guard !ports.isEmpty else { return true }
        // Else a pod could stand in the way to a program of the host, such as this platform's own page.
        let taken = ports.filter(HostSockets.isTaken)
        // What this agent holds for a Service gives way: the rules look for ports of Pods first.
        let isForeign = nodePorts.withLock { held in
            taken.contains { !held.holds(NodePort(protocol: $0.protocol, number: $0.port)) }
        }
        if isForeign { return false }
        guard hostPorts.withLock({ $0.take(ports, for: sandbox.namespace) }) else { return false }
        try await apply(HostPort.rules("add", ports, bridge: bridge, to: sandbox.address))
        return true
    }

    /// Closes them again.
    func closePorts(_ ports: [HostPort], of sandbox: Sandbox) async {
        let mine = hostPorts.withLock { $0.giveBack(ports, of: sandbox.namespace) }
        guard !mine.isEmpty else { return }
        try? await apply(HostPort.rules("delete", mine, bridge: bridge))
    }
}

/// Which pods have which ports of the host.
struct HostPortOwners: Sendable {
    /// Namespaces of the pods.
    private var owners: [HostPort: String] = [:]

    /// Takes all of them or, when another pod has one, none: false.
    mutating func take(_ ports: [HostPort], for pod: String) -> Bool {
        let others = owners.filter { $0.value != pod }.keys
        if ports.contains(where: { port in others.contains { $0.conflicts(with: port) } }) { return false }
        for port in ports { owners[port] = pod }
        return true
    }

    /// - Returns: those of them that were the pod's.
    mutating func giveBack(_ ports: [HostPort], of pod: String) -> [HostPort] {
        let mine = ports.filter { owners[$0] == pod }
        for port in mine { owners[port] = nil }
        return mine
    }
}
