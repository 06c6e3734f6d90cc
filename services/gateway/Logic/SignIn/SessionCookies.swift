import HTTPKit

/// By which cookie a browser's session is known.
extension Sessions {
    private static let plainName = "martlet_session"

    /// Under HTTPS no other host, also none that shares a domain, can set a cookie of that name, and in browsers that know `Http` no
    /// script (RFC 6265bis, 4.1.3); for those that do not it is one more word.
    static func cookieName(isSecure: Bool) -> String { (isSecure ? "__Host-Http-" : "") + plainName }

    /// The session of a request to the platform, or to the port of workspaces; nil without a valid one.
    ///
    /// Whoever may set cookies for this host, a page at another port of it for one, can add one that is good, too, and nobody can tell
    /// which is the visitor's. Then it is nobody's: such a page can sign its visitor out, and not in as somebody else.
    func session(of request: HTTPRequest, isSecure: Bool) -> Session? {
        guard isSecure else { return only(request.cookies(Self.plainName), isSecure: false) }
        let own = request.cookies(Self.cookieName(isSecure: true))
        // Made before cookies had that name; none is made any more that would hold, so a neighbour has no fresh one to set.
        return own.isEmpty ? only(request.cookies(Self.plainName), isSecure: false) : only(own, isSecure: true)
    }

    private func only(_ values: [String], isSecure: Bool) -> Session? {
        var found: Session?
        for value in values {
            guard let session = verify(value, isSecure: isSecure) else { continue }
            guard found == nil || found?.id == session.id else { return nil }
            found = session
        }
        return found
    }

    /// Names of the cookies by which a request may have brought a session.
    static func cookieNames(of request: HTTPRequest, isSecure: Bool) -> [String] {
        let plain = [plainName]
        guard isSecure else { return plain }
        return [cookieName(isSecure: true)] + (request.cookies(plainName).isEmpty ? [] : plain)
    }
}

extension GatewayCore {
    /// The session of a request, nil without a valid one. Hosts of workspaces know it by their pass only, and the platform's own by
    /// its cookie only.
    func session(of request: HTTPRequest) -> Session? {
        if let label = workspaceLabel(of: request) {
            return pass(of: request, label: label).flatMap { sessions.session($0.session) }
        }
        return sessions.session(of: request, isSecure: isSecure(request))
    }

    /// Name and value of the cookie by which ``session(of:)`` knows a request's session; nil where several could be meant.
    func sessionCookie(of request: HTTPRequest) -> (name: String, value: String)? {
        let isSecure = isSecure(request)
        let name =
            workspaceLabel(of: request) == nil
            ? Sessions.cookieName(isSecure: isSecure) : WorkspacePass.cookieName(isSecure: isSecure)
        let values = request.cookies(name)
        return values.count == 1 ? (name, values[0]) : nil
    }
}
