import CPrivileges
import Foundation

/// What the machine must have before the platform can start, checked in one place for `up` and `doctor`.
enum Prerequisites {
    struct Finding: Sendable {
        enum Level: String, Sendable { case good, warning, bad }
        let level: Level
        let subject: String
        /// What was found and, unless good, what to do.
        let detail: String
    }

    /// Debian's package for each program that Pods need.
    private static let programs = [("crun", "crun"), ("ip", "iproute2"), ("nft", "nftables")]

    static func findings(installation: Installation) -> [Finding] {
        guard geteuid() != 0 else {
            return [Finding(level: .good, subject: "user", detail: "root, so Pods can be isolated")]
                + needs(installation: installation) + [namespaces()]
        }
        let findings = Rootless.findings(installation: installation)
        guard findings.contains(where: { $0.level == .bad }) else {
            return [
                Finding(level: .good, subject: "user", detail: "not root, so Pods run in user namespaces of your own")
            ] + findings + Rootless.differences
        }
        // What only Pods need is not missed by the rest.
        return [ordinaryUser]
            + findings.map {
                Finding(level: $0.level == .bad ? .warning : $0.level, subject: $0.subject, detail: $0.detail)
            }
    }

    /// The programs that Pods need.
    static func needs(installation: Installation) -> [Finding] {
        var findings: [Finding] = []
        for (program, package) in programs {
            if let path = Installation.onPath(program) {
                findings.append(Finding(level: .good, subject: program, detail: path))
            } else {
                findings.append(
                    Finding(
                        level: .bad, subject: program,
                        detail: "`\(program)` is missing: run `make deps`, or `apt-get install \(package)`"))
            }
        }
        if let uv = installation.uv {
            findings.append(Finding(level: .good, subject: "uv", detail: uv))
        } else {
            findings.append(
                Finding(
                    level: .bad, subject: "uv",
                    detail: "`uv`, which builds environments, is missing: run `make deps`, or `pip install uv`"))
        }
        if let agent = installation.program("node-agent") {
            findings.append(Finding(level: .good, subject: "node-agent", detail: agent))
        } else {
            findings.append(
                Finding(
                    level: .bad, subject: "node-agent",
                    detail: "the program `node-agent` is not beside martlet: run `make build`"))
        }
        return findings
    }

    static func check(installation: Installation) throws {
        guard geteuid() == 0 else { return }  // then all else runs without Pods
        let bad = findings(installation: installation).filter { $0.level == .bad }
        guard let first = bad.first else { return }
        let rest = bad.count > 1 ? " (`martlet doctor` lists \(bad.count - 1) more)" : ""
        throw Complaint(first.detail + rest)
    }

    /// Without root there is an API, a page and controllers, but nothing that could run Pods.
    private static let ordinaryUser = Finding(
        level: .warning, subject: "user",
        detail:
            "not root, so Pods need user namespaces, for which something below is missing: install it, or start with sudo"
    )

    /// Network namespaces may be forbidden to root too, in a container for instance.
    private static func namespaces() -> Finding {
        if privileges_may_isolate() == 1 {
            return Finding(level: .good, subject: "namespaces", detail: "network and mount namespaces can be made")
        }
        return Finding(
            level: .bad, subject: "namespaces",
            detail: "network namespaces are not permitted here: in a container, start it with --privileged or "
                + "--cap-add SYS_ADMIN,NET_ADMIN")
    }
}

extension Installation {
    /// `uv`, from the repository's own tools or the path.
    var uv: String? {
        let own = root + "/.build/tools/bin/uv"
        return FileManager.default.isExecutableFile(atPath: own) ? own : Self.onPath("uv")
    }
}
