import Foundation
import KubeModel

/// How somebody signed in.
enum SignInMethod: String, Sendable { case link, password, provider }

/// What an identity provider gave for a session.
struct ProviderTokens: Sendable, Equatable {
    /// `sub` at the provider.
    var subject: String
    /// The ID token, by which the provider knows what to sign out.
    var idToken: String
    /// Brings new tokens; nil when the provider gave none.
    var refreshToken: String?
    /// When the provider is to be asked again.
    var refreshAt: Date
}

/// One signed-in browser.
struct Session: Sendable, Equatable {
    var identity: UserIdentity
    /// Names the session; the CSRF token is derived from it.
    let id: String
    let method: SignInMethod
    let createdAt: Date
    var issuedAt: Date
    var expiresAt: Date
    /// Where the browser was.
    var address: String?
    /// What the browser calls itself.
    var agent: String?
    var provider: ProviderTokens?
}

extension Session {
    /// As it is kept; secret, because of the provider's tokens.
    var json: JSON {
        var json: JSON = [
            "user": .string(identity.user), "groups": .array(identity.groups.map(JSON.string)),
            "method": .string(method.rawValue), "created": .int(createdAt.seconds), "issued": .int(issuedAt.seconds),
            "expires": .int(expiresAt.seconds),
        ]
        json["address"] = address.map(JSON.string)
        json["agent"] = agent.map(JSON.string)
        if let provider {
            var tokens: JSON = [
                "subject": .string(provider.subject), "idToken": .string(provider.idToken),
                "refreshAt": .int(provider.refreshAt.seconds),
            ]
            tokens["refreshToken"] = provider.refreshToken.map(JSON.string)
            json["provider"] = tokens
        }
        return json
    }

    /// Reads what was kept.
    init?(_ json: JSON, id: String) {
        guard let user = json["user"]?.string, let method = json["method"]?.string.flatMap(SignInMethod.init),
            let created = json["created"]?.date, let issued = json["issued"]?.date, let expires = json["expires"]?.date
        else { return nil }
        var provider: ProviderTokens?
        if let tokens = json["provider"] {
            guard let subject = tokens["subject"]?.string, let idToken = tokens["idToken"]?.string,
                let refreshAt = tokens["refreshAt"]?.date
            else { return nil }
            provider = ProviderTokens(
                subject: subject, idToken: idToken, refreshToken: tokens["refreshToken"]?.string, refreshAt: refreshAt)
        }
        self.init(
            identity: UserIdentity(user: user, groups: json["groups"]?.array?.compactMap(\.string) ?? []), id: id,
            method: method, createdAt: created, issuedAt: issued, expiresAt: expires,
            address: json["address"]?.string, agent: json["agent"]?.string, provider: provider)
    }
}

extension Date {
    /// Whole seconds since 1970.
    var seconds: Int64 { Int64(timeIntervalSince1970) }
    /// Without fractions, so that it survives being written down.
    var inWholeSeconds: Date { Date(timeIntervalSince1970: Double(seconds)) }
    /// As JSON tells times.
    var text: String { ISO8601DateFormatter().string(from: self) }
}

extension JSON {
    /// A time in seconds since 1970.
    var date: Date? { double.map(Date.init(timeIntervalSince1970:)) }
}
