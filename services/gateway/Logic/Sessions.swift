import Foundation
import HTTPKit
import Identity
import KubeModel
import Synchronization

/// Makes and checks session cookies: `v2.<id>.<issued>.<expires>.<HMAC-SHA256>`, and `v3` for those that only HTTPS carries.
///
/// What a session is lies in a file of the state directory, so that sessions outlive a restart and can be listed; removing the file
/// ends the session for good, whoever removes it.
final class Sessions: Sendable {
    static let csrfCookieName = "XSRF-TOKEN"
    /// How long a session that another process ended may go on.
    static let recheck: TimeInterval = 1
    private static let capacity = 20_000

    private let folder: PrivateFolder
    private let key: [UInt8]
    private let lifetime: Duration
    private let known = Mutex(Known())
    private let changes = Atomic(0)
    private let clearedAt = Mutex(Date.distantPast)

    private struct Known: Sendable {
        /// Sessions as last read, and when.
        var sessions: [String: (session: Session, readAt: Date)] = [:]
    }

    /// Reads the key, or makes one.
    init(stateDirectory: String, lifetime: Duration) throws {
        let state = try PrivateFolder(stateDirectory)
        folder = try PrivateFolder(stateDirectory + "/sessions")
        self.lifetime = lifetime
        if let bytes = try state.read("session.key"), bytes.count == 32 {
            key = bytes
        } else {
            key = Secrets.random(32)
            try state.write("session.key", key)
        }
    }

    // MARK: Beginning and ending

    /// Somebody has proven who they are.
    func begin(
        _ identity: UserIdentity, method: SignInMethod, address: String? = nil, agent: String? = nil,
        provider: ProviderTokens? = nil, lifetime: TimeInterval? = nil, now: Date = Date()
    ) throws -> Session {
        try clearExpired(now: now)
        let now = now.inWholeSeconds
        let session = Session(
            identity: identity, id: Base64URL.encode(Secrets.random(18)), method: method, createdAt: now, issuedAt: now,
            expiresAt: now + (lifetime ?? Double(self.lifetime.components.seconds)), address: address,
            agent: agent.map { String($0.prefix(256)) }, provider: provider)
        try folder.write(session.id, session.json.bytes)
        return session
    }

    /// The same session for a whole lifetime from now.
    func renew(_ session: Session, now: Date = Date()) throws -> Session {
        try change(session.id, now: now) { session in
            session.issuedAt = now.inWholeSeconds
            session.expiresAt = session.issuedAt + Double(lifetime.components.seconds)
        } ?? session
    }

    /// Changes a session as it is now in its file, whoever else does so.
    ///
    /// - Returns: the session after it; nil when it has ended.
    @discardableResult
    func change(_ id: String, now: Date = Date(), _ body: (inout Session) -> Void) throws -> Session? {
        guard Self.isID(id) else { return nil }
        defer { forget(id) }
        var changed: Session?
        _ = try folder.change(id) { bytes in
            guard var session = Self.session(bytes, id: id, now: now) else { return nil }
            body(&session)
            changed = session
            return session.json.bytes
        }
        return changed
    }

    /// Ends a session for good; false when there is none.
    @discardableResult
    func end(_ id: String) -> Bool {
        defer { forget(id) }
        return Self.isID(id) && folder.remove(id)
    }

    /// Ends all sessions of a user, also those that other processes know.
    @discardableResult
    func endAll(of user: String, now: Date = Date()) throws -> Int {
        try all(now: now).filter { $0.identity.user == user && end($0.id) }.count
    }

    /// All sessions that are still good, newest first.
    func all(now: Date = Date()) throws -> [Session] {
        try folder.names().compactMap { try read($0, now: now) }.sorted { $0.createdAt > $1.createdAt }
    }

    // MARK: Cookies

