import Foundation
import KubeModel

#if canImport(Glibc)
    import Glibc
#endif

/// One mount of a container, before it is written to config.json.
struct ContainerMount: Sendable, Equatable {
    /// What is there: files of a claim, which outlive the pod; those that the agent writes; anything else.
    enum Content: Sendable, Equatable { case claim, payload, other }

    var destination: String
    var source: String
    var isReadOnly: Bool
    var content = Content.other
}

/// Everything that decides how one container runs.
struct ContainerPlan: Sendable {
    var id: String
    /// Directory that holds config.json and rootfs.
    var bundle: String
    var hostname: String
    /// Nil for the host's.
    var networkNamespace: String?
    var cgroup: String
    var arguments: [String]
    var hasTerminal = false
    var workingDirectory: String
    var variables: [(name: String, value: String)]
    var uid: UInt32
    var gid: UInt32
    var groups: [UInt32]
    var isRootReadOnly: Bool
    var mayGainPrivileges: Bool
    var capabilities: [String]
    /// The filter of system calls as OCI writes it; nil for none.
    var filter: JSON?
    /// The host's number for the container's user 0, when it has users of its own.
    var userBase: UInt32?
    /// `procMount: Unmasked`, for containers with users of their own only.
    var showsWholeProc = false
    /// A sysfs that shows the pod's devices, for containers with users of their own.
    var sysfs: String?
    var mounts: [ContainerMount]
    var environment: ReadyEnvironment
    /// Memory that all containers of the pod see at /dev/shm.
    var sharedMemory: String
    /// The namespace of System V IPC that all containers of the pod join, and its message queues.
    var ipcNamespace: String
    var messageQueues: String
    /// Device nodes of the host.
    var devices: [DeviceNode] = []
    /// How soon the kernel ends the container when the machine has no memory left: 0 to 1000; nil for as late as others.
    var memoryScore: Int?
    /// The namespace of processes that the container joins; nil for one of its own.
    var processNamespace: String?
    /// The program that bounds how many processes each user of the container may have, whose users are its own then; nil
    /// where a control group does it for the container.
    var bounder: String?
    /// A /proc that shows the processes of the whole pod.
    var processes: String?
    var cpuLimit: Double?
    var cpuRequest: Double?
    var memoryLimit: Double?
    /// Files that the whole pod shares: `etc/hosts`, `etc/resolv.conf`, `etc/hostname`.
    var podEtc: String
    var terminationFile: String
    var terminationPath: String
}

/// Writes bundles for crun: the root file system and config.json.
enum ContainerBundle {
    /// Where the Python environment is seen in a container.
    static let environmentPath = "/opt/environment"

    /// Capabilities that a container has by default, those of container engines without device and raw network access.
    static let defaultCapabilities = [
        "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP",
        "SETUID", "SYS_CHROOT",
    ]
    /// What `capabilities.add` may ask for besides.
    static let allowedCapabilities = Set(
        defaultCapabilities + ["NET_RAW", "IPC_LOCK", "SYS_NICE", "AUDIT_WRITE", "SYS_PTRACE"])

    /// Makes the root file system: a directory with links into the host's /usr, an own /etc and empty folders.
    static func writeRoot(_ plan: ContainerPlan) throws {
        let root = "\(plan.bundle)/rootfs"
        try FileTools.makeDirectory(plan.bundle, mode: 0o711)
        for folder in [
            "", "/usr", "/proc", "/dev", "/sys", "/etc", "/etc/ssl", "/etc/alternatives", "/home", "/mnt", "/opt",
            "/run", "/srv", "/var", "/var/lib", "/var/log", "/var/cache", "/media",
        ] {
            try FileTools.makeDirectory(root + folder)
        }
        try FileTools.makeDirectory("\(root)/root", mode: 0o700)
        for folder in ["/tmp", "/var/tmp", "/run/lock"] { try FileTools.makeDirectory(root + folder, mode: 0o1777) }
        for name in ["bin", "sbin", "lib", "lib32", "lib64", "libx32"] {
            var target = [CChar](repeating: 0, count: 256)
            if readlink("/\(name)", &target, target.count - 1) > 0 {
                symlink("usr/\(name)", "\(root)/\(name)")
            } else if FileTools.isDirectory("/\(name)") {
                try FileTools.makeDirectory("\(root)/\(name)")
            }
        }
        symlink("/run", "\(root)/var/run")
        let user = plan.environment.definition
        try FileTools.makeDirectory(root + user.home)
        chown(root + user.home, plan.uid, plan.gid)
        try writeEtc(plan, root)
        if plan.environment.path != nil { try FileTools.makeDirectory(root + environmentPath) }
    }

