import KubeModel
import WebClient

/// What a provider says about itself (OpenID Connect Discovery 1.0).
struct ProviderMetadata: Sendable {
    let authorizationEndpoint: String
    let tokenEndpoint: String
    let keysAddress: String
    let userInfoEndpoint: String?
    let endSessionEndpoint: String?
    /// The client's secret goes into the form, not into `Authorization`.
    let takesSecretInForm: Bool
    /// Answers of the authorization endpoint name the issuer (RFC 9207).
    let namesIssuer: Bool

    /// Reads the document of an issuer.
    ///
    /// - Throws: ``ProviderError`` when it is another's, lacks something, or leads to places less safe than the issuer.
    init(_ json: JSON, configuration: OIDCConfiguration) throws(ProviderError) {
        guard json["issuer"]?.string == configuration.issuer else {
            throw .misconfigured(
                "the provider calls itself \(json["issuer"]?.string ?? "nothing"), not \(configuration.issuer)")
        }
        func address(_ name: String) throws(ProviderError) -> String? {
            guard let text = json[name]?.string, !text.isEmpty else { return nil }
            guard WebAddress.host(of: text) != nil,
                text.hasPrefix("https://") || configuration.issuer.hasPrefix("http://")
            else { throw .misconfigured("the provider's \(name) is no safe address") }
            return text
        }
        guard let authorization = try address("authorization_endpoint"), let token = try address("token_endpoint"),
            let keys = try address("jwks_uri")
        else { throw .misconfigured("the provider names no authorization_endpoint, token_endpoint or jwks_uri") }
        (authorizationEndpoint, tokenEndpoint, keysAddress) = (authorization, token, keys)
        userInfoEndpoint = try address("userinfo_endpoint")
        endSessionEndpoint = try address("end_session_endpoint")
        let ways = (json["token_endpoint_auth_methods_supported"]?.array ?? ["client_secret_basic"]).compactMap(
            \.string)
        takesSecretInForm = !ways.contains("client_secret_basic") && ways.contains("client_secret_post")
        namesIssuer = json["authorization_response_iss_parameter_supported"]?.bool ?? false
    }
}

/// Why the provider is of no help.
enum ProviderError: Error, Equatable, Sendable {
    /// It cannot be reached, or answers nonsense: later it may do better.
    case unavailable(String)
    /// It and the gateway's settings do not fit.
    case misconfigured(String)
    /// It refuses: its error code.
    case refused(String)
    /// What it says about somebody cannot be used.
    case unusable(String)
}
