import Foundation
import KubeModel
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// Starts, signals and enters containers with crun.
struct ContainerRuntime: Sendable {
    let tools: HostTools
    let configuration: NodeConfiguration
    private static let execNumber = Atomic<Int>(0)

    /// Starts a container whose bundle is written; returns when its program runs.
    ///
    /// - Throws: ``NodeError`` with crun's words.
    func start(_ run: ContainerRun, of container: ContainerSpec, cgroup: String) async throws {
        try FileTools.makeDirectory(configuration.crunRoot, mode: 0o700)
        let outcome = try await Command(
            tools.shim,
            [
                run.directory, run.id, tools.crun, configuration.crunRoot, ControlGroups.areUsable ? cgroup : "",
                run.logPath, container.streams,
            ]
        ).run()
        guard outcome.code == 0 else { throw NodeError(Self.complaint(outcome.error)) }
    }

    /// The first process of a container, as the host numbers it; nil when it does not run.
    func process(of run: ContainerRun) async throws -> Int? {
        let outcome = try await crun(["state", run.id]).run()
        guard outcome.code == 0, let state = try? JSON(parsing: outcome.output), state["status"]?.string == "running"
        else { return nil }
        return state["pid"]?.int.map { Int($0) }
    }

    /// Sends a signal to the first process.
    func signal(_ run: ContainerRun, _ name: String) async {
        _ = try? await crun(["kill", run.id, name]).run()
    }

    /// Removes whatever is left of a container.
    func delete(_ run: ContainerRun) async {
        _ = try? await crun(["delete", "-f", run.id]).run()
    }

    /// Runs a command in a container, as its user and with its variables.
    ///
    /// - Throws: ``NodeError`` when it cannot begin: there is no such program, or the container does not run.
    func execute(_ arguments: [String], in run: ContainerRun, within limit: Duration) async throws -> Command.Outcome {
        let path = try writeProcess(arguments, in: run)
        let processFile = "\(path).pid"
        defer {
            unlink(path)
            unlink(processFile)
        }
        let line = crun(["exec", "--process=\(path)", "--pid-file=\(processFile)", run.id])
        let outcome = try await line.run(within: limit)
        guard outcome.isTimedOut || FileTools.exists(processFile) else {
            throw NodeError(Self.complaint(outcome.error))
        }
        return outcome
    }

    /// Writes what crun needs to know of a further process in a container: its user and variables are the container's.
    /// The caller removes the file.
    func writeProcess(_ arguments: [String], in run: ContainerRun, hasTerminal: Bool = false) throws -> String {
        guard let bytes = FileTools.read("\(run.directory)/config.json"), let config = try? JSON(parsing: bytes),
            var process = config["process"]
        else { throw NodeError("the container is not running") }
        process["args"] = .array(arguments.map(JSON.string))
        process["terminal"] = false
        if hasTerminal {
            process["terminal"] = true
            let variables = process["env"]?.array ?? []
            if !variables.contains(where: { $0.string?.hasPrefix("TERM=") ?? false }) {
                process["env"] = .array(variables + ["TERM=xterm"])
            }
        }
        let path = "\(run.directory)/exec-\(Self.execNumber.add(1, ordering: .relaxed).newValue)"
        try FileTools.write(process.bytes, to: path, mode: 0o600)
        return path
    }

    /// A command line of crun.
    func crun(_ arguments: [String]) -> Command {
        Command(tools.crun, [ControlGroups.manager, "--root=\(configuration.crunRoot)"] + arguments)
    }

    /// The last line of crun's log, without its time.
    static func complaint(_ text: String) -> String {
        let line = text.split(separator: "\n").map { $0.trimmed() }.last { !$0.isEmpty } ?? "crun failed"
        var rest = line[...]
        if line.first?.isNumber == true, let space = line.firstIndex(of: " ") {
            rest = line[line.index(after: space)...]
        }
        return rest.trimmed()
    }
}
