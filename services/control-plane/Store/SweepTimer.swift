import Dispatch

/// Does something again and again on a queue, until it is cancelled or goes away.
///
/// Unchecked because Dispatch does not say it of its sources; cancelling one is allowed from everywhere, and nothing
/// else is done with it.
final class SweepTimer: @unchecked Sendable {
    private let source: any DispatchSourceTimer

    init(every seconds: Double, on queue: DispatchQueue, _ body: @escaping @Sendable () -> Void) {
        source = DispatchSource.makeTimerSource(queue: queue)
        source.schedule(deadline: .now() + seconds, repeating: seconds, leeway: .seconds(1))
        source.setEventHandler(handler: body)
        source.activate()
    }

    deinit { source.cancel() }

    func cancel() { source.cancel() }
}
