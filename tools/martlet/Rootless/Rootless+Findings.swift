import CPrivileges
import Foundation

extension Rootless {
    typealias Finding = Prerequisites.Finding

    /// What an ordinary user misses for running Pods, each with what to do about it.
    static func obstacles(installation: Installation) -> [Finding] {
        findings(installation: installation).filter { $0.level == .bad }
    }

    /// All that Pods of an ordinary user need.
    static func findings(installation: Installation) -> [Finding] {
        [permission] + namespaceTools() + [numbers, tool("pasta", package: "passt"), device]
            + Prerequisites.needs(installation: installation)
    }

    /// The programs that give numbers to a namespace.
    static func namespaceTools() -> [Finding] { ["newuidmap", "newgidmap"].map { tool($0, package: "uidmap") } }

    private static func tool(_ name: String, package: String) -> Finding {
        guard let path = Installation.onPath(name) else {
            return Finding(
                level: .bad, subject: name, detail: "`\(name)` is missing: `sudo apt-get install \(package)`")
        }
        return Finding(level: .good, subject: name, detail: path)
    }

    private static var numbers: Finding {
        do {
            let numbers = try SubordinateNumbers.ofUser()
            return Finding(
                level: .good, subject: "subuid",
                detail: "users \(numbers.users) and groups \(numbers.groups), 65536 each, are yours to give")
        } catch {
            return Finding(level: .bad, subject: "subuid", detail: "\(error)")
        }
    }

    private static var device: Finding {
        let path = "/dev/net/tun"
        let descriptor = open(path, O_RDWR | O_CLOEXEC)
        if descriptor >= 0 {
            close(descriptor)
            return Finding(level: .good, subject: "tun", detail: path)
        }
        let reason = String(cString: strerror(errno))
        return Finding(
            level: .bad, subject: "tun",
            detail: "\(path) cannot be used (\(reason)): `sudo modprobe tun && sudo chmod 666 \(path)`")
    }

    private static var permission: Finding {
        let result = rootless_is_permitted()
        guard result != 0 else {
            return Finding(level: .good, subject: "namespaces", detail: "user namespaces can be made")
        }
        return Finding(
            level: .bad, subject: "namespaces",
            detail: "user namespaces are not permitted here (\(String(cString: strerror(-result)))): look at `sysctl "
                + "user.max_user_namespaces kernel.unprivileged_userns_clone kernel.apparmor_restrict_unprivileged_userns`, "
                + "which should be large, 1 and 0")
    }

    /// What is otherwise than with root, for `martlet doctor`.
    static let differences = [
        Finding(level: .warning, subject: "limits", detail: noLimits),
        Finding(
            level: .warning, subject: "network",
            detail:
                "Pods have a network of your own: host ports and Service addresses are reached from Pods, not from this "
                + "machine (use the page or `kubectl port-forward`), and Pods reach nothing on this machine's own addresses"
        ),
    ]

    /// One sentence, printed at the start, too.
    static let noLimits =
        "limits of CPU, memory and processes are not enforced, because control groups are root's; usage is measured"
}
