import KubeModel
import Synchronization

/// Ports of the host that lead to a Pod: `hostPort` of its containers.
struct HostPort: Hashable, Sendable {
    var `protocol`: String
    var port: Int
    var containerPort: Int

    /// Two Pods cannot have the same port of the host, whatever it leads to.
    var key: String { "\(`protocol`)/\(port)" }

    /// The ports that a pod asks for, TCP and UDP.
    static func all(of pod: PodSpec) -> [HostPort] {
        pod.all.flatMap { $0.json["ports"]?.array ?? [] }.compactMap { json in
            let kind = json["protocol"]?.string ?? "TCP"
            guard let port = json["hostPort"]?.int, port > 0, kind == "TCP" || kind == "UDP" else { return nil }
            return HostPort(
                protocol: kind.lowercased(), port: Int(port), containerPort: Int(json["containerPort"]?.int ?? port))
        }
    }
}

extension NodeContext {
    /// Opens ports of the host for a pod, in this network and, where that is another one, in the machine's.
    ///
    /// - Returns: false when another pod, or a program of the host, has one of them.
    /// - Throws: ``NodeError`` when one cannot be opened.
    func openHostPorts(_ ports: [HostPort], for sandbox: Sandbox) async throws -> Bool {
        guard try await network.openPorts(ports, for: sandbox) else { return false }
        do {
            if try await machinePorts?.open(ports, for: sandbox) ?? true { return true }
        } catch {
            await network.closePorts(ports, of: sandbox)
            throw error
        }
        await network.closePorts(ports, of: sandbox)
        return false
    }

    /// Closes them again.
    func closeHostPorts(_ ports: [HostPort], of sandbox: Sandbox) async {
        await machinePorts?.close(ports, of: sandbox)
        await network.closePorts(ports, of: sandbox)
    }
}

extension PodNetwork {
    /// Opens ports of the host for a pod.
    ///
    /// - Returns: false when another pod, or a program of the host, has one of them.
    /// - Throws: ``NodeError`` when the rules are refused.
    func openPorts(_ ports: [HostPort], for sandbox: Sandbox) async throws -> Bool {
        guard !ports.isEmpty else { return true }
        // Else a pod could stand in the way to a program of the host, such as this platform's own page.
        if ports.contains(where: HostSockets.isTaken) { return false }
        let taken = hostPorts.withLock { owners -> Bool in
            if ports.contains(where: { (owners[$0.key] ?? sandbox.namespace) != sandbox.namespace }) { return true }
            for port in ports { owners[port.key] = sandbox.namespace }
            return false
        }
        if taken { return false }
        let elements = ports.map { "\($0.protocol) . \($0.port) : \(sandbox.address) . \($0.containerPort)" }
        try await apply(
            "add element ip \(ServiceRules.table(bridge)) hostports { \(elements.joined(separator: ", ")) }\n")
        return true
    }

    /// Closes them again.
    func closePorts(_ ports: [HostPort], of sandbox: Sandbox) async {
        let mine = hostPorts.withLock { owners in
            let mine = ports.filter { owners[$0.key] == sandbox.namespace }
            for port in mine { owners[port.key] = nil }
            return mine
        }
        guard !mine.isEmpty else { return }
        let keys = mine.map { "\($0.protocol) . \($0.port)" }.joined(separator: ", ")
        try? await apply("delete element ip \(ServiceRules.table(bridge)) hostports { \(keys) }\n")
    }
}

/// Ports that programs of the host listen to.
enum HostSockets {
    static func isTaken(_ port: HostPort) -> Bool {
        [port.protocol, port.protocol + "6"].contains { name in
            holds(FileTools.text("/proc/net/\(name)") ?? "", port: port.port, isTCP: port.protocol == "tcp")
        }
    }

    /// Whether a table of the kernel's names a socket that takes what is sent to the port: one that listens, or one of UDP
    /// that is connected to nobody.
    static func holds(_ table: String, port: Int, isTCP: Bool) -> Bool {
        let wanted = String(port, radix: 16, uppercase: true)
        let name = ":" + String(repeating: "0", count: max(0, 4 - wanted.count)) + wanted
        return table.split(separator: "\n").dropFirst().contains { line in
            let words = line.split(separator: " ")
            guard words.count > 3, words[1].hasSuffix(name) else { return false }
            return isTCP ? words[3] == "0A" : words[2].hasSuffix(":0000")
        }
    }
}
