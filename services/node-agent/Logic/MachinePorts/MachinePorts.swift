import CNode
import Logging
import NIOCore
import NIOPosix
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// Ports of the machine that lead to Pods and Services, for an agent in a network of an ordinary user's own: no rule of this network's
/// kernel can lead from the machine to it. A program that has stayed there opens the sockets; what comes to them is copied.
///
/// Pods see the bridge's address as that of their callers. NetworkPolicies hold: callers from other machines are asked
/// about here, since their addresses do not get as far as the rules.
final class MachinePorts: Sendable {
    private let channel: Int32
    let policies: PolicyNetwork
    private let logger: Logger
    let state = Mutex(State())

    struct State: Sendable {
        var open: [HostPort: Opened] = [:]
        var services: [NodePort: Served] = [:]
    }

    struct Opened: Sendable {
        let namespace: String
        let backend: ServiceRules.Backend
        let channel: any Channel
    }

    /// - Parameters:
    ///   - channel: a socket at whose other end ports are opened.
    ///   - policies: what is asked who may come in.
    ///   - logger: for what goes wrong later.
    init(channel: Int32, policies: PolicyNetwork, logger: Logger) {
        // Not for the programs that this one starts.
        _ = fcntl(channel, F_SETFD, FD_CLOEXEC)
        (self.channel, self.policies, self.logger) = (channel, policies, logger)
    }

    /// Opens ports for a Pod; those that it has already stay as they are.
    ///
    /// - Returns: false when a program of the machine has one of them; then none is open.
    /// - Throws: ``NodeError`` that says why one cannot be opened.
    func open(_ ports: [HostPort], for sandbox: Sandbox) async throws -> Bool {
        do {
            for port in ports {
                let backend = ServiceRules.Backend(address: sandbox.address, port: port.containerPort)
                if state.withLock({ $0.open[port]?.backend }) == backend { continue }
                await close([port], of: sandbox)
                let socket = openSocket(port)
                if socket == -EADDRINUSE {
                    let isOwn = state.withLock { state in
                        state.open.contains { $0.conflicts(with: port) && $1.namespace == sandbox.namespace }
                    }
                    if isOwn { throw NodeError(Self.division(of: port)) }
                    await close(ports, of: sandbox)
                    return false
                }
                guard socket >= 0 else { throw NodeError(Self.refusal(of: port, -socket)) }
                let door = Door(protocol: port.protocol, backends: BackendChoice([backend]), policies: policies)
                let opened = try await forward(socket, door)
                state.withLock {
                    $0.open[port] = Opened(namespace: sandbox.namespace, backend: backend, channel: opened)
                }
            }
        } catch {
            await close(ports, of: sandbox)
            throw error
        }
        return true
    }

    /// Closes those that are the Pod's.
    func close(_ ports: [HostPort], of sandbox: Sandbox) async {
        let mine = state.withLock { state in
            ports.compactMap { port -> (any Channel)? in
                guard let opened = state.open[port], opened.namespace == sandbox.namespace else { return nil }
                state.open[port] = nil
                return opened.channel
            }
        }
        for channel in mine { try? await channel.close() }
    }

    /// - Returns: a socket, or the number of an error, negative. What opens them is asked by one at a time.
    func openSocket(_ port: HostPort) -> Int32 {
        state.withLock { _ in
            node_open_machine_port(
                channel, port.address?.value ?? 0, UInt16(clamping: port.port), port.protocol == "udp" ? 1 : 0)
        }
    }

    func forward(_ socket: Int32, _ door: Door) async throws -> any Channel {
        if door.protocol == "udp" { return try await UDPForwarder.start(on: socket, door: door) }
        return try await TCPForwarder.start {
            try await $0.withBoundSocket(socket).get()
        } to: {
            door.way(for: $0.remoteAddress, at: $0.localAddress)
        }
    }

    /// Two sockets cannot share a port like this; the rules of an agent that is root of the machine can.
    private static func division(of port: HostPort) -> String {
        "host port \(port.port) cannot be opened: without root, it cannot lead to one container port from a hostIP and to "
            + "another one from all addresses; give each of them a hostIP"
    }

    static func refusal(of port: HostPort, _ error: Int32) -> String {
        let reason = "port \(port.port) of this machine cannot be opened: \(String(cString: strerror(error)))"
        switch error {
        case EACCES:
            return reason + "; without root only ports from `sysctl net.ipv4.ip_unprivileged_port_start` on can be"
        case EADDRNOTAVAIL: return port.absence
        case EPIPE, ECONNRESET: return reason + ": what opens ports was killed; start the platform again"
        default: return reason
        }
    }
}

/// Who may come in by one port, and where to.
struct Door: Sendable {
    let `protocol`: String
    let backends: BackendChoice
    let policies: PolicyNetwork

    /// Lets in the machine itself, which always reaches its Pods, and for whom no NetworkPolicy keeps out.
    ///
    /// - Parameters:
    ///   - caller: where it comes from.
    ///   - own: the address of this machine that it came to; nil when that is not known.
    /// - Returns: the endpoint that it is sent to; nil where there is none, or a policy keeps the caller out.
    func way(for caller: SocketAddress?, at own: SocketAddress?) -> ServiceRules.Backend? {
        guard let caller = caller?.ipAddress.flatMap({ Address4($0) }), let backend = backends.choose(for: caller)
        else { return nil }
        if caller.isLoopback || own?.ipAddress == caller.description { return backend }
        return policies.admits(caller, to: backend, protocol: `protocol`) ? backend : nil
    }
}
