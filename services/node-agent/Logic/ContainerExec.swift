import CNode
import Foundation
import HTTPKit
import KubeModel
import NIOCore
import NIOPosix
import Subprocess
import Synchronization
import SystemPackage

#if canImport(Glibc)
    import Glibc
#endif

/// A process that somebody starts in a running container, its streams on a connection of frames.
struct ContainerExec: Sendable {
    let runtime: ContainerRuntime
    let run: ContainerRun
    let command: [String]
    let hasInput: Bool
    let hasTerminal: Bool

    private typealias Peer = NIOAsyncChannelOutboundWriter<StreamFrame>

    private enum Step: Sendable {
        case ended(Int)
        case drained
        case peerLeft
    }

    /// The descriptors on our side.
    private final class Ends: Sendable {
        let input: Int32
        let output: Int32
        let errors: Int32
        private let hasInput: Atomic<Bool>

        init(input: Int32 = -1, output: Int32 = -1, errors: Int32 = -1) {
            (self.input, self.output, self.errors) = (input, output, errors)
            hasInput = Atomic(input >= 0 && input != output)
        }

        /// The process reads the end of its input. A terminal stays: there the end is a character.
        func endInput() {
            if hasInput.exchange(false, ordering: .acquiringAndReleasing) { Glibc.close(input) }
        }

        func close() {
            endInput()
            for descriptor in [output, errors] where descriptor >= 0 { Glibc.close(descriptor) }
        }
    }

    /// Runs the process to its end; the last frame says how that was.
    func serve(_ channel: NIOAsyncChannel<StreamFrame, StreamFrame>) async throws {
        try await channel.executeThenClose { inbound, outbound in
            do {
                try await serve(inbound, outbound, channel.channel)
            } catch let error as NodeError {
                try await Self.say(Self.failure("\(error)"), to: outbound)
            }
        }
    }

    private func serve(
        _ inbound: NIOAsyncChannelInboundStream<StreamFrame>, _ outbound: Peer, _ channel: any Channel
    ) async throws {
        let process = try runtime.writeProcess(command, in: run, hasTerminal: hasTerminal)
        let files = (pid: process + ".pid", log: process + ".log")
        let isOver = Flag()
        defer {
            // Cut short: crun was killed, and the process in the container is not its child's affair any more.
            if !isOver.isSet { Self.kill(files.pid, of: run) }
            for path in [process, files.pid, files.log] { unlink(path) }
        }
        let arguments = ["--log=\(files.log)", "exec", "--process=\(process)", "--pid-file=\(files.pid)"]
        // Reading and writing block; threads of its own, so that nobody else waits.
        let threads = NIOThreadPool(numberOfThreads: 3)
        threads.start()
        defer { threads.shutdownGracefully { _ in } }

        // Said while the input is still read: who stops reading a channel closes it.
        let onEnd: @Sendable (Int) async throws -> Void = { code in
            var result = Self.result(code)
            if !FileTools.exists(files.pid) {
                result = Self.failure(ContainerRuntime.complaint(FileTools.text(files.log) ?? ""))
            }
            isOver.set()
            try await Self.say(result, to: outbound)
        }
        if hasTerminal {
            let name = (process as NSString).lastPathComponent + ".tty"
            let listener = node_terminal_listen(run.directory, name)
            guard listener >= 0 else { throw NodeError("no terminal: \(String(cString: strerror(-listener)))") }
            defer {
                Glibc.close(listener)
                unlink("\(run.directory)/\(name)")
            }
            let line = runtime.crun(arguments + ["--console-socket=\(run.directory)/\(name)", run.id])
            try await supervise(inbound, channel, threads, files.pid, onEnd: onEnd) {
                defer { node_terminal_stop(listener) }
                return try await Self.spawn(line, -1, -1, -1)
            } ends: {
                let terminal = try await threads.runIfActive { node_terminal_receive(listener, 30_000) }
                return terminal >= 0 ? Ends(input: terminal, output: terminal) : Ends()
            }
        } else {
            let line = runtime.crun(arguments + [run.id])
            let input = hasInput ? try Pipe() : nil
            let (output, errors) = (try Pipe(), try Pipe())
            let ends = Ends(input: input?.write ?? -1, output: output.read, errors: errors.read)
            try await supervise(inbound, channel, threads, files.pid, onEnd: onEnd) {
                try await Self.spawn(line, input?.read ?? -1, output.write, errors.write)
            } ends: {
                ends
            }
        }
    }

