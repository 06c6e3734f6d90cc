import Foundation
import HTTPKit
import Identity

/// The cookie by which the host of a workspace knows its visitor: `w1.<session>.<via>.<HMAC>`. It holds at that host alone, and
/// exactly as long as the platform's session that it was made for.
struct WorkspacePass: Sendable, Equatable {
    /// The platform's session.
    let session: String
    /// Under which name the browser knows the platform.
    let via: String

    private static let name = "martlet_workspace"
    private static let stateName = "martlet_enter"

    /// Under TLS no other host can set a cookie of that name (RFC 6265bis, 4.1.3.2), also none that shares a domain.
    static func cookieName(isSecure: Bool) -> String { (isSecure ? "__Host-" : "") + name }

    /// Names the cookie with the word that a browser must bring back from the platform.
    static func stateCookieName(isSecure: Bool) -> String { (isSecure ? "__Host-" : "") + stateName }

    init(session: String, via: String) { (self.session, self.via) = (session, via) }

    /// Reads the cookie of a workspace's host; nil when it was not made for that host.
    init?(cookie: String, label: String, sessions: Sessions) {
        let parts = cookie.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard cookie.utf8.count < 512, parts.count == 4, parts[0] == "w1", let via = Base64URL.decode(parts[2]) else {
            return nil
        }
        self.init(session: parts[1], via: String(decoding: via, as: UTF8.self))
        guard Secrets.areEqual(Array(parts[3].utf8), Array(code(label, sessions).utf8)) else { return nil }
    }

    /// `Set-Cookie` for the host of a workspace.
    func setCookie(label: String, _ sessions: Sessions, isSecure: Bool) -> String {
        let value = "w1.\(session).\(Base64URL.encode(via.utf8)).\(code(label, sessions))"
        return "\(Self.cookieName(isSecure: isSecure))=\(value); Path=/; HttpOnly; SameSite=Lax"
            + (isSecure ? "; Secure" : "")
    }

    private func code(_ label: String, _ sessions: Sessions) -> String {
        sessions.code("workspace-pass", "\(label).\(session).\(via)")
    }
}

extension GatewayCore {
    /// The label of the workspace whose host a request was sent to; nil for the platform's own host, and for the port that is no
    /// workspace's alone.
    func workspaceLabel(of request: HTTPRequest) -> String? {
        Self.isAtWorkspacePort(request) ? nil : requestGuard.workspaces?.label(of: request)
    }

    /// The pass of a request to the host of a workspace.
    func pass(of request: HTTPRequest, label: String) -> WorkspacePass? {
        request.cookie(WorkspacePass.cookieName(isSecure: isSecure(request))).flatMap {
            WorkspacePass(cookie: $0, label: label, sessions: sessions)
        }
    }
}
