#if canImport(Glibc)
    import Glibc
#endif

/// What programs of the host listen to, and could.
enum HostSockets {
    /// Whether a program has the port, at its address or at all of them. A port of all addresses is taken by any program.
    static func isTaken(_ port: HostPort) -> Bool {
        [port.protocol, port.protocol + "6"].contains { holds(FileTools.text("/proc/net/\($0)") ?? "", port) }
    }

    /// Whether a table of the kernel's names a socket that takes what is sent to the port: one that listens, or one of UDP
    /// that is connected to nobody.
    static func holds(_ table: String, _ port: HostPort) -> Bool {
        table.split(separator: "\n").dropFirst().contains { line in
            let words = line.split(separator: " ")
            guard words.count > 3 else { return false }
            let place = words[1].split(separator: ":")
            guard place.count == 2, Int(place[1], radix: 16) == port.port else { return false }
            guard port.protocol == "tcp" ? words[3] == "0A" : words[2].hasSuffix(":0000") else { return false }
            return covers(place[0], port.address)
        }
    }

    /// Whether packets to an address come to a socket at another one, written as the kernel does.
    private static func covers(_ socket: Substring, _ address: Address4?) -> Bool {
        guard let address, !socket.allSatisfy({ $0 == "0" }) else { return true }
        // Sockets of IPv6 can have addresses of IPv4: ::ffff:127.0.0.1. Every 32 bits are a number of the machine's order.
        let isMapped =
            socket.count == 32 && UInt32(socket.dropFirst(16).prefix(8), radix: 16) == UInt32(0xffff).bigEndian
        guard socket.count == 8 || isMapped && socket.prefix(16).allSatisfy({ $0 == "0" }) else { return false }
        return UInt32(socket.suffix(8), radix: 16) == address.value.bigEndian
    }

    /// Whether this machine has the address, in the kernel's view: all of 127.0.0.0/8 is its own, for example. True where
    /// that cannot be found out.
    static func canBind(_ address: Address4) -> Bool {
        let descriptor = bound(SOCK_DGRAM, to: address, port: 0)
        if descriptor >= 0 { close(descriptor) }
        return descriptor != -EADDRNOTAVAIL
    }

    /// A socket that has a port at all addresses and does not listen, so that the kernel refuses connections to it. Without
    /// SO_REUSEADDR, nobody shares it.
    ///
    /// - Returns: the socket, or the number of an error, negative.
    static func bound(to port: NodePort) -> Int32 {
        bound(port.protocol == "udp" ? SOCK_DGRAM : SOCK_STREAM, to: Address4(value: 0), port: port.number)
    }

    private static func bound(_ type: __socket_type, to address: Address4, port: Int) -> Int32 {
        let descriptor = socket(AF_INET, Int32(type.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return -errno }
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        place.sin_port = UInt16(clamping: port).bigEndian
        place.sin_addr.s_addr = address.value.bigEndian
        let result = withUnsafePointer(to: &place) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result != 0 else { return descriptor }
        let error = errno
        close(descriptor)
        return -error
    }
}
