import Foundation
import Identity
import KubeModel
import Testing

@testable import Gateway

@Suite("Whom the gateway believes")
struct TrustTests {
    private let folder = FileManager.default.temporaryDirectory.appendingPathComponent("trust-\(UUID().uuidString)")
        .path

    @Test(
        "networks",
        arguments: [
            ("10.0.0.0/8", "10.1.2.3", true), ("10.0.0.0/8", "11.0.0.1", false), ("10.0.0.128/25", "10.0.0.127", false),
            ("10.0.0.128/25", "10.0.0.128", true), ("0.0.0.0/0", "1.2.3.4", true), ("0.0.0.0/0", "::1", false),
            ("2001:db8::/32", "2001:db8:1::1", true), ("2001:db8::/33", "2001:db8:8000::1", false),
            ("::1", "::1", true),
            ("127.0.0.1", "::ffff:127.0.0.1", true), ("::ffff:10.0.0.0/104", "10.9.9.9", true),
        ])
    func networks(network: String, address: String, isWithin: Bool) throws {
        let network = try #require(NetworkPrefix(network))
        #expect(network.contains(try #require(NetworkPrefix(address))) == isWithin)
    }

    @Test(
        "what is no network",
        arguments: ["", "10.0.0.0/33", "10.0.0/8", "10.0.0.0/", "10.0.0.0/-1", "::/129", "x", "10.0.0.0/8/8"])
    func noNetworks(text: String) { #expect(NetworkPrefix(text) == nil) }

    @Test("a sign-in that was begun is known again, by its browser only, and for a while")
    func attempts() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let sessions = try Sessions(stateDirectory: folder, lifetime: .seconds(100))
        let attempt = SignInAttempt(next: "/notebooks?ns=a")
        let cookie = attempt.setCookie(sessions, isSecure: true)
        let pair = try #require(cookie.split(separator: ";").first).split(separator: "=", maxSplits: 1).map(String.init)
        func again(_ state: String, _ value: String, now: Date = Date()) -> SignInAttempt? {
            SignInAttempt(
                state: state, cookie: { $0 == pair[0] ? value : nil }, isSecure: true, sessions: sessions, now: now)
        }
        #expect(again(attempt.state, pair[1]) == attempt)
        #expect(again(attempt.state, pair[1], now: Date() + 901) == nil)
        #expect(again(String(attempt.state.dropLast()) + "A", pair[1]) == nil || attempt.state.hasSuffix("A"))
        #expect(again(attempt.state, pair[1] + "A") == nil)
        #expect(SignInAttempt(state: attempt.state, cookie: { _ in nil }, isSecure: true, sessions: sessions) == nil)
        #expect(!cookie.contains(attempt.verifier(sessions)) && !cookie.contains(attempt.nonce(sessions)))
        let other = SignInAttempt(next: "/")
        #expect(other.verifier(sessions) != attempt.verifier(sessions))
    }

    @Test("claims become a user, or nobody")
    func claims() throws {
        var configuration = OIDCConfiguration(issuer: "https://idp", clientID: "c")
        configuration.groupPrefix = "g:"
        let rules = ProviderIdentity(configuration: configuration)
        #expect(
            try rules.identity(["email": "a@x", "groups": ["b", "", "b"]]) == UserIdentity(user: "a@x", groups: ["g:b"])
        )
        #expect(try rules.identity(["email": "a@x", "email_verified": "true"]).groups.isEmpty)
        for claims: JSON in [
            [:], ["email": ""], ["email": 7], ["sub": "a@x"], ["email": "a@x", "email_verified": false],
        ] {
            #expect(throws: ProviderError.self) { try rules.identity(claims) }
        }
        let audience = ["c"]
        for good: JSON in [["aud": "c"], ["aud": ["c"]], ["aud": ["c", "d"], "azp": "c"]] {
            #expect(throws: Never.self) { try rules.checkAudience(Claims(good), among: audience) }
        }
        for bad: JSON in [["aud": "d"], [:], ["aud": ["c", "d"]], ["aud": "c", "azp": "d"]] {
            #expect(throws: TokenError.wrongAudience) { try rules.checkAudience(Claims(bad), among: audience) }
        }
    }

    @Test("a token that is revoked while it is written stays revoked; groups are only taken away")
    func tokens() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let tokens = try APITokens(stateDirectory: folder)
        let made = try tokens.create(user: "anna", groups: ["a", "b"], name: "x", scopes: [.read], days: 1)
        #expect(try tokens.lastUse(of: made.token) == nil)
        #expect(try APITokens(stateDirectory: folder).verify(made.secret) == made.token)
        #expect(tokens.verify(made.secret, now: Date() + 86_401) == nil)
        #expect(try #require(try tokens.lastUse(of: made.token)) >= made.token.created)
        // The note is found by the token's id, without a look through the folder.
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder + "/api-tokens-used") == [made.token.id])
        try tokens.narrow(user: "anna", to: ["b", "c"])
        #expect(tokens.verify(made.secret)?.groups == ["b"])
        #expect(try tokens.revoke(made.token.id))
        try tokens.narrow(user: "anna", to: [])
        #expect(tokens.verify(made.secret) == nil)
        #expect(try tokens.all().isEmpty)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/api-tokens-used").isEmpty)
        #expect(!made.token.allows(.write) && made.token.allows(.read))
    }
}
