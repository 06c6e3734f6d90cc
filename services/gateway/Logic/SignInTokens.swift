public import Foundation
import Identity
import KubeModel

/// One-time tokens that sign a person in by a link, as Jupyter prints one.
///
/// Each is a file named by the token's digest, so that whoever reads the folder cannot sign in with what is there, and
/// removing the file is what uses the token up: once only, whichever process redeems it, also after a restart.
public struct SignInTokens: Sendable {
    /// How long a link works.
    public static let lifetime: TimeInterval = 15 * 60

    private let folder: PrivateFolder

    /// Tokens below the gateway's state directory.
    public init(stateDirectory: String) throws { folder = try PrivateFolder(stateDirectory + "/sign-in") }

    /// Makes a token for a user; expired ones are cleared away.
    public func issue(user: String, groups: [String] = [], now: Date = Date()) throws -> String {
        try clear(now: now)
        let token = Base64URL.encode(Secrets.random(32))
        let record: JSON = [
            "user": .string(user), "groups": .array(groups.map(JSON.string)),
            "expires": .int(Int64(now.timeIntervalSince1970 + Self.lifetime)),
        ]
        try folder.write(Self.name(token), record.bytes)
        return token
    }

    /// Uses a token up; nil when it does not exist, has expired or was used.
    func redeem(_ token: String, now: Date = Date()) throws -> UserIdentity? {
        guard (1...128).contains(token.utf8.count) else { return nil }
        let name = Self.name(token)
        guard let bytes = try folder.read(name), folder.remove(name), let record = try? JSON(parsing: bytes),
            let user = record["user"]?.string, let expires = record["expires"]?.int,
            Int64(now.timeIntervalSince1970) < expires
        else { return nil }
        return UserIdentity(user: user, groups: record["groups"]?.array?.compactMap(\.string) ?? [])
    }

    private func clear(now: Date) throws {
        for name in try folder.names() {
            guard let bytes = try? folder.read(name), let record = try? JSON(parsing: bytes),
                let expires = record["expires"]?.int, expires < Int64(now.timeIntervalSince1970)
            else { continue }
            _ = folder.remove(name)
        }
    }

    private static func name(_ token: String) -> String {
        Secrets.digest(token.utf8).map { $0 < 16 ? "0" + String($0, radix: 16) : String($0, radix: 16) }.joined()
    }
}
