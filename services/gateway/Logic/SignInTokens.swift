public import Foundation
import KubeModel

/// One-time tokens that sign a person in by a link, as Jupyter prints one.
public struct SignInTokens: Sendable {
    /// How long a link works.
    public static let lifetime: TimeInterval = 15 * 60

    private let codes: OneTimeCodes

    /// Tokens below the gateway's state directory.
    public init(stateDirectory: String) throws {
        codes = OneTimeCodes(folder: try PrivateFolder(stateDirectory + "/sign-in"), lifetime: Self.lifetime)
    }

    /// Makes a token for a user; expired ones are cleared away.
    public func issue(user: String, groups: [String] = [], now: Date = Date()) throws -> String {
        try codes.issue(["user": .string(user), "groups": .array(groups.map(JSON.string))], now: now)
    }

    /// Uses a token up; nil when it does not exist, has expired or was used.
    func redeem(_ token: String, now: Date = Date()) throws -> UserIdentity? {
        guard let record = try codes.redeem(token, now: now), let user = record["user"]?.string else { return nil }
        return UserIdentity(user: user, groups: record["groups"]?.array?.compactMap(\.string) ?? [])
    }
}
