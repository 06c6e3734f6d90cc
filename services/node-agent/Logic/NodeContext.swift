import ControllerKit
import Foundation
import KubeClient
import KubeModel
import Logging

/// What all pods of the node share.
struct NodeContext: Sendable {
    let configuration: NodeConfiguration
    let client: KubeClient
    let tools: HostTools
    let network: PodNetwork
    let policies: PolicyNetwork
    let services: ServiceNetwork
    /// How ports of the machine lead to pods where the network here is not the machine's; nil where it is.
    let machinePorts: MachinePorts?
    let environments: EnvironmentStore
    let images: ImageStore
    let runtime: ContainerRuntime
    let watcher: StateWatcher
    let meter: UsageMeter
    let storage: StorageMeter
    let quotas: ProjectQuotas
    let devices: HostDevices
    let recorder: EventRecorder
    let pods: WatchCache
    let configMaps: WatchCache
    let secrets: WatchCache
    /// What the node has for Pods: CPUs, and bytes of memory.
    let nodeCPU: Double
    let nodeMemory: Double
    /// True when containers can have users of their own.
    let shiftsUsers: Bool
    let logger: Logger
    let promises = ResizePromises()

    /// What Pods may be promised together.
    var allocatable: [String: Double] {
        ["cpu": nodeCPU, "memory": nodeMemory, "pods": Double(configuration.maximumPods)]
    }

    /// Address under which pods reach this machine.
    var hostAddress: String { "\(network.network.gateway)" }

    func facts(podAddress: Address4?) -> DownwardAPI.Facts {
        DownwardAPI.Facts(
            podAddress: podAddress.map { "\($0)" }, hostAddress: hostAddress, nodeName: configuration.nodeName,
            nodeCPU: nodeCPU, nodeMemory: nodeMemory)
    }

    /// Name of this instance below the cgroup tree.
    var cgroupRoot: String { "/martlet-\(network.bridge)" }

    /// Control group of one run of a container.
    func cgroup(pod uid: String, container: String, number: Int) -> String {
        "\(cgroupRoot)/\(uid)/\(container)-\(number)"
    }
}
