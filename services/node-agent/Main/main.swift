import ArgumentParser
import Foundation
import KubeClient
import Logging
import NodeAgent
import ServiceKit
import ServiceLifecycle
import UnixSignals

/// Flags of the node agent.
struct NodeAgentCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "node-agent", abstract: "Runs the Pods of this machine as isolated processes.")

    @Option(help: "Kubeconfig of the node's identity.") var kubeconfig: String
    @Option(help: "Directory for pods, volumes and environments.") var dataDir: String
    @Option(help: "Name of the Node object.") var nodeName = "martlet"
    @Option(help: "Network of the pods; the bridge takes its first address.") var podCidr = "10.244.0.0/24"
    @Option(help: "Network of the cluster addresses of Services.") var serviceCidr = "10.96.0.0/20"
    @Option(help: "Unix socket of the HTTP interface (default: run/node-agent.sock in the data directory).") var socket:
        String?
    @Option(help: "Number of the only user, besides root, that may use the HTTP interface (default: root alone).")
    var servedUser: UInt32?
    @Option(help: "Number of an open socket at whose other end ports of the machine are opened.")
    var machinePorts: Int32?
    @Option(help: "List of environments that stand in for images.") var environments: String
    @Option(help: "Where environments are built (default: environments in the data directory).") var environmentsDir:
        String?
    @Option(help: "Package cache of uv (default: uv-cache in the data directory).") var uvCacheDir: String?
    @Option(help: "Domain of the cluster's names.") var clusterDomain = "cluster.local"
    @Flag(help: "Let pods mount folders of the host.") var allowHostPath = false
    @Flag(help: "Let root in pods with `hostUsers: true` be root of the host.") var allowHostUsers = false
    @Flag(help: "Let pods with `hostNetwork: true` use the network of the host.") var allowHostNetwork = false
    @Flag(inversion: .prefixedNo, help: "Keep pods of different Profiles apart unless a NetworkPolicy lets them meet.")
    var isolateProfiles = true
    @Flag(help: "Let pods go on running after SIGTERM; the next start adopts them.") var keepPods = false
    @Flag(
        help:
            "End when standard input closes, leaving pods to the next start: the way to end with the process that started this one."
    )
    var untilStdinCloses = false
    @Option(help: "Form of log lines: text or json.") var logFormat = "text"
    @Option(help: "Least severe messages to log: debug, info, warning, error.") var logLevel = "info"

    func run() throws {}
}

/// Flags of `node-agent clean`.
struct CleanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "node-agent clean", abstract: "Ends and removes what a killed node agent and its pods left.")

    @Option(help: "Directory for pods, volumes and environments.") var dataDir: String
    @Option(help: "Network of the pods.") var podCidr = "10.244.0.0/24"
    @Option(help: "Network of the cluster addresses of Services.") var serviceCidr = "10.96.0.0/20"

    func run() throws {}
}

/// The status of a refusal that trying again cannot change (`EX_CONFIG` of sysexits.h).
let configurationStatus: Int32 = 78

if CommandLine.arguments.dropFirst().first == "keep" {
    do {
        var keeper = try Keeper()
        exit(try keeper.run())
    } catch {
        FileHandle.standardError.write(Data("node-agent: \(error)\n".utf8))
        exit(1)
    }
}

if CommandLine.arguments.dropFirst().first == "clean" {
    let flags = CleanCommand.parseOrExit(Array(CommandLine.arguments.dropFirst(2)))
    do {
        try Preflight.enterNamespace(dataDirectory: absolute(flags.dataDir))
        let configuration = NodeConfiguration(
            dataDirectory: absolute(flags.dataDir), nodeName: "", podCIDR: flags.podCidr,
            serviceCIDR: flags.serviceCidr,
            environmentsFile: "")
        try await NodeCleaner(configuration: configuration, logger: Logger(label: "node-agent")).run()
        exit(0)
    } catch {
        FileHandle.standardError.write(Data("node-agent: \(error)\n".utf8))
        exit(1)
    }
}

func absolute(_ path: String) -> String { URL(fileURLWithPath: path).standardizedFileURL.path }

let flags = NodeAgentCommand.parseOrExit()
let dataDirectory = absolute(flags.dataDir)
do {
    // Before anything starts a thread: the program moves into a mount namespace of its own.
    try Preflight.enterNamespace(dataDirectory: dataDirectory)
    Preflight.prepareControlGroups()
    let format = LineLogHandler.Format(rawValue: flags.logFormat) ?? .text
    let level = Logger.Level(rawValue: flags.logLevel) ?? .info
    LoggingSystem.bootstrap { LineLogHandler(label: $0, format: format, level: level, sink: .standardError) }
    let logger = Logger(label: "node-agent")
    let transport = try HTTPKubeTransport(try KubeConfiguration.load(kubeconfig: flags.kubeconfig))
    let configuration = NodeConfiguration(
        dataDirectory: dataDirectory, nodeName: flags.nodeName, podCIDR: flags.podCidr, serviceCIDR: flags.serviceCidr,
        socketPath: flags.socket.map(absolute), environmentsFile: absolute(flags.environments),
        environmentsDirectory: flags.environmentsDir.map(absolute), uvCacheDirectory: flags.uvCacheDir.map(absolute),
        clusterDomain: flags.clusterDomain, allowsHostPath: flags.allowHostPath,
        allowsHostUsers: flags.allowHostUsers, allowsHostNetwork: flags.allowHostNetwork,
        isolatesProfiles: flags.isolateProfiles,
        keepsPods: flags.keepPods, servedUser: flags.servedUser, machinePorts: flags.machinePorts)
    let agent = try NodeAgent(configuration: configuration, client: KubeClient(transport: transport), logger: logger)
    if flags.untilStdinCloses { endWithStandardInput() }
    let group = ServiceGroup(
        configuration: .init(services: [agent], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
    try await group.run()
    try await transport.shutdown()
} catch {
    FileHandle.standardError.write(Data("node-agent: \(error)\n".utf8))
    exit(error is NodeError ? configurationStatus : 1)
}

/// Waits on a thread of its own, since reading blocks, and leaves at once when the other end is gone.
func endWithStandardInput() {
    Thread.detachNewThread {
        var byte: UInt8 = 0
        while true {
            let count = read(STDIN_FILENO, &byte, 1)
            if count == 0 || (count < 0 && errno != EINTR) { _exit(0) }
        }
    }
}
