/// Where a Tensorboard or PVCViewer is served, and which path its own server is asked for.
///
/// The path follows from kind, namespace and name alone: nobody can choose one that covers something else.
public struct ServerPath: Sendable, Equatable {
    /// `/pvcviewers/{namespace}/{name}/`, as it is asked for from outside.
    public let prefix: String
    /// What its server sees in place of the prefix; nil when it sees the whole path.
    public let rewrite: String?

    /// The path of a Tensorboard; its server knows nothing of the prefix.
    public init(ofTensorboard name: String, namespace: String) {
        prefix = "/tensorboard/\(namespace)/\(name)/"
        rewrite = "/"
    }

    /// The path of a PVCViewer, whose `spec.networking.rewrite` is for its own server only.
    ///
    /// A container that is told the prefix in a variable (`FB_BASEURL`) makes its links below it, and gets the whole path.
    public init(ofViewer viewer: KubeObject) {
        let prefix = "/pvcviewers/\(viewer.namespace ?? "")/\(viewer.name)/"
        self.prefix = prefix
        let containers = viewer.spec["podSpec"]?["containers"]?.array ?? []
        let knowsPrefix = containers.contains { container in
            (container["env"]?.array ?? []).contains { variable in
                let value = variable["value"]?.string ?? ""
                return value == prefix || value + "/" == prefix
            }
        }
        let wanted = viewer.spec["networking"]?["rewrite"]?.string ?? ""
        rewrite = containers.isEmpty || knowsPrefix || !Self.isPath(wanted) ? nil : Self.closed(wanted)
    }

    /// True for an absolute path of printable signs without queries, fragments, spaces and `..`.
    public static func isPath(_ text: String) -> Bool {
        text.hasPrefix("/") && !text.hasPrefix("//")
            && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"?#\\%".utf8.contains($0) }
            && !text.split(separator: "/").contains { $0 == "." || $0 == ".." }
    }

    private static func closed(_ path: String) -> String { path.hasSuffix("/") ? path : path + "/" }
}
