import CNode
import Foundation

#if canImport(Glibc)
    import Glibc
#endif

/// The processes of a pod whose containers see each other: a first process that does nothing but wait for those that
/// lost their parent, and a /proc that shows them all.
struct SharedProcesses: Sendable {
    private let directory: String

    init(_ directory: String) { self.directory = directory }

    /// Where /proc of the pod is mounted.
    var proc: String { "\(directory)/proc" }

    /// The first process, as the host numbers it; nil when it does not run.
    var process: Int32? {
        let words = (FileTools.text("\(directory)/pause") ?? "").split(whereSeparator: \.isWhitespace)
        guard words.count == 2, let process = Int32(words[0]),
            ContainerProcesses.startTime(of: process) == String(words[1])
        else { return nil }
        return process
    }

    /// Starts the first process when it does not run.
    func start(shim: String) async throws -> Int32 {
        if let process { return process }
        end()
        try FileTools.makeDirectory(proc)
        let output = try await Command(shim, ["pause", proc]).succeed()
        guard let process = Int32(output.trimmed()), let time = ContainerProcesses.startTime(of: process) else {
            throw NodeError("the first process of the pod did not start")
        }
        try FileTools.write("\(process) \(time)\n", to: "\(directory)/pause")
        return process
    }

    /// Ends the first process, and all others of the pod with it.
    func end() {
        if let process { _ = kill(process, SIGKILL) }
        unlink("\(directory)/pause")
        while node_unmount(proc) == 0 {}
    }
}

extension PodWorker {
    /// The namespace of processes that all containers of the pod share.
    func shareProcesses() async throws -> String {
        let process = try await SharedProcesses(directory).start(shim: context.tools.shim)
        return "/proc/\(process)/ns/pid"
    }
}
