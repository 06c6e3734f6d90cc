import WebClient

/// An OpenID Connect provider by which people sign in, and what its claims mean here.
public struct OIDCConfiguration: Sendable {
    /// `iss` of its tokens; `/.well-known/openid-configuration` lies below.
    public var issuer: String
    /// What the provider calls this gateway.
    public var clientID: String
    /// Proves to the provider that the gateway is who it says; nil for a public client.
    public var clientSecret: String?
    /// What is asked for; `openid` must be among it, `offline_access` brings refresh tokens at many providers.
    public var scopes = ["openid", "profile", "email"]
    /// Claim with the user's name. Without it, or empty, nobody is signed in: no other claim stands in.
    public var userClaim = "email"
    /// Claim with the names of groups: a list, or one name.
    public var groupsClaim = "groups"
    /// Put in front of users' names.
    public var userPrefix = ""
    /// Put in front of groups' names.
    public var groupPrefix = ""
    /// Audiences of ID tokens that are taken as `Authorization: Bearer`, besides the client id.
    public var audiences: [String] = []
    /// What the sign-in page calls it.
    public var name = "single sign-on"
    /// File with the authorities (PEM) of the provider's certificate, instead of the system's.
    public var authoritiesFile: String?
    /// Speak to a provider on another machine without encryption: for closed networks only.
    public var allowsPlainHTTP = false

    /// The usual settings.
    public init(issuer: String, clientID: String, clientSecret: String? = nil) {
        (self.issuer, self.clientID, self.clientSecret) = (issuer, clientID, clientSecret)
    }

    /// What is wrong with it, in one sentence.
    var problem: String? {
        guard let host = WebAddress.host(of: issuer), !issuer.contains("?"), !issuer.contains("#") else {
            return "the issuer \(issuer) is no address"
        }
        guard issuer.hasPrefix("https://") || allowsPlainHTTP || WebAddress.isLoopback(host) else {
            return "the issuer \(issuer) is not encrypted; who is between could sign in as anybody"
        }
        guard !clientID.isEmpty else { return "the provider's client id is missing" }
        guard scopes.contains("openid") else { return "the scopes must have openid among them" }
        guard !userClaim.isEmpty else { return "the claim with the user's name is missing" }
        return nil
    }
}
