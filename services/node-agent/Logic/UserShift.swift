import CNode

#if canImport(Glibc)
    import Glibc
#endif

/// Containers whose users are not those of the host: root in them is an ordinary number outside.
///
/// Their files are below folders that only root may enter, so that each gets a view of its own in the agent's private
/// mount namespace, which nobody else on the host sees.
enum UserShift {
    /// Folder of the views, in the agent's mount namespace.
    static let views = "/run/netns/.containers"

    /// The bundle as the container's users reach it.
    static func view(_ id: String) -> String { "\(views)/\(id)" }
    /// The Python environment with shifted owners.
    static func environment(_ id: String) -> String { "\(views)/\(id)-environment" }

    /// The root file system of a container that runs from an image.
    static func root(_ id: String) -> String { "\(views)/\(id)-root" }
    /// The layers of images with shifted owners.
    static func layers(_ id: String) -> String { "\(views)/\(id)-layers" }

    /// The agent's number of user 0 of a pod: no two pods have numbers in common, and none is a user of the host. In an
    /// ordinary user's namespace owners cannot be shifted, and it is 0: containers have the same numbers as the agent, but in
    /// a user namespace of their own, so that root of one has power over nothing but it.
    static func base(of address: Address4) -> UInt32 {
        UserNamespace.isOfMachine ? 1 << 30 + (address.value & 0x3fff) << 16 : 0
    }

    /// How many users a container has of its own.
    static let count: UInt32 = 65536

    /// The host's number of a user of an image; who has none among the container's is root there.
    static func owner(_ number: UInt32, base: UInt32?) -> UInt32 { (base ?? 0) + (number < count ? number : 0) }

    /// True when containers can have users of their own: the file system of the folder can show files under other owners,
    /// or there is no need to.
    static func isOffered(on directory: String) -> Bool {
        guard UserNamespace.isOfMachine else { return true }
        guard (try? FileTools.makeDirectory(views)) != nil else { return false }
        return MappedOwners.areOffered(at: directory)
    }

    /// Gives the files of a bundle to the container's users, and makes its views.
    ///
    /// - Throws: ``NodeError`` when the kernel refuses.
    static func prepare(_ plan: ContainerPlan, base: UInt32) throws {
        // The root file system from an image shows its owners shifted already.
        for name in ["rootfs", "layer-usr", "work-usr", "layer-environment", "work-environment"] where base > 0 {
            try check(node_shift_owners("\(plan.bundle)/\(name)", base))
        }
        try FileTools.makeDirectory(view(plan.id))
        try check(node_mount(plan.bundle, view(plan.id), nil, node_mount_bind, nil))
        if let path = plan.environment.path {
            try FileTools.makeDirectory(environment(plan.id))
            try show(path, at: environment(plan.id), base: MappedOwners.areOffered(at: path) ? base : 0)
        }
    }

    /// Makes volumes ready for a container's users where their file systems do not show other owners.
    ///
    /// Secrets in memory are given to them for good, and to the pod's other containers of that kind with them; what is
    /// written there later has the same owners.
    /// - Throws: ``ContainerConfigError`` when a claim's file system cannot, since its files would be lost to other pods;
    ///   ``NodeError`` when the kernel refuses.
    static func ready(_ mounts: [ContainerMount], base: UInt32) throws {
        for mount in mounts where base > 0 && mount.content != .other && !MappedOwners.areOffered(at: mount.source) {
            guard mount.content == .payload else {
                throw ContainerConfigError(
                    "the volume at \(mount.destination) needs mounts with mapped owners, which its file system does not offer",
                    reason: "CreateContainerError")
            }
            try check(node_shift_owners(mount.source, base))
        }
    }

    /// Shows a folder with shifted owners.
    static func show(_ source: String, at target: String, base: UInt32) throws {
        try check(
            base > 0
                ? node_mount_shifted(source, target, base) : node_mount(source, target, nil, node_mount_bind, nil))
    }

    /// Removes the views of a container; nothing happens when it has none.
    static func release(_ id: String) {
        for path in [root(id), layers(id), view(id), environment(id)] where FileTools.exists(path) {
            while node_unmount(path) == 0 {}
            rmdir(path)
        }
    }

    static func check(_ result: Int32) throws {
        guard result == 0 else {
            throw NodeError("users of its own cannot be given to the container: \(String(cString: strerror(-result)))")
        }
    }
}
