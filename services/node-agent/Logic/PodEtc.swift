import KubeModel

/// The files of /etc that all containers of a pod share.
enum PodEtc {
    static func write(_ pod: PodSpec, address: Address4, server: Address4, domain: String, to directory: String) throws
    {
        if pod.isOnHostNetwork {
            try writeHosts(pod, server: server, domain: domain, to: directory)
            return
        }
        try FileTools.write(hosts(pod, address: address, domain: domain), to: "\(directory)/hosts")
        try FileTools.write(resolver(pod, server: server, domain: domain), to: "\(directory)/resolv.conf")
        try FileTools.write(pod.kernelHostname(domain: domain) + "\n", to: "\(directory)/hostname")
    }

    /// Name of the machine, as the kernel has it.
    static var hostName: String { (FileTools.text("/proc/sys/kernel/hostname") ?? "localhost").trimmed() }

    /// On the host's network: the host's names, and its resolver unless the pod wants the cluster's.
    private static func writeHosts(_ pod: PodSpec, server: Address4, domain: String, to directory: String) throws {
        var text = "# Kubernetes-managed hosts file (host network).\n" + (FileTools.text("/etc/hosts") ?? "")
        if !text.hasSuffix("\n") { text += "\n" }
        text += aliases(pod)
        try FileTools.write(text, to: "\(directory)/hosts")
        let policy = pod.object.spec["dnsPolicy"]?.string ?? "ClusterFirst"
        let isOfHost = ["ClusterFirst", "Default"].contains(policy)
        let resolver =
            isOfHost
            ? FileTools.text("/etc/resolv.conf") ?? "" : resolver(pod, server: server, domain: domain)
        try FileTools.write(resolver, to: "\(directory)/resolv.conf")
        try FileTools.write(hostName + "\n", to: "\(directory)/hostname")
    }

    private static func aliases(_ pod: PodSpec) -> String {
        var text = ""
        for alias in pod.object.spec["hostAliases"]?.array ?? [] {
            guard let address = alias["ip"]?.string else { continue }
            text += "\(address)\t\((alias["hostnames"]?.array ?? []).compactMap(\.string).joined(separator: "\t"))\n"
        }
        return text
    }

    static func hosts(_ pod: PodSpec, address: Address4, domain: String) -> String {
        var text = """
            # Kubernetes-managed hosts file.
            127.0.0.1\tlocalhost
            ::1\tlocalhost ip6-localhost ip6-loopback

            """
        var names = pod.hostname
        if let subdomain = pod.object.spec["subdomain"]?.string, !subdomain.isEmpty {
            names = "\(pod.hostname).\(subdomain).\(pod.namespace).svc.\(domain)\t\(pod.hostname)"
        }
        text += "\(address)\t\(names)\n"
        return text + aliases(pod)
    }

    static func resolver(
        _ pod: PodSpec, server: Address4, domain: String, host: String? = FileTools.text("/etc/resolv.conf")
    ) -> String {
        let policy = pod.object.spec["dnsPolicy"]?.string ?? "ClusterFirst"
        let extra = pod.object.spec["dnsConfig"]
        var servers: [String] = []
        var searches: [String] = []
        var options: [String] = []
        if policy != "None" {
            servers = ["\(server)"]
            if policy != "Default" {
                searches = ["\(pod.namespace).svc.\(domain)", "svc.\(domain)", domain]
                options = ["ndots:5"]
            }
            for line in (host ?? "").split(separator: "\n") {
                let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
                if words.first == "search" || words.first == "domain" { searches += words.dropFirst() }
            }
        }
        servers += extra?["nameservers"]?.array?.compactMap(\.string) ?? []
        searches += extra?["searches"]?.array?.compactMap(\.string) ?? []
        for option in extra?["options"]?.array ?? [] {
            guard let name = option["name"]?.string else { continue }
            options.removeAll { $0 == name || $0.hasPrefix("\(name):") }
            options.append(option["value"]?.string.map { "\(name):\($0)" } ?? name)
        }
        var text = servers.prefix(3).map { "nameserver \($0)\n" }.joined()
        if !searches.isEmpty { text += "search \(searches.joined(separator: " "))\n" }
        if !options.isEmpty { text += "options \(options.joined(separator: " "))\n" }
        return text
    }
}
