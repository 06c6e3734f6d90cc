import HTTPKit
import NIOHTTP1
import WebClient

/// Host names for workspaces, each one label below a common suffix: what runs in a workspace then has an origin of its own, and
/// can neither ask the platform's API nor another workspace by what a browser sends by itself.
public struct WorkspaceHosts: Sendable, Equatable {
    /// Where browsers on this machine find all names below `localhost`; each of them is a site of its own there.
    static let local = WorkspaceHosts(suffix: "localhost")

    /// What follows the label and a dot.
    let suffix: String

    private init(suffix: String) { self.suffix = suffix }

    /// Reads `*.ws.example.org`; nil for anything else.
    public init?(wildcard: String) {
        guard wildcard.hasPrefix("*.") else { return nil }
        let suffix = wildcard.dropFirst(2).lowercased()
        guard HostName.isPlain(suffix) else { return nil }
        self.init(suffix: suffix)
    }

    var isLocal: Bool { self == .local }

    /// The label of a host, in small letters and without a port; nil for hosts that are no workspace's.
    func label(ofHost host: String) -> String? {
        guard host.utf8.count > suffix.utf8.count + 1, host.hasSuffix(suffix) else { return nil }
        let label = host.dropLast(suffix.count)
        guard label.last == "." else { return nil }
        let text = String(label.dropLast())
        return Workspace.isLabel(text) ? text : nil
    }

    /// The label of the host that a request was sent to; nil for the platform's own.
    func label(of request: HTTPRequest) -> String? {
        guard let host = request.headers.first(name: "host") else { return nil }
        return label(ofHost: RequestGuard.withoutPort(host).lowercased())
    }

    /// Whether browsers that send requests to the platform as this one was find these hosts.
    func serves(_ request: HTTPRequest) -> Bool {
        !isLocal || HostName.isLoopback(RequestGuard.withoutPort(request.headers.first(name: "host") ?? ""))
    }

    /// The host of a workspace.
    func host(of workspace: Workspace) -> String { "\(workspace.label).\(suffix)" }
}

extension GatewayConfiguration {
    /// Where workspaces have hosts of their own; nil where they are paths of the platform's.
    var workspaces: WorkspaceHosts? {
        switch signIn.workspaceHost {
        case "none": nil
        case let wildcard?: WorkspaceHosts(wildcard: wildcard)
        // Whoever comes by another name than this machine's comes from somewhere else, where `localhost` is another one.
        case nil: isLoopback && signIn.externalURL == nil ? .local : nil
        }
    }
}

/// Parts of `scheme://host:port` and of the `Host` field.
enum HostName {
    /// Signs of names, addresses and ports.
    static let signs = Set("abcdefghijklmnopqrstuvwxyz0123456789-.:[]".utf8)
    private static let loopback: Set<String> = ["localhost", "127.0.0.1", "[::1]"]

    /// True for what browsers find on their own machine: its names, and those below `localhost` (RFC 6761, 6.3).
    static func isLoopback(_ host: String) -> Bool {
        let host = host.lowercased()
        return loopback.contains(host) || isBelowLocalhost(host)
    }

    /// True for `NAME.localhost`, in small letters.
    static func isBelowLocalhost(_ host: String) -> Bool { host.hasSuffix(".localhost") && isPlain(host) }

    /// True for labels of small letters, digits and `-` with dots between them: with nothing that means more in an address.
    static func isPlain(_ host: some StringProtocol) -> Bool {
        host.utf8.count <= 253
            && host.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { label in
                !label.isEmpty
                    && label.allSatisfy { byte in
                        switch byte {
                        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                            UInt8(ascii: "-"):
                            true
                        default: false
                        }
                    }
            }
    }

    /// `:8080`, or nothing where there is none.
    static func port(_ authority: String) -> String {
        String(authority.dropFirst(RequestGuard.withoutPort(authority).count))
    }
}
