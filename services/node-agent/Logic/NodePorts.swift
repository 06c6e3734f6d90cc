import ControllerKit
import KubeModel
import Logging
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// Takes the node ports of Services on this machine, and tells of those that cannot be had: by an Event about the Service
/// and in the log, once for each reason.
///
/// The rules that lead from them to endpoints are ``ServiceRules``; where the network here is not the machine's,
/// ``MachinePorts`` leads to it.
final class NodePorts: Sendable {
    private let network: PodNetwork
    private let machinePorts: MachinePorts?
    private let services: WatchCache
    private let recorder: EventRecorder
    private let logger: Logger
    /// What was told of ports that lead nowhere.
    private let told = Mutex<[NodePort: String]>([:])

    init(
        network: PodNetwork, machinePorts: MachinePorts?, services: WatchCache, recorder: EventRecorder, logger: Logger
    ) {
        (self.network, self.machinePorts, self.services) = (network, machinePorts, services)
        (self.recorder, self.logger) = (recorder, logger)
    }

    /// True while something stands in the way, which may go without telling.
    var areMissing: Bool { told.withLock { !$0.isEmpty } }

    /// Takes ports for rules that are about to lead from them.
    ///
    /// - Returns: the targets, without the node ports that this machine does not give, and why it does not.
    func take(for targets: [ServiceRules.Target]) -> (targets: [ServiceRules.Target], problems: [NodePort: String]) {
        var problems: [NodePort: String] = [:]
        let served = network.nodePorts.withLock { held in
            targets.map { target in
                var target = target
                guard let port = target.nodePort else { return target }
                let error = held.take(port)
                guard error != 0 else { return target }
                problems[port] = error == EADDRINUSE ? Self.isTaken : String(cString: strerror(error))
                target.nodePort = nil
                return target
            }
        }
        return (served, problems)
    }

    /// After the rules are loaded: lets go of what is not wanted any more, opens the rest on the machine, and tells of what
    /// does not work.
    ///
    /// - Parameters:
    ///   - targets: as `take` returned them.
    ///   - problems: what it returned with them.
    ///   - table: whose ports they are.
    func settle(_ targets: [ServiceRules.Target], _ problems: [NodePort: String], of table: ServiceTable) async {
        network.nodePorts.withLock { $0.keep(Set(targets.compactMap(\.nodePort))) }
        var problems = problems
        for (port, problem) in await machinePorts?.serve(targets) ?? [:] { problems[port] = problem }
        let news = told.withLock { told in
            defer { told = problems }
            return problems.filter { told[$0] != $1 }
        }
        for (port, problem) in news.sorted(by: { $0.key.number < $1.key.number }) {
            let message = "Node port \(port) does not lead to the Service: \(problem); it is tried again until it does"
            logger.warning("\(message)")
            guard let entry = table.entries.first(where: { $0.ports.contains { $0.nodePort == port } }),
                let service = services.get(entry.name, namespace: entry.namespace)
            else { continue }
            await recorder.record("Warning", reason: "NodePortUnavailable", message: message, about: service)
        }
    }

    /// Of an instance on the same machine, too, which gives out its ports by itself.
    static let isTaken = "another program of this machine, or another platform, has it"
}
