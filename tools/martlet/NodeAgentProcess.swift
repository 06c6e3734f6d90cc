import Foundation
import Logging
import ServiceLifecycle
import Subprocess
import SystemPackage

/// The node agent: a process of its own, because it alone needs the powers of root over Pods.
///
/// It is started again when it dies. It ends itself when this process is gone, because its standard input closes then.
struct NodeAgentProcess: Service {
    let program: String
    let arguments: [String]
    /// `PATH` of the agent, which looks for its tools there.
    let path: String
    let logFile: String
    let logger: Logger

    func run() async throws {
        try await cancelWhenGracefulShutdown {
            var pause = Duration.milliseconds(200)
            while !Task.isCancelled {
                let began = ContinuousClock.now
                let status = try await runOnce()
                if Task.isCancelled { return }
                logger.error("the node agent ended and is started again", metadata: ["status": "\(status)"])
                // A wrong configuration ends it at once, with its last words in the log.
                if case .exited(let code) = status, code == 78 {
                    throw Complaint("the node agent refused to start: \(lastWords)")
                }
                if ContinuousClock.now - began > .seconds(30) { pause = .milliseconds(200) }
                try? await Task.sleep(for: pause)
                pause = min(pause * 2, .seconds(10))
            }
        }
    }

    private func runOnce() async throws -> TerminationStatus {
        let log = try FileDescriptor.open(
            FilePath(logFile), .writeOnly, options: [.create, .append, .closeOnExec],
            permissions: [.ownerReadWrite])
        let (input, kept) = try FileDescriptor.pipe()
        // The write end must stay with this process alone, or the agent would never see it close.
        _ = fcntl(kept.rawValue, F_SETFD, FD_CLOEXEC)
        defer { try? kept.close() }
        var platform = PlatformOptions()
        platform.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: .seconds(40))]
        return try await Subprocess.run(
            .path(FilePath(program)), arguments: Arguments(arguments),
            environment: .inherit.updating(["PATH": path]), platformOptions: platform,
            input: .fileDescriptor(input, closeAfterSpawningProcess: true),
            output: .fileDescriptor(log, closeAfterSpawningProcess: false),
            error: .fileDescriptor(log, closeAfterSpawningProcess: true)
        ).terminationStatus
    }

    private var lastWords: String {
        guard let text = try? String(contentsOfFile: logFile, encoding: .utf8) else { return "see \(logFile)" }
        return text.split(separator: "\n").last.map(String.init) ?? "see \(logFile)"
    }
}
