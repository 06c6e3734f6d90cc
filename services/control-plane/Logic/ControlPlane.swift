import Certificates
import ClusterAPI
import ClusterControllers
import ClusterStore
import Foundation
import HTTPKit
public import KubeClient
public import Logging
import NIOCore
public import ServiceLifecycle

/// The embedded control plane: store, API server and controllers in one service.
public final class ControlPlane: Service {
    /// What others need to reach a control plane that runs.
    public struct ReadyInfo: Sendable {
        /// Address that it listens on.
        public let host: String
        /// Port that it listens on.
        public let port: Int
        /// The authority that signed its certificate.
        public let caPEM: String
        /// `https://127.0.0.1:6443`
        public var url: String { "https://\(host.contains(":") ? "[\(host)]" : host):\(port)" }
    }

    /// The version of the Kubernetes API that is spoken.
    public static let kubernetesVersion = "v1.36.0"

    private let configuration: ControlPlaneConfiguration
    private let logger: Logger
    private let store: Store
    private let keys: KeyFiles
    private let api: APIServer
    private let audit: AuditLog
    private let gate = ReadyGate<ReadyInfo>()

    /// Opens the data folder; nothing listens before ``run()``.
    ///
    /// - Throws: ``ControlPlaneError`` when the folder is in use, cannot be written, is damaged or too new.
    public init(_ configuration: ControlPlaneConfiguration, logger: Logger) throws {
        self.configuration = configuration
        self.logger = logger
        let data = configuration.dataDirectory
        try PrivateFile.makeDirectory(data)
        do throws(StoreError) {
            store = try Store.open(directory: "\(data)/store", options: Self.storeOptions(configuration, logger))
        } catch {
            throw Self.explain(error, data)
        }
        let serviceAddress = try APIServer.ownServiceAddress(cidr: configuration.serviceCIDR)
        let service = [
            "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
        ]
        var addresses = ["127.0.0.1", "::1", serviceAddress]
        for address in [configuration.host, configuration.advertisedAddress ?? ""]
        where Self.isAddress(address) && !addresses.contains(address) && address != "0.0.0.0" {
            addresses.append(address)
        }
        keys = try KeyFiles(directory: "\(data)/pki", names: ["localhost"] + service, addresses: addresses)
        audit = AuditLog(path: "\(data)/audit.log", fileLimit: configuration.auditFileLimit)
        api = try APIServer(
            configuration: .init(
                serviceCIDR: configuration.serviceCIDR, nodeSocket: configuration.nodeSocket,
                tokenIssuer: configuration.tokenIssuer,
                gitVersion: "\(Self.kubernetesVersion)+martlet.\(configuration.version)",
                certificateAuthorityPEM: keys.authority.certificatePEM,
                proxyAuthorityPEM: keys.proxyAuthorityPEM, audit: audit),
            store: store, signer: keys.signer, logger: logger)
    }

    private static func isAddress(_ text: String) -> Bool {
        (try? SocketAddress(ipAddress: text, port: 0)) != nil
    }

    private static func explain(_ error: StoreError, _ data: String) -> ControlPlaneError {
        switch error {
        case .locked:
            ControlPlaneError("the data folder \(data) is in use by another martlet; stop it, or choose another folder")
        case .newerFormat:
            ControlPlaneError("the data folder \(data) was written by a newer version of Martlet; use that version")
        case .unwritable(let reason): ControlPlaneError("the data folder \(data) cannot be written: \(reason)")
        case .full(let reason):
            ControlPlaneError("the data folder \(data) cannot be opened because the disk is full: \(reason)")
        case .corrupt:
            ControlPlaneError(
                "the data folder \(data) cannot be opened: \(error). `martlet doctor --repair --data-dir \(data)` keeps all "
                    + "that comes before the damage; `martlet restore` makes a new folder out of a backup")
        default: ControlPlaneError("the data folder \(data) cannot be opened: \(error)")
        }
    }

    private static func storeOptions(_ configuration: ControlPlaneConfiguration, _ logger: Logger) -> Store.Options {
        var options = Store.Options()
        options.indexedFields = APIServer.indexedFields
        options.historyEvents = configuration.historyChanges
        options.historyBytes = configuration.historyBytes
        options.historyAge = configuration.historyAge
        let rounds = EventLoopRounds()
        options.afterRound = { rounds.atEnd($0) }
        options.onFailure = { failure in
            if let failure {
                logger.error("nothing can be stored; reading goes on", metadata: ["reason": "\(failure)"])
            } else {
                logger.notice("storing works again")
            }
        }
        return options
    }

