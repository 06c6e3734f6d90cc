/// The sessions of a gateway, for whoever may write its state directory; the gateway notices within a second.
public struct SignedIn: Sendable {
    private let sessions: Sessions

    /// Sessions below a gateway's state directory.
    public init(stateDirectory: String) throws {
        sessions = try Sessions(stateDirectory: stateDirectory, lifetime: .zero)
    }

    /// Ends all sessions of a user; returns how many there were.
    public func end(user: String) throws -> Int { try sessions.endAll(of: user) }
}