    /// The session of a cookie value, nil when it is not ours, has expired or was ended, or was made for the cookie of the other kind.
    func verify(_ cookie: String, isSecure: Bool = false, now: Date = Date()) -> Session? {
        guard cookie.utf8.count < 512, let dot = cookie.lastIndex(of: ".") else { return nil }
        let body = cookie[..<dot]
        let parts = body.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0] == Self.version(isSecure), let expiry = Int64(parts[3]),
            Int64(now.timeIntervalSince1970) < expiry,
            let code = Base64URL.decode(cookie[cookie.index(after: dot)...]),
            Secrets.areEqual(code, Secrets.authenticationCode(of: body.utf8, key: key))
        else { return nil }
        return session(String(parts[1]), now: now)
    }

    /// How often a file was changed or removed here: what was read before may not be true any more.
    var changeCount: Int { changes.load(ordering: .sequentiallyConsistent) }

    /// When a session's file was read last; nil when it is not remembered.
    func readAt(_ id: String) -> Date? { known.withLock { $0.sessions[id]?.readAt } }

    /// The session of an id that is known to be ours.
    func session(_ id: String, now: Date = Date()) -> Session? {
        let (entry, changes) = known.withLock { ($0.sessions[id], changeCount) }
        if let entry, abs(now.timeIntervalSince(entry.readAt)) < Self.recheck {
            return now < entry.session.expiresAt ? entry.session : nil
        }
        let session = stored(id, now: now)
        known.withLock { known in
            // What was read while somebody wrote is not remembered: it may be from before.
            guard let session, changeCount == changes else { return known.sessions[id] = nil }
            if known.sessions.count >= Self.capacity { known.sessions.removeAll() }
            known.sessions[id] = (session, now)
        }
        return session
    }

    /// The session as its file has it, for what must not be done by something that was true a second ago.
    func stored(_ id: String, now: Date = Date()) -> Session? { (try? read(id, now: now)) ?? nil }

    private static func version(_ isSecure: Bool) -> String { isSecure ? "v3" : "v2" }

    /// The cookie of a session.
    func cookie(_ session: Session, isSecure: Bool = false) -> String {
        let body = "\(Self.version(isSecure)).\(session.id).\(session.issuedAt.seconds).\(session.expiresAt.seconds)"
        return body + "." + Base64URL.encode(Secrets.authenticationCode(of: body.utf8, key: key))
    }

    /// The token that changing requests of a session must carry in a header.
    func csrfToken(_ session: Session) -> String { code("csrf", session.id) }

    /// A word that only this gateway can make of another, for one purpose.
    func code(_ purpose: String, _ word: String) -> String {
        Base64URL.encode(Secrets.authenticationCode(of: "\(purpose):\(word)".utf8, key: key))
    }

    /// True when a session is old enough to get a new cookie.
    func isDueForRenewal(_ session: Session, now: Date = Date()) -> Bool {
        // Without a refresh token nobody would notice that the provider has ended it: it ends by itself.
        (session.provider == nil || session.provider?.refreshToken != nil)
            && now.timeIntervalSince(session.issuedAt) > min(86_400, Double(lifetime.components.seconds) / 4)
    }

    /// `Set-Cookie` for a session's cookie.
    func setCookie(_ session: Session, isSecure: Bool) -> String {
        "\(Self.cookieName(isSecure: isSecure))=\(cookie(session, isSecure: isSecure)); Path=/; "
            + "Max-Age=\(lifetime.components.seconds); HttpOnly; SameSite=Lax" + (isSecure ? "; Secure" : "")
    }

    /// `Set-Cookie` for the CSRF token, which the page must be able to read.
    func setCSRFCookie(_ token: String, isSecure: Bool) -> String {
        "\(Self.csrfCookieName)=\(token); Path=/; Max-Age=\(lifetime.components.seconds); SameSite=Strict"
            + (isSecure ? "; Secure" : "")
    }

    /// `Set-Cookie` that removes a cookie.
    static func clearCookie(_ name: String) -> String {
        "\(name)=; Path=/; Max-Age=0; SameSite=Lax" + (name.hasPrefix("__") ? "; HttpOnly; Secure" : "")
    }

    // MARK: Files

    private func read(_ id: String, now: Date) throws -> Session? {
        guard Self.isID(id), let bytes = try folder.read(id) else { return nil }
        return Self.session(bytes, id: id, now: now)
    }

    private static func session(_ bytes: [UInt8], id: String, now: Date) -> Session? {
        guard let json = try? JSON(parsing: bytes), let session = Session(json, id: id), now < session.expiresAt else {
            return nil
        }
        return session
    }

    /// After its file has changed, not before: else somebody could read and remember the old one in between.
    private func forget(_ id: String) {
        known.withLock { known in
            known.sessions[id] = nil
            changes.add(1, ordering: .sequentiallyConsistent)
        }
    }

    private func clearExpired(now: Date) throws {
        let isDue = clearedAt.withLock { last in
            guard now.timeIntervalSince(last) > 3600 else { return false }
            last = now
            return true
        }
        guard isDue else { return }
        for name in try folder.names() where try read(name, now: now) == nil { _ = folder.remove(name) }
    }

    private static func isID(_ text: String) -> Bool { text.utf8.count == 24 && Base64URL.decode(text) != nil }
}
