import CNode
import ControllerKit
import Foundation
import HTTPKit
public import KubeClient
import KubeModel
import KubeYAML
public import Logging
public import ServiceLifecycle

/// Runs the pods of one machine: what a kubelet, a container runtime, a network plugin, kube-proxy and the cluster's
/// name server do together.
public struct NodeAgent: Service {
    private let configuration: NodeConfiguration
    private let client: KubeClient
    private let logger: Logger
    private let tools: HostTools
    private let network: Network4
    private let serviceNetwork: Network4
    private let catalogue: EnvironmentCatalogue

    /// Checks the settings and the machine.
    ///
    /// - Throws: ``NodeError`` that says what is wrong or missing.
    public init(configuration: NodeConfiguration, client: KubeClient, logger: Logger) throws {
        guard let network = Network4(configuration.podCIDR) else {
            throw NodeError("--pod-cidr \(configuration.podCIDR) is no IPv4 network such as 10.244.0.0/24")
        }
        guard let services = Network4(configuration.serviceCIDR) else {
            throw NodeError("--service-cidr \(configuration.serviceCIDR) is no IPv4 network such as 10.96.0.0/20")
        }
        guard let text = FileTools.text(configuration.environmentsFile) else {
            throw NodeError("the list of environments \(configuration.environmentsFile) cannot be read")
        }
        let document: JSON
        do {
            document = try YAML.parse(text)
        } catch {
            throw NodeError("\(configuration.environmentsFile) is no YAML: \(error)")
        }
        catalogue = try EnvironmentCatalogue(document, file: configuration.environmentsFile)
        tools = try HostTools(configuration: configuration)
        self.configuration = configuration
        self.client = client
        self.logger = logger
        self.network = network
        serviceNetwork = services
    }

