import Foundation

/// The ordinary user that the platform becomes when it was started as root.
struct PlatformUser: Sendable, Equatable {
    let user: UInt32
    let group: UInt32

    /// The user where nobody else asked for the start: outside of what Debian and systemd give to people, services and
    /// containers, so that nothing else runs as it.
    static let dedicated: UInt32 = 65530
    /// The group of the data directory, in which nobody is but running platforms.
    static let directoryGroup: UInt32 = 65530

    /// The user of the namespaces, where this process is root of such; else who called `sudo`; else the system user `martlet`, where there is one; else ``dedicated``. Nil for an ordinary
    /// user, who stays what they are.
    static func chosen(
        environment: [String: String] = ProcessInfo.processInfo.environment, isRoot: Bool = geteuid() == 0
    ) -> PlatformUser? {
        guard isRoot else { return nil }
        if Rootless.isInside { return PlatformUser(user: Rootless.user, group: Rootless.user) }
        if let user = environment["SUDO_UID"].flatMap(UInt32.init), user != 0, user != .max {
            return PlatformUser(user: user, group: environment["SUDO_GID"].flatMap(UInt32.init) ?? user)
        }
        if let entry = getpwnam("martlet"), entry.pointee.pw_uid != 0 {
            return PlatformUser(user: entry.pointee.pw_uid, group: entry.pointee.pw_gid)
        }
        return PlatformUser(user: dedicated, group: dedicated)
    }

    /// Who owns the platform's files in a data directory that a platform of root has used; nil in others.
    static func owner(of directory: DataDirectory) -> PlatformUser? {
        var info = stat()
        guard lstat(directory.gatewayState, &info) == 0, info.st_uid != 0 else { return nil }
        return PlatformUser(user: info.st_uid, group: info.st_gid)
    }
}
