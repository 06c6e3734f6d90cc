import Dispatch
import HTTPKit
import Identity
import KubeModel
import Synchronization

/// Finds out whether a password is right, one at a time and off the event loops, in the same time for anybody.
final class PasswordCheck: Sendable {
    private static let longestQueue = 32

    private let users: LocalUsers
    private let queue = DispatchQueue(label: "martlet.passwords", qos: .userInitiated)
    private let waiting = Atomic(0)
    /// What the password of somebody unknown is compared with.
    private let nobody = PasswordHash(
        text: "$scrypt$ln=15,r=8,p=3$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")

    init(users: LocalUsers) { self.users = users }

    /// Who has that name and password; nil for nobody.
    ///
    /// - Throws: ``APIError`` `serviceUnavailable` when too many are waiting.
    func user(_ name: String, password: String) async throws -> UserIdentity? {
        guard waiting.add(1, ordering: .relaxed).newValue <= Self.longestQueue else {
            waiting.subtract(1, ordering: .relaxed)
            throw APIError(.serviceUnavailable, "too many people are signing in just now", retryAfterSeconds: 5)
        }
        defer { waiting.subtract(1, ordering: .relaxed) }
        return try await withCheckedThrowingContinuation { continuation in
            queue.async { [users, nobody] in
                continuation.resume(
                    with: Result {
                        let found = try users.find(name)
                        let isRight = (found?.hash ?? nobody)?.matches(LocalUsers.normalized(password)) ?? false
                        guard isRight, let user = found?.user else { return nil }
                        return UserIdentity(user: user.name, groups: user.groups)
                    })
            }
        }
    }
}
