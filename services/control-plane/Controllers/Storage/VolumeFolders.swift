import Foundation
import KubeModel

/// The folders behind PersistentVolumes: `<root>/<namespace>/<claim>`.
struct VolumeFolders: Sendable {
    let root: String

    func path(namespace: String, claim: String) -> String { "\(root)/\(namespace)/\(claim)" }

    /// Removes a folder with all that is in it. A folder that is not there is fine.
    ///
    /// - Throws: ``APIError`` `forbidden` when the path is not exactly two names below the root, or one of the folders
    ///   on the way is a symbolic link. Links inside the folder are removed, not followed.
    func remove(_ path: String) throws {
        let parts = try parts(of: path)
        var current = root
        for part in [parts.namespace, parts.claim] {
            current += "/" + part
            guard let kind = try Self.kind(of: current) else { return }
            guard kind == .typeDirectory else {
                throw APIError(.forbidden, "the volume folder \(path) is not a plain folder, so it is not removed")
            }
        }
        // Out of the way first: a half removed folder must not become somebody's new volume.
        let doomed = "\(root)/\(parts.namespace)/.removed-\(UUID().uuidString)"
        guard rename(current, doomed) == 0 else {
            throw APIError(
                .internalError, "the volume folder \(path) cannot be moved: \(String(cString: strerror(errno)))")
        }
        try FileManager.default.removeItem(atPath: doomed)
        _ = rmdir("\(root)/\(parts.namespace)")  // only succeeds when nothing is left in it
    }

    /// Finishes removals that a crash interrupted.
    func removeLeftovers() {
        let files = FileManager.default
        for namespace in (try? files.contentsOfDirectory(atPath: root)) ?? [] {
            guard (try? Self.kind(of: "\(root)/\(namespace)")) == .typeDirectory else { continue }
            for name in (try? files.contentsOfDirectory(atPath: "\(root)/\(namespace)")) ?? []
            where name.hasPrefix(".removed-") {
                try? files.removeItem(atPath: "\(root)/\(namespace)/\(name)")
            }
        }
    }

    /// Namespace and claim of a path below the root.
    func parts(of path: String) throws(APIError) -> (namespace: String, claim: String) {
        let outside = APIError(.forbidden, "the volume path \(path) does not lie below the folder for volumes")
        guard path.hasPrefix(root + "/"), !path.utf8.contains(0) else { throw outside }
        let names = path.dropFirst(root.count + 1).split(separator: "/", omittingEmptySubsequences: false).map(
            String.init)
        guard names.count == 2, names.allSatisfy({ !$0.isEmpty && !$0.hasPrefix(".") }) else { throw outside }
        return (names[0], names[1])
    }

    /// What lies at a path, links not followed; nil when nothing does.
    private static func kind(of path: String) throws -> FileAttributeType? {
        do {
            return try FileManager.default.attributesOfItem(atPath: path)[.type] as? FileAttributeType
        } catch let error as CocoaError where error.code == .fileReadNoSuchFile || error.code == .fileNoSuchFile {
            return nil
        }
    }
}
