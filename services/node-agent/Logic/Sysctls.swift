import KubeModel

/// Settings of the kernel that a Pod may have for itself: those that upstream counts as safe.
enum Sysctls {
    struct Setting: Sendable, Equatable {
        var name: String
        var value: String
        /// True when the setting belongs to the network of the pod; else it belongs to each container.
        var isOfNetwork: Bool { name.hasPrefix("net.") }
        var path: String { "/proc/sys/" + String(name.map { $0 == "." ? "/" : $0 }) }
    }

    static let safe: Set<String> = [
        "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start", "net.ipv4.ping_group_range", "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_rmem", "net.ipv4.tcp_syncookies", "net.ipv4.tcp_wmem",
    ]

    /// What the pod asks for; names may be written with slashes.
    static func settings(_ pod: PodSpec) -> [Setting] {
        (pod.object.spec.value(at: "securityContext", "sysctls")?.array ?? []).map {
            let name = $0["name"]?.string ?? ""
            return Setting(
                name: String(name.map { $0 == "/" ? "." : $0 }), value: $0["value"]?.string ?? "")
        }
    }

    /// A kubelet's words for the first setting that is not safe; nil when all are.
    static func refusal(_ pod: PodSpec) -> String? {
        if pod.isOnHostNetwork, let setting = settings(pod).first(where: \.isOfNetwork) {
            return "forbidden sysctl: \"\(setting.name)\" not allowed with host net enabled"
        }
        return settings(pod).first { !safe.contains($0.name) }.map {
            "forbidden sysctl: \"\($0.name)\" not allowlisted"
        }
    }
}
