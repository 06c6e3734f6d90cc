import KubeModel

/// What no Pod may do that could get at its node by known ways.
extension SecurityChecks {
    private typealias Words = SecurityWords

    static let appArmorAnnotation = "container.apparmor.security.beta.kubernetes.io/"
    static let seLinuxTypes = ["", "container_t", "container_init_t", "container_kvm_t"]
    private static let seccompAnnotation = "seccomp.security.alpha.kubernetes.io/pod"

    private static let defaultCapabilities: Set<String> = [
        "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP",
        "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
    ]

    /// Kernel settings that belong to the Pod alone, by the minor version in which they were allowed.
    private static let safeSysctls: [String: Int] = [
        "kernel.shm_rmid_forced": 0, "net.ipv4.ip_local_port_range": 0, "net.ipv4.tcp_syncookies": 0,
        "net.ipv4.ping_group_range": 0, "net.ipv4.ip_unprivileged_port_start": 0,
        "net.ipv4.ip_local_reserved_ports": 27, "net.ipv4.tcp_keepalive_time": 29, "net.ipv4.tcp_fin_timeout": 29,
        "net.ipv4.tcp_keepalive_intvl": 29, "net.ipv4.tcp_keepalive_probes": 29, "net.ipv4.tcp_rmem": 32,
        "net.ipv4.tcp_wmem": 32,
    ]

    @Sendable static func appArmor(_ pod: SecuredPod) -> SecurityFinding? {
        func type(_ context: JSON?) -> String? {
            guard let profile = context?["appArmorProfile"]?.present else { return nil }
            let type = profile["type"]?.string ?? ""
            return ["RuntimeDefault", "Localhost"].contains(type) ? nil : type
        }
        let names = pod.names { type($0.context) != nil }
        let annotations = pod.annotations.filter { key, value in
            key.hasPrefix(appArmorAnnotation) && !value.isEmpty && value != "runtime/default"
                && !value.hasPrefix("localhost/")
        }
        let values =
            Words.sorted(([pod.context] + pod.containers.map(\.context)).compactMap(type))
            + Words.sorted(annotations.map { "\($0.key)=\"\($0.value)\"" })
        let labels =
            annotations.isEmpty ? [] : [Words.number(annotations.count, "annotation", "annotations")]
        guard let setters = Words.setters(pod: type(pod.context) != nil, names, others: labels) else { return nil }
        return SecurityFinding(
            reason: Words.number(values.count, "forbidden AppArmor profile", "forbidden AppArmor profiles"),
            detail: "\(setters) must not set AppArmor profile type to \(Words.quoted(values))")
    }

    @Sendable static func addedCapabilities(_ pod: SecuredPod) -> SecurityFinding? {
        func added(_ container: SecuredPod.Container) -> [String] {
            (container.context?.value(at: "capabilities", "add")?.array ?? []).compactMap(\.string)
                .filter { !defaultCapabilities.contains($0) }
        }
        let names = pod.names { !added($0).isEmpty }
        guard !names.isEmpty else { return nil }
        let values = Words.quoted(Words.sorted(pod.containers.flatMap(added)))
        return SecurityFinding(
            reason: "non-default capabilities",
            detail: "\(Words.containers(names)) must not include \(values) in securityContext.capabilities.add")
    }

    @Sendable static func hostNamespaces(_ pod: SecuredPod) -> SecurityFinding? {
        let shared = ["hostNetwork", "hostPID", "hostIPC"].filter { pod.spec[$0]?.bool == true }
        guard !shared.isEmpty else { return nil }
        return SecurityFinding(
            reason: "host namespaces", detail: shared.map { "\($0)=true" }.joined(separator: ", "))
    }

    @Sendable static func hostPaths(_ pod: SecuredPod) -> SecurityFinding? {
        let names = (pod.spec["volumes"]?.array ?? []).filter { $0["hostPath"]?.present != nil }
            .map { $0["name"]?.string ?? "" }
        guard !names.isEmpty else { return nil }
        return SecurityFinding(
            reason: "hostPath volumes",
            detail: "\(Words.number(names.count, "volume", "volumes")) \(Words.quoted(names))")
    }

    @Sendable static func hostPorts(_ pod: SecuredPod) -> SecurityFinding? {
        func ports(_ container: SecuredPod.Container) -> [String] {
            (container.json["ports"]?.array ?? []).compactMap { $0["hostPort"]?.int }.filter { $0 != 0 }.map(
                String.init)
        }
        let names = pod.names { !ports($0).isEmpty }
        guard !names.isEmpty else { return nil }
        let values = Words.sorted(pod.containers.flatMap(ports))
        let verb = Words.number(names.count, "uses", "use")
        return SecurityFinding(
            reason: "hostPort",
            detail: "\(Words.containers(names)) \(verb) \(Words.number(values.count, "hostPort", "hostPorts")) "
                + values.joined(separator: ", "))
    }

    @Sendable static func probeHosts(_ pod: SecuredPod) -> SecurityFinding? {
        func hosts(_ container: SecuredPod.Container) -> [String] {
            let probes = ["livenessProbe", "readinessProbe", "startupProbe"].map { container.json[$0] }
            let hooks = ["postStart", "preStop"].map { container.json.value(at: "lifecycle", $0) }
            return (probes + hooks).flatMap { handler in
                ["httpGet", "tcpSocket"].compactMap { handler?.value(at: $0, "host")?.string }.filter { !$0.isEmpty }
            }
        }
        let names = Words.sorted(pod.names { !hosts($0).isEmpty })
        guard !names.isEmpty else { return nil }
        let values = Words.sorted(pod.containers.flatMap(hosts))
        let noun = Words.number(values.count, "probe or lifecycle host", "probe or lifecycle hosts")
        return SecurityFinding(
            reason: "probe or lifecycle host",
            detail: "\(Words.containers(names)) \(Words.number(names.count, "uses", "use")) \(noun) "
                + Words.quoted(values))
    }

