import Foundation
import Identity
import KubeModel

/// What a browser takes from the platform to a workspace's host.
struct HandOver: Sendable, Equatable {
    /// The platform's session, by which the workspace is opened.
    let session: String
    /// The workspace's label.
    let label: String
    /// Digest of the word that the workspace's host gave to the browser.
    let state: String
    /// Under which name the browser knows the platform.
    let via: String
    /// The path to go on to.
    let next: String
}

/// One-time codes for the way from the platform to the host of a workspace, kept as ``SignInTokens`` are: a file named by the code's
/// digest, and removing the file uses the code up.
struct HandOverCodes: Sendable {
    /// How long a browser has for two redirects, in seconds.
    static let lifetime: TimeInterval = 60

    private let path: String

    init(stateDirectory: String) { path = stateDirectory + "/hand-over" }

    /// Makes a code; expired ones are cleared away.
    func issue(_ handOver: HandOver, now: Date = Date()) throws -> String {
        let folder = try PrivateFolder(path)
        for name in try folder.names() {
            guard let bytes = try? folder.read(name), let expires = (try? JSON(parsing: bytes))?["expires"]?.date,
                expires < now
            else { continue }
            _ = folder.remove(name)
        }
        let code = Base64URL.encode(Secrets.random(32))
        let record: JSON = [
            "session": .string(handOver.session), "label": .string(handOver.label), "state": .string(handOver.state),
            "via": .string(handOver.via), "next": .string(handOver.next),
            "expires": .int((now + Self.lifetime).seconds),
        ]
        try folder.write(Self.name(code), record.bytes)
        return code
    }

    /// Uses a code up; nil when there is none such, or it came too late.
    func redeem(_ code: String, now: Date = Date()) throws -> HandOver? {
        guard code.utf8.count == 43, Base64URL.decode(code) != nil else { return nil }
        let folder = try PrivateFolder(path)
        let name = Self.name(code)
        guard let bytes = try folder.read(name), folder.remove(name), let record = try? JSON(parsing: bytes),
            let expires = record["expires"]?.date, now < expires, let session = record["session"]?.string,
            let label = record["label"]?.string, let state = record["state"]?.string,
            let via = record["via"]?.string, let next = record["next"]?.string
        else { return nil }
        return HandOver(session: session, label: label, state: state, via: via, next: next)
    }

    private static func name(_ code: String) -> String { Base64URL.encode(Secrets.digest(code.utf8)) }
}
