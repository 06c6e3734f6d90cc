import CNode
import Foundation
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// Learns when files change and processes end, without asking again and again.
final class StateWatcher: Sendable {
    /// One interest; given to `stop` when it is over.
    struct Watch: Sendable {
        fileprivate let number: Int32
        fileprivate let id: UInt64
    }

    private struct State {
        var next: UInt64 = 0
        /// The kernel has one number for each file, however many are interested.
        var callbacks: [Int32: [UInt64: @Sendable () -> Void]] = [:]
        /// By descriptor of the process.
        var processes: [Int32: @Sendable () -> Void] = [:]
    }

    private let files: Int32
    private let processes: Int32
    private let state = Mutex(State())

    init() throws {
        files = node_inotify_open()
        processes = node_processes_open()
        guard files >= 0, processes >= 0 else {
            throw NodeError("inotify or epoll is not available: \(String(cString: strerror(-min(files, processes))))")
        }
    }

    /// Calls back when a file is moved into the folder, or the folder is removed.
    func watch(folder: String, _ callback: @escaping @Sendable () -> Void) -> Watch? { watch(folder, 0, callback) }

    /// Calls back when the file is written to, moved or removed.
    func watch(file: String, _ callback: @escaping @Sendable () -> Void) -> Watch? { watch(file, 1, callback) }

    private func watch(_ path: String, _ isFile: Int32, _ callback: @escaping @Sendable () -> Void) -> Watch? {
        // The lock is held over the call, so that no event comes before its callback is known.
        state.withLock { state in
            let number = node_inotify_add(files, path, isFile)
            guard number >= 0 else { return nil }
            state.next += 1
            state.callbacks[number, default: [:]][state.next] = callback
            return Watch(number: number, id: state.next)
        }
    }

    func stop(_ watch: Watch?) {
        guard let watch else { return }
        state.withLock { state in
            guard state.callbacks[watch.number]?.removeValue(forKey: watch.id) != nil,
                state.callbacks[watch.number]?.isEmpty ?? false
            else { return }
            state.callbacks[watch.number] = nil
            _ = node_inotify_remove(files, watch.number)
        }
    }

    /// Calls back once, when the process has ended; at once if it has already.
    ///
    /// - Parameters:
    ///   - process: its number, which may be another's by now; `isStill` tells.
    ///   - isStill: looked at once the process is held on to.
    ///   - callback: must not block.
    /// - Returns: false where the kernel does not offer this.
    func watch(process: Int32, isStill: () -> Bool, _ callback: @escaping @Sendable () -> Void) -> Bool {
        let descriptor = node_open_process(process)
        if descriptor == -ENOSYS { return false }
        guard descriptor >= 0, isStill() else {
            if descriptor >= 0 { close(descriptor) }
            callback()
            return true
        }
        return state.withLock { state in
            guard node_processes_add(processes, descriptor) == 0 else {
                close(descriptor)
                return false
            }
            state.processes[descriptor] = callback
            return true
        }
    }

    /// Reads on threads of its own, because reading blocks.
    func start() {
        Thread { [self] in
            var numbers = [Int32](repeating: 0, count: 256)
            while true {
                let count = node_inotify_read(files, &numbers, Int32(numbers.count))
                if count < 0 { return }
                let found = state.withLock { state in
                    Set(numbers[..<Int(count)]).flatMap { state.callbacks[$0].map { Array($0.values) } ?? [] }
                }
                for callback in found { callback() }
            }
        }.start()
        Thread { [self] in
            var ended = [Int32](repeating: 0, count: 64)
            while true {
                let count = node_processes_wait(processes, &ended, Int32(ended.count))
                if count < 0 { return }
                for descriptor in ended[..<Int(count)] {
                    let callback = state.withLock { $0.processes.removeValue(forKey: descriptor) }
                    close(descriptor)
                    callback?()
                }
            }
        }.start()
    }
}
