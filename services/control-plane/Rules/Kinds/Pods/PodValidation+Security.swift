import KubeModel

extension PodValidation {
    private static let ids: ClosedRange<Int64> = 0...Int64(Int32.max)

    mutating func podSecurity(_ spec: JSON, _ specPath: String) {
        let path = "\(specPath).securityContext"
        let context = spec["securityContext"] ?? [:]
        for field in ["fsGroup", "runAsUser", "runAsGroup"] {
            issues.range("\(path).\(field)", context[field], Self.ids)
        }
        for (index, group) in context.list("supplementalGroups").enumerated() {
            issues.range("\(path).supplementalGroups[\(index)]", group, Self.ids)
        }
        if spec["shareProcessNamespace"]?.bool == true, spec["hostPID"]?.bool == true {
            issues.invalid(
                "\(path).shareProcessNamespace", true, "ShareProcessNamespace and HostPID cannot both be enabled")
        }
        sysctls(spec, context.list("sysctls"), "\(path).sysctls")
        if context.has("fsGroupChangePolicy") {
            issues.supported(
                "\(path).fsGroupChangePolicy", context["fsGroupChangePolicy"], ["Always", "OnRootMismatch"])
        }
        seccomp(context["seccompProfile"], "\(path).seccompProfile")
        windows(context["windowsOptions"], "\(path).windowsOptions")
        appArmor(context["appArmorProfile"], "\(path).appArmorProfile")
        if context.has("supplementalGroupsPolicy") {
            issues.supported(
                "\(path).supplementalGroupsPolicy", context["supplementalGroupsPolicy"], ["Merge", "Strict"])
        }
        if context.has("seLinuxChangePolicy") {
            issues.supported("\(path).seLinuxChangePolicy", context["seLinuxChangePolicy"], ["Recursive"])
        }
    }

    private mutating func sysctls(_ spec: JSON, _ sysctls: [JSON], _ path: String) {
        var names: Set<String> = []
        let onHost = (network: spec["hostNetwork"]?.bool == true, ipc: spec["hostIPC"]?.bool == true)
        for (index, sysctl) in sysctls.enumerated() {
            let field = "\(path)[\(index)].name"
            let name = sysctl.text("name")
            let segment = #/[a-z0-9]([-_a-z0-9]*[a-z0-9])?([./][a-z0-9]([-_a-z0-9]*[a-z0-9])?)*/#
            if name.isEmpty {
                issues.required(field)
            } else if name.utf8.count > 253 || name.wholeMatch(of: segment) == nil {
                issues.invalid(
                    field, .string(name),
                    "must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$"
                )
            } else if names.contains(name) {
                issues.duplicate(field, .string(name))
            }
            names.insert(name)
            let plain = name.replacing("/", with: ".")
            if onHost.network, plain.hasPrefix("net.") {
                issues.invalid(field, .string(name), "may not be specified when 'hostNetwork' is true")
            } else if onHost.ipc, Self.isIPC(plain) {
                issues.invalid(field, .string(name), "may not be specified when 'hostIPC' is true")
            }
        }
    }

    private static func isIPC(_ name: String) -> Bool {
        ["kernel.sem", "kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced"].contains(name)
            || name.hasPrefix("kernel.msg") || name.hasPrefix("kernel.shm") || name.hasPrefix("fs.mqueue.")
    }

    /// The security context of a container.
    mutating func security(_ context: JSON, _ path: String) {
        guard !context.isNull else { return }
        for field in ["runAsUser", "runAsGroup"] { issues.range("\(path).\(field)", context[field], Self.ids) }
        if let mount = context["procMount"], !mount.isNull {
            issues.supported("\(path).procMount", mount, ["Default", "Unmasked"])
            if mount == "Unmasked", usesHostUsers {
                issues.invalid("\(path).procMount", mount, "`hostUsers` must be false to use `Unmasked`")
            }
        }
        seccomp(context["seccompProfile"], "\(path).seccompProfile")
        if context["allowPrivilegeEscalation"]?.bool == false {
            if context["privileged"]?.bool == true {
                issues.invalid(
                    path, context, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true")
            }
            if context["capabilities"]?.list("add").contains("CAP_SYS_ADMIN") == true {
                issues.invalid(
                    path, context,
                    "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN")
            }
        }
        windows(context["windowsOptions"], "\(path).windowsOptions")
        appArmor(context["appArmorProfile"], "\(path).appArmorProfile")
    }

    private static let profiles = ["Localhost", "RuntimeDefault", "Unconfined"]

    private mutating func seccomp(_ profile: JSON?, _ path: String) {
        guard let profile, !profile.isNull else { return }
        let type = profile.text("type")
        if type.isEmpty {
            issues.required("\(path).type", "type is required when seccompProfile is set")
        } else {
            issues.supported("\(path).type", profile["type"], Self.profiles)
        }
        if type == "Localhost" {
            if let file = profile["localhostProfile"]?.string {
                issues.descendingPath("\(path).localhostProfile", file)
            } else {
                issues.required("\(path).localhostProfile", "must be set when seccomp type is Localhost")
            }
        } else if profile.has("localhostProfile") {
            issues.invalid(
                "\(path).localhostProfile", profile, "can only be set when seccomp type is Localhost")
        }
    }

    private mutating func appArmor(_ profile: JSON?, _ path: String) {
        guard let profile, !profile.isNull else { return }
        let name = profile["localhostProfile"]?.string
        switch profile.text("type") {
        case "Localhost":
            let missing = "must be set when AppArmor type is Localhost"
            guard let name else { return issues.required("\(path).localhostProfile", missing) }
            if name.first?.isWhitespace == true || name.last?.isWhitespace == true {
                issues.invalid("\(path).localhostProfile", .string(name), "must not be padded with whitespace")
            } else if name.isEmpty {
                issues.required("\(path).localhostProfile", missing)
            }
            if name.utf8.count > 4095 { issues.tooLong("\(path).localhostProfile", 4095) }
        case "RuntimeDefault", "Unconfined":
            if let name {
                issues.invalid(
                    "\(path).localhostProfile", .string(name), "can only be set when AppArmor type is Localhost")
            }
        case "": issues.required("\(path).type", "type is required when appArmorProfile is set")
        default: issues.notSupported("\(path).type", profile["type"], Self.profiles)
        }
    }

    // MARK: Users of its own

    mutating func hostUsers(_ spec: JSON, _ path: String) {
        guard !usesHostUsers else { return }
        for (key, field) in [("hostNetwork", "hostNetwork"), ("hostPID", "HostPID"), ("hostIPC", "HostIPC")]
        where spec[key]?.bool == true {
            issues.forbidden("\(path).\(field)", "when `hostUsers` is false")
        }
        for (place, container) in Self.allContainers(spec, path) where !container.list("volumeDevices").isEmpty {
            issues.forbidden("\(place).volumeDevices", "when `hostUsers` is false")
        }
    }
}
