#if canImport(Glibc)
    import Glibc
#endif

/// Removes empty cgroups.
enum CgroupTree {
    static func remove(_ path: String) {
        for root in ["/sys/fs/cgroup"] + FileTools.names(in: "/sys/fs/cgroup").map({ "/sys/fs/cgroup/\($0)" }) {
            removeTree(root + path)
        }
    }

    private static func removeTree(_ directory: String) {
        guard FileTools.isDirectory(directory) else { return }
        for name in FileTools.names(in: directory) where FileTools.isDirectory("\(directory)/\(name)") {
            removeTree("\(directory)/\(name)")
        }
        rmdir(directory)
    }
}
