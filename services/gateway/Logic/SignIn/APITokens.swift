public import Foundation
import Identity
import KubeModel
import Synchronization

/// What an API token may be used for.
public enum TokenScope: String, Sendable, CaseIterable, Comparable {
    /// Reading from the platform's API.
    case read
    /// Reading and changing things by the platform's API.
    case write
    /// Opening notebooks, which then do what they do.
    case notebooks

    /// By name.
    public static func < (left: TokenScope, right: TokenScope) -> Bool { left.rawValue < right.rawValue }

    /// Which scopes let a request of that method pass.
    static func needed(_ method: String) -> TokenScope {
        ["GET", "HEAD", "OPTIONS"].contains(method) ? .read : .write
    }
}

/// By what a program acts as a person; without the secret, which nobody has but the program.
public struct APIToken: Sendable, Equatable {
    /// Names it; no secret.
    public let id: String
    /// What its owner calls it.
    public let name: String
    /// As whom it acts.
    public let user: String
    /// With which groups.
    public var groups: [String]
    /// For what.
    public let scopes: Set<TokenScope>
    /// When it was made.
    public let created: Date
    /// Until when it works.
    public let expires: Date

    /// True when it may be used for that.
    func allows(_ scope: TokenScope) -> Bool { scopes.contains(scope) || (scope == .read && scopes.contains(.write)) }
}

/// API tokens: a file each, named by the secret's digest, so that whoever reads the folder cannot use what is there, and
/// removing the file revokes the token, whoever removes it.
public final class APITokens: Sendable {
    /// What secrets begin with, so that they are recognised where they do not belong.
    public static let prefix = "martlet_"
    /// Days that a token may last.
    public static let days = 1...365
    private static let perUser = 100
    private static let recheck: TimeInterval = 1
    private static let capacity = 20_000

    /// What speaks against a token, in one sentence.
    public struct Refusal: Error, Equatable, Sendable, CustomStringConvertible {
        /// The sentence.
        public let description: String
    }

    private let folder: PrivateFolder
    /// When tokens were last used, by their ids.
    private let uses: PrivateFolder
    private let known = Mutex<[String: (token: APIToken?, readAt: Date)]>([:])
    private let noted = Mutex<[String: Date]>([:])

    /// Tokens below the gateway's state directory.
    public init(stateDirectory: String) throws {
        folder = try PrivateFolder(stateDirectory + "/api-tokens")
        uses = try PrivateFolder(stateDirectory + "/api-tokens-used")
    }

    // MARK: Making and ending