    private static func writeEtc(_ plan: ContainerPlan, _ root: String) throws {
        let user = plan.environment.definition
        var passwd = """
            root:x:0:0:root:/root:/bin/bash
            nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
            \(user.userName):x:\(user.uid):\(user.gid)::\(user.home):/bin/bash

            """
        if plan.uid != 0, plan.uid != 65534, plan.uid != user.uid {
            passwd += "user:x:\(plan.uid):\(plan.gid)::\(user.home):/bin/bash\n"
        }
        var group = "root:x:0:\nusers:x:100:\nnogroup:x:65534:\n"
        for gid in Set([plan.gid, user.gid] + plan.groups).sorted() where ![0, 100, 65534].contains(gid) {
            group += "group\(gid):x:\(gid):\n"
        }
        try FileTools.create(Array(passwd.utf8), at: "\(root)/etc/passwd")
        try FileTools.create(Array(group.utf8), at: "\(root)/etc/group")
        try FileTools.create(
            Array("hosts: files dns\npasswd: files\ngroup: files\nservices: files\nprotocols: files\n".utf8),
            at: "\(root)/etc/nsswitch.conf")
        for name in [
            "pip.conf", "mime.types", "services", "protocols", "os-release", "debian_version", "bash.bashrc", "profile",
            "inputrc", "ld.so.conf", "shells", "gitconfig", "timezone",
        ] {
            if let bytes = FileTools.read("/etc/\(name)", limit: 1 << 20) {
                try FileTools.create(bytes, at: "\(root)/etc/\(name)")
            }
        }
        symlink("/proc/self/mounts", "\(root)/etc/mtab")
    }

    /// Folders of the host's /etc that pods may see.
    static let sharedEtc = [
        "/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf.d",
        "/etc/fonts",
        "/etc/ca-certificates.conf", "/etc/localtime", "/etc/terminfo", "/etc/R", "/etc/matplotlibrc",
    ]

    /// Makes the place of a mount in the root file system, without following links out of it.
    static func makeMountPoint(_ destination: String, isFile: Bool, root: String, uid: UInt32, gid: UInt32) throws {
        let parts = destination.split(separator: "/").map(String.init)
        guard !parts.contains("..") else { throw ContainerConfigError("mount path \(destination) must not contain ..") }
        var path = root
        for (index, part) in parts.enumerated() {
            path += "/\(part)"
            var info = stat()
            let isLast = index == parts.count - 1
            if lstat(path, &info) == 0 {
                // Below a link (such as /lib) the runtime makes the place, in the container's own view.
                if info.st_mode & S_IFMT == S_IFLNK { return }
                continue
            }
            if isLast, isFile {
                try FileTools.create([], at: path)
            } else {
                try FileTools.makeDirectory(path)
                if path.hasPrefix("\(root)/home/") { chown(path, uid, gid) }
            }
        }
    }

    /// What of the kernel no container sees.
    private static let hiddenPaths =
        [
            "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
            "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/proc/sysrq-trigger", "/sys/firmware",
            "/sys/devices/virtual/powercap",
        ] + (ControlGroups.areShown ? [] : ["/sys/fs/cgroup"])

