import Foundation
import HTTPKit
import NIOHTTP1
import NIOPosix
import Testing

@testable import Gateway

@Suite("A port of their own for workspaces")
struct WorkspacePortTests {
    private func request(_ headers: HTTPHeaders, isSecure: Bool = false, entrance: Int = 0) -> HTTPRequest {
        HTTPRequest(
            method: "GET", target: "/", headers: headers,
            peer: Peer(address: "127.0.0.1", isTLS: isSecure, entrance: entrance),
            eventLoop: MultiThreadedEventLoopGroup.singleton.any())
    }

    @Test(
        "what is said about it",
        arguments: [
            ("8081", WorkspacePortChoice.port(8081)), ("0", .port(0)), ("65535", .port(65_535)), ("none", .shared),
            ("65536", nil), ("-1", nil), ("", nil), ("x", nil), ("None", nil),
        ] as [(String, WorkspacePortChoice?)])
    func choices(text: String, choice: WorkspacePortChoice?) { #expect(WorkspacePortChoice(text) == choice) }

    @Test("origins name the host that the browser asked for, and ports that are not usual")
    func origins() {
        let port = WorkspacePort(platform: 443)
        port.listens(at: 8081)
        #expect(port.origin(host: "a.example", isSecure: true) == "https://a.example:8081")
        #expect(port.origin(host: "[::1]", isSecure: false) == "http://[::1]:8081")
        #expect(port.platform(host: "a.example", port: nil, isSecure: true) == "https://a.example")
        #expect(port.platform(host: "a.example", port: 8443, isSecure: true) == "https://a.example:8443")
        port.platformListens(at: 8080)
        #expect(port.platform(host: "a.example", port: nil, isSecure: false) == "http://a.example:8080")
        let named = WorkspacePort(url: "https://A.example:8443")
        named.listens(at: 8081)
        #expect(named.origin(host: "b.example", isSecure: false) == "https://a.example:8443")
    }

    @Test(
        "addresses that lie at it",
        arguments: [
            ("http://a.example:8081/", true), ("http://A.example:8081", true), ("http://a.example:8081?x", true),
            ("http://a.example:8080/", false), ("http://a.example/:8081", false), ("http://b.example:8081/", false),
            ("http://a.example:80812/", false), ("a.example:8081", false), ("", false),
        ])
    func coverage(address: String, isCovered: Bool) {
        let port = WorkspacePort()
        port.listens(at: 8081)
        #expect(port.covers(address, host: "a.example") == isCovered)
    }

    @Test("workspaces share the platform's origin only where nothing else is said or possible")
    func sharing() {
        func shares(
            host: String? = nil, port: WorkspacePortChoice = .unsaid, hosts: [String] = [], external: String? = nil
        ) -> Bool {
            var configuration = GatewayConfiguration(stateDirectory: "", spawnerConfigPath: "", hosts: hosts)
            configuration.signIn.workspaceHost = host
            configuration.signIn.workspacePort = port
            configuration.signIn.externalURL = external
            return configuration.sharesOrigin
        }
        #expect(!shares())
        #expect(shares(host: "none"))
        #expect(shares(host: "none", port: .shared))
        #expect(!shares(host: "none", port: .port(0)))
        #expect(shares(external: "https://a.example"))
        #expect(!shares(host: "*.ws.example", external: "https://a.example"))
        #expect(shares(hosts: ["laptop"]))
        #expect(!shares(port: .port(0), hosts: ["laptop"]))
    }

    @Test("on one machine it is wanted where hosts are not, unless it is not")
    func locally() {
        var settings = SignInSettings()
        #expect(!settings.needsWorkspacePortLocally)
        settings.workspaceHost = "none"
        #expect(settings.needsWorkspacePortLocally)
        settings.workspacePort = .shared
        #expect(!settings.needsWorkspacePortLocally)
        settings.workspacePort = .unsaid
        settings.externalURL = "https://a.example"
        #expect(!settings.needsWorkspacePortLocally)
    }

    @Test("the port's guard takes its own origin only, and the platform's none of the port's")
    func origin() throws {
        let port = WorkspacePort()
        port.listens(at: 8081)
        let configuration = GatewayConfiguration(stateDirectory: "", spawnerConfigPath: "")
        let one = RequestGuard(configuration, port: port)
        func isTaken(_ origin: String, host: String, entrance: Int) -> Bool {
            (try? one.checkOriginHeader(request(["host": host, "origin": origin], entrance: entrance))) != nil
        }
        #expect(isTaken("http://localhost:8081", host: "localhost:8081", entrance: 1))
        #expect(!isTaken("http://localhost:8080", host: "localhost:8081", entrance: 1))
        #expect(isTaken("http://localhost:8080", host: "localhost:8080", entrance: 0))
        #expect(!isTaken("http://localhost:8081", host: "localhost:8080", entrance: 0))
        let label = "lab-team-a-abcdefghij234567abcd.localhost"
        try one.checkHost(request(["host": label]))
        #expect(throws: (any Error).self) { try one.checkHost(request(["host": label], entrance: 1)) }
    }

    @Test("of several sessions in one request none counts; of several cookies the one that nobody else can set")
    func cookies() throws {
        let folder = FileManager.default.temporaryDirectory.path + "/port-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let sessions = try Sessions(stateDirectory: folder, lifetime: .seconds(100))
        let (anna, berta) = try (
            sessions.begin(UserIdentity(user: "anna", groups: []), method: .link),
            sessions.begin(UserIdentity(user: "berta", groups: []), method: .link)
        )
        let (plain, host) = ("martlet_session", Sessions.cookieName(isSecure: true))
        #expect(host.hasPrefix("__Host-") && Sessions.cookieName(isSecure: false) == plain)
        func who(_ cookies: [(String, String)], isSecure: Bool) -> String? {
            let line = cookies.map { "\($0)=\($1)" }.joined(separator: "; ")
            return sessions.session(of: request(["cookie": line]), isSecure: isSecure)?.identity.user
        }
        let (old, oldOther) = (sessions.cookie(anna), sessions.cookie(berta))
        let (new, newOther) = (sessions.cookie(anna, isSecure: true), sessions.cookie(berta, isSecure: true))
        #expect(who([(plain, old)], isSecure: false) == "anna")
        #expect(who([(plain, "x"), (plain, old)], isSecure: false) == "anna")
        #expect(who([(plain, oldOther), (plain, old)], isSecure: false) == nil)
        #expect(who([(plain, old), (plain, oldOther)], isSecure: false) == nil)
        #expect(who([(plain, new)], isSecure: false) == nil)
        #expect(who([(plain, old)], isSecure: true) == "anna")
        #expect(who([(plain, newOther)], isSecure: true) == nil)
        #expect(who([(plain, oldOther), (host, new)], isSecure: true) == "anna")
        #expect(who([(host, new), (host, newOther)], isSecure: true) == nil)
        #expect(who([(host, old)], isSecure: true) == nil)
        #expect(who([(host, "x"), (plain, old)], isSecure: true) == nil)
        #expect(who([(host, new)], isSecure: false) == nil)
    }
}
