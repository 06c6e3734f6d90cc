import CNode
import Logging
import NIOCore
import NIOPosix
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// Ports of the machine that lead to Pods, for an agent in a network of an ordinary user's own: no rule of this network's
/// kernel can lead from the machine to it. A program that has stayed there opens the sockets; what comes to them is copied.
///
/// Pods see the bridge's address as that of their callers. NetworkPolicies hold: callers from other machines are asked
/// about here, since their addresses do not get as far as the rules.
final class MachinePorts: Sendable {
    private let channel: Int32
    private let policies: PolicyNetwork
    private let logger: Logger
    private let state = Mutex(State())

    private struct State: Sendable {
        var open: [HostPort: Opened] = [:]
    }

    private struct Opened: Sendable {
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
                let socket = state.withLock { _ in
                    node_open_machine_port(
                        channel, port.address?.value ?? 0, UInt16(clamping: port.port), port.protocol == "udp" ? 1 : 0)
                }
                if socket == -EADDRINUSE {
                    let isOwn = state.withLock { state in
                        state.open.contains { $0.conflicts(with: port) && $1.namespace == sandbox.namespace }
                    }
                    if isOwn { throw NodeError(Self.division(of: port)) }
                    await close(ports, of: sandbox)
                    return false
                }
                guard socket >= 0 else { throw NodeError(Self.refusal(of: port, -socket)) }
                let opened = try await forward(socket, of: port, to: backend)
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

    private func forward(_ socket: Int32, of port: HostPort, to backend: ServiceRules.Backend) async throws
        -> any Channel
    {
        let door = Door(protocol: port.protocol, backend: backend, policies: policies)
        if port.protocol == "udp" { return try await UDPForwarder.start(on: socket, door: door) }
        return try await TCPForwarder.start(to: backend) {
            try await $0.withBoundSocket(socket).get()
        } admits: {
            door.admits($0.remoteAddress, at: $0.localAddress)
        }
    }

    /// Two sockets cannot share a port like this; the rules of an agent that is root of the machine can.
    private static func division(of port: HostPort) -> String {
        "host port \(port.port) cannot be opened: without root, it cannot lead to one container port from a hostIP and to "
            + "another one from all addresses; give each of them a hostIP"
    }

    private static func refusal(of port: HostPort, _ error: Int32) -> String {
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

/// Who may come in by one port.
struct Door: Sendable {
    let `protocol`: String
    let backend: ServiceRules.Backend
    let policies: PolicyNetwork

    /// True for the machine itself, which always reaches its Pods, and for whom no NetworkPolicy keeps out.
    ///
    /// - Parameters:
    ///   - caller: where it comes from.
    ///   - own: the address of this machine that it came to; nil when that is not known.
    /// - Returns: false where a policy keeps it out.
    func admits(_ caller: SocketAddress?, at own: SocketAddress?) -> Bool {
        guard let caller = caller?.ipAddress.flatMap({ Address4($0) }) else { return false }
        if caller.isLoopback || own?.ipAddress == caller.description { return true }
        return policies.admits(caller, to: backend, protocol: `protocol`)
    }
}
