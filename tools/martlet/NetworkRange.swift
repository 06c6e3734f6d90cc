import Foundation

/// The addresses of one instance: a /24 for Pods and a /20 for Services, so that 256 instances fit on a machine.
struct NetworkRange: Sendable, Equatable {
    let number: Int

    /// Pod addresses; the bridge has the first.
    var podCIDR: String { "10.244.\(number).0/24" }
    /// Service addresses, below 10.96.0.0/12.
    var serviceCIDR: String { "10.\(96 + number / 16).\(number % 16 * 16).0/20" }

    /// The range of the instance in `directory`: the one it had before, else one that no other instance of this machine
    /// has claimed. Claims are folders' paths in files below `/run/martlet/networks`, so they end with a reboot.
    ///
    /// An ordinary user claims nothing, because there are no Pods to have addresses.
    static func claim(for directory: DataDirectory) throws -> NetworkRange {
        guard geteuid() == 0 else { return NetworkRange(number: directory.networkNumber ?? 0) }
        let claims = "/run/martlet/networks"
        try FileManager.default.createDirectory(atPath: claims, withIntermediateDirectories: true)
        let previous = directory.networkNumber
        var hash: UInt32 = 2_166_136_261
        for byte in directory.path.utf8 { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
        let first = previous ?? Int(hash % 256)
        for step in 0..<256 {
            let number = (first + step) % 256
            guard try take("\(claims)/\(number)", for: directory.path) else { continue }
            try directory.write(Array("\(number)\n".utf8), to: directory.networkFile)
            return NetworkRange(number: number)
        }
        throw Complaint(
            "all 256 address ranges below 10.244.0.0/16 are in use; remove old data directories with `martlet reset`")
    }

    /// True when the claim is ours now: it was free, it was ours, or the folder it names is gone.
    private static func take(_ file: String, for path: String) throws -> Bool {
        let descriptor = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        if descriptor >= 0 {
            close(descriptor)
            try path.write(toFile: file, atomically: true, encoding: .utf8)
            return true
        }
        let owner = try String(contentsOfFile: file, encoding: .utf8)
        if owner == path { return true }
        guard !owner.isEmpty, !FileManager.default.fileExists(atPath: owner) else { return false }
        try path.write(toFile: file, atomically: true, encoding: .utf8)
        return true
    }
}

extension DataDirectory {
    var networkFile: String { path + "/network" }

    /// The number of the instance's network, nil before its first start.
    var networkNumber: Int? {
        (try? String(contentsOfFile: networkFile, encoding: .utf8))
            .flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
    }
}
