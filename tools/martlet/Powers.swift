import CPrivileges
import Foundation

/// How a process that was started as root becomes an ordinary one, for good.
enum Powers {
    /// A folder that the process needs afterwards, at the path it has.
    struct Place {
        let path: String
        var isReadOnly = false
    }

    /// Becomes the user. Places that lie below folders which the user may not enter, such as `/root`, stay where they are
    /// for this process alone: it gets a view of the file system in which those folders are empty but for the places.
    ///
    /// - Throws: ``Complaint`` that says what the kernel refused.
    static func giveUp(for user: PlatformUser, keeping places: [Place]) throws {
        let covered = Set(places.compactMap { firstClosed(above: $0.path, to: user) })
        if !covered.isEmpty { try show(places, over: covered) }
        try check(
            privileges_drop(user.user, user.group, PlatformUser.directoryGroup), "become user \(user.user)")
        for place in places where access(place.path, place.isReadOnly ? R_OK | X_OK : R_OK | W_OK | X_OK) != 0 {
            throw Complaint(
                "\(place.path) cannot be used by user \(user.user), as whom the platform runs: "
                    + String(cString: strerror(errno)))
        }
    }

    /// The outermost folder on the way to a path that the user may not pass through.
    static func firstClosed(above path: String, to user: PlatformUser) -> String? {
        var folder = ""
        for name in path.split(separator: "/").dropLast() {
            folder += "/\(name)"
            var info = stat()
            guard stat(folder, &info) == 0 else { return nil }
            let needed: mode_t =
                info.st_uid == user.user ? S_IXUSR : info.st_gid == user.group ? S_IXGRP : S_IXOTH
            if info.st_mode & needed == 0 { return folder }
        }
        return nil
    }

    private static func show(_ places: [Place], over covered: Set<String>) throws {
        try check(privileges_own_mounts(), "make a view of the file system of its own")
        // Outer places first: what lies in them is laid over them.
        let ordered = places.filter { place in covered.contains { place.path.hasPrefix($0 + "/") } }
            .sorted { $0.path.count < $1.path.count }
        var opened: [(Place, Int32)] = []
        defer { for (_, descriptor) in opened { close(descriptor) } }
        for place in ordered {
            let descriptor = privileges_open_place(place.path)
            try check(min(descriptor, 0), "open \(place.path)")
            opened.append((place, descriptor))
        }
        for folder in covered { try check(privileges_cover(folder), "cover \(folder)") }
        for (place, descriptor) in opened {
            if !FileManager.default.fileExists(atPath: place.path) {
                do {
                    try FileManager.default.createDirectory(
                        atPath: place.path, withIntermediateDirectories: true,
                        attributes: [.posixPermissions: 0o755])
                } catch {
                    throw Complaint("\(place.path) cannot be shown to the platform: \(Complaint.reason(error))")
                }
            }
            try check(privileges_show(descriptor, place.path, place.isReadOnly ? 1 : 0), "show \(place.path)")
        }
    }

    private static func check(_ result: Int32, _ what: String) throws {
        guard result != 0 else { return }
        throw Complaint("the platform cannot \(what): \(String(cString: strerror(-result)))")
    }
}