    /// Runs until the service group stops gracefully (pods end first, unless they are kept) or the task is cancelled.
    public func run() async throws {
        for path in [configuration.podsDirectory, configuration.crunRoot] {
            try FileTools.makeDirectory(path, mode: 0o700)
        }
        try FileTools.makeDirectory((configuration.socketPath as NSString).deletingLastPathComponent)
        let network = PodNetwork(network: network, tools: tools, logger: logger)
        try await network.setUp(serviceNetwork: serviceNetwork)

        let pods = WatchCache(client: client, type: .pods, fieldSelector: "spec.nodeName=\(configuration.nodeName)")
        let configMaps = WatchCache(client: client, type: .configMaps)
        let secrets = WatchCache(client: client, type: .secrets)
        let services = WatchCache(client: client, type: .services)
        let slices = WatchCache(client: client, type: .endpointSlices)
        let endpoints = WatchCache(client: client, type: .endpoints)
        let namespaces = WatchCache(client: client, type: .namespaces)
        let networkPolicies = WatchCache(
            client: client, type: ResourceType("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy"))
        let policies = PolicyNetwork(
            network: network, pods: pods, namespaces: namespaces, policies: networkPolicies,
            isolatesProfiles: configuration.isolatesProfiles, logger: logger)
        let machinePorts = configuration.machinePorts.map {
            MachinePorts(channel: $0, policies: policies, logger: logger)
        }
        let nodePorts = NodePorts(
            network: network, machinePorts: machinePorts, services: services,
            recorder: EventRecorder(client: client, component: "kube-proxy", host: configuration.nodeName),
            logger: logger)
        let serviceNetwork = ServiceNetwork(
            network: network, services: services, slices: slices, endpoints: endpoints, nodePorts: nodePorts,
            logger: logger)
        let environments = EnvironmentStore(
            catalogue: catalogue, directory: configuration.environmentsDirectory,
            podsDirectory: configuration.podsDirectory,
            cacheDirectory: configuration.uvCacheDirectory, uv: tools.uv, logger: logger)
        let images = try ImageStore(configuration: configuration, logger: logger)
        let watcher = try StateWatcher()
        watcher.start()
        let devices = HostDevices()
        let registration = NodeRegistration(
            client: client, configuration: configuration, network: self.network, images: images, devices: devices,
            recorder: EventRecorder(client: client, component: "kubelet", host: configuration.nodeName), logger: logger)
        let allocatable = registration.status["allocatable"]
        // Containers reach their volumes by mounts; nobody else of this machine, not even by guessing names.
        try FileTools.makeDirectory(configuration.volumesDirectory, mode: 0o700)
        chmod(configuration.volumesDirectory, 0o700)
        let quotas = ProjectQuotas(root: configuration.volumesDirectory, logger: logger)
        let volumes = WatchCache(client: client, type: .persistentVolumes)
        let volumeChanges = volumes.changes()
        let context = NodeContext(
            configuration: configuration, client: client, tools: tools, network: network, policies: policies,
            services: serviceNetwork,
            machinePorts: machinePorts,
            environments: environments, images: images,
            runtime: ContainerRuntime(tools: tools, configuration: configuration),
            watcher: watcher, meter: UsageMeter(reader: CgroupReader(pods: configuration.podsDirectory)),
            storage: StorageMeter(), quotas: quotas, devices: devices,
            recorder: EventRecorder(client: client, component: "kubelet", host: configuration.nodeName), pods: pods,
            configMaps: configMaps,
            secrets: secrets, nodeCPU: allocatable?["cpu"]?.string.flatMap(ResourceQuantity.value) ?? 1,
            nodeMemory: allocatable?["memory"]?.string.flatMap(ResourceQuantity.value) ?? 0,
            shiftsUsers: UserShift.isOffered(on: configuration.podsDirectory), logger: logger)
        if let condition = ControlGroups.condition { logger.warning("\(condition.message)") }
        if !context.shiftsUsers {
            logger.warning("root in a pod is root of the host: the file system cannot show files under other owners")
        }
        let supervisor = PodSupervisor(context: context, pods: pods)
        let changes = pods.changes()
        let (wakes, waker) = AsyncStream.makeStream(of: String.self, bufferingPolicy: .bufferingNewest(1000))
        environments.observe { waker.yield("") }
        images.observe { waker.yield("") }
        for cache in [configMaps, secrets] { cache.observe { waker.yield($0.object.namespace ?? "") } }

        let routes = NodeRoutes(
            configuration: configuration, pods: pods, runtime: context.runtime, watcher: watcher, meter: context.meter,
            storage: context.storage, images: images,
            logger: logger
        ).router()
        let server = HTTPServer(
            listener: .unix(path: configuration.socketPath, owner: configuration.servedUser), logger: logger
        ) { await routes($0) }
        let names = DNSServer(
            address: self.network.gateway, domain: configuration.clusterDomain, services: serviceNetwork, logger: logger
        )

        try await withThrowingTaskGroup(of: Void.self) { group in
            for cache in [pods, configMaps, secrets, services, slices, endpoints, namespaces, networkPolicies] {
                group.addTask { try await cache.run() }
            }
            group.addTask { await environments.run() }
            group.addTask { await images.run() }
            group.addTask { [configuration] in
                await VolumeFolders(root: configuration.volumesDirectory).removeLeftovers()
            }
            if quotas.areEnforced {
                group.addTask { try await volumes.run() }
                group.addTask {
                    for await change in volumeChanges where change.type != .deleted { await quotas.hold(change.object) }
                }
            }
            group.addTask { await context.meter.run() }
            group.addTask { await OwnLog().run() }
            group.addTask { try await serviceNetwork.run() }
            group.addTask { try await policies.run() }
            group.addTask { try await names.run() }
            group.addTask { try await server.run() }
            group.addTask { try await registration.run() }
            group.addTask {
                for await namespace in wakes {
                    if namespace.isEmpty {
                        await supervisor.wakeAll()
                    } else {
                        await supervisor.wake(namespace: namespace)
                    }
                }
            }
            group.addTask {
                // Pods read configuration and the addresses of Services when they start.
                for cache in [configMaps, secrets] { try await cache.waitUntilSynced() }
                try await serviceNetwork.waitUntilCurrent()
                try await policies.waitUntilCurrent()
                try await supervisor.run(changes: changes)
                throw Stopped()
            }
            group.addTask { [configuration] in
                try await gracefulShutdown()
                if configuration.keepsPods { throw Stopped() }
                await supervisor.shutDown()
                // Longer than any pod gets to end; then containers stay and are adopted at the next start.
                try await Task.sleep(for: .seconds(20))
                throw Stopped()
            }
            do {
                // `waitForAll` would wait for the others after one has thrown.
                while try await group.next() != nil {}
            } catch is Stopped {
                group.cancelAll()
            }
        }
        if !configuration.keepsPods {
            await network.tearDown()
            CgroupTree.remove(context.cgroupRoot)
        }
        logger.info("the node agent has stopped")
    }

    /// The pods have ended, or stay by themselves.
    private struct Stopped: Error {}
}
