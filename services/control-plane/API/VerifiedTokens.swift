import Foundation
import Identity
import Synchronization

/// Tokens whose signature was found good, so that a client that sends one with every request costs one verification.
///
/// Only the signature is remembered: times, audiences and the objects that a token is bound to are checked each time.
final class VerifiedTokens: Sendable {
    private static let limit = 1024
    private let known = Mutex<[String: Claims]>([:])

    /// The claims of a token that was verified before and has not expired.
    func claims(of token: String, now: Date) -> Claims? {
        known.withLock { known in
            guard let claims = known[token] else { return nil }
            guard let end = claims.expiresAt, now < end else {
                known[token] = nil
                return nil
            }
            return claims
        }
    }

    /// Remembers a verified token; when there are many, all are forgotten and verified anew.
    func remember(_ claims: Claims, of token: String) {
        known.withLock { known in
            if known.count >= Self.limit { known.removeAll(keepingCapacity: true) }
            known[token] = claims
        }
    }
}
