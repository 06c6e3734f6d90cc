import ArgumentParser
import Foundation
import KubeModel

/// `martlet down`: stops the platform and its Pods, and waits until it is gone.
struct Down: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Stop the platform.")

    @OptionGroup var data: DataDirectoryOptions

    func run() async throws {
        let directory = data.directory
        guard let pid = directory.runningProcess else {
            print(
                try Leftovers.removeAny(from: directory)
                    ? "ended the Pods that a killed platform had left in \(directory.path)"
                    : "nothing runs in \(directory.path)")
            return
        }
        guard kill(pid, SIGTERM) == 0 else {
            throw Complaint("process \(pid) cannot be stopped: \(String(cString: strerror(errno)))")
        }
        let deadline = ContinuousClock.now + .seconds(60)
        while directory.runningProcess == pid {
            guard ContinuousClock.now < deadline else {
                throw Complaint("process \(pid) has not stopped within 60 s; see \(directory.logs)/martlet.log")
            }
            try await Task.sleep(for: .milliseconds(50))
        }
        print("stopped")
    }
}

/// `martlet status`: whether it runs, and where.
struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Say whether the platform runs, and where.")

    @OptionGroup var data: DataDirectoryOptions
    @Option(name: .long, help: "text or json.")
    var output: OutputFormat = .text

    func run() throws {
        let directory = data.directory
        let pid = directory.runningProcess
        let information = pid == nil ? nil : directory.runInformation
        let state = pid == nil ? "stopped" : information == nil ? "starting" : "running"
        switch output {
        case .json:
            var json: JSON = ["state": .string(state), "dataDir": .string(directory.path)]
            json["pid"] = pid.map { .int(Int64($0)) }
            for (key, value) in information?.object ?? [:] where key != "pid" { json[key] = value }
            print(json.text)
        case .text:
            print("Martlet is \(state)\(pid.map { ", process \($0)" } ?? "")")
            print("  data         \(directory.path)")
            if let information {
                print("  page         \(information["gateway"]?.string ?? "")")
                print("  Kubernetes   \(information["kubernetes"]?.string ?? "")")
                print("  kubeconfig   \(information["kubeconfig"]?.string ?? "")")
            }
        }
        if pid == nil { throw ExitCode(3) }
    }
}

/// `martlet kubeconfig`: what kubectl needs.
struct Kubeconfig: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the kubeconfig of the platform's administrator, or its path.")

    @OptionGroup var data: DataDirectoryOptions
    @Flag(name: .long, help: "Print where the file is, for `export KUBECONFIG=$(martlet kubeconfig --path)`.")
    var path = false

    func run() throws {
        let file = data.directory.kubeconfig
        guard let text = try? String(contentsOfFile: file, encoding: .utf8) else {
            throw Complaint("\(file) is not there yet or not yours to read; start the platform with `martlet up`")
        }
        print(path ? file : text)
    }
}

/// `martlet logs`: the platform's own log.
struct Logs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Print the platform's log.")

    @OptionGroup var data: DataDirectoryOptions
    @Argument(help: "Which: martlet or node-agent.")
    var name = "martlet"
    @Flag(name: .shortAndLong, help: "Go on as lines are added.")
    var follow = false
    @Option(name: .long, help: "How many last lines to begin with.")
    var tail = 100

    func validate() throws {
        guard ["martlet", "node-agent"].contains(name) else {
            throw ValidationError("There are two logs: martlet and node-agent.")
        }
        guard tail >= 0 else { throw ValidationError("--tail must not be negative.") }
    }

    func run() async throws {
        let file = "\(data.directory.logs)/\(name).log"
        guard FileManager.default.isReadableFile(atPath: file) else {
            throw Complaint("there is no log at \(file) that you may read")
        }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/tail")
        process.arguments = ["-n", String(tail)] + (follow ? ["-F"] : []) + [file]
        try process.run()
        process.waitUntilExit()
    }
}

/// `martlet reset`: removes everything.
struct Reset: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Remove all data: objects, volumes, environments, keys.")

    @OptionGroup var data: DataDirectoryOptions
    @Flag(name: .long, help: "Do not ask.")
    var yes = false

    func run() throws {
        let directory = data.directory
        guard FileManager.default.fileExists(atPath: directory.path) else {
            print("nothing is there: \(directory.path)")
            return
        }
        let marks = ["format.json", DataDirectory.unfinishedRestore]
        guard marks.contains(where: { FileManager.default.fileExists(atPath: "\(directory.path)/\($0)") }) else {
            throw Complaint("\(directory.path) is not a data directory of Martlet; nothing was removed")
        }
        guard directory.runningProcess == nil else {
            throw Complaint("the platform runs; stop it first with `martlet down --data-dir \(directory.path)`")
        }
        var info = stat()
        guard geteuid() == 0 || (stat(directory.path, &info) == 0 && info.st_uid == geteuid()) else {
            throw Complaint("\(directory.path) was used by a platform of root; remove it as root, with sudo")
        }
        if !yes {
            print(
                "Remove \(directory.path) with all notebooks, volumes, environments and keys? Type yes: ",
                terminator: "")
            guard readLine() == "yes" else {
                print("nothing was removed")
                throw ExitCode.failure
            }
        }
        try Leftovers.remove(from: directory)
        try FileManager.default.removeItem(atPath: directory.path)
        print("removed \(directory.path)")
    }
}
