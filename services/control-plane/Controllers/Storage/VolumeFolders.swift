import KubeModel

/// The folders behind PersistentVolumes: `<root>/<namespace>/<claim>`. They are made and removed by the node agent, whose
/// they are; the controllers only say where they lie.
struct VolumeFolders: Sendable {
    let root: String

    func path(namespace: String, claim: String) -> String { "\(root)/\(namespace)/\(claim)" }

    /// Namespace and claim of a path below the root.
    ///
    /// - Throws: ``APIError`` `forbidden` when the path is not exactly two names below the root.
    func parts(of path: String) throws(APIError) -> (namespace: String, claim: String) {
        let outside = APIError(.forbidden, "the volume path \(path) does not lie below the folder for volumes")
        guard path.hasPrefix(root + "/"), !path.utf8.contains(0) else { throw outside }
        let names = path.dropFirst(root.count + 1).split(separator: "/", omittingEmptySubsequences: false).map(
            String.init)
        guard names.count == 2, names.allSatisfy({ !$0.isEmpty && !$0.hasPrefix(".") }) else { throw outside }
        return (names[0], names[1])
    }
}
