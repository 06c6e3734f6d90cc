import Foundation
import KubeModel
import Logging

/// Keeps sessions that a provider began as the provider has them: asks again before its tokens end, takes over who the user is
/// now, and ends the session when the provider has ended it.
actor ProviderSessions {
    /// How long a session goes on while the provider does not answer.
    private static let grace: TimeInterval = 3600
    private static let pause: TimeInterval = 30

    private let provider: OpenIDProvider
    private let sessions: Sessions
    private let logger: Logger
    private var asking: [String: Task<Session?, Never>] = [:]
    /// Since when the provider has not answered for a session, and when to ask again.
    private var failing: [String: (since: Date, next: Date)] = [:]

    init(provider: OpenIDProvider, sessions: Sessions, logger: Logger) {
        (self.provider, self.sessions, self.logger) = (provider, sessions, logger)
    }

    /// The session as it is now; nil when it has ended, or cannot be believed any longer.
    func current(_ session: Session, now: Date = Date()) async -> Session? {
        guard let tokens = session.provider, tokens.refreshToken != nil, tokens.refreshAt <= now else { return session }
        if let failure = failing[session.id], now < failure.next {
            return now.timeIntervalSince(failure.since) < Self.grace ? session : nil
        }
        // A refresh token may work only once, so all requests of a session wait for one exchange; it must not end with
        // the request that came first.
        let task = asking[session.id] ?? Task { await self.refreshed(session, now: now) }
        asking[session.id] = task
        let current = await task.value
        // Others who waited may go on later, when there is a new exchange.
        if asking[session.id] == task { asking[session.id] = nil }
        return current
    }

    private func refreshed(_ old: Session, now: Date) async -> Session? {
        // Somebody else's exchange may have been quicker: a token that was used up must not be sent again.
        guard let session = sessions.stored(old.id, now: now), let tokens = session.provider else { return nil }
        guard tokens.refreshAt <= now else { return session }
        do {
            let grant = try await provider.refresh(tokens, identity: session.identity)
            guard grant.identity.user == session.identity.user else {
                return end(session, "the provider knows the user under another name now")
            }
            let renewed = try sessions.change(session.id, now: now) { session in
                (session.identity, session.provider) = (grant.identity, grant.tokens)
            }
            if let renewed, let reason = grant.isMissing { return unanswered(renewed, reason, now: now) }
            failing[session.id] = nil
            return renewed
        } catch ProviderError.unavailable(let reason), ProviderError.misconfigured(let reason) {
            return unanswered(session, reason, now: now)
        } catch {
            return end(session, "\(error)")
        }
    }

    /// Goes on with what is known, for a while.
    private func unanswered(_ session: Session, _ reason: String, now: Date) -> Session? {
        let since = failing[session.id]?.since ?? now
        if failing.count > 20_000 { failing.removeAll() }
        failing[session.id] = (since, now + Self.pause)
        logger.warning("a session cannot be refreshed", metadata: ["error": "\(reason)"])
        return now.timeIntervalSince(since) < Self.grace ? session : nil
    }

    private func end(_ session: Session, _ reason: String) -> Session? {
        failing[session.id] = nil
        sessions.end(session.id)
        logger.notice(
            "session ended by the provider",
            metadata: ["user": "\(session.identity.user)", "reason": "\(reason)"])
        return nil
    }
}
