#if canImport(Glibc)
    import Glibc
#endif

/// A port of all addresses of the machine that leads to a Service: `nodePort` of Services that are of the type NodePort or
/// LoadBalancer.
struct NodePort: Hashable, Sendable, CustomStringConvertible {
    /// `tcp` or `udp`.
    var `protocol`: String
    var number: Int

    var description: String { "\(number)/\(`protocol`.uppercased())" }
}

/// Node ports that this agent holds, each by a socket that is bound and hears nothing: rules of the kernel would not keep a
/// program of the machine, nor another instance, from a port that leads elsewhere already, and they would take it from
/// one that has it.
struct HeldPorts: Sendable {
    private var sockets: [NodePort: Int32] = [:]

    func holds(_ port: NodePort) -> Bool { sockets[port] != nil }

    /// Takes a port, unless it is held already.
    ///
    /// - Returns: 0, or the number of the error: EADDRINUSE where a program has it at one address or at all.
    mutating func take(_ port: NodePort) -> Int32 {
        if holds(port) { return 0 }
        let socket = HostSockets.bound(to: port)
        if socket < 0 { return -socket }
        sockets[port] = socket
        return 0
    }

    /// Lets go of all ports but these.
    mutating func keep(_ wanted: Set<NodePort>) {
        for (port, socket) in sockets where !wanted.contains(port) {
            close(socket)
            sockets[port] = nil
        }
    }
}
