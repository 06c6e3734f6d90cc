import CPrivileges
import Foundation
import Logging
import ServiceLifecycle

/// The program that connects the network of the namespaces to that of the machine (``WayOutProgram``). It runs outside of
/// them and outlives a platform that was killed, as Pods do.
///
/// Nothing comes in by it. Pods reach the machine's own addresses, as they would without namespaces, but for loopback.
struct WayOut: Service {
    private let place: NamespacePlace
    private let logger = Logger(label: "way-out")

    init(_ place: NamespacePlace) { self.place = place }

    /// Its process; nil when it does not run.
    private var process: pid_t? {
        guard let text = try? String(contentsOfFile: place.process, encoding: .utf8),
            let process = pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)), process > 1,
            let line = FileManager.default.contents(atPath: "/proc/\(process)/cmdline"),
            // Its number may be another's by now.
            String(decoding: line, as: UTF8.self).contains(place.process)
        else { return nil }
        return process
    }

    var isRunning: Bool { process != nil }

    /// Connects the namespaces of a process.
    ///
    /// - Throws: ``Complaint`` with the words of the program.
    func start(to target: pid_t) throws {
        guard let (program, path) = WayOutProgram.installed else { throw Complaint("`pasta` has gone") }
        let names = Resolver(text: (try? String(contentsOfFile: "/etc/resolv.conf", encoding: .utf8)) ?? "")
        let forwarded = "nameserver \(WayOutProgram.resolver)\n"
        try place.write(names.reachable.map { $0 == names.text ? nil : $0 } ?? forwarded, to: "resolv.conf")
        // Only where it is asked: answers of the machine's resolver to anybody else would seem to come from there, too.
        try program.start(path, to: target, place: place, forwardsNames: names.reachable == nil)
        guard isRunning else {
            throw Complaint("the network of Pods has no way out: \(program) ended; \(place.log) may say why")
        }
    }

    /// Ends it when a platform does not start and no container of an earlier one needs it.
    func endUnlessUsed() {
        if !place.hasContainers { end() }
    }

    /// Ends it, if it runs, and waits until it is gone.
    func end() {
        guard let process else { return }
        let descriptor = rootless_open_process(process)
        defer { if descriptor >= 0 { close(descriptor) } }
        // It is a process of the user's, over whom root of the namespaces has no power.
        let isRoot = Rootless.isInside && geteuid() == 0
        if isRoot { seteuid(Rootless.user) }
        defer { if isRoot { seteuid(0) } }
        guard kill(process, SIGKILL) == 0, descriptor >= 0 else { return }
        var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        _ = poll(&polled, 1, 10_000)
        unlink(place.process)
    }

    /// Watches it until the platform stops, and ends it then.
    ///
    /// - Throws: ``Complaint`` when somebody else ended it: only a new start can make another.
    func run() async throws {
        guard let process, case let descriptor = rootless_open_process(process), descriptor >= 0 else {
            throw Self.lost
        }
        let ends = AsyncStream.makeStream(of: Void.self)
        Thread.detachNewThread {
            var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            while poll(&polled, 1, -1) < 0, errno == EINTR {}
            close(descriptor)
            ends.continuation.yield()
            ends.continuation.finish()
        }
        let isStopping = try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                for await _ in ends.stream {}
                return false
            }
            group.addTask {
                try? await gracefulShutdown()
                return true
            }
            defer { group.cancelAll() }
            return try await group.next() ?? true
        }
        guard isStopping else {
            logger.error("the way out of the Pods' network was ended")
            throw Self.lost
        }
        end()
    }

    private static let lost = Complaint(
        "the program that leads out of the Pods' network (pasta or slirp4netns) was ended; Pods go on, and the next start "
            + "takes them over")
}
