import ArgumentParser
import Foundation
import Gateway
import GatewayOptions
import KubeClient
import Logging
import ServiceKit
import ServiceLifecycle
import UnixSignals

/// The binary `gateway`.
@main
struct GatewayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gateway", abstract: "Sign-in, page, platform API and the way to the notebooks.")

    @Option(help: "Kubeconfig file (default: KUBECONFIG, the Pod's service account, ~/.kube/config).")
    var kubeconfig: String?
    @Option(help: "Address to listen on.")
    var host = "127.0.0.1"
    @Option(help: "Port to listen on; 0 takes a free one.")
    var port = 8080
    @Option(help: "Folder of the built page.")
    var webRoot: String?
    @Option(
        name: [.customLong("state-dir"), .customLong("state-directory")],
        help: "Folder for the session key and sign-in tokens.")
    var stateDirectory: String
    @Option(help: "YAML file with spawnerFormDefaults.")
    var spawnerConfig: String
    @Option(help: "Host names under which browsers reach the gateway, besides those of this machine.")
    var hosts: [String] = []
    @Option(help: "Certificate chain (PEM file) to serve HTTPS.")
    var tlsCertificate: String?
    @Option(help: "Key of the certificate (PEM file).")
    var tlsKey: String?
    @Flag(help: "Serve plain HTTP to the network, for behind a proxy that ends TLS.")
    var allowPlainNetwork = false
    @Option(help: "Where KFAM listens, host:port; it is served below /kfam/.")
    var kfam: String?
    @Flag(help: "Offer people to make a Profile of their own; KFAM has a flag of the same name, which decides.")
    var registrationFlow = false
    @Option(help: "The API server's audit log, shown to administrators.")
    var auditLog: String?
    @Option(help: "File for a line of JSON for every request.")
    var accessLog: String?
    @Option(help: "Requests of one user that may be under way, WebSockets among them; 0 for any number.")
    var userRequests = 500
    @Option(help: "Requests of one user a second, for long; 0 for any number.")
    var userRate = 1000
    @Option(help: "Connections that an address may have at a time, but a trusted proxy; 0 for any number.")
    var addressConnections = 1000
    @Option(help: "Seconds that a notebook may take to begin its answer.")
    var responseTimeout = 300
    @OptionGroup(title: "How people sign in")
    var signIn: SignInOptions
    @Option(help: "Print a sign-in link for this user once listening.")
    var signInUser: String?
    @Option(help: "text or json.")
    var logFormat = "text"
    @Option(help: "trace, debug, info, notice, warning, error or critical.")
    var logLevel = "info"

    func validate() throws {
        guard LineLogHandler.Format(rawValue: logFormat) != nil else {
            throw ValidationError("--log-format is text or json, not \(logFormat)")
        }
        guard Logger.Level(rawValue: logLevel) != nil else {
            throw ValidationError("--log-level has no level \(logLevel)")
        }
        guard userRequests >= 0, userRate >= 0, addressConnections >= 0, responseTimeout > 0 else {
            throw ValidationError(
                "--user-requests, --user-rate, --address-connections and --response-timeout are no negative numbers")
        }
        guard (0...65_535).contains(port) else { throw ValidationError("--port is between 0 and 65535, not \(port)") }
        guard (tlsCertificate == nil) == (tlsKey == nil) else {
            throw ValidationError("--tls-certificate and --tls-key are given together")
        }
    }

    func run() async throws {
        let format = LineLogHandler.Format(rawValue: logFormat) ?? .text
        let level = Logger.Level(rawValue: logLevel) ?? .info
        LoggingSystem.bootstrap { LineLogHandler(label: $0, format: format, level: level, sink: .standardError) }
        let logger = Logger(label: "gateway")
        let cluster = try KubeConfiguration.load(kubeconfig: kubeconfig)
        let transport = try HTTPKubeTransport(cluster)
        let tokens = try SignInTokens(stateDirectory: stateDirectory)
        let configuration = GatewayConfiguration(
            host: host, port: port, webRoot: webRoot, stateDirectory: stateDirectory, spawnerConfigPath: spawnerConfig,
            hosts: hosts, certificatePEM: try tlsCertificate.map { try String(contentsOfFile: $0, encoding: .utf8) },
            keyPEM: try tlsKey.map { try String(contentsOfFile: $0, encoding: .utf8) },
            allowsPlainNetwork: allowPlainNetwork, signIn: try signIn.settings(), kfamAddress: kfam,
            namespace: cluster.namespace,
            allowsRegistration: registrationFlow, auditLogPath: auditLog,
            accessLogPath: accessLog, requestsAtATime: userRequests, requestsPerSecond: userRate,
            connectionsPerAddress: addressConnections,
            responseTimeout: .seconds(responseTimeout))
        let scheme = tlsCertificate == nil ? "http" : "https"
        let gateway = try Gateway(
            configuration: configuration, client: KubeClient(transport: transport), signIn: tokens, logger: logger
        ) { [host, signInUser] port in
            guard let signInUser else { return }
            do {
                let link = "\(scheme)://\(host):\(port)/login?token=\(try tokens.issue(user: signInUser))\n"
                // At once, also where nobody looks at a terminal.
                FileHandle.standardOutput.write(Data(link.utf8))
            } catch {
                logger.error("no sign-in link can be made", metadata: ["error": "\(error)"])
            }
        }
        let group = ServiceGroup(services: [gateway], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        try await group.run()
        try await transport.shutdown()
    }
}
