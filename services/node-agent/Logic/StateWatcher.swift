import CNode
import Foundation
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// Learns when a shim has written a file, without asking again and again.
final class StateWatcher: Sendable {
    private let descriptor: Int32
    private let callbacks = Mutex<[Int32: @Sendable () -> Void]>([:])

    init() throws {
        descriptor = node_inotify_open()
        guard descriptor >= 0 else {
            throw NodeError("inotify is not available: \(String(cString: strerror(-descriptor)))")
        }
    }

    /// Calls back when a file is moved into the directory; returns a number for `stop`.
    func watch(_ directory: String, _ callback: @escaping @Sendable () -> Void) -> Int32 {
        // The lock is held over the call, so that no event comes before its callback is known.
        callbacks.withLock { callbacks in
            let watch = node_inotify_add(descriptor, directory)
            if watch >= 0 { callbacks[watch] = callback }
            return watch
        }
    }

    func stop(_ watch: Int32) {
        callbacks.withLock { callbacks in
            if callbacks.removeValue(forKey: watch) != nil { _ = node_inotify_remove(descriptor, watch) }
        }
    }

    /// Reads on a thread of its own, because reading blocks.
    func start() {
        Thread { [self] in
            var watches = [Int32](repeating: 0, count: 256)
            while true {
                let count = node_inotify_read(descriptor, &watches, Int32(watches.count))
                if count < 0 { return }
                let found = callbacks.withLock { callbacks in
                    watches[..<Int(count)].compactMap { callbacks[$0] }
                }
                for callback in found { callback() }
            }
        }.start()
    }
}
