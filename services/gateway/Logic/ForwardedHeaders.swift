import HTTPKit
import NIOHTTP1

/// Which header fields pass through the gateway.
enum ForwardedHeaders {
    /// Fields of one connection only (RFC 9110, 7.6.1).
    private static let hopByHop: Set<String> = [
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade",
    ]

    /// True for fields that tell an identity or an origin. From outside they are nobody's proof, however they are
    /// spelled: servers that turn names into variables do not tell `_` from `-`.
    static func isAsserted(_ name: String) -> Bool { isAsserted(plain: plain(name.lowercased())) }

    /// One spelling of a name in small letters; most have no `_`, and replacing costs.
    static func plain(_ name: String) -> String {
        name.utf8.contains(UInt8(ascii: "_")) ? name.replacing("_", with: "-") : name
    }

    /// The same for a name that ``plain(_:)`` gave.
    static func isAsserted(plain name: String) -> Bool {
        name.hasPrefix("kubeflow-") || name.hasPrefix("x-forwarded-") || name.hasPrefix("x-auth-request-")
            || name.hasPrefix("impersonate-") || name.hasPrefix("x-remote-") || name == "forwarded"
            || name == "x-real-ip" || name == "remote-user" || name == "x-goog-authenticated-user-email"
            || name == "x-rstudio-root-path" || name == "x-envoy-external-address"
    }

    /// The request fields that a notebook gets: its own cookies, no credentials of the platform, and who is asking.
    static func toNotebook(
        _ request: HTTPRequest, identity: UserIdentity, core: GatewayCore, prefix: String,
        setByNotebook: [String: String], isUpgrade: Bool
    ) -> HTTPHeaders {
        let configuration = core.configuration
        let identityHeaders = [
            configuration.signIn.userIDHeader.lowercased(), configuration.signIn.groupsHeader.lowercased(),
        ]
        let named = connectionTokens(request.headers)
        var headers = HTTPHeaders()
        headers.reserveCapacity(request.headers.count + 8)
        for (name, value) in request.headers {
            let lower = name.lowercased()
            if hopByHop.contains(lower) || named.contains(lower) || isAsserted(name) || identityHeaders.contains(lower)
            {
                continue
            }
            switch lower {
            case "authorization", "x-xsrf-token": continue
            case "content-length", "expect", "x-request-id": continue
            case "cookie":
                let kept = notebookCookies(value)
                if !kept.isEmpty { headers.add(name: name, value: kept) }
            default: headers.add(name: name, value: value)
            }
        }
        if isUpgrade, let upgrade = request.headers.first(name: "upgrade") {
            headers.add(name: "connection", value: "Upgrade")
            headers.add(name: "upgrade", value: upgrade)
        }
        headers.add(name: "x-request-id", value: request.id)
        headers.add(contentsOf: told(request, identity: identity, core: core, prefix: prefix))
        for (name, value) in setByNotebook where !name.lowercased().hasPrefix("kubeflow-") {
            // The notebook's own annotation; it may not speak about who the user is.
            guard name.lowercased() == "x-rstudio-root-path" || !isAsserted(name),
                !hopByHop.contains(name.lowercased()),
                !identityHeaders.contains(name.lowercased()), name.lowercased() != "host",
                name.lowercased() != "cookie", name.lowercased() != "content-length", isField(name, value)
            else { continue }
            headers.replaceOrAdd(name: name, value: value)
        }
        return headers
    }

    /// What a notebook is told by us: where a request comes from, and who asks.
    static func told(
        _ request: HTTPRequest, identity: UserIdentity, core: GatewayCore, prefix: String
    ) -> HTTPHeaders {
        var headers = HTTPHeaders()
        if let address = core.address(of: request) { headers.add(name: "x-forwarded-for", value: address) }
        headers.add(name: "x-forwarded-proto", value: core.isSecure(request) ? "https" : "http")
        if let host = request.headers.first(name: "host") { headers.add(name: "x-forwarded-host", value: host) }
        headers.add(name: "x-forwarded-prefix", value: prefix)
        add(identity, to: &headers, core.configuration)
        return headers
    }

