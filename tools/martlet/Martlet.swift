import ArgumentParser
import Dispatch
import Foundation

/// Parses the command line and runs what it asks for.
///
/// The main function is not `async`, because the powers of root are given up by each thread for itself: until then there
/// must be only one.
@main
enum Program {
    static func main() {
        _ = Installation.executable
        do {
            let command = try Martlet.parseAsRoot()
            if let command = command as? any CommandOnFiles, command.changesFiles {
                try Rootless.becomeOwner(of: command.data.directory, makesIt: command.makesDirectory)
            }
            if let up = command as? Up {
                let grounds = try up.prepare()
                work { try await up.run(on: grounds) }
            } else if let command = command as? any AsyncParsableCommand {
                // Safe: the task below alone uses it from here on.
                nonisolated(unsafe) var mine = command
                work { try await mine.run() }
            }
            var plain = command
            try plain.run()
        } catch {
            Martlet.exit(withError: error)
        }
    }

    private static func work(_ body: @escaping @Sendable () async throws -> Void) -> Never {
        Task {
            do {
                try await body()
                exit(0)
            } catch {
                Martlet.exit(withError: error)
            }
        }
        dispatchMain()
    }
}

/// The command line: the platform on one machine, and what a person asks of it.
struct Martlet: AsyncParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "martlet",
        abstract: "A Kubeflow-compatible machine-learning platform in one process.",
        discussion: """
            `martlet up` starts the platform and prints a sign-in address. `martlet kubeconfig` gives kubectl what it needs.
            """,
        version: version,
        subcommands: [
            Up.self, Down.self, Status.self, Doctor.self, Login.self, Token.self, ProfileCommand.self, Kubeconfig.self,
            Logs.self, Images.self, Backup.self, Restore.self, Reset.self, Version.self, Routes.self,
        ])
}

/// Where the platform keeps everything; shared by all commands.
struct DataDirectoryOptions: ParsableArguments {
    @Option(name: .long, help: "Folder of all data (default: $XDG_DATA_HOME/martlet or ~/.local/share/martlet).")
    var dataDir: String?

    var directory: DataDirectory { DataDirectory(path: dataDir ?? DataDirectory.defaultPath) }
}

/// How commands that print data print it.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable { case text, json }

struct Version: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Print the version.")

    @Option(name: .long, help: "text or json.")
    var output: OutputFormat = .text

    func run() {
        switch output {
        case .text: print("martlet \(Martlet.version)")
        case .json: print(#"{"version":"\#(Martlet.version)"}"#)
        }
    }
}
