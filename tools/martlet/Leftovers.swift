import Foundation

/// What a killed platform may have left running: its containers, their network, their mounts.
enum Leftovers {
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
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Complaint("what Pods left in \(directory.path) could not be removed; the lines above say why")
        }
    }
}
