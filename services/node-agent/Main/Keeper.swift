import CNode
import Foundation

/// `node-agent keep`: starts the node agent, and starts it again when it dies, for a program that has no powers itself.
///
/// Standard input is one end of a socket pair. Its first line, written while the other side was still root, holds the
/// program's arguments as a JSON array; from then on the other side can say `start` and `stop` and nothing else. Answers
/// are lines, too: `ended STATUS` after each end, `refused WORDS` when trying again is of no use, `stopped`. When the
/// other side is gone this program ends, and with it the agent, which leaves its pods to the next one.
struct Keeper {
    private var input: [UInt8] = []
    private var agent: Agent?
    /// When the agent is started the next time, nil for not.
    private var dueAt: ContinuousClock.Instant?
    /// When an agent that was told to end is killed.
    private var killAt: ContinuousClock.Instant?
    private var pause = Duration.milliseconds(200)
    private var isStopping = false
    private let program: String
    private var arguments: [String] = []

    /// A running agent.
    private struct Agent {
        let process: pid_t
        let descriptor: Int32
        /// Its standard input, whose end ends it.
        let life: Int32
        let began: ContinuousClock.Instant
    }

    /// How long an agent may take to end its pods.
    private static let patience = Duration.seconds(40)

    init() throws {
        program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        // A signal of the terminal is for the program that asked for the agent; it says what to do.
        for signal in [SIGINT, SIGTERM, SIGHUP, SIGPIPE] { Glibc.signal(signal, SIG_IGN) }
    }

    /// Runs until told to stop or left alone; the result is the exit code.
    mutating func run() throws -> Int32 {
        while true {
            for line in try lines() {
                if arguments.isEmpty {
                    arguments = try JSONDecoder().decode([String].self, from: Data(line.utf8))
                } else if line == "start", agent == nil, !isStopping {
                    dueAt = .now
                } else if line == "stop" {
                    isStopping = true
                    guard let agent else { return say("stopped") }
                    kill(agent.process, SIGTERM)
                    killAt = .now + Self.patience
                }
            }
            if let dueAt, dueAt <= .now {
                self.dueAt = nil
                agent = try spawn()
            }
            if let killAt, killAt <= .now, let agent {
                kill(agent.process, SIGKILL)
                self.killAt = nil
            }
            if let code = try wait() { return code }
        }
    }

    /// Waits for the other side, for the end of the agent, or for what is due.
    ///
    /// - Returns: an exit code when all is done.
    private mutating func wait() throws -> Int32? {
        var polled = [pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)]
        if let agent { polled.append(pollfd(fd: agent.descriptor, events: Int16(POLLIN), revents: 0)) }
        let count = poll(&polled, nfds_t(polled.count), millisecondsLeft())
        guard count > 0 else { return nil }
        if polled.count > 1, polled[1].revents != 0, let code = reap() { return code }
        if polled[0].revents != 0 {
            var chunk = [UInt8](repeating: 0, count: 4096)
            let size = read(STDIN_FILENO, &chunk, chunk.count)
            if size > 0 {
                input += chunk[..<size]
            } else if size == 0 || errno != EINTR {
                return 0
            }
        }
        return nil
    }

    /// Until something is due; -1 for never, as poll has it.
    private func millisecondsLeft() -> Int32 {
        guard let next = [dueAt, killAt].compactMap({ $0 }).min() else { return -1 }
        let left = (next - .now).components
        return Int32(clamping: max(0, left.seconds * 1000 + left.attoseconds / 1_000_000_000_000_000 + 1))
    }

    /// The whole lines that have come.
    private mutating func lines() throws -> [String] {
        guard input.count < 1 << 20 else { throw KeeperError("a line does not end") }
        guard let end = input.lastIndex(of: UInt8(ascii: "\n")) else { return [] }
        let text = String(decoding: input[..<end], as: UTF8.self)
        input.removeFirst(end + 1)
        return text.split(separator: "\n").map(String.init)
    }

    private mutating func reap() -> Int32? {
        guard let agent else { return nil }
        var status: Int32 = 0
        guard waitpid(agent.process, &status, 0) == agent.process else { return nil }
        close(agent.descriptor)
        close(agent.life)
        self.agent = nil
        if isStopping { return say("stopped") }
        let signal = status & 0x7f
        let code = (status >> 8) & 0xff
        // A wrong configuration ends it at once; its last words are in the log.
        if signal == 0, code == configurationStatus { return say("refused") }
        _ = say(signal == 0 ? "ended exited(\(code))" : "ended signaled(\(signal))")
        if ContinuousClock.now - agent.began > .seconds(30) { pause = .milliseconds(200) }
        dueAt = .now + pause
        pause = min(pause * 2, .seconds(10))
        return nil
    }

    private func say(_ text: String) -> Int32 {
        let line = Array((text + "\n").utf8)
        // Nobody there is no failure: the next read says so.
        _ = line.withUnsafeBytes { write(STDIN_FILENO, $0.baseAddress, $0.count) }
        return 0
    }

    private func spawn() throws -> Agent {
        var ends: [Int32] = [-1, -1]
        guard node_pipe(&ends) == 0 else { throw KeeperError("no pipe can be made") }
        defer { close(ends[0]) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF))
        var words: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var process: pid_t = 0
        let code = posix_spawn(&process, program, &actions, &attributes, &words, environ)
        guard code == 0 else {
            close(ends[1])
            throw KeeperError("\(program) cannot be started: \(String(cString: strerror(code)))")
        }
        let descriptor = node_open_process(process)
        guard descriptor >= 0 else { throw KeeperError("\(program) cannot be watched") }
        return Agent(process: process, descriptor: descriptor, life: ends[1], began: .now)
    }
}

/// Why the node agent cannot be kept.
struct KeeperError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
