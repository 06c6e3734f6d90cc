import Foundation
import KubeModel

#if canImport(Glibc)
    import Glibc
#endif

/// One mount of a container, before it is written to config.json.
struct ContainerMount: Sendable, Equatable {
    var destination: String
    var source: String
    var isReadOnly: Bool
}

/// Everything that decides how one container runs.
struct ContainerPlan: Sendable {
    var id: String
    /// Directory that holds config.json and rootfs.
    var bundle: String
    var hostname: String
    var networkNamespace: String
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
    var hasUnconfinedSyscalls: Bool
    var mounts: [ContainerMount]
    var environment: ReadyEnvironment
    var sharedMemoryPath: String?
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
        try FileTools.write(passwd, to: "\(root)/etc/passwd")
        try FileTools.write(group, to: "\(root)/etc/group")
        try FileTools.write(
            "hosts: files dns\npasswd: files\ngroup: files\nservices: files\nprotocols: files\n",
            to: "\(root)/etc/nsswitch.conf")
        for name in [
            "pip.conf", "mime.types", "services", "protocols", "os-release", "debian_version", "bash.bashrc", "profile",
            "inputrc", "ld.so.conf", "shells", "gitconfig", "timezone",
        ] {
            if let bytes = FileTools.read("/etc/\(name)", limit: 1 << 20) {
                try FileTools.write(bytes, to: "\(root)/etc/\(name)")
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
                try FileTools.write([], to: path)
            } else {
                try FileTools.makeDirectory(path)
                if path.hasPrefix("\(root)/home/") { chown(path, uid, gid) }
            }
        }
    }

    /// The OCI runtime configuration.
    static func config(_ plan: ContainerPlan) -> JSON {
        let capabilities = JSON.array(plan.capabilities.map { .string("CAP_\($0)") })
        var user: JSON = ["uid": .int(Int64(plan.uid)), "gid": .int(Int64(plan.gid))]
        if !plan.groups.isEmpty { user["additionalGids"] = .array(plan.groups.map { .int(Int64($0)) }) }
        var linux: JSON = [
            "namespaces": [
                ["type": "pid"], ["type": "ipc"], ["type": "uts"], ["type": "mount"],
                ["type": "network", "path": .string(plan.networkNamespace)],
            ],
            "cgroupsPath": .string(plan.cgroup), "resources": resources(plan),
            "maskedPaths": [
                "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
                "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/proc/sysrq-trigger", "/sys/firmware",
                "/sys/devices/virtual/powercap", "/sys/fs/cgroup",
            ],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"],
        ]
        if !plan.hasUnconfinedSyscalls { linux["seccomp"] = SystemCallFilter.json }
        return [
            "ociVersion": "1.0.0",
            "process": [
                "terminal": .bool(plan.hasTerminal), "user": user, "args": .array(plan.arguments.map(JSON.string)),
                "cwd": .string(plan.workingDirectory), "noNewPrivileges": .bool(!plan.mayGainPrivileges),
                "env": .array(plan.variables.map { .string("\($0.name)=\($0.value)") }),
                "capabilities": ["bounding": capabilities, "effective": capabilities, "permitted": capabilities],
            ],
            "root": ["path": "rootfs", "readonly": .bool(plan.isRootReadOnly)],
            "hostname": .string(plan.hostname), "mounts": .array(mounts(plan)), "linux": linux,
        ]
    }

    private static func resources(_ plan: ContainerPlan) -> JSON {
        var resources: JSON = ["devices": [["allow": false, "access": "rwm"]], "pids": ["limit": 4096]]
        let shares = plan.cpuRequest.map { max(2, Int64(($0 * 1024).rounded())) } ?? 2
        var cpu: JSON = ["shares": .int(min(shares, 262_144))]
        if let limit = plan.cpuLimit, limit > 0 {
            cpu["quota"] = .int(max(1000, Int64((limit * 100_000).rounded())))
            cpu["period"] = 100_000
        }
        resources["cpu"] = cpu
        if let limit = plan.memoryLimit, limit > 0 {
            // No swap beyond the limit, as kubelets have it.
            resources["memory"] = ["limit": .int(Int64(limit)), "swap": .int(Int64(limit))]
        }
        return resources
    }

    private static func mounts(_ plan: ContainerPlan) -> [JSON] {
        func bind(_ destination: String, _ source: String, isReadOnly: Bool, nosuid: Bool = true) -> JSON {
            var options: [JSON] = ["rbind", "rprivate", isReadOnly ? "ro" : "rw", "nodev"]
            if nosuid { options.append("nosuid") }
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
                "destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue",
                "options": ["nosuid", "noexec", "nodev"],
            ],
            [
                "destination": "/sys", "type": "sysfs", "source": "sysfs",
                "options": ["nosuid", "noexec", "nodev", "ro"],
            ],
        ]
        if !plan.mounts.contains(where: { $0.destination == "/dev/shm" }) {
            mounts.append([
                "destination": "/dev/shm", "type": "tmpfs", "source": "shm",
                "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"],
            ])
        }
        mounts += system(plan, bind)
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
            if !plan.isRootReadOnly, let layer = layer("environment", lower: path, plan) {
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
        let upper = "\(plan.bundle)/layer-\(name)"
        let work = "\(plan.bundle)/work-\(name)"
        // These characters separate paths in the options of overlay mounts.
        guard !(lower + upper).contains(where: { ":,\\".contains($0) }) else { return nil }
        return [
            .string("lowerdir=\(lower)"), .string("upperdir=\(upper)"), .string("workdir=\(work)"), "nosuid", "nodev",
        ]
    }

    private static func depth(_ mount: ContainerMount) -> Int { mount.destination.split(separator: "/").count }

    /// Writes the bundle.
    static func write(_ plan: ContainerPlan) throws {
        try writeRoot(plan)
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
        for name in ["hosts", "resolv.conf", "hostname"] { try FileTools.write([], to: "\(root)/etc/\(name)") }
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
        try FileTools.write(config(plan).bytes, to: "\(plan.bundle)/config.json", mode: 0o600)
    }
}

