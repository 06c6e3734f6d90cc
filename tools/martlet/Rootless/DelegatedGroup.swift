import CPrivileges
import Foundation

/// A control group of version 2 below which this user may make others and limit them.
struct DelegatedGroup {
    private static let root = "/sys/fs/cgroup"
    /// Where the node agent puts itself and what it finds beside it, since a group that limits others has no processes.
    private static let platform = "/martlet-platform"
    /// What Pods cannot be held to without.
    private static let needed: Set<Substring> = ["memory", "pids"]

    /// As /proc/PID/cgroup has it.
    let path: String

    /// The group of this process; nil when it is not delegated to the user.
    static var own: DelegatedGroup? {
        guard let group = group(of: "self"), group.isDelegated else { return nil }
        return group
    }

    /// The group of the user's systemd, which delegates parts of it.
    static var ofUser: DelegatedGroup? {
        let group = DelegatedGroup(path: "/user.slice/user-\(geteuid()).slice/user@\(geteuid()).service")
        return group.isDelegated ? group : nil
    }

    /// The one in which the Pods of a process that supervises containers are; nil when they are in none.
    static func ofPods(of shim: pid_t) -> DelegatedGroup? {
        guard let theirs = namespace(of: String(shim)), theirs != namespace(of: "self"),
            let group = group(of: String(shim)), group.path.hasSuffix(platform)
        else { return nil }
        return group
    }

    /// The controllers that are missing for all limits of Pods.
    var missing: [String] {
        let controllers = Self.words("\(Self.root)\(path)/cgroup.controllers")
        return ["cpu", "memory", "pids"].filter { !controllers.contains($0[...]) }
    }

    /// Moves this process there, if it can be: the kernel permits it where all from above both groups on is the user's. Out
    /// of it the node agent limits no more Pods, and says so.
    func enter() {
        let file = open("\(Self.root)\(path)/cgroup.procs", O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return }
        defer { close(file) }
        _ = write(file, "0", 1)
    }

    private var isDelegated: Bool {
        let folder = Self.root + path
        let isWritable = ["", "/cgroup.procs", "/cgroup.subtree_control"].allSatisfy { access(folder + $0, W_OK) == 0 }
        return isWritable && Self.needed.isSubset(of: Self.words("\(folder)/cgroup.controllers"))
    }

    /// Nil where control groups are those of version 1, or of both.
    private static func group(of process: String) -> DelegatedGroup? {
        guard access("\(root)/cgroup.controllers", F_OK) == 0 else { return nil }
        let line = text("/proc/\(process)/cgroup").split(separator: "\n").first { $0.hasPrefix("0::/") }
        return line.map { DelegatedGroup(path: $0 == "0::/" ? "" : String($0.dropFirst(3))) }
    }

    private static func namespace(of process: String) -> String? {
        try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(process)/ns/cgroup")
    }

    private static func words(_ file: String) -> Set<Substring> {
        Set(text(file).split(whereSeparator: \.isWhitespace))
    }

    private static func text(_ file: String) -> String { (try? String(contentsOfFile: file, encoding: .utf8)) ?? "" }
}
