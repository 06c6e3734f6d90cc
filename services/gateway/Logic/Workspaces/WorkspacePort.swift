import Foundation
import HTTPKit
import Synchronization
import WebClient

/// A port of their own for workspaces that have no hosts of their own. The port is part of a page's origin, so browsers keep what
/// runs there from the platform; the workspaces among themselves share that origin. Cookies, though, know no ports: the session
/// that was begun at the platform is known there as well.
final class WorkspacePort: Sendable {
    /// By which of the server's listeners requests come there; see ``Peer/entrance``.
    static let entrance = 1

    /// What browsers call it, in small letters, where that is not the host that they asked for with the port that is listened at.
    let url: String?
    private let ports = Mutex((platform: 0, workspaces: 0))

    /// - Parameters:
    ///   - url: what browsers call it, where that is something else.
    ///   - platform: the platform's port as far as it is known before it listens; 0 for not.
    init(url: String? = nil, platform: Int = 0) {
        self.url = url?.lowercased()
        ports.withLock { $0.platform = platform }
    }

    /// Workspaces are answered at this port from now on.
    func listens(at port: Int) { ports.withLock { $0.workspaces = port } }

    /// The platform is answered at this port from now on.
    func platformListens(at port: Int) { ports.withLock { $0.platform = port } }

    /// The origin of workspaces for a browser that knows the platform by a host.
    func origin(host: String, isSecure: Bool) -> String {
        url ?? Self.origin(host, ports.withLock { $0.workspaces }, isSecure: isSecure)
    }

    /// The platform's origin for a browser that knows the workspaces by a host, at the port that is listened at unless the browser knows another
    /// one.
    func platform(host: String, port: Int?, isSecure: Bool) -> String {
        Self.origin(host, port ?? ports.withLock { $0.platform }, isSecure: isSecure)
    }

    /// Whether an address, of a page that asks the platform at a host, lies at this port.
    func covers(_ address: String, host: String) -> Bool {
        let own = (url.map(Self.authority) ?? "\(host):\(ports.withLock { $0.workspaces })").lowercased()
        return Self.authority(address).lowercased() == own
    }

    /// `host:port` out of `scheme://host:port/...`; empty for what is no such address.
    static func authority(_ url: String) -> String {
        guard let scheme = url.range(of: "://") else { return "" }
        return String(url[scheme.upperBound...].prefix { $0 != "/" && $0 != "?" && $0 != "#" })
    }

    private static func origin(_ host: String, _ port: Int, isSecure: Bool) -> String {
        let isUsual = port == (isSecure ? 443 : 80)
        return "\(isSecure ? "https" : "http")://\(host)" + (isUsual ? "" : ":\(port)")
    }
}

/// What is said about the port of workspaces.
public enum WorkspacePortChoice: Sendable, Equatable {
    /// Nothing: who runs the gateway decides.
    case unsaid
    /// Workspaces without hosts of their own share the platform's port, and so its origin.
    case shared
    /// This port; 0 takes a free one.
    case port(Int)

    /// Reads a port, or `none`; nil for anything else.
    public init?(_ text: String) {
        if text == "none" {
            self = .shared
        } else if let port = Int(text), (0...65_535).contains(port) {
            self = .port(port)
        } else {
            return nil
        }
    }
}

extension SignInSettings {
    /// Whether a gateway that only this machine reaches has no other way than a port to keep workspaces from the platform.
    public var needsWorkspacePortLocally: Bool {
        workspacePort == .unsaid && workspaceHost == "none" && externalURL == nil
    }

    /// What is wrong with the port, in one sentence.
    var portProblem: String? {
        guard let url = workspaceURL else { return nil }
        let wrong = "--workspace-url is the --external-url with another port, such as https://martlet.example.com:8443"
        guard let externalURL, let host = WebAddress.host(of: url), url.count(where: { $0 == "/" }) == 2,
            host.lowercased() == WebAddress.host(of: externalURL)?.lowercased(),
            url.hasPrefix("https://") == externalURL.hasPrefix("https://"),
            WorkspacePort.authority(url).lowercased() != WorkspacePort.authority(externalURL).lowercased()
        else { return wrong }
        guard case .port = workspacePort else { return "--workspace-url needs --workspace-port" }
        return nil
    }
}

extension GatewayConfiguration {
    /// The port at which workspaces are answered besides, 0 for a free one; nil for none.
    var workspacePort: Int? { if case .port(let port) = signIn.workspacePort { port } else { nil } }

    /// Whether browsers find some workspaces, or all, at the platform's own origin.
    var sharesOrigin: Bool {
        guard workspacePort == nil else { return false }
        return workspaces.map { $0.isLocal && !hosts.isEmpty } ?? true
    }
}

extension GatewayCore {
    /// Whether a request came to the port that has workspaces only.
    static func isAtWorkspacePort(_ request: HTTPRequest) -> Bool { request.peer.entrance == WorkspacePort.entrance }

    /// Whether workspaces are somewhere else for the browsers that ask the platform as a request did: below the platform's paths
    /// are programs only then.
    func hasWorkspacesElsewhere(_ request: HTTPRequest) -> Bool {
        guard !Self.isAtWorkspacePort(request), workspaceLabel(of: request) == nil else { return false }
        return workspacePort != nil || requestGuard.workspaces?.serves(request) ?? false
    }

    /// Where workspaces are for the browser that sent a request to the platform, as sources of a content security policy.
    func workspaceOrigins(_ request: HTTPRequest) -> [String] {
        let authority = WorkspacePort.authority(externalURL(of: request)).lowercased()
        let isSecure = isSecure(request)
        // The field may hold anything where no names were given.
        guard authority.utf8.allSatisfy({ HostName.signs.contains($0) }) else { return [] }
        var origins: [String] = []
        if let hosts = requestGuard.workspaces, hosts.serves(request) {
            origins.append("\(isSecure ? "https" : "http")://*.\(hosts.suffix)\(HostName.port(authority))")
        }
        if let workspacePort {
            origins.append(workspacePort.origin(host: RequestGuard.withoutPort(authority), isSecure: isSecure))
        }
        return origins
    }
}
