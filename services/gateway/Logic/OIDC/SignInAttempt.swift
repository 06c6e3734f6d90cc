import Foundation
import Identity

/// A browser on its way to the provider and back: the state that goes there, and a cookie by which it is known again.
///
/// Nonce and PKCE verifier follow from the state and the gateway's key, so nothing is kept and a restart does no harm; the
/// verifier never leaves the gateway before the code is exchanged.
struct SignInAttempt: Sendable, Equatable {
    static let lifetime: TimeInterval = 15 * 60
    private static let cookiePrefix = "martlet_oidc_"

    let state: String
    /// Where to go afterwards.
    let next: String
    let expires: Date

    init(next: String, now: Date = Date()) {
        state = Base64URL.encode(Secrets.random(24))
        self.next = next
        expires = now.inWholeSeconds + Self.lifetime
    }

    /// The attempt that came back with a state; nil when this browser has begun none such, or too long ago.
    init?(
        state: String, cookie: (String) -> String?, isSecure: Bool, sessions: Sessions, now: Date = Date()
    ) {
        guard state.utf8.count == 32, Base64URL.decode(state) != nil,
            let value = cookie(Self.cookieName(state, isSecure: isSecure)),
            value.utf8.count < 4096
        else { return nil }
        let parts = value.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 4, parts[0] == state, let seconds = Int64(parts[1]), let next = Base64URL.decode(parts[2]),
            Secrets.areEqual(
                Array(parts[3].utf8), Array(sessions.code("oidc-attempt", parts[0...2].joined(separator: ".")).utf8))
        else { return nil }
        expires = Date(timeIntervalSince1970: Double(seconds))
        guard now < expires else { return nil }
        self.state = state
        self.next = ReturnPath.checked(String(decoding: next, as: UTF8.self))
    }

    func nonce(_ sessions: Sessions) -> String { sessions.code("oidc-nonce", state) }
    func verifier(_ sessions: Sessions) -> String { sessions.code("oidc-verifier", state) }
    func challenge(_ sessions: Sessions) -> String { Base64URL.encode(Secrets.digest(verifier(sessions).utf8)) }

    /// `Set-Cookie` that makes the browser known again.
    func setCookie(_ sessions: Sessions, isSecure: Bool) -> String {
        let body = "\(state).\(expires.seconds).\(Base64URL.encode(next.utf8))"
        let name = Self.cookieName(state, isSecure: isSecure)
        return "\(name)=\(body).\(sessions.code("oidc-attempt", body)); Path=\(Self.path(isSecure)); "
            + "Max-Age=\(Int(Self.lifetime)); HttpOnly; SameSite=Lax" + (isSecure ? "; Secure" : "")
    }

    /// `Set-Cookie` that removes it.
    static func clearCookie(_ state: String, isSecure: Bool) -> String {
        "\(cookieName(state, isSecure: isSecure))=; Path=\(path(isSecure)); Max-Age=0; HttpOnly; SameSite=Lax"
            + (isSecure ? "; Secure" : "")
    }

    /// Under HTTPS as the session's: nobody else's attempt is to be completed in this browser.
    private static func cookieName(_ state: String, isSecure: Bool) -> String {
        (isSecure ? "__Host-Http-" : "") + cookiePrefix + state.prefix(8)
    }

    /// Cookies of such names hold for all of their host.
    private static func path(_ isSecure: Bool) -> String { isSecure ? "/" : "/login" }
}