    private static func say(_ result: JSON, to peer: Peer) async throws {
        try await peer.write(StreamFrame(.result, ByteBuffer(bytes: result.bytes)))
    }

    /// Moves bytes until the process has ended and all that it wrote is sent; ends it when the peer goes away.
    private func supervise(
        _ inbound: NIOAsyncChannelInboundStream<StreamFrame>, _ channel: any Channel, _ threads: NIOThreadPool,
        _ pidFile: String, onEnd: @Sendable (Int) async throws -> Void,
        spawn: @escaping @Sendable () async throws -> Int, ends: () async throws -> Ends
    ) async throws {
        let isOver = try End()
        try await withThrowingTaskGroup(of: Step.self) { group in
            group.addTask {
                defer { isOver.set() }
                return .ended(try await spawn())
            }
            let ends = try await ends()
            defer { ends.close() }
            for (descriptor, stream) in [(ends.output, StreamFrame.Stream.output), (ends.errors, .errors)] {
                group.addTask {
                    try await threads.runIfActive { Self.pump(descriptor, stream, channel, isOver) }
                    return .drained
                }
            }
            group.addTask {
                try await Self.feed(inbound, ends.input, threads, isOver) { ends.endInput() }
                return .peerLeft
            }
            var code: Int?
            var drained = 0
            while code == nil || drained < 2 {
                switch try await group.next() {
                case .ended(let value): code = value
                case .drained: drained += 1
                case .peerLeft: throw ChannelError.eof
                case nil: break
                }
            }
            try await onEnd(code ?? 0)
            group.cancelAll()
            while try await group.next() != nil {}
        }
    }

    /// Sends what can be read until the end, or until nothing more comes from a process that is over.
    private static func pump(_ descriptor: Int32, _ stream: StreamFrame.Stream, _ channel: any Channel, _ isOver: End) {
        guard descriptor >= 0 else { return }
        var chunk = [UInt8](repeating: 0, count: 32 * 1024)
        var (end, limit) = (isOver.descriptor, Int32(-1))
        while true {
            let ready = node_wait_either(descriptor, 0, end, limit)
            if ready <= 0 { return }
            if ready == 2 {
                // A process in the background may hold the stream; it is not waited for longer than half a second.
                (end, limit) = (-1, 500)
                continue
            }
            let count = read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR || errno == EAGAIN { continue }
            if count <= 0 { return }
            let frame = StreamFrame(stream, ByteBuffer(bytes: chunk[..<count]))
            do { try channel.writeAndFlush(frame).wait() } catch { return }
        }
    }

    /// Passes on what the peer sends; returns when the peer is gone.
    private static func feed(
        _ inbound: NIOAsyncChannelInboundStream<StreamFrame>, _ input: Int32, _ threads: NIOThreadPool, _ isOver: End,
        onInputEnd: @Sendable () -> Void
    ) async throws {
        var isOpen = input >= 0
        if isOpen { _ = node_set_nonblocking(input) }
        for try await frame in inbound {
            switch frame.stream {
            case .input where isOpen:
                isOpen = try await threads.runIfActive { write(frame.bytes, to: input, isOver) }
            case .end where frame.bytes.getInteger(at: frame.bytes.readerIndex) == StreamFrame.Stream.input.rawValue:
                if isOpen { onInputEnd() }
                isOpen = false
            case .size:
                guard let size = try? JSON(parsing: Array(frame.bytes.readableBytesView)),
                    let width = size["Width"]?.int.flatMap(UInt16.init(exactly:)),
                    let height = size["Height"]?.int.flatMap(UInt16.init(exactly:))
                else { break }
                _ = node_terminal_resize(input, width, height)
            default: break
            }
        }
    }

