import Foundation

/// What a killed platform may have left running: its containers, their network, their mounts.
enum Leftovers {
    /// The same, where there is something and nothing runs; false when nothing was left, or for an ordinary user.
    static func removeAny(from directory: DataDirectory) throws -> Bool {
        guard geteuid() == 0,
            let pods = try? FileManager.default.contentsOfDirectory(atPath: directory.path + "/pods"), !pods.isEmpty
        else {
            if Rootless.isInside { WayOut(NamespacePlace(directory)).end() }
            return false
        }
        let lock = try directory.lock()
        try remove(from: directory)
        withExtendedLifetime(lock) {}
        return true
    }

    /// Ends and removes all of it, through the node agent, which knows how.
    static func remove(from directory: DataDirectory) throws {
        let installation = try Installation.find()
        guard let program = installation.program("node-agent") else {
            throw Complaint("the program `node-agent`, which removes what Pods left, is not beside martlet")
        }
        defer { if Rootless.isInside { WayOut(NamespacePlace(directory)).end() } }
        guard let number = directory.networkNumber else { return }  // it never ran a Pod
        let range = NetworkRange(number: number)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = [
            "clean", "--data-dir", directory.path, "--pod-cidr", range.podCIDR, "--service-cidr", range.serviceCIDR,
        ]
        if let uv = installation.uv {  // one of the tools that the node agent asks for
            var environment = ProcessInfo.processInfo.environment
            environment["PATH"] =
                (uv as NSString).deletingLastPathComponent + ":" + (environment["PATH"] ?? "/usr/bin:/bin")
            process.environment = environment
        }
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Complaint("what Pods left in \(directory.path) could not be removed; the lines above say why")
        }
    }

    /// A process that supervises a container of a data directory, for an ordinary user, who cannot look into it.
    ///
    /// - Parameters:
    ///   - directory: the data directory.
    ///   - root: the number of root of the user's namespaces, as this process sees it.
    /// - Returns: one that runs; nil when none does.
    static func shim(of directory: DataDirectory, root: UInt32) -> pid_t? {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] {
            var info = stat()
            guard let process = pid_t(name), stat("/proc/\(name)", &info) == 0, info.st_uid == root,
                isOutsideContainers(process), let line = FileManager.default.contents(atPath: "/proc/\(name)/cmdline")
            else { continue }
            let words = String(decoding: line, as: UTF8.self).split(separator: "\0", omittingEmptySubsequences: false)
            if words.count > 2, words[0].hasSuffix("/container-shim"), words[1].hasPrefix(directory.path + "/pods/") {
                return process
            }
        }
        return nil
    }

    /// True in the namespaces of the node agent, where the user has a number; root of a container may have any name and words.
    private static func isOutsideContainers(_ process: pid_t) -> Bool {
        guard let map = FileManager.default.contents(atPath: "/proc/\(process)/uid_map") else { return false }
        return String(decoding: map, as: UTF8.self).split(separator: "\n").contains { line in
            line.split(separator: " ").first.flatMap { UInt32($0) } == Rootless.user
        }
    }
}
