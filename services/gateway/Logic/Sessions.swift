import Foundation
import Identity
import KubeModel
import Synchronization

/// One signed-in browser.
struct Session: Sendable, Equatable {
    let identity: UserIdentity
    /// Names the session; the CSRF token is derived from it.
    let id: String
    let issuedAt: Date
    let expiresAt: Date
}

/// Makes and checks session cookies: `v1.<claims>.<HMAC-SHA256>`.
///
/// Nothing is kept in memory but sign-outs, so that sessions survive a restart; the key lies in the state directory.
final class Sessions: Sendable {
    static let cookieName = "martlet_session"
    static let csrfCookieName = "XSRF-TOKEN"

    private let folder: PrivateFolder
    private let key: [UInt8]
    private let lifetime: Duration
    /// Ids of signed-out sessions until they would have expired.
    private let revoked: Mutex<[String: Int64]>

    /// Reads the key, or makes one.
    init(stateDirectory: String, lifetime: Duration) throws {
        folder = try PrivateFolder(stateDirectory)
        self.lifetime = lifetime
        if let bytes = try folder.read("session.key"), bytes.count == 32 {
            key = bytes
        } else {
            key = Secrets.random(32)
            try folder.write("session.key", key)
        }
        let stored = try folder.read("signed-out.json").flatMap { try? JSON(parsing: $0) }
        var revoked: [String: Int64] = [:]
        for (id, expiry) in stored?.object ?? [:] { revoked[id] = expiry.int }
        self.revoked = Mutex(revoked)
    }

    /// A new session's cookie value.
    func issue(_ identity: UserIdentity, id: String? = nil, now: Date = Date()) -> String {
        let issued = Int64(now.timeIntervalSince1970)
        let claims: JSON = [
            "user": .string(identity.user), "groups": .array(identity.groups.map(JSON.string)),
            "id": .string(id ?? Base64URL.encode(Secrets.random(12))), "iat": .int(issued),
            "exp": .int(issued + lifetime.components.seconds),
        ]
        let body = "v1." + Base64URL.encode(claims.bytes)
        return body + "." + Base64URL.encode(Secrets.authenticationCode(of: body.utf8, key: key))
    }

    /// The session of a cookie value, nil when it is not ours, has expired or was signed out.
    func verify(_ cookie: String, now: Date = Date()) -> Session? {
        guard cookie.utf8.count < 4096, let dot = cookie.lastIndex(of: "."), cookie.hasPrefix("v1.") else { return nil }
        let body = cookie[..<dot]
        guard let code = Base64URL.decode(cookie[cookie.index(after: dot)...]),
            Secrets.areEqual(code, Secrets.authenticationCode(of: body.utf8, key: key)),
            let bytes = Base64URL.decode(body.dropFirst(3)), let claims = try? JSON(parsing: bytes),
            let user = claims["user"]?.string, let id = claims["id"]?.string, let issued = claims["iat"]?.int,
            let expiry = claims["exp"]?.int, Int64(now.timeIntervalSince1970) < expiry,
            revoked.withLock({ $0[id] == nil })
        else { return nil }
        return Session(
            identity: UserIdentity(user: user, groups: claims["groups"]?.array?.compactMap(\.string) ?? []), id: id,
            issuedAt: Date(timeIntervalSince1970: Double(issued)),
            expiresAt: Date(timeIntervalSince1970: Double(expiry)))
    }

    /// Ends a session for good, also across restarts.
    func revoke(_ session: Session, now: Date = Date()) throws {
        let seconds = Int64(now.timeIntervalSince1970)
        // A renewed cookie of the same session lives longer than this one: remember for a whole lifetime from now.
        let until = seconds + lifetime.components.seconds
        let remembered = revoked.withLock { revoked in
            revoked = revoked.filter { $0.value > seconds }
            revoked[session.id] = until
            return revoked
        }
        var document = JSONObject()
        for (id, expiry) in remembered { document[id] = .int(expiry) }
        try folder.write("signed-out.json", JSON.object(document).bytes)
    }

    /// The token that changing requests of a session must carry in a header.
    func csrfToken(_ session: Session) -> String {
        Base64URL.encode(Secrets.authenticationCode(of: ("csrf:" + session.id).utf8, key: key))
    }

    /// True when a session is old enough to get a new cookie.
    func isDueForRenewal(_ session: Session, now: Date = Date()) -> Bool {
        now.timeIntervalSince(session.issuedAt) > min(86_400, Double(lifetime.components.seconds) / 4)
    }

    /// `Set-Cookie` for a session's cookie.
    func setCookie(_ value: String, isSecure: Bool) -> String {
        "\(Self.cookieName)=\(value); Path=/; Max-Age=\(lifetime.components.seconds); HttpOnly; SameSite=Lax"
            + (isSecure ? "; Secure" : "")
    }

    /// `Set-Cookie` for the CSRF token, which the page must be able to read.
    func setCSRFCookie(_ session: Session, isSecure: Bool) -> String {
        "\(Self.csrfCookieName)=\(csrfToken(session)); Path=/; Max-Age=\(lifetime.components.seconds); SameSite=Strict"
            + (isSecure ? "; Secure" : "")
    }

    /// `Set-Cookie` that removes a cookie.
    static func clearCookie(_ name: String) -> String { "\(name)=; Path=/; Max-Age=0; SameSite=Lax" }
}
