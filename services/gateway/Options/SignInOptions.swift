public import ArgumentParser
import Foundation
public import Gateway

/// How people sign in, for the command lines of whatever runs a gateway: flags, else environment, else files.
public struct SignInOptions: ParsableArguments, Sendable {
    @Option(help: "How browsers reach the gateway, such as https://martlet.example.com; redirects lead there.")
    var externalURL: String?
    @Option(
        help: """
            Names under which browsers reach workspaces, such as *.ws.example.com, or none (default: names below localhost \
            where only this machine reaches the gateway).
            """)
    var workspaceHost: String?
    @Option(
        help: """
            Port at which browsers reach workspaces that have no hosts of their own, with an origin of its own; 0 takes a free \
            one, none has them at the platform's own origin.
            """)
    var workspacePort: String?
    @Option(help: "How browsers reach that port, such as https://martlet.example.com:8443: the external URL's host.")
    var workspaceURL: String?
    @Option(help: "Issuer of the OpenID Connect provider by which people sign in.")
    var oidcIssuer: String?
    @Option(help: "What the provider calls this gateway.")
    var oidcClientID: String?
    @Option(help: "File with the client's secret (else MARTLET_OIDC_CLIENT_SECRET; none for a public client).")
    var oidcClientSecretFile: String?
    @Option(help: "Scopes to ask for, by commas (default: openid,profile,email).")
    var oidcScopes: String?
    @Option(help: "Claim with the user's name (default: email).")
    var oidcUserClaim: String?
    @Option(help: "Claim with the user's groups (default: groups).")
    var oidcGroupsClaim: String?
    @Option(help: "Put in front of the provider's names of users.")
    var oidcUserPrefix: String?
    @Option(help: "Put in front of the provider's names of groups.")
    var oidcGroupPrefix: String?
    @Option(help: "Further audiences, by commas, of ID tokens that are taken as bearer tokens.")
    var oidcAudiences: String?
    @Option(help: "What the sign-in page calls the provider.")
    var oidcName: String?
    @Option(help: "File with the authorities (PEM) of the provider's certificate.")
    var oidcCaFile: String?
    @Flag(help: "Speak to a provider on another machine without encryption.")
    var oidcAllowHTTP = false
    @Option(help: "Audiences, by commas, of service accounts' tokens that are taken (default: the API server's).")
    var tokenAudiences: String?
    @Option(help: "Networks, by commas, of proxies that are believed when they say where a request comes from.")
    var trustedProxies: String?
    @Flag(help: "Believe these proxies also when they say who is asking.")
    var trustUserHeader = false
    @Option(help: "Header that says who is asking (default: kubeflow-userid).")
    var useridHeader: String?
    @Option(help: "What stands in front of the user's name in that header.")
    var useridPrefix: String?
    @Option(help: "Header with the user's groups, by commas (default: kubeflow-groups).")
    var groupsHeader: String?
    @Option(help: "Where signing out leads when a proxy signed people in, such as /oauth2/sign_out.")
    var logoutURL: String?

    /// For ArgumentParser.
    public init() {}

