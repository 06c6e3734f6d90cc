import Dispatch

/// Does something again and again on a queue, until it is cancelled or goes away.
///
/// Unchecked because Dispatch does not say it of its sources; starting and cancelling one is allowed from everywhere, and
/// nothing else is done with it.
final class SweepTimer: @unchecked Sendable {
    private let source: any DispatchSourceTimer

    init(on queue: DispatchQueue) {
        source = DispatchSource.makeTimerSource(queue: queue)
        source.activate()
    }

    deinit { source.cancel() }

    /// To be called once.
    func start(every seconds: Double, _ body: @escaping @Sendable () -> Void) {
        source.setEventHandler(handler: body)
        source.schedule(deadline: .now() + seconds, repeating: seconds, leeway: .seconds(1))
    }

    func cancel() { source.cancel() }
}