    @Sendable static func privileged(_ pod: SecuredPod) -> SecurityFinding? {
        let names = pod.names { $0.context?["privileged"]?.bool == true }
        guard !names.isEmpty else { return nil }
        return SecurityFinding(
            reason: "privileged",
            detail: "\(Words.containers(names)) must not set securityContext.privileged=true")
    }

    @Sendable static func procMount(_ pod: SecuredPod) -> SecurityFinding? {
        func type(_ container: SecuredPod.Container) -> String? {
            container.context?["procMount"]?.string.flatMap { $0 == "Default" ? nil : $0 }
        }
        let names = pod.names { type($0) != nil }
        guard !names.isEmpty else { return nil }
        let values = Words.quoted(Words.sorted(pod.containers.compactMap(type)))
        return SecurityFinding(
            reason: "procMount",
            detail: "\(Words.containers(names)) must not set securityContext.procMount to \(values)")
    }

    static func seLinux(_ pod: SecuredPod, types: [String]) -> SecurityFinding? {
        func options(_ context: JSON?) -> JSON? {
            guard let options = context?["seLinuxOptions"]?.present else { return nil }
            let isFine =
                types.contains(options["type"]?.string ?? "") && (options["user"]?.string ?? "").isEmpty
                && (options["role"]?.string ?? "").isEmpty
            return isFine ? nil : options
        }
        guard
            let setters = Words.setters(
                pod: options(pod.context) != nil, pod.names { options($0.context) != nil })
        else { return nil }
        let bad = ([pod.context] + pod.containers.map(\.context)).compactMap(options)
        let values = Words.sorted(bad.map { $0["type"]?.string ?? "" }.filter { !types.contains($0) })
        var parts: [String] = []
        if !values.isEmpty { parts.append("\(Words.number(values.count, "type", "types")) \(Words.quoted(values))") }
        for field in ["user", "role"] where bad.contains(where: { !($0[field]?.string ?? "").isEmpty }) {
            parts.append("\(field) may not be set")
        }
        return SecurityFinding(
            reason: "seLinuxOptions",
            detail: "\(setters) set forbidden securityContext.seLinuxOptions: \(parts.joined(separator: "; "))")
    }

    @Sendable static func seccompAnnotations(_ pod: SecuredPod) -> SecurityFinding? {
        let keys =
            [seccompAnnotation] + pod.containers.map { "container.seccomp.security.alpha.kubernetes.io/\($0.name)" }
        let values = Words.sorted(
            keys.compactMap { key -> String? in
                guard let value = pod.annotations[key], value != "runtime/default", value != "docker/default",
                    !value.hasPrefix("localhost/")
                else { return nil }
                return "\(key)=\"\(value)\""
            })
        guard !values.isEmpty else { return nil }
        return SecurityFinding(
            reason: "seccompProfile",
            detail: "forbidden \(Words.number(values.count, "annotation", "annotations")) "
                + values.joined(separator: ", "))
    }

    /// With `isDemanded`, every container must have a profile, its own or the one of the Pod.
    static func seccomp(_ pod: SecuredPod, isDemanded: Bool) -> SecurityFinding? {
        func type(_ context: JSON?) -> String? {
            guard let profile = context?["seccompProfile"]?.present else { return nil }
            return profile["type"]?.string ?? ""
        }
        func badType(_ context: JSON?) -> String? {
            type(context).flatMap { ["Localhost", "RuntimeDefault"].contains($0) ? nil : $0 }
        }
        if let setters = Words.setters(
            pod: badType(pod.context) != nil, pod.names { badType($0.context) != nil })
        {
            let values = Words.sorted(([pod.context] + pod.containers.map(\.context)).compactMap(badType))
            return SecurityFinding(
                reason: "seccompProfile",
                detail: "\(setters) must not set securityContext.seccompProfile.type to \(Words.quoted(values))")
        }
        guard isDemanded, type(pod.context) == nil else { return nil }
        let names = pod.names { type($0.context) == nil }
        guard !names.isEmpty else { return nil }
        return SecurityFinding(
            reason: "seccompProfile",
            detail: "pod or \(Words.containers(names)) must set securityContext.seccompProfile.type to "
                + "\"RuntimeDefault\" or \"Localhost\"")
    }

    /// By the list of the given minor version of Kubernetes.
    static func sysctls(_ pod: SecuredPod, upTo minor: Int) -> SecurityFinding? {
        let names = (pod.context?["sysctls"]?.array ?? []).map { $0["name"]?.string ?? "" }
            .filter { (safeSysctls[$0] ?? Int.max) > minor }
        guard !names.isEmpty else { return nil }
        return SecurityFinding(reason: "forbidden sysctls", detail: names.joined(separator: ", "))
    }

    @Sendable static func hostProcess(_ pod: SecuredPod) -> SecurityFinding? {
        func isSet(_ context: JSON?) -> Bool { context?.value(at: "windowsOptions", "hostProcess")?.bool == true }
        guard let setters = Words.setters(pod: isSet(pod.context), pod.names { isSet($0.context) }) else { return nil }
        return SecurityFinding(
            reason: "hostProcess", detail: "\(setters) must not set securityContext.windowsOptions.hostProcess=true")
    }
}
