import Foundation
import KubeClient
import KubeModel
import TestSupport
import Testing

@testable import Gateway

@Suite("Signing in", .timeLimit(.minutes(5)))
struct SignInTests {
    private let folder = FileManager.default.temporaryDirectory.appendingPathComponent("sign-in-\(UUID().uuidString)")
        .path

    @Test("a token works once, also after a restart, and not after 15 minutes")
    func tokens() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let tokens = try SignInTokens(stateDirectory: folder)
        let token = try tokens.issue(user: "anna", groups: ["g"])
        let restarted = try SignInTokens(stateDirectory: folder)
        #expect(try restarted.redeem(token) == UserIdentity(user: "anna", groups: ["g"]))
        #expect(try tokens.redeem(token) == nil)
        #expect(try tokens.redeem("") == nil)
        #expect(try tokens.redeem("../../etc/passwd") == nil)
        let old = try tokens.issue(user: "anna", now: Date() - 901)
        #expect(try tokens.redeem(old) == nil)
        let stored = try FileManager.default.contentsOfDirectory(atPath: folder + "/sign-in")
        #expect(!stored.contains(token))
    }

    @Test("sessions outlive a restart; other keys, changes, time and signing out end them")
    func sessions() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let sessions = try Sessions(stateDirectory: folder, lifetime: .seconds(100))
        let cookie = sessions.cookie(try sessions.begin(UserIdentity(user: "anna", groups: ["g"]), method: .link))
        let restarted = try Sessions(stateDirectory: folder, lifetime: .seconds(100))
        let session = try #require(restarted.verify(cookie))
        #expect(session.identity == UserIdentity(user: "anna", groups: ["g"]))
        #expect(sessions.csrfToken(session) == restarted.csrfToken(session))
        #expect(restarted.verify(cookie, now: Date() + 101) == nil)
        #expect(restarted.verify(cookie + "x") == nil)
        #expect(restarted.verify(String(cookie.dropLast())) == nil)
        for (from, to) in [("A", "B"), ("a", "b"), ("0", "1")] where cookie.dropFirst(3).contains(from) {
            #expect(restarted.verify("v2." + cookie.dropFirst(3).replacing(from, with: to)) == nil)
        }
        #expect(try Sessions(stateDirectory: folder + "/other", lifetime: .seconds(100)).verify(cookie) == nil)
        let renewed = try restarted.renew(session, now: Date() + 50)
        #expect(restarted.verify(restarted.cookie(renewed), now: Date() + 120)?.id == session.id)
        #expect(restarted.end(session.id))
        #expect(restarted.verify(cookie) == nil)
        #expect(restarted.verify(restarted.cookie(renewed)) == nil)
        #expect(try Sessions(stateDirectory: folder, lifetime: .seconds(100)).verify(cookie) == nil)
        #expect(try restarted.change(renewed.id) { $0.agent = "late" } == nil)  // does not bring it back
        #expect(restarted.verify(cookie) == nil)
        let mode = try FileManager.default.attributesOfItem(atPath: folder + "/session.key")[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }

    @Test("renewing a session that somebody else has changed meanwhile keeps the change")
    func renewal() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let sessions = try Sessions(stateDirectory: folder, lifetime: .seconds(100))
        let tokens = ProviderTokens(subject: "1", idToken: "a", refreshToken: "first", refreshAt: .distantPast)
        let old = try sessions.begin(UserIdentity(user: "anna", groups: []), method: .provider, provider: tokens)
        #expect(sessions.session(old.id)?.provider?.refreshToken == "first")
        try sessions.change(old.id) { $0.provider?.refreshToken = "second" }
        #expect(sessions.session(old.id)?.provider?.refreshToken == "second")
        let renewed = try sessions.renew(old, now: Date() + 50)
        #expect(renewed.provider?.refreshToken == "second" && renewed.expiresAt > old.expiresAt)
        #expect(sessions.stored(old.id) == renewed)
    }

    @Test("a token that does not hold is not made up for by a cookie, and counts once")
    func brought() async throws {
        try await withGateway { gateway in
            try await addNotebook("lab", port: nil, to: gateway.cluster)
            let (cookie, _) = try await gateway.signIn("anna")
            let target = "/notebook/ns/lab/"
            #expect(!(try await gateway.ask("GET", target, cookie: cookie).head.hasPrefix("HTTP/1.1 401 ")))
            let bad = "authorization: Bearer x\r\n"
            #expect(try await gateway.ask("GET", target, cookie: cookie, headers: bad).head.hasPrefix("HTTP/1.1 401 "))
            #expect(try await gateway.ask("GET", "/api/me", headers: bad).head.hasPrefix("HTTP/1.1 401 "))
            let metrics = try await gateway.ask("GET", "/metrics").body
            let refused = metrics.split(separator: "\n").filter {
                $0.hasPrefix("gateway_sign_ins_total{") && $0.contains("\"refused\"")
            }
            #expect(refused.count == 1 && refused[0].hasSuffix(" 2"), "\(refused)")
        }
    }

    @Test("the link signs in, once; the page needs it; the API says who it is")
    func browser() async throws {
        try await withGateway { gateway in
            #expect(try await gateway.ask("GET", "/").head.hasPrefix("HTTP/1.1 401 "))
            #expect(try await gateway.ask("GET", "/api/me").head.hasPrefix("HTTP/1.1 401 "))
            let token = try gateway.tokens.issue(user: "anna")
            #expect(try await gateway.ask("HEAD", "/login?token=\(token)").head.hasPrefix("HTTP/1.1 204 "))
            #expect(try await gateway.ask("GET", "/login?token=\(token)").head.hasPrefix("HTTP/1.1 303 "))
            let again = try await gateway.ask("GET", "/login?token=\(token)")
            #expect(again.head.hasPrefix("HTTP/1.1 401 "))
            #expect(again.body.contains("A link works once"))

            let (cookie, csrf) = try await gateway.signIn("anna")
            let page = try await gateway.ask("GET", "/notebooks?ns=a", cookie: cookie)
            #expect(page.body.contains("<title>page</title>"))
            #expect(page.head.contains("content-security-policy: default-src 'self'"))
            let me = try JSON(parsing: try await gateway.ask("GET", "/api/me", cookie: cookie).body)
            #expect(me["user"] == "anna")
            #expect(try await gateway.ask("POST", "/logout", cookie: cookie).head.hasPrefix("HTTP/1.1 403 "))
            let out = try await gateway.ask("POST", "/logout", cookie: cookie, headers: "x-xsrf-token: \(csrf)\r\n")
            #expect(out.head.hasPrefix("HTTP/1.1 204 "))
            #expect(try await gateway.ask("GET", "/api/me", cookie: cookie).head.hasPrefix("HTTP/1.1 401 "))
        }
    }

    @Test("identity headers and foreign pages get nowhere")
    func outside() async throws {
        try await withGateway { gateway in
            let anna = "kubeflow-userid: anna\r\nKubeflow_Userid: anna\r\nimpersonate-user: anna\r\n"
            #expect(try await gateway.ask("GET", "/api/me", headers: anna).head.hasPrefix("HTTP/1.1 401 "))
            let (cookie, csrf) = try await gateway.signIn("anna")
            #expect(
                try await gateway.ask("GET", "/", cookie: cookie, host: "evil.example").head.hasPrefix("HTTP/1.1 421 "))
            for refused in [
                "origin: http://evil.example\r\n", "sec-fetch-site: cross-site\r\n", "sec-fetch-site: same-site\r\n",
                "origin: null\r\n", "referer: http://localhost/notebook/ns/lab/lab\r\n",
            ] {
                let answer = try await gateway.ask("GET", "/api/me", cookie: cookie, headers: refused)
                #expect(answer.head.hasPrefix("HTTP/1.1 403 "), "\(refused)")
            }
            let form = "content-type: application/json\r\n"
            let target = "/jupyter/api/namespaces/ns/notebooks/lab"
            for header in ["", "x-xsrf-token: wrong\r\n"] {
                let answer = try await gateway.ask(
                    "PATCH", target, cookie: cookie, headers: form + header, body: #"{"stopped":true}"#)
                #expect(answer.head.hasPrefix("HTTP/1.1 403 "))
            }
            try await addNotebook("lab", port: nil, to: gateway.cluster)
            let answer = try await gateway.ask(
                "PATCH", target, cookie: cookie, headers: form + "x-xsrf-token: \(csrf)\r\n", body: #"{"stopped":true}"#
            )
            #expect(answer.head.hasPrefix("HTTP/1.1 200 "))
            let write = try #require(gateway.cluster.requests.last { $0.method == "PATCH" })
            #expect(write.headers.contains { $0.name == "Impersonate-User" && $0.value == "anna" })
        }
    }

    @Test("files are served compressed, remembered, and only from below the folder")
    func files() async throws {
        try await withGateway { gateway in
            let squeezed = try await gateway.ask("GET", "/assets/a.js", headers: "accept-encoding: gzip, br\r\n")
            #expect(squeezed.body == "squeezed")
            #expect(squeezed.head.contains("immutable"))
            let plain = try await gateway.ask("GET", "/assets/a.js")
            #expect(plain.body == "let plain")
            let etag = try #require(plain.head.split(separator: "\r\n").first { $0.hasPrefix("etag: ") }).dropFirst(6)
            let known = try await gateway.ask("GET", "/assets/a.js", headers: "if-none-match: \(etag)\r\n")
            #expect(known.head.hasPrefix("HTTP/1.1 304 "))
            for path in [
                "/assets/../../state/session.key", "/assets/%2e%2e/%2e%2e/state/session.key", "/assets/a.js.br",
                "/assets/b.js",
            ] {
                #expect(try await gateway.ask("GET", path).head.hasPrefix("HTTP/1.1 404 "), "\(path)")
            }
        }
    }
}
