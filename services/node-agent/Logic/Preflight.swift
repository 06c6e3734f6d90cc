import CNode
import Foundation

#if canImport(Glibc)
    import Glibc
#endif

/// The programs of the host that the node agent uses.
public struct HostTools: Sendable {
    let crun: String
    let ip: String
    let nft: String
    let uv: String
    let shim: String

    /// Finds the programs.
    ///
    /// - Throws: ``NodeError`` that names what is missing and how to install it.
    public init(configuration: NodeConfiguration) throws(NodeError) {
        func find(_ name: String, install: String) throws(NodeError) -> String {
            guard let path = Self.path(of: name) else {
                throw NodeError("\(name) is missing, which the node agent needs; install it: \(install)")
            }
            return path
        }
        crun = try find("crun", install: "apt-get install crun")
        ip = try find("ip", install: "apt-get install iproute2")
        nft = try find("nft", install: "apt-get install nftables")
        uv = try find("uv", install: "pip install uv")
        let own =
            configuration.shimDirectory
            ?? (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")).map {
                ($0 as NSString).deletingLastPathComponent
            } ?? "/usr/libexec/martlet"
        shim = "\(own)/container-shim"
        guard access(shim, X_OK) == 0 else {
            throw NodeError(
                "\(shim) is missing, which keeps containers running; build it: swift build --product container-shim")
        }
    }

    static func path(of name: String) -> String? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let folders =
            path.split(separator: ":").map(String.init) + [
                "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin",
            ]
        return folders.lazy.map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 && !FileTools.isDirectory($0) }
    }
}

/// What happens before the first thread: checks, and the move into a private mount namespace.
public enum Preflight {
    static let marker = "MARTLET_NODE_NAMESPACE"

    /// Moves this program into a mount namespace of its own, or into that of containers which an earlier run left
    /// behind. Returns inside the namespace; on the way the program executes itself once.
    ///
    /// - Throws: ``NodeError`` when the host does not permit what pods need.
    public static func enterNamespace(dataDirectory: String) throws(NodeError) {
        guard geteuid() == 0 else {
            throw NodeError(
                "the node agent must be root, because it makes network namespaces and cgroups; start it with sudo")
        }
        _ = node_raise_limit_of_files()
        guard ProcessInfo.processInfo.environment[marker] == nil else {
            unsetenv(marker)
            ProjectQuotas.refuseLeaving(dataDirectory: dataDirectory)
            return
        }
        var result: Int32 = -1
        if let process = ContainerProcesses.supervisors(below: "\(dataDirectory)/pods").first {
            result = node_join_mount_namespace("/proc/\(process)/ns/mnt")
        }
        if result != 0 { result = node_new_mount_namespace() }
        guard result == 0 else {
            throw NodeError(
                "namespaces are not permitted here (\(String(cString: strerror(-result)))); run on the host, or in a container started with --privileged (or --cap-add SYS_ADMIN --cap-add NET_ADMIN --security-opt seccomp=unconfined)"
            )
        }
        var arguments: [UnsafeMutablePointer<CChar>?] = CommandLine.arguments.map { strdup($0) }
        arguments.append(nil)
        let code = node_execute_again(arguments, marker, "1")
        throw NodeError("the node agent cannot execute itself: \(String(cString: strerror(-code)))")
    }
}

extension Preflight {
    /// Makes control groups ready for those of containers, where they are of version 2.
    public static func prepareControlGroups() { ControlGroups.prepare() }
}

/// Processes of containers as their state files tell.
enum ContainerProcesses {
    /// Process ids of the shims that still run.
    static func supervisors(below podsDirectory: String) -> [Int32] {
        var found: [Int32] = []
        for pod in FileTools.names(in: podsDirectory) {
            let containers = "\(podsDirectory)/\(pod)/containers"
            for name in FileTools.names(in: containers) {
                for attempt in FileTools.names(in: "\(containers)/\(name)") {
                    if let process = supervisor("\(containers)/\(name)/\(attempt)") { found.append(process) }
                }
            }
        }
        return found
    }

    /// The shim of one container, if it still runs.
    static func supervisor(_ directory: String) -> Int32? {
        guard let text = FileTools.text("\(directory)/shim") else { return nil }
        let parts = text.split(whereSeparator: \.isWhitespace)
        guard parts.count == 2, let process = Int32(parts[0]), startTime(of: process) == String(parts[1]) else {
            return nil
        }
        return process
    }

    /// Field 22 of `/proc/PID/stat`: tells a process from a later one with the same number.
    static func startTime(of process: Int32) -> String? {
        guard let text = FileTools.text("/proc/\(process)/stat"), let bracket = text.lastIndex(of: ")") else {
            return nil
        }
        let fields = text[text.index(after: bracket)...].split(separator: " ")
        guard fields.count > 19, fields[0] != "Z" else { return nil }
        return String(fields[19])
    }

    /// True once the kernel has begun to end a process, which leaves its control groups then (`PF_EXITING` among the flags,
    /// field 9 of `/proc/PID/stat`), and when there is none.
    static func isExiting(_ process: Int32) -> Bool {
        guard let text = FileTools.text("/proc/\(process)/stat"), let bracket = text.lastIndex(of: ")") else {
            return true
        }
        let fields = text[text.index(after: bracket)...].split(separator: " ")
        guard fields.count > 6, let flags = UInt64(fields[6]) else { return true }
        return flags & 0x4 != 0
    }
}
