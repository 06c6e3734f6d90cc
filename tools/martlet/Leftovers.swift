import Foundation

/// What a killed platform may have left running: its containers, their network, their mounts.
enum Leftovers {
    /// The same, where there is something and nothing runs; false when nothing was left, or for an ordinary user.
    static func removeAny(from directory: DataDirectory) throws -> Bool {
        guard geteuid() == 0,
            let pods = try? FileManager.default.contentsOfDirectory(atPath: directory.path + "/pods"), !pods.isEmpty
        else { return false }
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
}