    /// The settings that were given; files are read.
    ///
    /// - Throws: ``GatewayConfigurationError`` with what to change.
    public func settings() throws -> SignInSettings {
        var settings = SignInSettings()
        let environment = ProcessInfo.processInfo.environment
        func setting(_ given: String?, _ name: String) -> String? {
            given ?? environment[name].flatMap { $0.isEmpty ? nil : $0 }
        }
        func isOn(_ given: Bool, _ name: String) -> Bool { given || environment[name]?.lowercased() == "true" }

        settings.externalURL = setting(externalURL, "MARTLET_EXTERNAL_URL")
        settings.workspaceHost = setting(workspaceHost, "MARTLET_WORKSPACE_HOST")
        settings.workspaceURL = setting(workspaceURL, "MARTLET_WORKSPACE_URL")
        if let text = setting(workspacePort, "MARTLET_WORKSPACE_PORT") {
            guard let choice = WorkspacePortChoice(text) else {
                throw GatewayConfigurationError("--workspace-port is between 0 and 65535, or none, not '\(text)'")
            }
            settings.workspacePort = choice
        }
        settings.logoutURL = setting(logoutURL, "LOGOUT_URL")
        // Under these names Kubeflow's manifests set them.
        if let header = setting(useridHeader, "USERID_HEADER") { settings.userIDHeader = header }
        if let header = setting(groupsHeader, "GROUPS_HEADER") { settings.groupsHeader = header }
        settings.userIDPrefix = setting(useridPrefix, "USERID_PREFIX") ?? ""
        settings.trustsUserHeader = isOn(trustUserHeader, "MARTLET_TRUST_USER_HEADER")
        settings.trustedProxies = try Self.list(setting(trustedProxies, "MARTLET_TRUSTED_PROXIES")).map { text in
            guard let network = NetworkPrefix(text) else {
                throw GatewayConfigurationError("--trusted-proxies has '\(text)', which is no network")
            }
            return network
        }
        settings.serviceAccountAudiences = Self.list(setting(tokenAudiences, "MARTLET_TOKEN_AUDIENCES"))

        guard let issuer = setting(oidcIssuer, "MARTLET_OIDC_ISSUER") else { return try Self.checked(settings) }
        guard let client = setting(oidcClientID, "MARTLET_OIDC_CLIENT_ID") else {
            throw GatewayConfigurationError("--oidc-issuer needs --oidc-client-id")
        }
        var oidc = OIDCConfiguration(issuer: issuer, clientID: client, clientSecret: try secret(environment))
        if let scopes = setting(oidcScopes, "MARTLET_OIDC_SCOPES") { oidc.scopes = Self.list(scopes) }
        if let claim = setting(oidcUserClaim, "MARTLET_OIDC_USER_CLAIM") { oidc.userClaim = claim }
        if let claim = setting(oidcGroupsClaim, "MARTLET_OIDC_GROUPS_CLAIM") { oidc.groupsClaim = claim }
        oidc.userPrefix = setting(oidcUserPrefix, "MARTLET_OIDC_USER_PREFIX") ?? ""
        oidc.groupPrefix = setting(oidcGroupPrefix, "MARTLET_OIDC_GROUP_PREFIX") ?? ""
        oidc.audiences = Self.list(setting(oidcAudiences, "MARTLET_OIDC_AUDIENCES"))
        if let name = setting(oidcName, "MARTLET_OIDC_NAME") { oidc.name = name }
        oidc.authoritiesFile = setting(oidcCaFile, "MARTLET_OIDC_CA_FILE")
        oidc.allowsPlainHTTP = isOn(oidcAllowHTTP, "MARTLET_OIDC_ALLOW_HTTP")
        settings.oidc = oidc
        return try Self.checked(settings)
    }

    private static func checked(_ settings: SignInSettings) throws -> SignInSettings {
        if let problem = settings.problem { throw GatewayConfigurationError(problem) }
        return settings
    }

    private func secret(_ environment: [String: String]) throws -> String? {
        let path = oidcClientSecretFile ?? environment["MARTLET_OIDC_CLIENT_SECRET_FILE"]
        guard let path else { return environment["MARTLET_OIDC_CLIENT_SECRET"].flatMap { $0.isEmpty ? nil : $0 } }
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw GatewayConfigurationError("the client's secret cannot be read from \(path)")
        }
        let secret = text.trimmingCharacters(in: .whitespacesAndNewlines)
        guard !secret.isEmpty else { throw GatewayConfigurationError("there is no secret in \(path)") }
        return secret
    }

    private static func list(_ text: String?) -> [String] {
        (text ?? "").split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    }
}

extension TokenScope: ExpressibleByArgument {}
