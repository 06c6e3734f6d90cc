import Foundation
import Identity
import KubeModel

/// Secrets that open something once and soon, or never.
///
/// Each is a file named by the secret's digest, so that whoever reads the folder has nothing to use, and removing the file is what
/// uses the secret up: once only, whichever process redeems it, also after a restart.
struct OneTimeCodes: Sendable {
    private static let expiry = "expires"

    let folder: PrivateFolder
    /// How long a code works, in seconds.
    let lifetime: TimeInterval

    /// Makes a code that stands for a record; expired ones are cleared away.
    func issue(_ record: JSON, now: Date) throws -> String {
        try clear(now: now)
        let code = Base64URL.encode(Secrets.random(32))
        var record = record
        record[Self.expiry] = .int((now + lifetime).seconds)
        try folder.write(Self.name(code), record.bytes)
        return code
    }

    /// Uses a code up; nil when it does not exist, has expired or was used.
    func redeem(_ code: String, now: Date) throws -> JSON? {
        guard (1...128).contains(code.utf8.count) else { return nil }
        let name = Self.name(code)
        guard let bytes = try folder.read(name), folder.remove(name), let record = try? JSON(parsing: bytes),
            let expires = record[Self.expiry]?.int, now.seconds < expires
        else { return nil }
        return record
    }

    private func clear(now: Date) throws {
        for name in try folder.names() {
            guard let bytes = try? folder.read(name), let record = try? JSON(parsing: bytes),
                let expires = record[Self.expiry]?.int, expires < now.seconds
            else { continue }
            _ = folder.remove(name)
        }
    }

    private static func name(_ code: String) -> String {
        Secrets.digest(code.utf8).map { $0 < 16 ? "0" + String($0, radix: 16) : String($0, radix: 16) }.joined()
    }
}
