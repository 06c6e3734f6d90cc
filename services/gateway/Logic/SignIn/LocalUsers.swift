public import Foundation
import Identity
import KubeModel

/// People with a password of the gateway's own: a file each below the state directory, with a scrypt hash.
public struct LocalUsers: Sendable {
    /// One of them.
    public struct User: Sendable, Equatable {
        /// Name, as RBAC knows it.
        public let name: String
        /// Groups, as RBAC knows them.
        public let groups: [String]
        /// When the user was added, or got the last password.
        public let changedAt: Date
    }

    /// What speaks against adding a user, in one sentence.
    public struct Refusal: Error, Equatable, Sendable, CustomStringConvertible {
        /// The sentence.
        public let description: String
    }

    private let folder: PrivateFolder

    /// Users below the gateway's state directory.
    public init(stateDirectory: String) throws { folder = try PrivateFolder(stateDirectory + "/users") }

    /// Adds a user, or gives one another password and groups.
    ///
    /// - Throws: ``Refusal`` for a name, group or password that cannot be used.
    public func set(_ name: String, groups: [String], password: String, now: Date = Date()) throws {
        if let problem = IdentityRules.problem(user: name) { throw Refusal(description: problem) }
        for group in groups {
            if let problem = IdentityRules.problem(group: group) { throw Refusal(description: problem) }
        }
        let password = Self.normalized(password)
        guard PasswordHash.lengths.contains(password.utf8.count) else {
            throw Refusal(description: "a password has at least 8 characters, and at most 1024 bytes")
        }
        guard let hash = PasswordHash(password: password) else {
            throw Refusal(description: "there is not enough memory to hash a password")
        }
        if let existing = try find(name)?.user, existing.name != name {
            throw Refusal(description: "there is a user \(existing.name), which differs in capital letters only")
        }
        let record: JSON = [
            "name": .string(name), "groups": .array(groups.map(JSON.string)), "password": .string(hash.text),
            "changed": .int(Int64(now.timeIntervalSince1970)),
        ]
        try folder.write(Self.file(name), record.bytes)
    }

    /// What is wrong with a name for somebody who signs in; nil for nothing.
    public static func problem(user: String) -> String? { IdentityRules.problem(user: user) }

    /// Removes a user; false when there is none of that name.
    public func remove(_ name: String) throws -> Bool {
        guard try find(name)?.user.name == name else { return false }
        return folder.remove(Self.file(name))
    }

    /// All users, by name.
    public func all() throws -> [User] {
        try folder.names().compactMap { try read($0)?.user }.sorted { $0.name < $1.name }
    }

    /// True when there is anybody who could sign in with a password.
    public var areThere: Bool { (try? folder.names())?.isEmpty == false }

    /// The user of that name, however capitalised, with what the password must match.
    func find(_ name: String) throws -> (user: User, hash: PasswordHash)? {
        guard (1...256).contains(name.utf8.count) else { return nil }
        return try read(Self.file(name))
    }

    private func read(_ file: String) throws -> (user: User, hash: PasswordHash)? {
        guard let record = try folder.read(file).flatMap({ try? JSON(parsing: $0) }),
            let name = record["name"]?.string, let hash = record["password"]?.string.flatMap({ PasswordHash(text: $0) })
        else { return nil }
        let user = User(
            name: name, groups: record["groups"]?.array?.compactMap(\.string) ?? [],
            changedAt: Date(timeIntervalSince1970: record["changed"]?.double ?? 0))
        return (user, hash)
    }

    /// One password, however the keyboard composes its accents.
    static func normalized(_ password: String) -> String { password.precomposedStringWithCanonicalMapping }

    private static func file(_ name: String) -> String { Base64URL.encode(Secrets.digest(name.lowercased().utf8)) }
}
