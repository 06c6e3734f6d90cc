import Synchronization

/// Sockets that were bound while the program could still bind any port, for the servers that it starts afterwards.
///
/// A server that is told to listen at the same host and port takes the sockets instead of binding one, once. There can be
/// several of one address, each in another network.
public enum ReservedPorts {
    private struct Place: Hashable {
        let host: String
        let port: Int
    }

    private static let descriptors = Mutex<[Place: [Int32]]>([:])

    /// Leaves a bound socket for the server at this address; it belongs to the server from then on.
    public static func keep(_ descriptor: Int32, host: String, port: Int) {
        descriptors.withLock { $0[Place(host: host, port: port), default: []].append(descriptor) }
    }

    /// The sockets for an address, for one caller; empty when none was left.
    static func take(host: String, port: Int) -> [Int32] {
        descriptors.withLock { $0.removeValue(forKey: Place(host: host, port: port)) } ?? []
    }
}
