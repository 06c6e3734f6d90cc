import Foundation
import HTTPKit
import Identity
import KubeModel
import NIOHTTP1
import WebClient

/// Refuses requests that a foreign page, a foreign name for this address, or a notebook's page could have caused.
struct RequestGuard: Sendable {
    /// Host names that are accepted; nil accepts all.
    private let hosts: Set<String>?
    /// What browsers call us where a proxy calls us something else.
    private let externalOrigin: String?
    /// Where workspaces have hosts of their own.
    let workspaces: WorkspaceHosts?
    /// Where workspaces have a port of their own.
    private let port: WorkspacePort?
    /// Under which name browsers find the platform when they do not say it.
    let usualName: String

    init(_ configuration: GatewayConfiguration, port: WorkspacePort? = nil) {
        self.port = port
        externalOrigin = configuration.signIn.externalURL?.lowercased()
        workspaces = configuration.workspaces
        usualName = configuration.hosts.first?.lowercased() ?? "127.0.0.1"
        if configuration.isLoopback || !configuration.hosts.isEmpty {
            let local = ["localhost", "127.0.0.1", "[::1]"]
            let external = configuration.signIn.externalURL.flatMap(WebAddress.host).map { [$0] } ?? []
            hosts = Set(
                configuration.hosts.map { $0.lowercased() } + external + (configuration.isLoopback ? local : []))
        } else {
            hosts = nil
        }
    }

    /// A name that somebody else made point here (DNS rebinding) is not answered.
    func checkHost(_ request: HTTPRequest) throws {
        let host = Self.withoutPort(request.headers.first(name: "host") ?? "").lowercased()
        let isWorkspaces = workspaces?.label(ofHost: host) != nil && !GatewayCore.isAtWorkspacePort(request)
        guard isPlatform(host) || isWorkspaces else {
            throw APIError(
                .badRequest, "the gateway is not known as '\(host)'; start it with --hosts to allow that name",
                code: 421)
        }
    }

    /// True for a name of the platform's own, without a port.
    func isPlatform(_ host: String) -> Bool {
        guard workspaces?.label(ofHost: host) == nil else { return false }
        guard let hosts else { return true }
        return hosts.contains(host) || (HostName.isBelowLocalhost(host) && hosts.contains("localhost"))
    }

    /// Requests to the host of a workspace come from its own pages, or are of a person who opens it in a tab.
    func checkOwnOrigin(_ request: HTTPRequest) throws {
        if let site = request.headers.first(name: "sec-fetch-site"), site != "same-origin", site != "none" {
            guard request.headers.first(name: "sec-fetch-mode") == "navigate",
                ["GET", "HEAD"].contains(request.method),
                request.headers.first(name: "sec-fetch-dest") == "document"
            else { throw APIError(.forbidden, "requests from other origins are not accepted") }
        }
        // By its cookie alone a request that does something would be anybody's: it has to say where it comes from.
        let needsOrigin =
            request.headers.contains(name: "upgrade") || !["GET", "HEAD", "OPTIONS"].contains(request.method)
        guard
            !needsOrigin || request.headers.contains(name: "origin") || request.headers.contains(name: "authorization")
        else { throw APIError(.forbidden, "the request does not say where it comes from") }
        try checkOriginHeader(request)
    }

    /// Requests to the platform's own API must come from its own page (or from no browser at all).
    func checkOrigin(_ request: HTTPRequest) throws {
        if let site = request.headers.first(name: "sec-fetch-site"), site != "same-origin", site != "none" {
            throw APIError(.forbidden, "requests from other sites are not accepted")
        }
        try checkOriginHeader(request)
        guard let referer = request.headers.first(name: "referer") else { return }
        let host = Self.withoutPort(request.headers.first(name: "host") ?? "")
        if Workspace.Kind.covers(Self.path(ofURL: referer)) || port?.covers(referer, host: host) ?? false {
            throw APIError(.forbidden, "a workspace's page may not use the platform's API")
        }
    }

    /// A WebSocket handshake is sent with cookies by any page, so its origin must be ours.
    func checkOriginHeader(_ request: HTTPRequest) throws {
        guard let origin = request.headers.first(name: "origin") else { return }
        let host = request.headers.first(name: "host") ?? ""
        let scheme = request.peer.isTLS ? "https" : "http"
        let isAtPort = GatewayCore.isAtWorkspacePort(request)
        if isAtPort, let own = port?.url {
            // What a proxy in front makes of the host may be the same at both ports.
            guard origin.lowercased() == own else {
                throw APIError(.forbidden, "requests from \(origin) are not accepted")
            }
            return
        }
        let isPlatforms = origin.lowercased() == externalOrigin && !isAtPort && workspaces?.label(of: request) == nil
        guard
            origin.lowercased() == "\(scheme)://\(host)".lowercased() || isPlatforms
                || (!request.peer.isTLS && origin.lowercased() == "https://\(host)".lowercased())  // TLS ends before us
        else { throw APIError(.forbidden, "requests from \(origin) are not accepted") }
    }

    /// Requests that change something and are believed for what a browser sends by itself carry a token in cookie and header.
    func checkCSRF(_ request: HTTPRequest, token: String) throws {
        switch request.method {
        case "GET", "HEAD", "OPTIONS", "TRACE": return
        default: break
        }
        let cookies = request.cookies(Sessions.csrfCookieName)
        guard !cookies.isEmpty else {
            throw APIError(.forbidden, "Could not find CSRF cookie XSRF-TOKEN in the request.")
        }
        guard let header = request.headers.first(name: "x-xsrf-token") else {
            throw APIError(.forbidden, "Could not detect CSRF protection header X-XSRF-TOKEN.")
        }
        let expected = Array(token.utf8)
        // One that somebody has set besides proves nothing, and changes nothing.
        guard Secrets.areEqual(Array(header.utf8), expected),
            cookies.contains(where: { Secrets.areEqual(Array($0.utf8), expected) })
        else {
            throw APIError(.forbidden, "CSRF check failed. Reload the page and try again.")
        }
    }

    static func withoutPort(_ host: String) -> String {
        if host.hasPrefix("[") { return host.firstIndex(of: "]").map { String(host[...$0]) } ?? host }
        return String(host.prefix { $0 != ":" })
    }

    private static func path(ofURL url: String) -> String {
        guard let scheme = url.range(of: "://") else { return url }
        let rest = url[scheme.upperBound...]
        return rest.firstIndex(of: "/").map { String(rest[$0...]) } ?? "/"
    }
}
