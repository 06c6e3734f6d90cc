import CNode
import ControllerKit
import KubeModel
import Logging
import NIOCore
import NIOPosix
import Synchronization

/// Makes the cluster addresses and node ports of Services work, from pods and from the host: nftables sends connections to a pod.
///
/// Endpoints on the host's loopback, which is where the API server of one machine listens, cannot be reached from a
/// pod's network; for these a small forwarder listens on the bridge.
final class ServiceNetwork: Sendable {
    private let network: PodNetwork
    private let services: WatchCache
    private let slices: WatchCache
    private let endpoints: WatchCache
    private let nodePorts: NodePorts
    private let logger: Logger
    private let current = Mutex(ServiceTable())
    private let firstRules: AsyncStream<Never>
    private let firstRulesLoaded: AsyncStream<Never>.Continuation
    private let changes: AsyncStream<Void>
    private let changed: AsyncStream<Void>.Continuation

    init(
        network: PodNetwork, services: WatchCache, slices: WatchCache, endpoints: WatchCache, nodePorts: NodePorts,
        logger: Logger
    ) {
        self.network = network
        self.services = services
        self.slices = slices
        self.endpoints = endpoints
        self.nodePorts = nodePorts
        self.logger = logger
        (changes, changed) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        (firstRules, firstRulesLoaded) = AsyncStream.makeStream(of: Never.self)
        for cache in [services, slices, endpoints] { cache.observe { [changed] _ in changed.yield() } }
    }

    /// The Services as last seen.
    var table: ServiceTable { current.withLock { $0 } }

    /// Waits until the rules were loaded for the first time.
    func waitUntilCurrent() async throws {
        for await _ in firstRules {}
        try Task.checkCancellation()
    }

    /// Keeps the rules current until cancelled.
    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.follow() }
            group.addTask {
                // A program that has a node port does not tell when it lets go of it.
                while true {
                    try await Task.sleep(for: .seconds(5))
                    if self.nodePorts.areMissing { self.changed.yield() }
                }
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func follow() async throws {
        for cache in [services, slices, endpoints] { try await cache.waitUntilSynced() }
        changed.yield()
        var applied: [ServiceRules.Target]?
        var forwarders: [ServiceRules.Backend: any Channel] = [:]
        for await _ in changes {
            let table = ServiceTable(services: services.all(), slices: slices.all(), endpoints: endpoints.all())
            current.withLock { $0 = table }
            do {
                let (targets, problems) = nodePorts.take(for: try await targets(of: table, &forwarders))
                if targets != applied {
                    let before = applied ?? []
                    let cleaning = ServiceRules.cleaning(bridge: network.bridge, before: before, now: targets)
                    let rules = ServiceRules.services(bridge: network.bridge, targets)
                    // The maps are emptied first, so that chains may go; the kernel takes it all in one transaction.
                    let head = ServiceRules.emptying(bridge: network.bridge)
                    try await network.apply(head + cleaning.flush + rules + cleaning.delete)
                    applied = targets
                    // A conversation over UDP has no end that the kernel sees; it would go on to nobody.
                    for (mailbox, backend) in ServiceRules.ended(before: before, now: targets) {
                        _ = node_forget_conversations(
                            mailbox.address?.value ?? 0, UInt16(clamping: mailbox.port), backend?.value ?? 0)
                    }
                }
                firstRulesLoaded.finish()
                await nodePorts.settle(targets, problems, of: table)
            } catch {
                logger.error("services are not current", metadata: ["error": "\(error)"])
                try await Task.sleep(for: .seconds(2))
                changed.yield()
            }
            // A burst of changes is one change.
            try await Task.sleep(for: .milliseconds(20))
        }
        for channel in forwarders.values { try? await channel.close() }
    }

    private func targets(of table: ServiceTable, _ forwarders: inout [ServiceRules.Backend: any Channel]) async throws
        -> [ServiceRules.Target]
    {
        var targets: [ServiceRules.Target] = []
        var wanted: Set<ServiceRules.Backend> = []
        for entry in table.entries {
            guard let address = entry.clusterAddress else { continue }
            for port in entry.ports where port.protocol == "TCP" || port.protocol == "UDP" {
                var backends: [ServiceRules.Backend] = []
                for backend in port.backends {
                    guard backend.address.isLoopback else {
                        backends.append(backend)
                        continue
                    }
                    guard port.protocol == "TCP" else { continue }
                    wanted.insert(backend)
                    if forwarders[backend] == nil {
                        let gateway = "\(network.network.gateway)"
                        forwarders[backend] = try await TCPForwarder.start {
                            try await $0.bind(host: gateway, port: 0).get()
                        } to: { _ in
                            backend
                        }
                    }
                    if let local = forwarders[backend]?.localAddress?.port {
                        backends.append(.init(address: network.network.gateway, port: local))
                    }
                }
                targets.append(
                    .init(
                        address: address, protocol: port.protocol.lowercased(), port: port.number, backends: backends,
                        affinitySeconds: entry.affinitySeconds, nodePort: port.nodePort))
            }
        }
        for (backend, channel) in forwarders where !wanted.contains(backend) {
            try? await channel.close()
            forwarders[backend] = nil
        }
        return targets.sorted()
    }
}
