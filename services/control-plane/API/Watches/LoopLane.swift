import ClusterStore
import NIOCore
import Synchronization

/// Tells the watches of one event loop's connections that there is something to read.
///
/// A few at a time: between them the loop serves requests.
///
/// Unchecked, because the compiler cannot see it: what is stored is touched on the loop only.
final class LoopLane: WatchLane, @unchecked Sendable {
    private static let share = 32
    private static let pause = TimeAmount.microseconds(20)

    private let loop: any EventLoop
    private var readers = CircularBuffer<any WatchReader>(initialCapacity: 16)
    private var isRunning = false

    init(_ loop: any EventLoop) { self.loop = loop }

    func schedule(_ readers: [any WatchReader]) {
        loop.execute { [self] in
            self.readers.append(contentsOf: readers)
            if !isRunning { run() }
        }
    }

    private func run() {
        for _ in 0..<Self.share {
            guard let reader = readers.popFirst() else { break }
            reader.ready()
        }
        isRunning = !readers.isEmpty
        guard isRunning else { return }
        // A task for now would run before the loop looks at its sockets.
        loop.scheduleTask(in: Self.pause) { [self] in run() }
    }
}

/// The lane of every event loop.
final class LoopLanes: Sendable {
    private let lanes = Mutex<[ObjectIdentifier: LoopLane]>([:])

    subscript(loop: any EventLoop) -> LoopLane {
        lanes.withLock { lanes in
            if let known = lanes[ObjectIdentifier(loop)] { return known }
            let lane = LoopLane(loop)
            lanes[ObjectIdentifier(loop)] = lane
            return lane
        }
    }
}
