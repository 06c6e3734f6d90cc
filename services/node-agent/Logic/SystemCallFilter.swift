import KubeModel

/// The default filter of system calls: what no program in a pod needs, and what has let others out of containers.
enum SystemCallFilter {
    static let refused = [
        "acct", "add_key", "bpf", "clock_adjtime", "clock_settime", "create_module", "delete_module", "fanotify_init",
        "finit_module", "fsconfig", "fsmount", "fsopen", "fspick", "get_kernel_syms", "init_module", "io_uring_enter",
        "io_uring_register", "io_uring_setup", "ioperm", "iopl", "kcmp", "kexec_file_load", "kexec_load", "keyctl",
        "lookup_dcookie", "mount", "mount_setattr", "move_mount", "move_pages", "nfsservctl", "open_by_handle_at",
        "open_tree", "perf_event_open", "pivot_root", "process_vm_writev", "query_module", "quotactl", "quotactl_fd",
        "reboot", "request_key", "setdomainname", "sethostname", "setns", "settimeofday", "socketcall", "stime",
        "swapoff", "swapon", "syslog", "umount", "umount2", "unshare", "uselib", "userfaultfd", "ustat", "vm86",
        "vm86old", "vhangup",
    ]

    /// The filter that a `seccompProfile` chooses; nil for `Unconfined`. Without one it is ours, as with `RuntimeDefault`.
    ///
    /// - Parameters:
    ///   - profile: what the Pod asks for.
    ///   - folder: of `Localhost` profiles, which are the administrator's and used as they are.
    ///   - keepsProjects: files must not leave the projects whose quotas hold volumes to their sizes. The kernel sees to it
    ///     for containers with users of their own.
    /// - Returns: the filter as OCI writes it.
    /// - Throws: ``ContainerConfigError`` when the file of a `Localhost` profile is missing or no profile.
    static func chosen(_ profile: JSON?, folder: String, keepsProjects: Bool = false) throws -> JSON? {
        switch profile?["type"]?.string {
        case "Unconfined": return keepsProjects ? filter(projectRules) : nil
        case "Localhost":
            let name = profile?["localhostProfile"]?.string ?? ""
            let parts = name.split(separator: "/", omittingEmptySubsequences: false)
            guard !name.isEmpty, !parts.contains(where: { $0 == ".." || $0.isEmpty }),
                let bytes = FileTools.read("\(folder)/\(name)"), let json = try? JSON(parsing: bytes),
                json["defaultAction"]?.string != nil
            else {
                throw ContainerConfigError(
                    "cannot load seccomp profile \"\(folder)/\(name)\": it is missing or no profile",
                    reason: "CreateContainerError")
            }
            return json
        default: return keepsProjects ? filter(rules + projectRules) : json
        }
    }

    /// Flags of clone(2) that make namespaces.
    static let namespaceFlags: [Int64] = [
        0x0002_0000, 0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000,
    ]

    /// What changes the project of a file, or what a folder gives to its files: FS_IOC_FSSETXATTR, FS_IOC_SETFLAGS (whose
    /// flags cannot be looked at, so no `chattr`) and its form of 32 bits. ``ProjectQuotas/refuseLeaving(dataDirectory:)``
    /// refuses what is newer.
    static let projectRules: [JSON] =
        [0x401c_5820, 0x4008_6602, 0x4004_6602].map { (command: Int64) -> JSON in
            [
                // The kernel looks at 32 bits only.
                "names": ["ioctl"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1,
                "args": [["index": 1, "value": 0xffff_ffff, "valueTwo": .int(command), "op": "SCMP_CMP_MASKED_EQ"]],
            ]
        }

    /// Rules that leave personality(2) the values of container engines alone: what programs ask with (all ones), and every
    /// mixture of `UNAME26` (0x20000) and `PER_LINUX32` (8). A rule looks at an argument once, so every other bit is
    /// compared with the next one: where not all are the same, one is set and the next is not.
    static let personalities: [JSON] = {
        let open: [Int64] = [0x8, 0x2_0000]
        let bits = (0..<32).map { Int64(1) << $0 }.filter { !open.contains($0) }
        let pairs = zip(bits, bits.dropFirst() + bits.prefix(1)) + open.map { (bits[0], $0) }
        return pairs.map { set, clear in
            [
                "names": ["personality"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1,
                "args": [["index": 0, "value": .int(set | clear), "valueTwo": .int(set), "op": "SCMP_CMP_MASKED_EQ"]],
            ]
        }
    }()

    static let json = filter(rules)

    private static let rules: [JSON] = {
        var calls: [JSON] = [
            ["names": .array(refused.map(JSON.string)), "action": "SCMP_ACT_ERRNO", "errnoRet": 1],
            // Its arguments cannot be looked at; programs fall back to clone.
            ["names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38],
            // Sockets to whoever runs this machine as a virtual one, for which network namespaces mean nothing.
            [
                "names": ["socket"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1,
                "args": [["index": 0, "value": 40, "op": "SCMP_CMP_EQ"]],
            ],
        ]
        for flag in namespaceFlags {
            calls.append([
                "names": ["clone"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1,
                "args": [["index": 0, "value": .int(flag), "valueTwo": .int(flag), "op": "SCMP_CMP_MASKED_EQ"]],
            ])
        }
        calls += personalities
        return calls
    }()

    private static func filter(_ calls: [JSON]) -> JSON {
        #if arch(x86_64)
            let architectures: JSON = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]
        #else
            let architectures: JSON = ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]
        #endif
        return ["defaultAction": "SCMP_ACT_ALLOW", "architectures": architectures, "syscalls": .array(calls)]
    }
}
