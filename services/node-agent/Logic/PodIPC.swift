import CNode

#if canImport(Glibc)
    import Glibc
#endif

/// What the containers of a pod share besides their network: semaphores, shared memory and message queues of System V,
/// and POSIX message queues. It outlives each container.
struct PodIPC: Sendable {
    private let directory: String

    init(_ directory: String) { self.directory = directory }

    /// The namespace.
    var path: String { "\(directory)/ipc" }
    /// A file system of its message queues. Users of a container's own could not mount it.
    var queues: String { "\(directory)/queues" }
    /// What is mounted by ``ensure(_:)``, to be unmounted at the end.
    static let mounts = ["queues", "ipc"]

    /// Makes the namespace unless it is there, with the pod's settings of the kernel.
    ///
    /// - Throws: ``NodeError`` when the kernel refuses.
    func ensure(_ settings: [Sysctls.Setting]) throws {
        if isThere { return }
        try FileTools.makeDirectory(queues)
        while node_unmount(queues) == 0 {}
        let result = node_create_ipc_namespace(path, queues)
        guard result == 0 else { throw NodeError("namespace of IPC: \(String(cString: strerror(-result)))") }
        for setting in settings where !setting.isOfNetwork {
            let result = node_write_in_ipc(path, setting.path, setting.value)
            guard result == 0 else {
                // Or the next try would find a namespace, and go on without the setting.
                while node_unmount(queues) == 0 {}
                while node_unmount(path) == 0 {}
                throw NodeError("sysctl \(setting.name) cannot be set: \(String(cString: strerror(-result)))")
            }
        }
    }

    private var isThere: Bool {
        var own = stat()
        var outside = stat()
        return stat(path, &own) == 0 && stat(directory, &outside) == 0 && own.st_dev != outside.st_dev
    }
}