    /// Writes all of it; false when nobody reads any more.
    private static func write(_ bytes: ByteBuffer, to descriptor: Int32, _ isOver: End) -> Bool {
        var rest = bytes
        while rest.readableBytes > 0 {
            let count = rest.withUnsafeReadableBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                rest.moveReaderIndex(forwardBy: count)
            } else if errno == EAGAIN {
                if node_wait_either(descriptor, 1, isOver.descriptor, -1) != 1 { return false }
            } else if errno != EINTR {
                return false
            }
        }
        return true
    }

    /// True when a process has the process numbers of a container, which tells where there are no control groups.
    private static func isInside(_ process: Int32, _ run: ContainerRun) -> Bool {
        func namespace(_ process: Int32) -> String? {
            try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(process)/ns/pid")
        }
        let first = FileTools.text("\(run.directory)/pid").flatMap { Int32($0.trimmed()) }
        guard let first, let own = namespace(getpid()), let its = namespace(first) else { return false }
        return its != own && its == namespace(process)
    }

    /// Kills the process that `pidFile` names, if it is one of the pod's still.
    private static func kill(_ pidFile: String, of run: ContainerRun) {
        guard let pid = FileTools.text(pidFile).flatMap({ Int32($0.trimmed()) }), pid > 1,
            FileTools.text("/proc/\(pid)/cgroup")?.contains(run.id.prefix(36)) ?? false || isInside(pid, run)
        else { return }
        _ = Glibc.kill(pid, SIGKILL)
    }

    private static func spawn(_ command: Command, _ input: Int32, _ output: Int32, _ errors: Int32) async throws -> Int
    {
        typealias File = SystemPackage.FileDescriptor
        func file(_ descriptor: Int32, _ mode: File.AccessMode) throws -> File {
            descriptor >= 0 ? File(rawValue: descriptor) : try .open("/dev/null", mode)
        }
        let result = try await Subprocess.run(
            .path(FilePath(command.path)), arguments: Arguments(command.arguments),
            input: .fileDescriptor(file(input, .readOnly), closeAfterSpawningProcess: true),
            output: .fileDescriptor(file(output, .writeOnly), closeAfterSpawningProcess: true),
            error: .fileDescriptor(file(errors, .writeOnly), closeAfterSpawningProcess: true))
        switch result.terminationStatus {
        case .exited(let code): return Int(code)
        case .signaled(let signal): return 128 + Int(signal)
        }
    }

    // MARK: - Results, as kubelets write them

    /// The `Status` for an exit code.
    static func result(_ code: Int) -> JSON {
        if code == 0 { return ["metadata": [:], "status": "Success"] }
        return [
            "metadata": [:], "status": "Failure", "reason": "NonZeroExitCode",
            "message": .string("command terminated with non-zero exit code: exit status \(code)"),
            "details": ["causes": [["reason": "ExitCode", "message": .string("\(code)")]]],
        ]
    }

    /// The `Status` when there was no process.
    static func failure(_ message: String) -> JSON {
        [
            "metadata": [:], "status": "Failure", "reason": "InternalError", "code": 500,
            "message": .string("Internal error occurred: error executing command in container: \(message)"),
            "details": ["causes": [["message": .string("error executing command in container: \(message)")]]],
        ]
    }
}

/// Two ends of a pipe that nobody inherits.
private struct Pipe {
    let read: Int32
    let write: Int32

    init() throws {
        var ends: [Int32] = [-1, -1]
        let result = node_pipe(&ends)
        guard result == 0 else { throw NodeError("no pipe: \(String(cString: strerror(-result)))") }
        (read, write) = (ends[0], ends[1])
    }
}

/// Comes once, and wakes whoever waits for ``descriptor``.
private final class End: Sendable {
    private let pipe: Pipe
    private let hasCome = Atomic(false)
    /// Can be read once the end has come.
    var descriptor: Int32 { pipe.read }

    init() throws { pipe = try Pipe() }

    func set() {
        if !hasCome.exchange(true, ordering: .acquiringAndReleasing) { Glibc.close(pipe.write) }
    }

    deinit {
        set()
        Glibc.close(pipe.read)
    }
}

/// Set once, seen by threads and tasks.
private final class Flag: Sendable {
    private let value = Atomic(false)
    var isSet: Bool { value.load(ordering: .acquiring) }
    func set() { value.store(true, ordering: .releasing) }
}