    /// The OCI runtime configuration.
    static func config(_ plan: ContainerPlan) -> JSON {
        let capabilities = JSON.array(plan.capabilities.map { .string("CAP_\($0)") })
        var user: JSON = ["uid": .int(Int64(plan.uid)), "gid": .int(Int64(plan.gid))]
        if !plan.groups.isEmpty { user["additionalGids"] = .array(plan.groups.map { .int(Int64($0)) }) }
        var linux: JSON = [
            "namespaces": [
                plan.processNamespace.map { ["type": "pid", "path": .string($0)] } ?? ["type": "pid"],
                ["type": "ipc", "path": .string(plan.ipcNamespace)], ["type": "uts"], ["type": "mount"],
            ],
            "maskedPaths": plan.showsWholeProc ? [] : .array(hiddenPaths.map(JSON.string)),
            "readonlyPaths": plan.showsWholeProc ? [] : ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"],
        ]
        if ControlGroups.areUsable {
            linux["cgroupsPath"] = .string(plan.cgroup)
            linux["resources"] = resources(plan)
        }
        if ControlGroups.areShown {
            linux["namespaces"] = .array((linux["namespaces"]?.array ?? []) + [["type": "cgroup"]])
        }
        if let path = plan.networkNamespace {
            linux["namespaces"] = .array(
                (linux["namespaces"]?.array ?? []) + [["type": "network", "path": .string(path)]])
        }
        if let filter = plan.filter { linux["seccomp"] = filter }
        if let base = plan.userBase {
            linux["namespaces"] = .array((linux["namespaces"]?.array ?? []) + [["type": "user"]])
            let mapping: JSON = [["containerID": 0, "hostID": .int(Int64(base)), "size": 65536]]
            linux["uidMappings"] = mapping
            linux["gidMappings"] = mapping
        }
        var process: JSON = [
            "terminal": .bool(plan.hasTerminal), "user": user, "args": .array(plan.arguments.map(JSON.string)),
            "cwd": .string(plan.workingDirectory), "noNewPrivileges": .bool(!plan.mayGainPrivileges),
            "env": .array(plan.variables.map { .string("\($0.name)=\($0.value)") }),
            "capabilities": ["bounding": capabilities, "effective": capabilities, "permitted": capabilities],
        ]
        if let score = plan.memoryScore { process["oomScoreAdj"] = .int(Int64(score)) }
        var config: JSON = [
            "ociVersion": "1.0.0", "process": process,
            "root": [
                "path": .string(rootPath(plan)),
                "readonly": .bool(plan.isRootReadOnly),
            ],
            "hostname": .string(plan.hostname), "mounts": .array(mounts(plan)), "linux": linux,
        ]
        if let bounder = plan.bounder {
            // Not among the limits of the process: crun sets those before it makes the namespace of users, for which the
            // kernel takes them as the bound of all processes that its maker has anywhere.
            config["hooks"] = [
                "createRuntime": [
                    ["path": .string(bounder), "args": ["container-shim", "bound", .string("\(mostProcesses)")]]
                ]
            ]
        }
        return config
    }

    private static func rootPath(_ plan: ContainerPlan) -> String {
        if plan.environment.image != nil { return UserShift.root(plan.id) }
        return plan.userBase == nil ? "rootfs" : "\(UserShift.view(plan.id))/rootfs"
    }

    private static func resources(_ plan: ContainerPlan) -> JSON {
        var resources = resources(cpuRequest: plan.cpuRequest, cpuLimit: plan.cpuLimit, memoryLimit: plan.memoryLimit)
        let permitted = plan.devices.map { device -> JSON in
            [
                "allow": true, "type": .string(device.kind), "major": .int(Int64(device.major)),
                "minor": .int(Int64(device.minor)), "access": "rwm",
            ]
        }
        resources["devices"] = .array((resources["devices"]?.array ?? []) + permitted)
        return resources
    }

    /// How many processes and threads a container may have.
    static let mostProcesses = 4096

    /// Limits as OCI writes them; of CPUs as counts, of memory as bytes.
    static func resources(cpuRequest: Double?, cpuLimit: Double?, memoryLimit: Double?) -> JSON {
        var resources: JSON = [
            "devices": [["allow": false, "access": "rwm"]], "pids": ["limit": .int(Int64(mostProcesses))],
        ]
        let shares = cpuRequest.map { max(2, ResourceQuantity.whole($0 * 1024)) } ?? 2
        var cpu: JSON = ["shares": .int(min(shares, 262_144))]
        if let limit = cpuLimit, limit > 0 {
            // More CPUs than any machine has; the kernel takes no quota of years.
            cpu["quota"] = .int(max(1000, ResourceQuantity.whole(min(limit, 1_000_000) * 100_000)))
            cpu["period"] = 100_000
        }
        if ControlGroups.limitProcessors { resources["cpu"] = cpu }
        if let limit = memoryLimit, limit > 0 {
            // No swap beyond the limit, as kubelets have it.
            let limit = JSON.int(ResourceQuantity.whole(limit))
            resources["memory"] = ["limit": limit, "swap": limit]
            // Who lacks memory ends as a whole, as with kubelets.
            if ControlGroups.isUnified { resources["unified"] = ["memory.oom.group": "1"] }
        }
        return resources
    }

