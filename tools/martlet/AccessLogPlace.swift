import Foundation

/// Where `--access-log` writes: a file that is made when it is not there, in a folder that is, since full files are put aside in it.
enum AccessLogPlace {
    /// The whole path of a file in a folder that is there.
    ///
    /// - Throws: ``Complaint`` when there is no such folder, or something else has the name.
    static func checked(_ path: String) throws -> String {
        let whole = URL(fileURLWithPath: path).standardizedFileURL.path
        let folder = (whole as NSString).deletingLastPathComponent
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue else {
            throw Complaint("there is no folder \(folder) for --access-log; make it first")
        }
        if FileManager.default.fileExists(atPath: whole, isDirectory: &isFolder), isFolder.boolValue {
            throw Complaint("--access-log names a file, and \(whole) is a folder")
        }
        if geteuid() != 0 { try check(whole) }
        return whole
    }

    /// - Throws: ``Complaint`` when the user as whom the process runs cannot write the file, or put it aside.
    static func check(_ path: String) throws {
        let folder = (path as NSString).deletingLastPathComponent
        guard access(folder, W_OK | X_OK) == 0, access(path, F_OK) != 0 || access(path, R_OK | W_OK) == 0 else {
            throw Complaint(
                "--access-log cannot be written to \(path) by user \(geteuid()), as whom the platform runs: "
                    + String(cString: strerror(errno)))
        }
    }
}
