import ArgumentParser

/// The command line: the platform on one machine, and what a person asks of it.
@main
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
            Up.self, Down.self, Status.self, Doctor.self, Login.self, Kubeconfig.self, Logs.self, Backup.self,
            Restore.self, Reset.self, Version.self,
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
