import Foundation
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

/// One-time codes for the way from the platform to the host of a workspace.
struct HandOverCodes: Sendable {
    /// How long a browser has for two redirects, in seconds.
    static let lifetime: TimeInterval = 60

    private let path: String

    init(stateDirectory: String) { path = stateDirectory + "/hand-over" }

    /// Makes a code; expired ones are cleared away.
    func issue(_ handOver: HandOver, now: Date = Date()) throws -> String {
        try codes().issue(
            [
                "session": .string(handOver.session), "label": .string(handOver.label),
                "state": .string(handOver.state), "via": .string(handOver.via), "next": .string(handOver.next),
            ], now: now)
    }

    /// Uses a code up; nil when there is none such, or it came too late.
    func redeem(_ code: String, now: Date = Date()) throws -> HandOver? {
        guard let record = try codes().redeem(code, now: now), let session = record["session"]?.string,
            let label = record["label"]?.string, let state = record["state"]?.string,
            let via = record["via"]?.string, let next = record["next"]?.string
        else { return nil }
        return HandOver(session: session, label: label, state: state, via: via, next: next)
    }

    private func codes() throws -> OneTimeCodes {
        OneTimeCodes(folder: try PrivateFolder(path), lifetime: Self.lifetime)
    }
}
