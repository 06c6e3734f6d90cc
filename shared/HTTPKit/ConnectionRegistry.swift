import Synchronization

/// The open connections of one server.
final class ConnectionRegistry: Sendable {
    enum Admission { case admitted, full, tooManyOfOne }

    private struct Connections {
        var all: [ObjectIdentifier: HTTPConnection] = [:]
        /// How many each sender has, as far as that is limited.
        var counts: [Sender: Int] = [:]
    }

    private let connections = Mutex(Connections())
    /// Of HTTP/2, as many as their connections let there be.
    private let streams = Mutex<[ObjectIdentifier: HTTPConnection]>([:])
    /// Clients that are being told that they have too many connections.
    private let farewells = Atomic(0)
    private static let farewellLimit = 64
    private let limit: Int
    private let limitOfOne: Int

    /// - Parameters:
    ///   - limit: connections of all clients together.
    ///   - limitOfOne: connections of a sender.
    init(limit: Int, limitOfOne: Int = .max) { (self.limit, self.limitOfOne) = (limit, limitOfOne) }

    func add(_ connection: HTTPConnection) -> Admission {
        connections.withLock { connections in
            guard connections.all.count < limit else { return .full }
            if let sender = connection.sender {
                let count = connections.counts[sender, default: 0]
                guard count < limitOfOne else { return .tooManyOfOne }
                connections.counts[sender] = count + 1
            }
            connections.all[ObjectIdentifier(connection)] = connection
            return .admitted
        }
    }

    func addStream(_ stream: HTTPConnection) { streams.withLock { $0[ObjectIdentifier(stream)] = stream } }

    func remove(_ connection: HTTPConnection) {
        let key = ObjectIdentifier(connection)
        guard connection.parent == nil else {
            _ = streams.withLock { $0.removeValue(forKey: key) }
            return
        }
        connections.withLock { connections in
            guard connections.all.removeValue(forKey: key) != nil, let sender = connection.sender,
                let count = connections.counts[sender]
            else { return }
            connections.counts[sender] = count > 1 ? count - 1 : nil
        }
    }

    /// Whether there is time for another client to be told why it is closed.
    func beginFarewell() -> Bool {
        if farewells.add(1, ordering: .relaxed).newValue <= Self.farewellLimit { return true }
        endFarewell()
        return false
    }

    func endFarewell() { farewells.subtract(1, ordering: .relaxed) }

    /// Streams before the connections that carry them.
    var all: [HTTPConnection] {
        streams.withLock { Array($0.values) } + connections.withLock { Array($0.all.values) }
    }
    var isEmpty: Bool { connections.withLock { $0.all.isEmpty } }
}
