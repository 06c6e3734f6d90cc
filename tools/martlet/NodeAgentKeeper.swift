import Foundation
import KubeModel
import Logging
import ServiceLifecycle

/// The node agent, as the platform has it: in the hands of a small process that stays root and starts it again when it
/// dies. The platform can say when it starts and stops; what it is started with was settled while the platform was root.
///
/// Both end by themselves when this process is gone.
final class NodeAgentKeeper: Service {
    /// One end of a pair of sockets, for this process alone.
    private let descriptor: Int32
    private let logFile: String
    private let logger = Logger(label: "node-agent")

    /// Starts the keeper, as root.
    ///
    /// - Parameters:
    ///   - program: the node agent.
    ///   - arguments: of the node agent.
    ///   - path: `PATH` of the agent, which looks for its tools there.
    ///   - log: an open file for what it says.
    ///   - logFile: the path of that file.
    ///   - inherited: open files that the agent gets, by the numbers that it has been told; from 3 on.
    /// - Throws: ``Complaint`` when it cannot be started.
    init(
        program: String, arguments: [String], path: String, log: Int32, logFile: String,
        inherited: [Int32: Int32] = [:]
    ) throws {
        self.logFile = logFile
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw Complaint("no sockets can be made: \(String(cString: strerror(errno)))")
        }
        descriptor = ends[0]
        defer { close(ends[1]) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (from, to) in [(ends[1], STDIN_FILENO), (log, STDOUT_FILENO), (log, STDERR_FILENO)] {
            posix_spawn_file_actions_adddup2(&actions, from, to)
        }
        for (number, file) in inherited { posix_spawn_file_actions_adddup2(&actions, file, number) }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // A group of its own: Ctrl-C is for the platform, which stops things in order.
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        var environment = ProcessInfo.processInfo.environment
        environment["PATH"] = path
        var words: [UnsafeMutablePointer<CChar>?] = [strdup(program), strdup("keep"), nil]
        var variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for word in words + variables { free(word) } }
        var process: pid_t = 0
        let code = posix_spawn(&process, program, &actions, &attributes, &words, &variables)
        guard code == 0 else { throw Complaint("\(program) cannot be started: \(String(cString: strerror(code)))") }
        try say(JSON.array(arguments.map(JSON.string)).text)
    }

    deinit { close(descriptor) }

    func run() async throws {
        let said = lines()
        try say("start")
        try await withGracefulShutdownHandler {
            for await line in said {
                switch line {
                case "stopped": return
                case "refused": throw Complaint("the node agent refused to start: \(lastWords)")
                default: logger.error("the node agent is started again", metadata: ["was": "\(line)"])
                }
            }
            throw Complaint(
                "the keeper of the node agent was ended, so Pods cannot be looked after; they go on, and the next start "
                    + "takes them over")
        } onGracefulShutdown: {
            // A keeper that is gone has nothing left to stop; `run` says so.
            try? self.say("stop")
        }
    }

    /// What the keeper says, read on a thread of its own, since reading blocks.
    private func lines() -> AsyncStream<String> {
        let (stream, continuation) = AsyncStream.makeStream(of: String.self)
        Thread.detachNewThread { [descriptor] in
            var text: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 512)
            while true {
                let size = read(descriptor, &chunk, chunk.count)
                if size < 0 && errno == EINTR { continue }
                guard size > 0 else { break }
                text += chunk[..<size]
                while let end = text.firstIndex(of: UInt8(ascii: "\n")) {
                    continuation.yield(String(decoding: text[..<end], as: UTF8.self))
                    text.removeFirst(end + 1)
                }
            }
            continuation.finish()
        }
        return stream
    }

    private func say(_ line: String) throws {
        var bytes = Array((line + "\n").utf8)[...]
        while !bytes.isEmpty {
            let size = bytes.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if size < 0 && errno == EINTR { continue }
            guard size > 0 else {
                throw Complaint("the keeper of the node agent is gone: \(String(cString: strerror(errno)))")
            }
            bytes = bytes.dropFirst(size)
        }
    }

    private var lastWords: String {
        guard let text = try? String(contentsOfFile: logFile, encoding: .utf8) else { return "see \(logFile)" }
        return text.split(separator: "\n").last.map(String.init) ?? "see \(logFile)"
    }
}
