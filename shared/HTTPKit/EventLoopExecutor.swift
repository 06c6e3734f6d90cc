public import NIOCore

/// Runs the jobs of tasks on one event loop, so that a handler and its connection need not change threads.
public final class EventLoopExecutor: TaskExecutor {
    private let eventLoop: any EventLoop

    /// Runs jobs on the given loop.
    public init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        eventLoop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
