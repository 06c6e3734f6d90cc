import Foundation

/// What file systems of this machine let Pods do, for `martlet doctor` of root.
enum FileSystemFindings {
    /// A line of `/proc/self/mountinfo`.
    struct Mount: Equatable {
        var point: String
        var kind: String
        var source: String
        /// Of the file system, not of this mount of it.
        var options: [String]

        /// The mount that a path lies in, by the text of `/proc/self/mountinfo`: of those at the longest name the last one.
        static func of(_ path: String, in table: String) -> Mount? {
            var found: Mount?
            for line in table.split(separator: "\n") {
                let fields = line.split(separator: " ").map(String.init)
                guard let dash = fields.firstIndex(of: "-"), dash > 4, fields.count > dash + 3 else { continue }
                let point = fields[4]
                guard point == "/" || path == point || path.hasPrefix(point + "/"),
                    point.utf8.count >= found?.point.utf8.count ?? 0
                else { continue }
                found = Mount(
                    point: point, kind: fields[dash + 1], source: fields[dash + 2],
                    options: fields[dash + 3].split(separator: ",").map(String.init))
            }
            return found
        }
    }

    private static func mount(of path: String) -> Mount? {
        (try? String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8)).flatMap { Mount.of(path, in: $0) }
    }

    /// Files of the machine that Pods see, under which owners; nil where there is nothing to say.
    static func owners() -> Prerequisites.Finding? {
        guard mount(of: "/usr")?.kind == "overlay" else { return nil }
        return .init(
            level: .warning, subject: "owners",
            detail:
                "/usr is an overlay, so that its files belong to nobody (65534) in Pods of root; programs run all the same"
        )
    }

    /// Whether claims are held to their sizes in a data directory, and what to do where they are not.
    static func sizes(below path: String) -> Prerequisites.Finding {
        guard let mount = mount(of: path), ["ext4", "xfs"].contains(mount.kind) else {
            return .init(
                level: .warning, subject: "sizes",
                detail: "sizes of claims are not enforced: \(path) is on no ext4 or XFS")
        }
        guard !mount.options.contains("prjquota") else {
            return .init(level: .good, subject: "sizes", detail: "claims keep to their sizes (quotas of projects)")
        }
        let feature =
            mount.kind == "ext4" ? "`tune2fs -O project,quota \(mount.source)` while it is not mounted, and " : ""
        return .init(
            level: .warning, subject: "sizes",
            detail:
                "sizes of claims are not enforced: \(feature)the mount option `prjquota` of \(mount.point) change that"
        )
    }
}
