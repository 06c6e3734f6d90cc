import Foundation
import KubeClient
public import Logging

/// Ends and removes everything that a killed node agent and its pods left: containers, networks, mounts, cgroups.
public struct NodeCleaner: Sendable {
    let configuration: NodeConfiguration
    let logger: Logger

    /// Cleans what belongs to the data directory and networks of `configuration`.
    public init(configuration: NodeConfiguration, logger: Logger) {
        (self.configuration, self.logger) = (configuration, logger)
    }

    /// Ends all pods at once; volumes of claims stay.
    ///
    /// - Throws: ``NodeError`` when a tool is missing or the network's address is malformed.
    public func run() async throws {
        guard let network = Network4(configuration.podCIDR) else {
            throw NodeError("--pod-cidr \(configuration.podCIDR) is no IPv4 network such as 10.244.0.0/24")
        }
        let tools = try HostTools(configuration: configuration)
        let pods = PodNetwork(network: network, tools: tools, logger: logger)
        let cgroups = "/martlet-\(network.bridgeName)"
        await OrphanCleaner(
            runtime: ContainerRuntime(tools: tools, configuration: configuration), network: pods, cgroupRoot: cgroups,
            logger: logger
        ).clean(known: [])
        await pods.tearDown()
        CgroupTree.remove(cgroups)
    }
}
