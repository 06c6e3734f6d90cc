import ControlPlane
import ControllerKit
import Foundation
import Gateway
import KubeClient
import KubeModel
import Logging
import NotebookController
import ProfileController
import ServiceLifecycle
import Synchronization
import UnixSignals

/// All services of one instance: the control plane first, then what speaks to it, ended in the opposite order.
struct Platform: Sendable {
    let user: LocalUser
    let directory: DataDirectory
    let installation: Installation
    let started: ContinuousClock.Instant
    let controlPlane: ControlPlane
    let port: Int
    /// Where notebooks are that have no hosts of their own.
    let workspacePort: Int?
    private let connections = Connections()
    let logger = Logger(label: "martlet")

    /// The node agent's keeper; nil where there are no Pods.
    let node: NodeAgentKeeper?
    /// What leads out of the namespaces of an ordinary user.
    let wayOut: WayOut?
    /// Why there are no Pods.
    let obstacle: String?
    private let signIn: SignInSettings
    private let accessLog: String?

    init(user: LocalUser, grounds: Up.Grounds) throws {
        (self.user, directory, installation, started) = (
            user, grounds.directory, grounds.installation, grounds.started
        )
        (port, node, signIn) = (grounds.ports.gateway, grounds.node, grounds.signIn)
        (workspacePort, accessLog) = (grounds.workspacePort, grounds.accessLog)
        (wayOut, obstacle) = (grounds.wayOut, grounds.obstacle)
        controlPlane = try ControlPlane(
            ControlPlaneConfiguration(
                dataDirectory: directory.path, host: "127.0.0.1", port: grounds.ports.kubernetes,
                serviceCIDR: grounds.range.serviceCIDR,
                nodeSocket: node == nil ? nil : directory.nodeSocket, version: Martlet.version),
            logger: Logger(label: "control-plane"))
    }

    func run() async throws {
        let readiness = Readiness()
        // Ended last: Pods need it to their end.
        var services: [any Service] = (wayOut.map { [$0] } ?? []) + [controlPlane]
        if let node { services.append(Deferred { try await nodeAgent(node, readiness) }) }
        services += [
            Deferred {
                try await readiness.manifests.wait()
                return ProfileControllerService(
                    client: try await client(of: "profile-controller"), configuration: profileSettings,
                    logger: Logger(label: "profile-controller"), onKFAMListening: { readiness.kfam.listens(on: $0) })
            },
            Deferred {
                try await readiness.manifests.wait()
                return NotebookControllerService(
                    client: try await client(of: "notebook-controller"), configuration: notebookSettings,
                    logger: Logger(label: "notebook-controller"))
            },
            Deferred { try await gateway(readiness) },
            Announcement(platform: self, readiness: readiness),
        ]
        let group = ServiceGroup(
            configuration: .init(
                services: services.map { .init(service: $0) }, gracefulShutdownSignals: [.sigterm, .sigint],
                logger: logger))
        do {
            try await group.run()
        } catch {
            await connections.close()
            throw error
        }
        await connections.close()
    }

    /// A client with the identity that the service has in a cluster.
    func client(of service: String) async throws -> KubeClient {
        try await client(
            named: service, user: "system:serviceaccount:kubeflow:\(service)",
            groups: ["system:serviceaccounts", "system:serviceaccounts:kubeflow"])
    }

    func administrator() async throws -> KubeClient {
        try await client(named: "admin", user: "martlet-admin", groups: ["system:masters"])
    }

    private func client(named name: String, user: String, groups: [String]) async throws -> KubeClient {
        _ = try await controlPlane.ready()
        let path = directory.path + "/kubeconfigs/\(name)"
        try controlPlane.writeKubeconfig(to: path, user: user, groups: groups)
        let transport = try HTTPKubeTransport(KubeConfiguration.load(kubeconfig: path))
        await connections.add(transport)
        return KubeClient(transport: transport)
    }

    /// Everything on this machine, at free ports; whoever signs in may make a workspace of their own.
    private var profileSettings: ProfileControllerConfiguration {
        var settings = ProfileControllerConfiguration()
        settings.kfamAddress = "127.0.0.1:0"
        settings.webhook = WebhookSettings(host: "127.0.0.1", port: 0, reach: .directly)
        settings.isRegistrationOpen = true
        return settings
    }

    /// TensorBoard alone takes a tenth of the time and place that an image with all of TensorFlow takes.
    private var notebookSettings: NotebookControllerConfiguration {
        var settings = NotebookControllerConfiguration()
        settings.tensorboardImage = "tensorboard:latest"
        return settings
    }

    private func nodeAgent(_ node: NodeAgentKeeper, _ readiness: Readiness) async throws -> any Service {
        try await readiness.manifests.wait()
        try controlPlane.writeKubeconfig(
            to: directory.nodeKubeconfig, user: "system:node:martlet", groups: ["system:nodes"])
        return node
    }

    private func gateway(_ readiness: Readiness) async throws -> any Service {
        try await readiness.manifests.wait()
        return try Gateway(
            configuration: GatewayConfiguration(
                host: "127.0.0.1", port: port, webRoot: installation.root + "/web/dist",
                stateDirectory: directory.gatewayState,
                spawnerConfigPath: installation.root + "/deploy/base/gateway/spawner_ui_config.yaml",
                version: Martlet.version, signIn: signIn, kfamAddress: "127.0.0.1:\(try await readiness.kfam.port())",
                allowsRegistration: profileSettings.isRegistrationOpen, auditLogPath: directory.path + "/audit.log",
                accessLogPath: accessLog),
            client: try await client(of: "gateway"), signIn: try SignInTokens(stateDirectory: directory.gatewayState),
            logger: Logger(label: "gateway"), onListening: { port in readiness.gateway.listens(on: port) })
    }
}

/// The connections of all services to the Kubernetes API, closed when the services have ended.
actor Connections {
    private var transports: [HTTPKubeTransport] = []

    func add(_ transport: HTTPKubeTransport) { transports.append(transport) }

    func close() async {
        for transport in transports {
            // The process ends next; a connection that does not close cleanly ends with it.
            try? await transport.shutdown()
        }
        transports = []
    }
}

/// A service that can only be made once others run.
struct Deferred: Service {
    let make: @Sendable () async throws -> any Service

    func run() async throws { try await make().run() }
}

/// What services wait for at the start; waiting ends with the task, so a failed start ends them all.
final class Readiness: Sendable {
    /// The gateway.
    let gateway = ListeningPort()
    /// KFAM, which the gateway leads to.
    let kfam = ListeningPort()
    /// Opens once the roles and kinds exist that services need.
    let manifests = Latch()
}

/// The port of a server, known once it listens.
final class ListeningPort: Sendable {
    private let listening = Latch()
    private let number = Mutex(0)

    func listens(on port: Int) {
        number.withLock { $0 = port }
        listening.open()
    }

    /// The port, once the server listens.
    func port() async throws -> Int {
        try await listening.wait()
        return number.withLock { $0 }
    }
}
