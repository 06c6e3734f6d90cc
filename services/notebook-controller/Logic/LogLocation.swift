import Foundation
import KubeModel

/// Where a Tensorboard finds what it shows: `spec.logspath`, read.
enum LogLocation: Sendable, Equatable {
    /// `pvc://claim/sub/path`; the path is empty for the whole claim.
    case claim(String, subPath: String)
    /// `gs://...`: read over the network, with the account of the namespace where there is one.
    case google(String)
    /// `s3://...` and `/cns/...`: read over the network.
    case remote(String)
    /// A path at which the claim `tb-volume` is mounted.
    case folder(String)

    private static let longest = 1024

    /// Reads a path.
    ///
    /// - Throws: ``PlanProblem`` with what to write instead.
    init(_ text: String) throws(PlanProblem) {
        guard !text.isEmpty, text.utf8.count <= Self.longest, !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F })
        else {
            throw Self.problem("spec.logspath must have 1 to \(Self.longest) bytes, and no control characters")
        }
        guard let scheme = text.range(of: "://") else {
            self = try Self.local(text)
            return
        }
        let rest = String(text[scheme.upperBound...])
        switch text[..<scheme.lowerBound] {
        case "pvc": self = try Self.claim(rest)
        case "gs": self = .google(try Self.bucket(text, rest))
        case "s3": self = .remote(try Self.bucket(text, rest))
        case let other:
            throw Self.problem(
                "spec.logspath cannot be read from \"\(other)://\": use pvc://CLAIM/PATH, s3://BUCKET/PATH or "
                    + "gs://BUCKET/PATH")
        }
    }

    /// What the server is told to read.
    var directory: String {
        switch self {
        case .claim: "/tensorboard_logs/"
        case .google(let url), .remote(let url): url
        case .folder(let path): path
        }
    }

    private static func claim(_ text: String) throws(PlanProblem) -> LogLocation {
        let parts = text.split(separator: "/").map(String.init)
        guard let claim = parts.first, text.first != "/", NameRules.subdomain(claim).isEmpty else {
            throw problem("spec.logspath names no claim: write pvc://CLAIM or pvc://CLAIM/PATH")
        }
        let path = parts.dropFirst().filter { $0 != "." }
        guard !path.contains("..") else {
            throw problem("spec.logspath must not lead out of the claim \(claim): take the \"..\" out of its path")
        }
        return .claim(claim, subPath: path.joined(separator: "/"))
    }

    private static func bucket(_ url: String, _ rest: String) throws(PlanProblem) -> String {
        guard let first = rest.first, first != "/" else { throw problem("spec.logspath names no bucket: \(url)") }
        return url
    }

    private static func local(_ path: String) throws(PlanProblem) -> LogLocation {
        let parts = path.split(separator: "/")
        guard path.hasPrefix("/"), !parts.isEmpty, !parts.contains(".."), !path.contains(":") else {
            throw problem(
                "spec.logspath must be pvc://CLAIM/PATH, s3://BUCKET/PATH, gs://BUCKET/PATH, or an absolute path without "
                    + "\"..\" and \":\", at which the claim tb-volume is mounted")
        }
        return parts.first == "cns" ? .remote(path) : .folder(path)
    }

    private static func problem(_ message: String) -> PlanProblem {
        PlanProblem(reason: "InvalidLogspath", message: message)
    }
}