    /// Serves until the service group stops gracefully or the task is cancelled.
    public func run() async throws {
        do {
            try await api.load()
            try await api.bootstrap()
            try await serve()
            gate.open(.failure(ControlPlaneError("the control plane was stopped before it was ready")))
        } catch {
            gate.open(.failure(error))
            audit.finish()
            await store.close()
            throw error
        }
        audit.finish()
        await store.close()
    }

    private func serve() async throws {
        let tls = try ServerTLS.context(
            certificatePEM: keys.server.certificatePEM, keyPEM: keys.server.keyPEM,
            clientAuthorityPEM: keys.authority.certificatePEM)
        let api = api
        let server = HTTPServer(
            listener: .tcp(host: configuration.host, port: configuration.port), tls: tls, logger: logger,
            runsOnEventLoop: true, onListening: { port in await self.listening(on: port) },
            handler: { request in await api.handle(request) })
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                do {
                    try await server.run()
                } catch let error as IOError {
                    throw self.explain(error)
                }
            }
            group.addTask { try await APIHousekeeping(server: api).run() }
            if configuration.controllersEnabled { group.addTask { try await self.runControllers() } }
            // All end together: by graceful stop, or because one failed.
            do {
                while try await group.next() != nil {}
            } catch is CancellationError {
                // A part that was told to stop says so in this way; the others were told too and come to their end.
                while (try? await group.next()) != nil {}
            } catch {
                group.cancelAll()
                throw error
            }
        }
    }

    private func explain(_ error: IOError) -> any Error {
        switch error.errnoCode {
        case EADDRINUSE:
            ControlPlaneError(
                "port \(configuration.port) on \(configuration.host) is taken; choose another one with --port, or 0 for a free one"
            )
        case EACCES:
            ControlPlaneError("port \(configuration.port) may not be used by this user; choose one above 1023")
        case EADDRNOTAVAIL: ControlPlaneError("\(configuration.host) is no address of this machine")
        default: error
        }
    }

    private func listening(on port: Int) async {
        let isAny = configuration.host == "0.0.0.0" || configuration.host == "::"
        do {
            let address =
                configuration.advertisedAddress
                ?? (isAny || !Self.isAddress(configuration.host) ? "127.0.0.1" : configuration.host)
            try await api.publish(.init(ip: address, port: port))
        } catch {
            logger.error("the API's own address is not published", metadata: ["error": "\(error)"])
        }
        api.setReady(true)
        gate.open(
            .success(
                ReadyInfo(
                    host: isAny ? "127.0.0.1" : configuration.host, port: port, caPEM: keys.authority.certificatePEM)))
    }

    private func runControllers() async throws {
        _ = try await gate.wait()
        let volumes = configuration.volumesDirectory ?? "\(configuration.dataDirectory)/volumes"
        try await ClusterControllers(
            client: client(user: "system:kube-controller-manager", groups: ["system:masters"]),
            configuration: .init(
                volumesDirectory: volumes,
                removeVolume: { [socket = configuration.nodeSocket] in
                    try await NodeVolumes.remove(namespace: $0, claim: $1, through: socket)
                }, rootCertificatePEM: keys.authority.certificatePEM),
            logger: logger
        ).run()
    }

    /// A client inside the process, which acts as a user without further proof.
    public func client(user: String, groups: [String]) -> KubeClient {
        let agent = user.split(separator: ":").last.map(String.init) ?? user
        return KubeClient(
            transport: InProcessTransport(
                server: api, user: UserInfo(name: user, groups: groups + ["system:authenticated"]), agent: agent))
    }

    /// Waits until requests are answered.
    ///
    /// - Throws: why that will never be.
    public func ready() async throws -> ReadyInfo { try await gate.wait() }

    /// Writes a kubeconfig with a new client certificate; only its owner may read the file.
    public func writeKubeconfig(to path: String, user: String, groups: [String]) throws {
        guard let info = gate.value else { throw ControlPlaneError("the control plane is not ready yet") }
        let issued = try keys.authority.issue(
            CertificateRequest(
                commonName: user, organizations: groups, usages: [.client], lifetime: .seconds(365 * 86_400)))
        let config = Kubeconfig(
            server: info.url, authorityPEM: info.caPEM, certificatePEM: issued.certificatePEM, keyPEM: issued.keyPEM,
            user: user)
        try PrivateFile.write(config.text, to: path)
    }
}
