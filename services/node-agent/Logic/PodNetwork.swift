import CNode
import Foundation
import Logging
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// What of a pod outlives its containers: its network namespace and address.
struct Sandbox: Sendable, Equatable {
    let address: Address4
    /// Name below `/run/netns`; empty on the host's network.
    let namespace: String
    /// An address that no other pod has, whatever network it is on: its users are numbered by it.
    let identity: Address4

    init(address: Address4, namespace: String, identity: Address4? = nil) {
        (self.address, self.namespace, self.identity) = (address, namespace, identity ?? address)
    }

    /// True for pods without a network of their own.
    var isOnHost: Bool { namespace.isEmpty }
    var namespacePath: String { isOnHost ? "/proc/self/ns/net" : "/run/netns/\(namespace)" }
    /// The host's end of the pair of devices.
    var device: String { "v" + namespace }
}

/// The bridge of this instance, and the network namespaces of its pods.
final class PodNetwork: Sendable {
    let network: Network4
    let bridge: String
    private let tools: HostTools
    private let logger: Logger
    private let pool: Mutex<AddressPool>
    let hostPorts = Mutex(HostPortOwners())
    let nodePorts = Mutex(HeldPorts())

    init(network: Network4, tools: HostTools, logger: Logger) {
        self.network = network
        bridge = network.bridgeName
        self.tools = tools
        self.logger = logger
        pool = Mutex(AddressPool(network))
    }

    /// Makes the bridge and the rules that let pods out.
    ///
    /// - Throws: ``NodeError`` when the network is in use by something else, or the kernel refuses.
    func setUp(serviceNetwork: Network4) async throws {
        let links = try await Command(tools.ip, ["-j", "-4", "addr", "show"]).succeed()
        if !links.contains("\"\(bridge)\""), links.contains("\"local\":\"\(network.gateway)\"") {
            throw NodeError("the pod network \(network) is in use by another device; choose another with --pod-cidr")
        }
        // One that is there already, from an earlier run, is taken as it is.
        _ = try await Command(tools.ip, ["link", "add", bridge, "type", "bridge"]).run()
        // By itself a bridge has the lowest address of its ports: pods that know the address of one that went send to nobody.
        try await Command(tools.ip, ["link", "set", "dev", bridge, "address", network.bridgeHardwareAddress]).succeed()
        try await Command(tools.ip, ["addr", "replace", "\(network.gateway)/\(network.prefix)", "dev", bridge])
            .succeed()
        try await Command(tools.ip, ["link", "set", bridge, "up"]).succeed()
        try setting("/proc/sys/net/ipv4/ip_forward", "1")
        // All between pods is routed, so that rules and the translation of Services see it; that is no detour to report.
        _ = try? setting("/proc/sys/net/ipv4/conf/\(bridge)/send_redirects", "0")
        try await apply(ServiceRules.base(bridge: bridge, network: network, services: serviceNetwork))
        // Ports of the host lead from its loopback device to pods as well. The rules drop what pods send to that address.
        _ = try? setting("/proc/sys/net/ipv4/conf/\(bridge)/route_localnet", "1")
    }

    /// Removes the bridge and all rules.
    func tearDown() async {
        for table in [ServiceRules.table(bridge), PolicyRules.table(bridge)] {
            _ = try? await Command(tools.nft, ["delete", "table", "ip", table]).run()
        }
        _ = try? await Command(tools.ip, ["link", "del", bridge]).run()
    }

    /// Loads rules; all of them or none.
    func apply(_ rules: String) async throws {
        let outcome = try await Command(tools.nft, ["-f", "-"], input: rules).run()
        guard outcome.code == 0 else { throw NodeError("nft refused the rules: \(outcome.error.prefix(500))") }
    }

    /// Takes back what an earlier run gave to a pod.
    func adopt(_ sandbox: Sandbox) { pool.withLock { $0.reserve(sandbox.identity) } }

    /// Gives a pod the network of the host, where its address is the bridge's.
    func createOnHost(known: Sandbox?) throws -> Sandbox {
        if let known { return known }
        guard let identity = pool.withLock({ $0.take() }) else {
            throw NodeError("the pod network \(network) has no free address")
        }
        return Sandbox(address: network.gateway, namespace: "", identity: identity)
    }

    /// True when the namespace and its way out are still there.
    func isAlive(_ sandbox: Sandbox) -> Bool {
        if sandbox.isOnHost { return true }
        var info = stat()
        var outside = stat()
        guard stat(sandbox.namespacePath, &info) == 0, stat("/run/netns", &outside) == 0,
            info.st_dev != outside.st_dev
        else { return false }
        // Nobody can look without a free descriptor: then it is not taken for gone.
        return if_nametoindex(sandbox.device) != 0 || errno != ENODEV
    }

    /// Makes the namespace of a pod; `address` is the one it had before, if any.
    func create(pod uid: String, address wanted: Address4?) async throws -> Sandbox {
        let name = StableName.short(uid)
        let address: Address4
        if let wanted, network.contains(wanted) {
            pool.withLock { $0.reserve(wanted) }
            address = wanted
        } else {
            guard let free = pool.withLock({ $0.take() }) else {
                throw NodeError("the pod network \(network) has no free address")
            }
            address = free
        }
        let sandbox = Sandbox(address: address, namespace: name)
        do {
            await removeNamespace(sandbox)
            let result = node_create_network_namespace(sandbox.namespacePath)
            guard result == 0 else {
                throw NodeError("the network namespace cannot be made: \(String(cString: strerror(-result)))")
            }
            let linked = node_link_pod(
                sandbox.namespacePath, sandbox.device, bridge, address.value, network.gateway.value,
                Self.isolatesPorts ? 1 : 0)
            guard linked == 0 else {
                throw NodeError("the pod cannot be joined to the network: \(String(cString: strerror(-linked)))")
            }
            return sandbox
        } catch {
            await remove(sandbox)
            throw error
        }
    }

    /// Frames that a pod addresses to another by itself must not pass by the rules. Where the kernel shows bridged frames
    /// to them, it also bridges what was translated to another port, which isolation would stop.
    private static var isolatesPorts: Bool {
        FileTools.text("/proc/sys/net/bridge/bridge-nf-call-iptables")?.trimmed() != "1"
    }

    /// Removes the namespace and gives the address back.
    func remove(_ sandbox: Sandbox) async {
        if !sandbox.isOnHost { await removeNamespace(sandbox) }
        pool.withLock { $0.giveBack(sandbox.identity) }
    }

    private func removeNamespace(_ sandbox: Sandbox) async {
        _ = node_remove_link(sandbox.device)
        _ = node_unmount(sandbox.namespacePath)
        unlink(sandbox.namespacePath)
    }

    private func setting(_ path: String, _ value: String) throws {
        if FileTools.text(path)?.trimmed() == value { return }
        let descriptor = open(path, O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileTools.failure("cannot set", path) }
        defer { close(descriptor) }
        guard write(descriptor, value, value.utf8.count) > 0 else { throw FileTools.failure("cannot set", path) }
    }
}

/// Short names that follow from long ones.
enum StableName {
    /// 13 characters, for network devices (15 at most).
    static func short(_ text: String) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        let digits = String(hash, radix: 36)
        return String((String(repeating: "0", count: 13) + digits).suffix(13))
    }
}
