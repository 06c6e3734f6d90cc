import WebClient

/// By what people and programs are known to a gateway, and how it tells others.
public struct SignInSettings: Sendable {
    /// How browsers reach the gateway, without `/` at its end; nil where that is as they say themselves.
    public var externalURL: String?
    /// Under which names browsers reach workspaces, such as `*.ws.example.org`; `none` for the platform's own, and nil for names
    /// below `localhost` where only this machine reaches the gateway.
    public var workspaceHost: String?
    /// The port at which browsers find workspaces that have no hosts of their own.
    public var workspacePort = WorkspacePortChoice.unsaid
    /// What browsers call that port, without `/` at its end; nil where it is the platform's host with the port itself.
    public var workspaceURL: String?
    /// The identity provider by which people sign in; nil for none.
    public var oidc: OIDCConfiguration?
    /// Audiences for which tokens of service accounts are taken; empty for the API server's own.
    public var serviceAccountAudiences: [String] = []
    /// Header that tells notebooks and services who the user is, and in which trusted proxies tell it.
    public var userIDHeader = "kubeflow-userid"
    /// What stands in front of users' names in that header.
    public var userIDPrefix = ""
    /// Header with the user's groups, by commas.
    public var groupsHeader = "kubeflow-groups"
    /// Proxies in front of the gateway that are believed when they say where a request comes from.
    public var trustedProxies: [NetworkPrefix] = []
    /// Whether these proxies are also believed when they say who is asking.
    public var trustsUserHeader = false
    /// Where signing out leads when a proxy has signed people in: `/oauth2/sign_out`.
    public var logoutURL: String?

    /// Passwords, links and tokens only.
    public init() {}

    /// What is wrong with it, in one sentence; nil for nothing.
    public var problem: String? {
        if trustsUserHeader, trustedProxies.isEmpty {
            return "headers that say who is asking need --trusted-proxies, or everybody could write them"
        }
        for name in [userIDHeader, groupsHeader] where !Self.isHeaderName(name) {
            return "'\(name)' is no name of a header"
        }
        if let url = externalURL, WebAddress.host(of: url) == nil || url.count(where: { $0 == "/" }) != 2 {
            return "--external-url is an address without a path, such as https://martlet.example.com"
        }
        if let wildcard = workspaceHost, wildcard != "none", WorkspaceHosts(wildcard: wildcard) == nil {
            return "--workspace-host is a name with any first part, such as *.ws.example.org, or none"
        }
        return portProblem ?? oidc?.problem
    }

    private static func isHeaderName(_ name: String) -> Bool {
        !name.isEmpty
            && name.unicodeScalars.allSatisfy { sign in
                ("a"..."z").contains(sign) || ("A"..."Z").contains(sign) || ("0"..."9").contains(sign) || sign == "-"
            }
    }
}
