#if canImport(Glibc)
    import Glibc
#endif

/// The control groups of the machine, by which containers are limited and measured.
enum ControlGroups {
    static let root = "/sys/fs/cgroup"
    /// Where this agent, and what else is in the group that it sees as the root, goes.
    private static let platform = "\(root)/martlet-platform"
    /// True where all controllers are those of version 2.
    static let isUnified = FileTools.exists("\(root)/cgroup.controllers")
    /// What containers can be limited by.
    private static let controllers =
        isUnified
        ? isOutside ? [] : words("\(root)/cgroup.subtree_control")
        : Set(["cpu", "memory", "pids"].filter { access("\(root)/\($0)", W_OK) == 0 })

    /// False where this agent may not use them: an ordinary user's often sees none.
    static let areUsable = controllers.isSuperset(of: ["memory", "pids"]) && (!isUnified || access(root, W_OK) == 0)
    /// False where they may be used but not for CPUs.
    static let limitProcessors = areUsable && controllers.contains("cpu")

    /// True where a container sees its own group, and nothing of others: by its files many programs find out how many threads
    /// and how much memory they may use.
    static let areShown = areUsable && isUnified

    /// What the Node says of it; nil when all limits hold.
    static var condition: (type: String, status: String, reason: String, message: String)? {
        guard !limitProcessors else { return nil }
        let what = areUsable ? "limits of CPU" : "limits of CPU, memory and processes"
        return (
            "LimitsNotEnforced", "True", "NoControlGroups",
            "\(what) are not enforced, because the node agent may not use control groups for it; usage is measured"
        )
    }

    /// How crun handles them.
    static var manager: String { "--cgroup-manager=\(areUsable ? "cgroupfs" : "disabled")" }

    /// Lets the groups of containers have controllers. In version 2 a group other than the machine's root that gives them to
    /// others has no processes of its own, so that those in it move into one beside the containers'.
    static func prepare() {
        guard isUnified, !isOutside else { return }
        if FileTools.exists("\(root)/cgroup.events") { moveProcesses() }
        for name in words("\(root)/cgroup.controllers").intersection(["cpu", "cpuset", "io", "memory", "pids"]) {
            try? FileTools.tell("+\(name)", to: "\(root)/cgroup.subtree_control")
        }
    }

    private static func moveProcesses() {
        // Processes may be started meanwhile.
        for _ in 0..<100 {
            let processes = words("\(root)/cgroup.procs").subtracting(["0"])
            guard !processes.isEmpty else { return }
            guard mkdir(platform, 0o755) == 0 || errno == EEXIST else { return }
            for process in processes { try? FileTools.tell(process, to: "\(platform)/cgroup.procs") }
        }
    }

    /// True when what is seen as the root does not hold this agent, so that it can put nothing into it.
    private static var isOutside: Bool {
        (FileTools.text("/proc/self/cgroup") ?? "").split(separator: "\n").contains { $0.hasPrefix("0::/..") }
    }

    private static func words(_ file: String) -> Set<String> {
        Set((FileTools.text(file) ?? "").split(whereSeparator: \.isWhitespace).map(String.init))
    }
}
