import ArgumentParser
import Foundation
import Logging
import ServiceKit
import ServiceLifecycle

/// `martlet up`: the whole platform in this process, plus the node agent beside it.
struct Up: AsyncParsableCommand {
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
    @Option(name: .long, help: "Format of the log in <data-dir>/logs: text or json.")
    var logFormat: LogFormat = .text
    @Option(name: .long, help: "Least level that is logged: debug, info, warning, error.")
    var logLevel: LogLevel = .info

    func validate() throws {
        guard (0...65535).contains(port) else { throw ValidationError("--port must lie between 0 and 65535.") }
        guard (0...65535).contains(apiPort) else { throw ValidationError("--api-port must lie between 0 and 65535.") }
        guard LocalUser(name: user) != nil else {
            throw ValidationError(
                "--user must be a name such as user@example.com: letters, digits and ._%+-@, at most 63 characters.")
        }
    }

    func run() async throws {
        let started = ContinuousClock.now
        let directory = data.directory
        let installation = try Installation.find()
        try Prerequisites.check(installation: installation)
        try directory.prepare()
        let lock = try directory.lock()
        try PortCheck.check(port, flag: "--port")
        try PortCheck.check(apiPort, flag: "--api-port")
        try? FileManager.default.removeItem(atPath: directory.runFile)
        let sink = try LogSink(path: directory.logs + "/martlet.log")
        let format = LineLogHandler.Format(rawValue: logFormat.rawValue) ?? .text
        let level = Logger.Level(rawValue: logLevel.rawValue) ?? .info
        LoggingSystem.bootstrap { LineLogHandler(label: $0, format: format, level: level, sink: sink) }
        guard let user = LocalUser(name: user) else { throw ExitCode.validationFailure }
        let platform = try Platform(
            options: self, user: user, directory: directory, installation: installation, started: started)
        do {
            try await platform.run()
        } catch let complaint as Complaint {
            throw complaint
        } catch {
            Logger(label: "martlet").error("the platform stopped", error: error)
            throw Complaint("the platform stopped: \(error). More is in \(directory.logs)/martlet.log")
        }
        try? FileManager.default.removeItem(atPath: directory.runFile)
        withExtendedLifetime(lock) {}
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