    /// True for what is one field and stays one: a token, and a value without control characters (RFC 9110, 5.5, 5.6.2).
    private static func isField(_ name: String, _ value: String) -> Bool {
        let signs = Array("!#$%&'*+-.^_`|~".utf8)
        return !name.isEmpty
            && name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "a")...UInt8(ascii: "z"):
                    true
                default: signs.contains(byte)
                }
            } && value.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 }
    }

    /// Says who is asking, to servers that know no tokens.
    static func add(_ identity: UserIdentity, to headers: inout HTTPHeaders, _ configuration: GatewayConfiguration) {
        headers.add(name: configuration.signIn.userIDHeader, value: configuration.signIn.userIDPrefix + identity.user)
        guard !identity.groups.isEmpty else { return }
        headers.add(name: configuration.signIn.groupsHeader, value: identity.groups.joined(separator: ","))
    }

    /// The response fields that a browser gets from a notebook: cookies confined to the notebook, nothing that would
    /// reach over the rest of the origin.
    static func fromNotebook(_ original: HTTPHeaders, prefix: String) -> HTTPHeaders {
        let named = connectionTokens(original)
        var headers = HTTPHeaders()
        headers.reserveCapacity(original.count)
        for (name, value) in original {
            let lower = name.lowercased()
            if hopByHop.contains(lower) || named.contains(lower) { continue }
            switch lower {
            case _ where reachingFurther.contains(lower): continue
            case "set-cookie":
                if let cookie = confinedCookie(value, prefix: prefix) { headers.add(name: name, value: cookie) }
            default: headers.add(name: name, value: value)
            }
        }
        return headers
    }

    /// Response fields that hold for more of an origin than the answer, or for longer.
    private static let reachingFurther: Set<String> = [
        "service-worker-allowed", "clear-site-data", "strict-transport-security", "public-key-pins", "alt-svc", "nel",
        "report-to",
    ]

    /// A cookie that only its notebook gets back; nil when it has a name of the platform's.
    static func confinedCookie(_ value: String, prefix: String) -> String? {
        let parts = value.split(byte: ";").map { $0.trimmed }
        guard let pair = parts.first, let equals = pair.utf8.firstIndex(of: UInt8(ascii: "=")) else { return nil }
        // A browser sends a cookie without a name as its bare value, which may read like one of ours.
        let name = pair[..<equals].trimmed
        guard !name.isEmpty, !isPlatformCookie(name) else { return nil }
        let kept = parts.dropFirst().filter { part in
            let name = part.lowercased().utf8
            return !name.starts(with: "path".utf8) && !name.starts(with: "domain".utf8)
        }
        return ([pair, "Path=\(prefix)"] + kept).joined(separator: "; ")
    }

    /// Fields of an upgrade's answer that are not the notebook's to set.
    static func isForPlatformOnly(_ name: String) -> Bool {
        let name = name.lowercased()
        return name == "set-cookie" || reachingFurther.contains(name)
    }

    private static func notebookCookies(_ value: String) -> String {
        value.split(byte: ";").map { $0.trimmed }.filter { pair in
            !isPlatformCookie(String(Substring(pair.utf8.prefix { $0 != UInt8(ascii: "=") })).trimmed)
        }.joined(separator: "; ")
    }

    private static func isPlatformCookie(_ name: String) -> Bool {
        // Jupyter has an own `_xsrf`; ours are these, in any spelling that somebody could take for them.
        let name = name.lowercased()
        return name == Sessions.csrfCookieName.lowercased()
            || ["martlet_", "__host-", "__secure-"].contains { name.utf8.starts(with: $0.utf8) }
    }

    private static func connectionTokens(_ headers: HTTPHeaders) -> Set<String> {
        Set(headers[canonicalForm: "connection"].map { $0.lowercased() })
    }
}

extension StringProtocol {
    /// Without spaces and tabs at the ends. By bytes, as whoever reads a field after us: signs that combine with a separator,
    /// and are one `Character` with it, hide nothing.
    var trimmed: String {
        func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        var bytes = Substring(self).utf8.drop(while: isBlank)
        while let last = bytes.last, isBlank(last) { bytes.removeLast() }
        return String(Substring(bytes))
    }

    /// The parts between an ASCII sign, empty ones left out; by bytes, like ``trimmed``.
    func split(byte separator: Unicode.Scalar) -> [Substring] {
        Substring(self).utf8.split(separator: UInt8(ascii: separator)).map(Substring.init)
    }
}