/// The default filter of system calls: what no program in a pod needs, and what has let others out of containers.
enum SystemCallFilter {
    static let refused = [
        "acct", "add_key", "bpf", "clock_adjtime", "clock_settime", "create_module", "delete_module", "fanotify_init",
        "finit_module", "fsconfig", "fsmount", "fsopen", "fspick", "get_kernel_syms", "init_module", "io_uring_enter",
        "io_uring_register", "io_uring_setup", "ioperm", "iopl", "kcmp", "kexec_file_load", "kexec_load", "keyctl",
        "lookup_dcookie", "mount", "mount_setattr", "move_mount", "move_pages", "nfsservctl", "open_by_handle_at",
        "open_tree", "perf_event_open", "pivot_root", "process_vm_writev", "query_module", "quotactl", "reboot",
        "request_key", "setdomainname", "sethostname", "setns", "settimeofday", "stime", "swapoff", "swapon",
        "syslog", "umount", "umount2", "unshare", "uselib", "userfaultfd", "ustat", "vm86", "vm86old", "vhangup",
    ]

    /// Flags of clone(2) that make namespaces.
    static let namespaceFlags: [Int64] = [
        0x0002_0000, 0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000,
    ]

    static let json: JSON = {
        var calls: [JSON] = [
            ["names": .array(refused.map(JSON.string)), "action": "SCMP_ACT_ERRNO", "errnoRet": 1],
            // Its arguments cannot be looked at; programs fall back to clone.
            ["names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38],
        ]
        for flag in namespaceFlags {
            calls.append([
                "names": ["clone"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1,
                "args": [["index": 0, "value": .int(flag), "valueTwo": .int(flag), "op": "SCMP_CMP_MASKED_EQ"]],
            ])
        }
        #if arch(x86_64)
            let architectures: JSON = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]
        #else
            let architectures: JSON = ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]
        #endif
        return ["defaultAction": "SCMP_ACT_ALLOW", "architectures": architectures, "syscalls": .array(calls)]
    }()
}
