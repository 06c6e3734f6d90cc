import CNode
import NIOCore
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

extension MachinePorts {
    /// A node port that leads to a Service.
    struct Served: Sendable {
        let backends: BackendChoice
        let channel: any Channel
    }

    /// Opens the node ports of Services that have endpoints, and closes all others: the machine refuses what comes to these.
    /// Ports that were open go on, with the endpoints that are there now.
    ///
    /// - Parameter targets: all Services' ports.
    /// - Returns: why some cannot be opened.
    func serve(_ targets: [ServiceRules.Target]) async -> [NodePort: String] {
        var wanted: [NodePort: ServiceRules.Target] = [:]
        for target in targets where !target.backends.isEmpty {
            if let port = target.nodePort { wanted[port] = target }
        }
        let gone = state.withLock { state in
            let gone = state.services.filter { wanted[$0.key] == nil }
            for port in gone.keys { state.services[port] = nil }
            return gone.values.map(\.channel)
        }
        for channel in gone { try? await channel.close() }
        var problems: [NodePort: String] = [:]
        for (port, target) in wanted {
            if let served = state.withLock({ $0.services[port] }) {
                served.backends.set(target.backends, affinitySeconds: target.affinitySeconds)
                continue
            }
            let asked = HostPort(protocol: port.protocol, port: port.number, address: nil, containerPort: 0)
            let socket = openSocket(asked)
            guard socket >= 0 else {
                problems[port] = socket == -EADDRINUSE ? NodePorts.isTaken : Self.refusal(of: asked, -socket)
                continue
            }
            let backends = BackendChoice(target.backends, affinitySeconds: target.affinitySeconds)
            do {
                let channel = try await forward(
                    socket, Door(protocol: port.protocol, backends: backends, policies: policies))
                state.withLock { $0.services[port] = Served(backends: backends, channel: channel) }
            } catch {
                problems[port] = "\(error)"
            }
        }
        return problems
    }
}
