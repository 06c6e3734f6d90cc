import Foundation

/// Where the files that come with Martlet are: beside the executable when installed, in the repository when built there.
struct Installation: Sendable {
    let executableFolder: String
    /// Folder with `deploy/` and the page.
    let root: String

    /// The running executable; asked for before the process moves to another view of the file system, since the kernel has
    /// no name for it when the view that it came from is gone.
    static let executable = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")

    /// Finds the files from the place of the running executable.
    static func find() throws -> Installation {
        guard let executable else { throw Complaint("/proc/self/exe cannot be read: is /proc mounted?") }
        let folder = URL(fileURLWithPath: executable).deletingLastPathComponent()
        let shared = folder.deletingLastPathComponent().appendingPathComponent("share/martlet").path
        if FileManager.default.fileExists(atPath: shared + "/deploy/crds") {
            return Installation(executableFolder: folder.path, root: shared)
        }
        var candidate = folder
        while candidate.path != "/" {
            candidate.deleteLastPathComponent()
            if FileManager.default.fileExists(atPath: candidate.path + "/deploy/crds") {
                return Installation(executableFolder: folder.path, root: candidate.path)
            }
        }
        throw Complaint("the folder `deploy` that belongs to \(executable) was not found beside it or above it")
    }

    /// A program that Martlet starts: beside the executable, or on the path.
    func program(_ name: String) -> String? {
        let own = executableFolder + "/" + name
        return FileManager.default.isExecutableFile(atPath: own) ? own : Self.onPath(name)
    }

    /// A program on `PATH`, or in the folders of system programs that some shells leave out.
    static func onPath(_ name: String) -> String? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        return (path.split(separator: ":").map(String.init) + ["/usr/local/sbin", "/usr/sbin", "/sbin"])
            .map { $0 + "/" + name }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }
}
