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
        [permission] + namespaceTools() + [numbers, wayOut, device]
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

    private static var wayOut: Finding {
        guard let (program, path) = WayOutProgram.installed else {
            return Finding(
                level: .bad, subject: "pasta",
                detail: "`pasta`, by which Pods reach the network, is missing: `sudo apt-get install passt` (or "
                    + "slirp4netns, which is slower)")
        }
        let slower = program == .pasta ? "" : "; `sudo apt-get install passt` makes the network of Pods faster"
        return Finding(level: .good, subject: program.rawValue, detail: path + slower)
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
    static var differences: [Finding] { [limits] + otherDifferences }

    private static let otherDifferences = [
        Finding(
            level: .warning, subject: "sizes", detail: "sizes of claims are not enforced, because quotas are root's"),
        Finding(
            level: .warning, subject: "network",
            detail:
                "Pods have a network of your own: addresses of Pods and Services are reached from Pods, the page and "
                + "`kubectl port-forward`, not from this machine; `hostPort` opens ports that ordinary users may open, and "
                + "`hostNetwork` is the network of your own"
        ),
        Finding(
            level: .warning, subject: "files",
            detail:
                "files of Pods belong to subordinate numbers: `martlet reset` removes them; in folders that Pods mount "
                + "(--allow-host-path) they may do what everybody may"
        ),
        Finding(
            level: .warning, subject: "users",
            detail: "containers that ask for users or groups above 65535 are refused"
        ),
    ]

    /// Which limits of Pods hold, in the control group that `martlet up` would have.
    private static var limits: Finding {
        let group = DelegatedGroup.own ?? (UserScope.program == nil ? nil : DelegatedGroup.ofUser)
        guard let group else {
            return Finding(
                level: .warning, subject: "limits",
                detail:
                    "limits of CPU, memory and processes are not enforced, because no control group of version 2 is "
                    + "delegated to you (`systemd-run --user` would bring one); usage is measured")
        }
        guard group.missing.isEmpty else {
            return Finding(
                level: .warning, subject: "limits",
                detail: "these control groups are not delegated to you, so that what they limit is not limited: "
                    + "\(group.missing.joined(separator: ", ")); `Delegate=cpu memory pids` in "
                    + "/etc/systemd/system/user@.service.d/delegate.conf changes that")
        }
        return Finding(
            level: .good, subject: "limits",
            detail: "CPU, memory and processes of Pods are limited, in control groups that are delegated to you")
    }
}
