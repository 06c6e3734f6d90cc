import KubeModel

/// One node as the scheduler sees it: what it has, what runs there, and what was promised since.
struct NodeState: Sendable {
    let node: KubeObject
    let allocatable: ResourceAmounts
    private(set) var pods: [KubeObject] = []
    private(set) var used: ResourceAmounts = [:]
    private var ports: [HostPort: Int] = [:]

    init(_ node: KubeObject, pods: [KubeObject] = []) {
        self.node = node
        allocatable = KubeObject.amounts(node.status["allocatable"])
        for pod in pods { add(pod) }
    }

    mutating func add(_ pod: KubeObject) {
        pods.append(pod)
        used = used + pod.resourceRequests()
        for port in HostPort.all(of: pod) { ports[port, default: 0] += 1 }
    }

    mutating func remove(_ uid: String) {
        guard let index = pods.firstIndex(where: { $0.uid == uid }) else { return }
        let pod = pods.remove(at: index)
        for (name, amount) in pod.resourceRequests() {
            used[name] = Quantity(nanos: (used[name] ?? .zero).nanos - amount.nanos, format: amount.format)
        }
        for port in HostPort.all(of: pod) { ports[port] = (ports[port] ?? 1) > 1 ? (ports[port] ?? 1) - 1 : nil }
    }

    func conflicts(_ wanted: [HostPort]) -> Bool {
        wanted.contains { port in ports.keys.contains { $0.conflicts(with: port) } }
    }
}

/// A port of the node that a container takes. Nodes have addresses of IPv4 only, all of which `::` means, too.
struct HostPort: Hashable, Sendable {
    let address, transport: String
    let number: Int64

    static func all(of pod: KubeObject) -> [HostPort] {
        let sidecars = (pod.spec["initContainers"]?.array ?? []).filter { $0["restartPolicy"] == "Always" }
        return ((pod.spec["containers"]?.array ?? []) + sidecars).flatMap { $0["ports"]?.array ?? [] }.compactMap {
            port in
            guard let number = port["hostPort"]?.int, number > 0 else { return nil }
            let address = port["hostIP"]?.string ?? ""
            return HostPort(
                address: ["", "::"].contains(address) ? "0.0.0.0" : address,
                transport: port["protocol"]?.string ?? "TCP",
                number: number)
        }
    }

    /// All addresses of the node conflict with each of them.
    func conflicts(with other: HostPort) -> Bool {
        number == other.number && transport == other.transport
            && (address == other.address || address == "0.0.0.0" || other.address == "0.0.0.0")
    }
}
