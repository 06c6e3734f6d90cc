import HTTPKit
import NIOHTTP1

/// Peers that are believed when they say who is asking: an oauth2-proxy or a mesh in front of the gateway.
struct TrustedProxies: Sendable {
    /// Header fields in which they say it.
    private let userHeader: String
    private let groupsHeader: String
    private let prefix: String
    private let networks: [NetworkPrefix]
    /// Whether what they say counts as a proof; else they only tell where a request came from.
    private let tellUsers: Bool

    init(_ configuration: GatewayConfiguration) {
        userHeader = configuration.signIn.userIDHeader.lowercased()
        groupsHeader = configuration.signIn.groupsHeader.lowercased()
        prefix = configuration.signIn.userIDPrefix
        networks = configuration.signIn.trustedProxies
        tellUsers = configuration.signIn.trustsUserHeader
    }

    var areThere: Bool { !networks.isEmpty }
    var mayTellUsers: Bool { tellUsers && areThere }

    func trusts(_ peer: Peer) -> Bool {
        guard areThere, let address = peer.address else { return false }
        return trusts(address: address)
    }

    func trusts(address: String) -> Bool {
        NetworkPrefix(address).map { address in networks.contains { $0.contains(address) } } ?? false
    }

    /// The fields of a request without those that its sender may not assert. Also fields with our headers' names, however they
    /// are configured, and in other spellings that some server would take for the same.
    func strip(_ headers: HTTPHeaders, from peer: Peer) -> HTTPHeaders {
        let isTrusted = trusts(peer)
        func isKept(_ name: String) -> Bool {
            let lower = name.lowercased()
            if lower == userHeader || lower == groupsHeader { return isTrusted && tellUsers }
            let plain = ForwardedHeaders.plain(lower)
            if plain == userHeader || plain == groupsHeader { return false }
            if isTrusted, lower == "x-forwarded-for" || lower == "x-forwarded-proto" { return true }
            return !ForwardedHeaders.isAsserted(plain: plain)
        }
        guard headers.contains(where: { !isKept($0.name) }) else { return headers }
        return HTTPHeaders(headers.filter { isKept($0.name) }.map { ($0.name, $0.value) })
    }

    /// Who a trusted peer says is asking; nil when it says nothing, or nothing that is clear.
    func identity(_ request: HTTPRequest) -> UserIdentity? {
        guard tellUsers, trusts(request.peer) else { return nil }
        let values = request.headers[userHeader]
        // One prefix, at the beginning: what is in the middle of a name is part of it.
        guard values.count == 1, values[0].hasPrefix(prefix) else { return nil }
        let user = String(values[0].dropFirst(prefix.count))
        guard IdentityRules.problem(user: user) == nil else { return nil }
        let groups = request.headers[groupsHeader].flatMap { $0.split(byte: ",") }.map { $0.trimmed }
        return UserIdentity(user: user, groups: IdentityRules.usable(groups))
    }

    /// Where a request came from: the last address that is no trusted proxy's.
    func address(of request: HTTPRequest) -> String? {
        guard trusts(request.peer) else { return request.peer.address }
        let hops = request.headers["x-forwarded-for"].flatMap { $0.split(byte: ",") }.map { $0.trimmed }
        for hop in hops.reversed() {
            guard NetworkPrefix(hop) != nil else { break }  // what comes before cannot be read, so it is not believed
            if !trusts(address: hop) { return hop }
        }
        return request.peer.address
    }

    /// True when the browser came by HTTPS to a trusted proxy.
    func isSecure(_ request: HTTPRequest) -> Bool {
        trusts(request.peer) && request.headers["x-forwarded-proto"].last?.lowercased() == "https"
    }
}
