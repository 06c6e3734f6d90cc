import Foundation
import Logging

#if canImport(Glibc)
    import Glibc
#endif

/// When environments were last used, and the removal of those that were not for long. Several platforms may share the folder, so
/// the time is that of a file beside the environment, which each of them renews while its containers use it.
struct EnvironmentUse: Sendable {
    /// Environments that nobody used for this long are removed, seconds.
    static let longestAge = 30 * 86_400.0
    /// One that was used within this time is kept on a full disk, too: a container may be about to start in it, here or by another
    /// platform, which renews the time of its own every five minutes. Seconds.
    static let grace = 900.0

    /// Where environments lie, by their contents.
    let directory: String
    /// Where the containers are that use them.
    let podsDirectory: String
    let logger: Logger

    /// Notes in the folder of a run which environment it uses.
    static func note(_ environment: ReadyEnvironment, in bundle: String) throws {
        guard environment.path != nil else { return }
        try FileTools.write(environment.contentID, to: "\(bundle)/environment")
    }

    /// The environment is used now.
    func renew(_ content: String, now: Date = Date()) {
        let path = marker(content)
        var times = [timeval(tv_sec: Int(now.timeIntervalSince1970), tv_usec: 0), timeval()]
        times[1] = times[0]
        if utimes(path, times) == 0 { return }
        try? FileTools.write("", to: path)
        utimes(path, times)
    }

    /// Removes environments that are old, or, where the disk is nearly full, those that were not used for longest until there is
    /// room.
    func collectGarbage(isDiskShort: (String) -> Bool = { NodePressure.measure($0).isOfDisk }, now: Date = Date()) {
        for content in contentsInUse() { renew(content, now: now) }
        let candidates = FileTools.names(in: directory).filter { !$0.hasPrefix(".") }
            .filter { FileTools.isDirectory("\(directory)/\($0)") }
            .map { (content: $0, used: lastUse($0, now: now)) }.sorted { $0.used < $1.used }
        for (content, used) in candidates {
            let age = now.timeIntervalSince(used)
            guard age > Self.longestAge || (age > Self.grace && isDiskShort(directory)) else { continue }
            // Out of the way first: one that is half gone must not be taken for one.
            let gone = "\(directory)/.\(content).gone.\(getpid())"
            guard rename("\(directory)/\(content)", gone) == 0 else { continue }
            FileTools.remove(gone)
            unlink(marker(content))
            logger.info(
                "removed an environment that is not used",
                metadata: ["environment": "\(content)", "days": "\(Int(age / 86_400))"])
        }
    }

    /// When a container last used an environment; what nobody has noted yet counts from now on.
    private func lastUse(_ content: String, now: Date) -> Date {
        var info = stat()
        if stat(marker(content), &info) == 0 { return Date(timeIntervalSince1970: Double(info.st_mtim.tv_sec)) }
        renew(content, now: now)
        return now
    }

    /// Those of containers that have not ended, also of an earlier agent.
    private func contentsInUse() -> Set<String> {
        Set(
            RunFolders.unfinished(in: podsDirectory).compactMap { FileTools.text("\($0)/environment")?.trimmed() }
                .filter { FileTools.isDirectory("\(directory)/\($0)") })
    }

    private static let suffix = ".used"
    private func marker(_ content: String) -> String { "\(directory)/.\(content)\(Self.suffix)" }
}

/// Folders of runs of containers, `<pod>/containers/<name>/<number>`.
enum RunFolders {
    /// Those that have not ended, as they tell.
    static func unfinished(in podsDirectory: String) -> [String] {
        FileTools.names(in: podsDirectory).flatMap { pod in
            FileTools.names(in: "\(podsDirectory)/\(pod)/containers").flatMap { container in
                let folder = "\(podsDirectory)/\(pod)/containers/\(container)"
                return FileTools.names(in: folder).map { "\(folder)/\($0)" }
            }
        }.filter { !FileTools.exists("\($0)/exit") }
    }
}
