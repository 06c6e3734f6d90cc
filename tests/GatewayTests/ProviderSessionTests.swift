import Foundation
import Logging
import TestSupport
import Testing

@testable import Gateway

@Suite("Sessions of a provider")
struct ProviderSessionTests {
    private let folder: TemporaryFolder
    private let sessions: Sessions
    /// Nobody listens there.
    private let provider = OpenIDProvider(
        OIDCConfiguration(issuer: "http://127.0.0.1:1", clientID: "c"), logger: Logger(label: "test"))

    init() throws {
        folder = try TemporaryFolder()
        sessions = try Sessions(stateDirectory: folder.path, lifetime: .seconds(10_000))
    }

    private func begin() throws -> Session {
        let tokens = ProviderTokens(subject: "1", idToken: "a", refreshToken: "first", refreshAt: Date() - 1)
        return try sessions.begin(UserIdentity(user: "anna", groups: ["before"]), method: .provider, provider: tokens)
    }

    @Test("who still remembers the old tokens gets the new ones, and nothing is asked with the old")
    func stale() async throws {
        let old = try begin()
        let remembering = try Sessions(stateDirectory: folder.path, lifetime: .seconds(10_000))
        #expect(remembering.session(old.id)?.provider?.refreshToken == "first")
        let renewed = try sessions.change(old.id) { session in
            session.identity = UserIdentity(user: "anna", groups: ["after"])
            session.provider?.refreshToken = "second"
            session.provider?.refreshAt = (Date() + 500).inWholeSeconds
        }
        let current = await ProviderSessions(
            provider: provider, sessions: remembering, logger: Logger(label: "test")
        ).current(old)
        #expect(current == renewed && current?.identity.groups == ["after"])
    }

    @Test("a session outlives a provider that is away for an hour, not longer")
    func away() async throws {
        let session = try begin()
        let following = ProviderSessions(provider: provider, sessions: sessions, logger: Logger(label: "test"))
        let now = Date()
        for seconds in [0, 10, 3500] {
            #expect(await following.current(session, now: now + Double(seconds))?.id == session.id, "\(seconds)")
        }
        #expect(await following.current(session, now: now + 3601) == nil)
    }
}