    private static func mounts(_ plan: ContainerPlan) -> [JSON] {
        func bind(_ destination: String, _ source: String, isReadOnly: Bool, nosuid: Bool = true) -> JSON {
            var options: [JSON] = ["rbind", "rprivate", isReadOnly ? "ro" : "rw", "nodev"]
            if nosuid { options.append("nosuid") }
            // Owners are seen as on disk, although the container's numbers are others on the host.
            if let base = plan.userBase, base > 0, MappedOwners.areOffered(at: source) { options.append("idmap") }
            return [
                "destination": .string(destination), "type": "bind", "source": .string(source),
                "options": .array(options),
            ]
        }
        var mounts: [JSON] = [
            ["destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec", "nodev"]],
            [
                "destination": "/dev", "type": "tmpfs", "source": "tmpfs",
                "options": ["nosuid", "strictatime", "mode=755", "size=65536k"],
            ],
            [
                "destination": "/dev/pts", "type": "devpts", "source": "devpts",
                "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
            ],
            [
                "destination": "/dev/mqueue", "type": "bind", "source": .string(plan.messageQueues),
                "options": ["bind", "rprivate", "rw", "nosuid", "noexec", "nodev"],
            ],
            [
                "destination": "/sys", "type": "sysfs", "source": "sysfs",
                "options": ["nosuid", "noexec", "nodev", "ro"],
            ],
        ]
        if let processes = plan.processes {
            // Users of a container's own have no say over processes of the pod, so that they cannot mount this.
            mounts[0] = [
                "destination": "/proc", "type": "bind", "source": .string(processes),
                "options": ["bind", "rprivate", "rw", "nosuid", "noexec", "nodev"],
            ]
        }
        if let sysfs = plan.sysfs {
            // Its own users have no say over the pod's network, so that they cannot mount this.
            mounts[mounts.count - 1] = [
                "destination": "/sys", "type": "bind", "source": .string(sysfs),
                "options": ["rbind", "rprivate", "ro", "nosuid", "nodev", "noexec"],
            ]
        }
        if ControlGroups.areShown {
            mounts.append([
                "destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
                "options": ["nosuid", "noexec", "nodev", "relatime", "ro"],
            ])
        }
        if !plan.mounts.contains(where: { $0.destination == "/dev/shm" }) {
            // The containers of a pod share it. Everybody may write there, so that owners need no mapping.
            mounts.append([
                "destination": "/dev/shm", "type": "bind", "source": .string(plan.sharedMemory),
                "options": ["bind", "rprivate", "rw", "nosuid", "noexec", "nodev"],
            ])
        }
        for device in plan.devices {
            // A mount, since users of the container's own may make no device nodes.
            mounts.append([
                "destination": .string("/dev/" + (device.path as NSString).lastPathComponent), "type": "bind",
                "source": .string(device.path), "options": ["bind", "rprivate", "rw", "nosuid", "noexec"],
            ])
        }
        if plan.environment.image == nil { mounts += system(plan, bind) }
        mounts.append(bind("/etc/hosts", "\(plan.podEtc)/hosts", isReadOnly: plan.isRootReadOnly))
        mounts.append(bind("/etc/resolv.conf", "\(plan.podEtc)/resolv.conf", isReadOnly: plan.isRootReadOnly))
        mounts.append(bind("/etc/hostname", "\(plan.podEtc)/hostname", isReadOnly: true))
        mounts.append(bind(plan.terminationPath, plan.terminationFile, isReadOnly: false))
        // Outer mounts come before those inside of them.
        for mount in plan.mounts.sorted(by: { depth($0) < depth($1) }) {
            mounts.append(bind(mount.destination, mount.source, isReadOnly: mount.isReadOnly))
        }
        return mounts
    }

    /// The host's programs, the Python environment, and what of the host's /etc pods see.
    private static func system(_ plan: ContainerPlan, _ bind: (String, String, Bool, Bool) -> JSON) -> [JSON] {
        var mounts: [JSON] = []
        let below = plan.mounts.map(\.destination) + [plan.workingDirectory, plan.terminationPath]
        let needsLayer = below.contains { path in
            ["/usr/", "/bin/", "/sbin/", "/lib/", "/lib64/"].contains { path.hasPrefix($0) }
        }
        if needsLayer, let layer = layer("usr", lower: "/usr", plan) {
            // Mounting below a bind of the host's /usr would make the mount's place on the host.
            mounts.append(["destination": "/usr", "type": "overlay", "source": "overlay", "options": layer])
        } else {
            mounts.append(bind("/usr", "/usr", true, true))
        }
        for name in ["bin", "sbin", "lib", "lib64"] where FileTools.isDirectory("\(plan.bundle)/rootfs/\(name)") {
            var info = stat()
            if lstat("\(plan.bundle)/rootfs/\(name)", &info) == 0, info.st_mode & S_IFMT == S_IFDIR {
                mounts.append(bind("/\(name)", "/\(name)", true, true))
            }
        }
        for path in sharedEtc where FileTools.exists(path) { mounts.append(bind(path, path, true, true)) }
        if let path = plan.environment.path {
            // A layer above the environment makes `pip install` work, in this container only.
            let lower = plan.userBase == nil ? path : UserShift.environment(plan.id)
            if !plan.isRootReadOnly, let layer = layer("environment", lower: lower, plan) {
                mounts.append([
                    "destination": .string(environmentPath), "type": "overlay", "source": "overlay", "options": layer,
                ])
            } else {
                mounts.append(bind(environmentPath, path, true, true))
            }
        }
        return mounts
    }

    private static func layer(_ name: String, lower: String, _ plan: ContainerPlan) -> JSON? {
        let bundle = plan.userBase == nil ? plan.bundle : UserShift.view(plan.id)
        let upper = "\(bundle)/layer-\(name)"
        let work = "\(bundle)/work-\(name)"
        // These characters separate paths in the options of overlay mounts.
        guard !(lower + upper).contains(where: { ":,\\".contains($0) }) else { return nil }
        let options: [JSON] = [
            .string("lowerdir=\(lower)"), .string("upperdir=\(upper)"), .string("workdir=\(work)"), "nosuid", "nodev",
        ]
        return .array(options + (plan.userBase == nil && UserNamespace.isOfMachine ? [] : ["userxattr"]))
    }

    private static func depth(_ mount: ContainerMount) -> Int { mount.destination.split(separator: "/").count }

    /// Writes the bundle.
    static func write(_ plan: ContainerPlan) throws {
        // Before anything is mounted.
        guard !plan.workingDirectory.split(separator: "/").contains("..") else {
            throw ContainerConfigError("the working directory \(plan.workingDirectory) must not contain ..")
        }
        if let base = plan.userBase { try UserShift.ready(plan.mounts, base: base) }
        if let image = plan.environment.image {
            try FileTools.makeDirectory(plan.bundle, mode: 0o711)
            try image.note(in: plan.bundle)
            try image.mountRoot(plan.id, bundle: plan.bundle, base: plan.userBase)
            try image.makeFolder(plan.workingDirectory, id: plan.id, owner: plan.userBase ?? 0)
            try FileTools.write(config(plan).bytes, to: "\(plan.bundle)/config.json", mode: 0o600)
            return
        }
        try writeRoot(plan)
        try EnvironmentUse.note(plan.environment, in: plan.bundle)
        let user = plan.environment.definition
        for name in ["usr", "environment"] {
            try FileTools.makeDirectory("\(plan.bundle)/layer-\(name)")
            try FileTools.makeDirectory("\(plan.bundle)/work-\(name)")
        }
        chown("\(plan.bundle)/layer-environment", user.uid, user.gid)
        let root = "\(plan.bundle)/rootfs"
        for path in sharedEtc where FileTools.exists(path) {
            try makeMountPoint(path, isFile: !FileTools.isDirectory(path), root: root, uid: 0, gid: 0)
        }
        for name in ["hosts", "resolv.conf", "hostname"] { try FileTools.create([], at: "\(root)/etc/\(name)") }
        for mount in plan.mounts.sorted(by: { depth($0) < depth($1) }) {
            try makeMountPoint(
                mount.destination, isFile: !FileTools.isDirectory(mount.source), root: root, uid: plan.uid,
                gid: plan.gid)
        }
        if !plan.terminationPath.hasPrefix("/dev/") {
            try makeMountPoint(plan.terminationPath, isFile: true, root: root, uid: plan.uid, gid: plan.gid)
        }
        if !plan.workingDirectory.hasPrefix("/proc") {
            let isNew = !FileTools.exists(root + plan.workingDirectory)
            try makeMountPoint(plan.workingDirectory, isFile: false, root: root, uid: plan.uid, gid: plan.gid)
            if isNew, FileTools.isDirectory(root + plan.workingDirectory) {
                lchown(root + plan.workingDirectory, plan.uid, plan.gid)
            }
        }
        if let base = plan.userBase { try UserShift.prepare(plan, base: base) }
        try FileTools.write(config(plan).bytes, to: "\(plan.bundle)/config.json", mode: 0o600)
    }
}