    /// Makes a token.
    ///
    /// - Returns: the token, and its secret, which cannot be had again.
    /// - Throws: ``Refusal`` for names, scopes or times that cannot be.
    public func create(
        user: String, groups: [String], name: String, scopes: Set<TokenScope>, days: Int, now: Date = Date()
    ) throws -> (token: APIToken, secret: String) {
        guard (1...100).contains(name.count),
            name.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control })
        else { throw Refusal(description: "a token has a name of 1 to 100 characters") }
        guard !scopes.isEmpty else {
            throw Refusal(description: "a token has one of the scopes read, write and notebooks, or several")
        }
        guard Self.days.contains(days) else { throw Refusal(description: "a token lasts 1 to 365 days") }
        try clearExpired(now: now)
        guard try all(now: now).count(where: { $0.user == user }) < Self.perUser else {
            throw Refusal(description: "\(user) has \(Self.perUser) tokens already")
        }
        let secret = Self.prefix + Base64URL.encode(Secrets.random(32))
        let file = Self.file(secret)
        let token = APIToken(
            id: Self.id(file), name: name, user: user, groups: groups, scopes: scopes, created: now.inWholeSeconds,
            expires: now.inWholeSeconds + Double(days) * 86_400)
        try folder.write(file, token.json.bytes)
        return (token, secret)
    }

    /// All tokens that still work, newest first.
    public func all(now: Date = Date()) throws -> [APIToken] {
        try folder.names().compactMap { try read($0, now: now) }.sorted { $0.created > $1.created }
    }

    /// Ends a token; false when there is none of that id.
    public func revoke(_ id: String) throws -> Bool {
        guard let file = try file(ofID: id) else { return false }
        known.withLock { $0[file] = nil }
        _ = uses.remove(id)
        return folder.remove(file)
    }

    /// Ends all tokens of a user; returns how many there were.
    public func revokeAll(of user: String) throws -> Int {
        try all().filter { try $0.user == user && revoke($0.id) }.count
    }

    /// Takes groups from a user's tokens that the user does not have any more.
    public func narrow(user: String, to groups: [String]) throws {
        for token in try all() where token.user == user && !token.groups.allSatisfy(groups.contains) {
            guard let file = try file(ofID: token.id) else { continue }
            var narrowed = token
            narrowed.groups = token.groups.filter(groups.contains)
            known.withLock { $0[file] = nil }
            _ = try folder.replace(file, narrowed.json.bytes)
        }
    }

    // MARK: Using

    /// The token of a secret, nil when there is none, or no longer.
    func verify(_ secret: String, now: Date = Date()) -> APIToken? {
        guard secret.utf8.count == Self.prefix.utf8.count + 43, secret.hasPrefix(Self.prefix) else { return nil }
        let file = Self.file(secret)
        if let entry = known.withLock({ $0[file] }), abs(now.timeIntervalSince(entry.readAt)) < Self.recheck {
            return entry.token.flatMap { now < $0.expires ? $0 : nil }
        }
        let token = (try? read(file, now: now)) ?? nil
        known.withLock {
            if $0.count >= Self.capacity { $0.removeAll() }
            $0[file] = (token, now)
        }
        if token != nil { noteUse(file, now: now) }
        return token
    }

    /// When a token was last used, give or take an hour.
    public func lastUse(of token: APIToken) throws -> Date? {
        guard let bytes = try uses.read(token.id) else { return nil }
        return Double(String(decoding: bytes, as: UTF8.self)).map(Date.init(timeIntervalSince1970:))
    }

    private func noteUse(_ file: String, now: Date) {
        let isDue = noted.withLock { noted in
            if noted.count >= Self.capacity { noted.removeAll() }
            if let last = noted[file], abs(now.timeIntervalSince(last)) < 3600 { return false }
            noted[file] = now
            return true
        }
        // Only a note: a full disk must not refuse the request.
        if isDue { try? uses.write(Self.id(file), Array(String(now.seconds).utf8)) }
    }

    // MARK: Files

    private func read(_ file: String, now: Date) throws -> APIToken? {
        guard let json = try folder.read(file).flatMap({ try? JSON(parsing: $0) }),
            let token = APIToken(json, id: Self.id(file)), now < token.expires
        else { return nil }
        return token
    }

    private func clearExpired(now: Date) throws {
        for file in try folder.names() where try read(file, now: now) == nil { _ = folder.remove(file) }
        let ids = Set(try folder.names().map(Self.id))
        for note in try uses.names() where !ids.contains(note) { _ = uses.remove(note) }
    }

    private func file(ofID id: String) throws -> String? {
        guard id.utf8.count == 16 else { return nil }
        return try folder.names().first { Self.id($0) == id }
    }

    private static func id(_ file: String) -> String { String(file.prefix(16)) }

    private static func file(_ secret: String) -> String {
        Secrets.digest(secret.utf8).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}

extension APIToken {
    /// As it is kept.
    fileprivate var json: JSON {
        [
            "name": .string(name), "user": .string(user), "groups": .array(groups.map(JSON.string)),
            "scopes": .array(scopes.sorted().map { .string($0.rawValue) }), "created": .int(created.seconds),
            "expires": .int(expires.seconds),
        ]
    }

    /// Reads what was kept.
    fileprivate init?(_ json: JSON, id: String) {
        guard let name = json["name"]?.string, let user = json["user"]?.string, let created = json["created"]?.date,
            let expires = json["expires"]?.date
        else { return nil }
        self.init(
            id: id, name: name, user: user, groups: json["groups"]?.array?.compactMap(\.string) ?? [],
            scopes: Set((json["scopes"]?.array ?? []).compactMap { $0.string.flatMap(TokenScope.init) }),
            created: created, expires: expires)
    }
}
