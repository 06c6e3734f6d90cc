import ArgumentParser
import ControlPlane
import Foundation
import Logging
import ServiceKit
import ServiceLifecycle
import UnixSignals

/// The embedded Kubernetes control plane as a process of its own.
@main
struct ControlPlaneCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "control-plane", abstract: "Serves the Kubernetes API from a data folder.",
        discussion: "Writes <data-dir>/kubeconfig for the administrator once requests are answered.")

    @Option(help: "Folder of the store, the keys and the volumes.") var dataDir: String
    @Option(help: "Address to listen on.") var host = "127.0.0.1"
    @Option(help: "Port to listen on; 0 takes a free one.") var port = 6443
    @Option(help: "Addresses of Services.") var serviceCidr = "10.96.0.0/20"
    @Option(help: "Unix socket of the node agent, for logs.") var nodeSocket: String?
    @Option(help: "Address under which Pods reach the API.") var advertiseAddress: String?
    @Option(help: "Bytes after which audit.log is put aside; four such files are kept.") var auditFileLimit = 32 << 20
    @Option(help: "Seconds for which changes are kept for watches; older versions are answered with 410 Gone.")
    var historySeconds = 300
    @Option(help: "How many changes are kept for watches at most.") var historyChanges = 65_536
    @Option(help: "How many bytes of objects these changes may take.") var historyBytes = 32 << 20
    @Flag(help: "Run the API alone.") var noControllers = false
    @Option(help: "Form of log lines: text or json.", transform: Self.format) var logFormat = LineLogHandler.Format.text
    @Option(help: "Least important level that is logged.", transform: Self.level) var logLevel = Logger.Level.info

    @Sendable private static func format(_ text: String) throws -> LineLogHandler.Format {
        guard let format = LineLogHandler.Format(rawValue: text) else {
            throw ValidationError("'\(text)' is not text or json.")
        }
        return format
    }

    @Sendable private static func level(_ text: String) throws -> Logger.Level {
        guard let level = Logger.Level(rawValue: text) else {
            let known = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("'\(text)' is not one of \(known).")
        }
        return level
    }

    func validate() throws {
        guard historySeconds > 0, historyChanges > 0, historyBytes > 0 else {
            throw ValidationError("--history-seconds, --history-changes and --history-bytes must be above 0.")
        }
    }

    func run() async throws {
        let (format, level) = (logFormat, logLevel)
        LoggingSystem.bootstrap { label in
            LineLogHandler(label: label, format: format, level: level, sink: .standardError)
        }
        let logger = Logger(label: "control-plane")
        do {
            var configuration = ControlPlaneConfiguration(
                dataDirectory: dataDir, host: host, port: port, serviceCIDR: serviceCidr, nodeSocket: nodeSocket,
                advertisedAddress: advertiseAddress, controllersEnabled: !noControllers, auditFileLimit: auditFileLimit)
            configuration.historyAge = .seconds(historySeconds)
            configuration.historyChanges = historyChanges
            configuration.historyBytes = historyBytes
            let plane = try ControlPlane(configuration, logger: logger)
            let group = ServiceGroup(
                configuration: .init(
                    services: [plane, KubeconfigWriter(plane: plane, path: "\(dataDir)/kubeconfig", logger: logger)],
                    gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
            try await group.run()
        } catch {
            FileHandle.standardError.write(Data("control-plane: \(error)\n".utf8))
            throw ExitCode.failure
        }
    }
}

/// Writes the administrator's kubeconfig once the control plane is ready.
struct KubeconfigWriter: Service {
    let plane: ControlPlane
    let path: String
    let logger: Logger

    func run() async throws {
        let info: ControlPlane.ReadyInfo
        do {
            info = try await plane.ready()
        } catch {
            // The control plane itself tells why; ending first would hide it.
            return try await gracefulShutdown()
        }
        try plane.writeKubeconfig(to: path, user: "kubernetes-admin", groups: ["system:masters"])
        logger.info("ready", metadata: ["url": "\(info.url)", "kubeconfig": "\(path)"])
        try await gracefulShutdown()
    }
}
