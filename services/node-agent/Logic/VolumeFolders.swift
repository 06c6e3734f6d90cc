import Foundation
import KubeModel

/// The folders behind PersistentVolumes, `<root>/<namespace>/<claim>`, as they are removed when their claim has gone.
struct VolumeFolders: Sendable {
    let root: String

    /// Removes a folder with all that is in it. A folder that is not there is fine.
    ///
    /// - Throws: ``APIError`` `forbidden` when a name would lead elsewhere, or one of the folders is a symbolic link.
    ///   Links inside the folder are removed, not followed.
    func remove(namespace: String, claim: String) async throws {
        for name in [namespace, claim] where name.isEmpty || name.hasPrefix(".") || name.contains("/") {
            throw APIError(.forbidden, "\"\(name)\" is not the name of a volume folder")
        }
        var current = root
        for part in [namespace, claim] {
            current += "/" + part
            guard let kind = try Self.kind(of: current) else { return }
            guard kind == .typeDirectory else {
                throw APIError(.forbidden, "the volume folder \(current) is not a plain folder, so it is not removed")
            }
        }
        // Out of the way first: a half removed folder must not become somebody's new volume.
        let doomed = "\(root)/\(namespace)/.removed-\(UUID().uuidString)"
        guard rename(current, doomed) == 0 else {
            throw APIError(
                .internalError, "the volume folder \(current) cannot be moved: \(String(cString: strerror(errno)))")
        }
        try await removeAll([doomed])
        _ = rmdir("\(root)/\(namespace)")  // only succeeds when nothing is left in it
    }

    /// Finishes removals that a crash interrupted.
    func removeLeftovers() async {
        var doomed: [String] = []
        for namespace in FileTools.names(in: root) where (try? Self.kind(of: "\(root)/\(namespace)")) == .typeDirectory
        {
            doomed += FileTools.names(in: "\(root)/\(namespace)").filter { $0.hasPrefix(".removed-") }
                .map { "\(root)/\(namespace)/\($0)" }
        }
        // What cannot be removed now is tried again at the next start.
        try? await removeAll(doomed)
    }

    /// Large folders take long, so this is done on a thread of its own.
    private func removeAll(_ paths: [String]) async throws {
        guard !paths.isEmpty else { return }
        let root = root
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            Thread.detachNewThread {
                continuation.resume(
                    with: Result {
                        for path in paths {
                            let project = ProjectQuotas.number(of: path)
                            try FileManager.default.removeItem(atPath: path)
                            if let project { ProjectQuotas.release(project, on: root) }
                        }
                    })
            }
        }
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
