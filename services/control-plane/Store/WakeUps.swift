import Dispatch
import Synchronization

/// Wakes those who wait for the history.
///
/// A few are woken by the writer itself. Telling many of every single change would take longer than the changes: after
/// many were woken, those who are to be woken next wait for about as long as telling takes, and get all that came
/// meanwhile at once. A change that comes alone is told at once.
final class WakeUps: Sendable {
    private struct State {
        var waiting: [HistoryWaiter] = []
        var isScheduled = false
        /// Not before then are many woken again.
        var next = ContinuousClock.now
    }

    /// Up to this many are woken by the writer itself.
    private static let few = 4
    /// What it takes to send one watcher a few changes, and twice as long.
    private static let pause = Duration.microseconds(40)
    private static let longestPause = Duration.milliseconds(50)

    private let queue = DispatchQueue(label: "store.watchers")
    private let state = Mutex(State())

    func wake(_ waiters: [HistoryWaiter]) {
        if waiters.count <= Self.few {
            for waiter in waiters { waiter.wake() }
            return
        }
        let delay = state.withLock { state -> Duration? in
            state.waiting += waiters
            guard !state.isScheduled else { return nil }
            state.isScheduled = true
            return state.next - .now
        }
        guard let delay else { return }
        if delay > .zero {
            queue.asyncAfter(deadline: .now() + .microseconds(Int(delay / .microseconds(1)))) { self.wakeAll() }
        } else {
            queue.async { self.wakeAll() }
        }
    }

    private func wakeAll() {
        let waiting = state.withLock { state in
            let waiting = state.waiting
            (state.waiting, state.isScheduled) = ([], false)
            state.next = .now + min(Self.pause * waiting.count, Self.longestPause)
            return waiting
        }
        var lanes: [ObjectIdentifier: (lane: any WatchLane, readers: [any WatchReader])] = [:]
        for waiter in waiting {
            guard case .reader(let reader) = waiter else {
                waiter.wake()
                continue
            }
            let lane = reader.lane
            lanes[ObjectIdentifier(lane), default: (lane, [])].readers.append(reader)
        }
        for (lane, readers) in lanes.values { lane.schedule(readers) }
    }
}
