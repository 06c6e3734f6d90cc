import ArgumentParser
import Foundation
import Gateway
import GatewayOptions
import Logging
import ServiceKit
import ServiceLifecycle

/// `martlet up`: the whole platform in this process, plus the node agent beside it.
///
/// Started as root it does what only root can (ports, owners of files, the keeper of the node agent), and becomes an
/// ordinary user before the first thread, connection or key. An ordinary user's process becomes root of namespaces of its
/// own first (``Rootless``); where it cannot, no Pods run.
struct Up: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Start the platform and print a sign-in address.")

    @OptionGroup var data: DataDirectoryOptions
    @Option(name: .long, help: "Port of the page and the platform API; 0 takes a free one.")
    var port = 8080
    @Option(name: .long, help: "Port of the Kubernetes API; 0 takes a free one.")
    var apiPort = 6443
    @Option(name: .long, help: "The local user, who owns the first profile.")
    var user = "user@example.com"
    @Option(name: .long, help: "Folder of built environments, to share them between data directories.")
    var environmentsDir: String?
    @Option(name: .long, help: "Folder of the package cache, to share it between data directories.")
    var uvCacheDir: String?
    @Option(name: .long, help: "YAML file of environments (default: deploy/local/environments.yaml).")
    var environments: String?
    @Flag(name: .long, help: "Let Pods mount folders of this machine (hostPath volumes).")
    var allowHostPath = false
    @Flag(name: .long, help: "Let root in Pods with hostUsers: true be root of this machine.")
    var allowHostUsers = false
    @Flag(name: .long, help: "Let Pods with hostNetwork: true use the network of this machine.")
    var allowHostNetwork = false
    @Option(name: .long, help: "File for a line of JSON for every request to the page and the platform API.")
    var accessLog: String?
    @Option(name: .long, help: "Format of the log in <data-dir>/logs: text or json.")
    var logFormat: LogFormat = .text
    @Option(name: .long, help: "Least level that is logged: debug, info, warning, error.")
    var logLevel: LogLevel = .info
    @OptionGroup(title: "How people sign in")
    var signIn: SignInOptions

    func validate() throws {
        guard (0...65535).contains(port) else { throw ValidationError("--port must lie between 0 and 65535.") }
        guard (0...65535).contains(apiPort) else { throw ValidationError("--api-port must lie between 0 and 65535.") }
        guard LocalUser(name: user) != nil else {
            throw ValidationError(
                "--user must be a name such as user@example.com: letters, digits and ._%+-@, at most 63 characters.")
        }
    }

    /// What the platform stands on once root's powers are gone.
    struct Grounds: Sendable {
        let started: ContinuousClock.Instant
        let directory: DataDirectory
        let installation: Installation
        let range: NetworkRange
        let ports: (gateway: Int, kubernetes: Int)
        /// Where notebooks are that have no hosts of their own; nil for nowhere.
        let workspacePort: Int?
        /// Where a line for every request goes; nil for nowhere.
        let accessLog: String?
        let node: NodeAgentKeeper?
        let wayOut: WayOut?
        /// Why no Pods run; nil when they do.
        let obstacle: String?
        let signIn: SignInSettings
        let lock: InstanceLock
    }

    /// All that only root can do, if the process is root's; it is not any more afterwards. Runs before the first thread.
    func prepare() throws -> Grounds {
        let started = ContinuousClock.now
        if geteuid() != 0 { UserScope.enter() }
        let directory = data.directory
        let installation = try Installation.find()
        try Prerequisites.check(installation: installation)
        try directory.prepare()
        let lock = try directory.lock()
        let ports = (
            gateway: try PortCheck.reserve(port, flag: "--port"),
            kubernetes: try PortCheck.reserve(apiPort, flag: "--api-port")
        )
        // The file with a client's secret may be root's.
        var signIn = try signIn.settings()
        let workspacePort = try reserveWorkspacePort(&signIn, beside: ports.gateway)
        let accessLog = try accessLog.map(AccessLogPlace.checked)
        // While this network is the machine's.
        let machinePorts = geteuid() == 0 ? nil : try MachinePorts()
        let (wayOut, obstacle) = try enterNamespaces(of: directory, installation, ports.kubernetes)
        var isReady = false
        defer { if !isReady { wayOut?.endUnlessUsed() } }
        try? FileManager.default.removeItem(atPath: directory.runFile)
        let range = try NetworkRange.claim(for: directory)
        let node = try keepNode(of: directory, range, installation, machinePorts, accessLog)
        isReady = true
        return Grounds(
            started: started, directory: directory, installation: installation, range: range, ports: ports,
            workspacePort: workspacePort, accessLog: accessLog, node: node, wayOut: wayOut, obstacle: obstacle,
            signIn: signIn, lock: lock)
    }

    /// Takes the port of notebooks where there is to be one: the one that was named, else the platform's next, else a free one.
    private func reserveWorkspacePort(_ settings: inout SignInSettings, beside gateway: Int) throws -> Int? {
        let flag = "--workspace-port"
        let port: Int
        if case .port(let wanted) = settings.workspacePort {
            port = try PortCheck.reserve(wanted, flag: flag)
        } else if settings.needsWorkspacePortLocally {
            let next = gateway < 65_535 ? try? PortCheck.reserve(gateway + 1, flag: flag) : nil
            port = try next ?? PortCheck.reserve(0, flag: flag)
        } else {
            return nil
        }
        settings.workspacePort = .port(port)
        return port
    }

    /// For an ordinary user: becomes root of namespaces where Pods can run, with the API's port in them, too.
    ///
    /// - Returns: what leads out of them, or why there are none; neither for root.
    private func enterNamespaces(
        of directory: DataDirectory, _ installation: Installation, _ port: Int
    ) throws -> (WayOut?, String?) {
        guard geteuid() != 0 else { return (nil, nil) }
        do {
            let wayOut = try Rootless.enter(
                for: directory, installation: installation,
                rules: WayOutRules(portsInside: [port], keepsLoopback: allowHostNetwork))
            do {
                try PortCheck.reserve(port, flag: "--api-port")
            } catch {
                wayOut.endUnlessUsed()
                throw error
            }
            return (wayOut, nil)
        } catch {
            // What Pods have left is out of reach, and half of the directory with it.
            if Rootless.isInside || Rootless.isUsed(directory) { throw error }
            return (nil, "\(error)")
        }
    }

    /// Runs the platform until it is told to stop.
    func run(on grounds: Grounds) async throws {
        let directory = grounds.directory
        let sink = try LogSink(path: directory.logs + "/martlet.log")
        let format = LineLogHandler.Format(rawValue: logFormat.rawValue) ?? .text
        let level = Logger.Level(rawValue: logLevel.rawValue) ?? .info
        LoggingSystem.bootstrap { LineLogHandler(label: $0, format: format, level: level, sink: sink) }
        guard let user = LocalUser(name: user) else { throw ExitCode.validationFailure }
        defer { grounds.wayOut?.endUnlessUsed() }
        let platform = try Platform(
            user: user, grounds: grounds)
        do {
            try await platform.run()
        } catch let complaint as Complaint {
            throw complaint
        } catch {
            Logger(label: "martlet").error("the platform stopped", error: error)
            throw Complaint("the platform stopped: \(error). More is in \(directory.logs)/martlet.log")
        }
        try? FileManager.default.removeItem(atPath: directory.runFile)
        withExtendedLifetime(grounds) {}
    }

    /// Leaves the node agent to its keeper and gives up all powers; nil for an ordinary user, who has none.
    private func keepNode(
        of directory: DataDirectory, _ range: NetworkRange, _ installation: Installation, _ machinePorts: MachinePorts?,
        _ accessLog: String?
    ) throws -> NodeAgentKeeper? {
        guard let platformUser = PlatformUser.chosen() else { return nil }
        try directory.give(to: platformUser)
        let log = try directory.openAgentLog(readableTo: platformUser.group)
        defer { close(log) }
        guard let program = installation.program("node-agent"), let uv = installation.uv else {
            throw Complaint("the program `node-agent` or `uv` has gone from \(installation.executableFolder)")
        }
        let keeper = try NodeAgentKeeper(
            program: program,
            arguments: [
                "--kubeconfig", directory.nodeKubeconfig, "--data-dir", directory.path, "--node-name", "martlet",
                "--pod-cidr", range.podCIDR, "--service-cidr", range.serviceCIDR, "--socket", directory.nodeSocket,
                "--served-user", String(platformUser.user),
                "--environments", environments ?? installation.root + "/deploy/local/environments.yaml",
                "--environments-dir", environmentsDir ?? directory.path + "/environments",
                "--uv-cache-dir", uvCacheDir ?? directory.path + "/uv-cache",
                "--log-format", logFormat.rawValue, "--log-level", logLevel.rawValue, "--until-stdin-closes",
            ] + (allowHostPath ? ["--allow-host-path"] : []) + (allowHostUsers ? ["--allow-host-users"] : [])
                + (allowHostNetwork ? ["--allow-host-network"] : [])
                + (machinePorts == nil ? [] : ["--machine-ports", String(MachinePorts.agentsNumber)]),
            path: (uv as NSString).deletingLastPathComponent + ":"
                + (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"),
            log: log, logFile: directory.logs + "/node-agent.log",
            inherited: machinePorts.map { [MachinePorts.agentsNumber: $0.channel] } ?? [:])
        let files = ["deploy", "web"].map { Powers.Place(path: "\(installation.root)/\($0)", isReadOnly: true) }
            .filter { FileManager.default.fileExists(atPath: $0.path) }
        let logs = accessLog.map { [Powers.Place(path: ($0 as NSString).deletingLastPathComponent)] } ?? []
        try Powers.giveUp(for: platformUser, keeping: [Powers.Place(path: directory.path)] + files + logs)
        if let accessLog { try AccessLogPlace.check(accessLog) }
        return keeper
    }
}

/// Values of `--log-format`.
enum LogFormat: String, ExpressibleByArgument, CaseIterable { case text, json }

/// Values of `--log-level`.
enum LogLevel: String, ExpressibleByArgument, CaseIterable { case debug, info, warning, error }

/// The person at this machine, and the namespace that is theirs.
struct LocalUser: Sendable {
    let name: String

    /// Nil for a name that is no e-mail address or plain word.
    init?(name: String) {
        let allowed = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._%+-@")
        guard (1...63).contains(name.count), name.allSatisfy(allowed.contains),
            name.contains(where: { $0.isLetter || $0.isNumber })
        else { return nil }
        self.name = name
    }

    /// `user@example.com` -> `kubeflow-user-example-com`, as Kubeflow's installer names it.
    var namespace: String {
        let plain = name.lowercased().map { $0.isLetter || $0.isNumber ? $0 : "-" }
        let words = String(plain).split(separator: "-").joined(separator: "-")
        return String("kubeflow-\(words)".prefix(63)).trimmingSuffix("-")
    }
}

extension String {
    fileprivate func trimmingSuffix(_ character: Character) -> String {
        var text = self
        while text.last == character { text.removeLast() }
        return text
    }
}
