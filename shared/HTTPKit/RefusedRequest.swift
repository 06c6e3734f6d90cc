/// A request that was refused before any handler saw it.
public struct RefusedRequest: Sendable {
    /// Method, as far as it was understood.
    public let method: String
    /// Path and query as sent, as far as they were understood.
    public let target: String
    /// The answer's status.
    public let status: Int
    /// Why it was refused.
    public let message: String
    /// IP address of the sender, nil on a unix socket.
    public let address: String?
}
