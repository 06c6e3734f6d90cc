import CPrivileges
import Foundation
import Logging
import ServiceLifecycle

/// The program that connects the network of the namespaces to that of the machine, as an ordinary program of the user:
/// `pasta`. It runs outside of them and outlives a platform that was killed, as Pods do.
///
/// Nothing comes in by it, and it does not lead to the loopback addresses of the machine.
struct WayOut: Service {
    private let place: NamespacePlace
    private let logger = Logger(label: "way-out")

    init(_ place: NamespacePlace) { self.place = place }

    /// Where names are asked for when the machine's resolvers listen on loopback alone, which is not this loopback.
    private static let resolver = "169.254.1.1"
    private static let forwarded = "nameserver \(resolver)\n"

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
    /// - Throws: ``Complaint`` with its words.
    func start(to target: pid_t) throws {
        guard let program = Installation.onPath("pasta") else { throw Complaint("`pasta` has gone") }
        let names = Resolver(text: (try? String(contentsOfFile: "/etc/resolv.conf", encoding: .utf8)) ?? "")
        try place.write(names.reachable.map { $0 == names.text ? nil : $0 } ?? Self.forwarded, to: "resolv.conf")
        // Only where it is asked: answers of the machine's resolver to anybody else would seem to come from there, too.
        let forward = names.reachable == nil ? ["--dns-forward", Self.resolver] : []
        unlink(place.process)
        let done = try ShortProgram.run(
            program,
            [
                "--config-net", "--no-map-gw", "-t", "none", "-u", "none", "-T", "none", "-U", "none", "--pid",
                place.process, "--log-file", place.log,
            ] + forward + [String(target)])
        guard done.status == 0, isRunning else {
            throw Complaint("the network of Pods has no way out: pasta: \(done.complaint)")
        }
    }

    /// Makes the network of the namespaces, which this process has joined, bear with it: some versions send segments without
    /// a flag, which belong to no connection for the kernel's translation of addresses; answered, they would end it.
    ///
    /// - Throws: ``Complaint`` when the rules are refused.
    func dropStrays() throws {
        let rules =
            "add table ip way-out; delete table ip way-out; add table ip way-out; add chain ip way-out input "
            + "{ type filter hook input priority -10; policy accept; }; add rule ip way-out input iifname != lo "
            + "ct state invalid drop"
        guard let program = Installation.onPath("nft") else { throw Complaint("`nft` has gone") }
        let done = try ShortProgram.run(program, [rules])
        guard done.status == 0 else { throw Complaint("nft refused the rules of the way out: \(done.complaint)") }
    }

    /// Ends it, if it runs, and waits until it is gone.
    func end() {
        guard let process else { return }
        let descriptor = rootless_open_process(process)
        defer { if descriptor >= 0 { close(descriptor) } }
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
        "the program that leads out of the Pods' network (pasta) was ended; Pods go on, and the next start takes them over"
    )
}

/// What /etc/resolv.conf says.
struct Resolver {
    let text: String

    /// The same without resolvers on loopback; nil when no other is left.
    var reachable: String? {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let kept = lines.filter { !Self.isLoopback($0) }
        guard kept.contains(where: { $0.hasPrefix("nameserver") }) else { return nil }
        return kept.joined(separator: "\n")
    }

    private static func isLoopback(_ line: Substring) -> Bool {
        let words = line.split(whereSeparator: \.isWhitespace)
        guard words.first == "nameserver", words.count > 1 else { return false }
        return words[1].hasPrefix("127.") || words[1] == "::1"
    }
}
