import CPrivileges
import Foundation

/// Runs programs without starting a thread.
enum ShortProgram {
    struct Outcome {
        let status: Int32
        let output: String

        /// The last line that it wrote.
        var complaint: String {
            output.split(separator: "\n").last.map { $0.trimmingCharacters(in: .whitespaces) } ?? "status \(status)"
        }
    }

    /// Runs a program to its end.
    ///
    /// - Returns: its exit status (128 and more for a signal) and what it wrote to both streams, up to 64 KiB.
    /// - Throws: ``Complaint`` when it cannot be started.
    static func run(_ program: String, _ arguments: [String]) throws -> Outcome {
        let file = try temporaryFile()
        defer { close(file) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        // A file, not a pipe: what goes on in the background may keep it.
        for stream in [STDOUT_FILENO, STDERR_FILENO] { posix_spawn_file_actions_adddup2(&actions, file, stream) }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // A group of its own: Ctrl-C is for the platform.
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        let process = try spawn(program, [program] + arguments, actions: &actions, attributes: &attributes)
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 {
            guard errno == EINTR else { throw Complaint("\(program) cannot be waited for") }
        }
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        let size = max(0, pread(file, &bytes, bytes.count, 0))
        let signal = status & 0x7f
        return Outcome(
            status: signal == 0 ? (status >> 8) & 0xff : 128 + signal,
            output: String(decoding: bytes[..<size], as: UTF8.self))
    }

    /// Starts a program that goes on, away from the terminal, with all open files that are to be inherited.
    ///
    /// - Parameters:
    ///   - program: its path.
    ///   - name: what it is called in lists of processes.
    ///   - arguments: what follows the name.
    ///   - log: a file for what it writes to both streams; what was in it goes.
    /// - Returns: its process, a child of this one.
    /// - Throws: ``Complaint`` when it cannot be started.
    static func begin(_ program: String, name: String, _ arguments: [String], log: String) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(&attributes, rootless_own_session)
        return try spawn(program, [name] + arguments, actions: &actions, attributes: &attributes)
    }

    private static func spawn(
        _ program: String, _ words: [String], actions: inout posix_spawn_file_actions_t,
        attributes: inout posix_spawnattr_t
    ) throws -> pid_t {
        var words: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var process: pid_t = 0
        let code = posix_spawn(&process, program, &actions, &attributes, &words, environ)
        guard code == 0 else { throw Complaint("\(program) cannot be started: \(String(cString: strerror(code)))") }
        return process
    }

    /// An open file without a name.
    private static func temporaryFile() throws -> Int32 {
        var path = Array("/tmp/martlet-XXXXXX".utf8CString)
        let descriptor = mkstemp(&path)
        guard descriptor >= 0 else {
            throw Complaint("no file can be made in /tmp: \(String(cString: strerror(errno)))")
        }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        unlink(path)
        return descriptor
    }
}
