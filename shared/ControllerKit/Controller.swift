import KubeModel
public import Logging
public import ServiceLifecycle

/// Runs a reconciler for every request of a source: several objects at a time, one run per object.
///
/// A failed run is repeated, later each time. The service ends when its source ends, on graceful shutdown, or when a
/// source throws.
public struct Controller<Requests: AsyncSequence & Sendable>: Service where Requests.Element == ReconcileRequest {
    let name: String
    let requests: Requests
    let reconciler: any Reconciler
    let caches: [WatchCache]
    let concurrency: Int
    let logger: Logger
    private let queue: WorkQueue<ReconcileRequest>

    /// Makes a controller.
    ///
    /// - Parameters:
    ///   - name: for the log.
    ///   - requests: what wakes it.
    ///   - reconciler: what it does.
    ///   - caches: what the reconciler reads; nothing runs before all of them were filled.
    ///   - concurrency: how many objects at a time.
    ///   - logger: where failures go.
    public init(
        name: String, requests: Requests, reconciler: any Reconciler, after caches: [WatchCache] = [],
        concurrency: Int = 4, logger: Logger
    ) {
        self.name = name
        self.requests = requests
        self.reconciler = reconciler
        self.caches = caches
        self.concurrency = concurrency
        self.logger = logger
        queue = WorkQueue()
    }

    /// Runs until the source ends, the task is cancelled, or graceful shutdown.
    public func run() async throws {
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask {
                defer { queue.close() }
                for try await request in requests.cancelOnGracefulShutdown() { queue.add(request) }
            }
            group.addTask {
                guard try await haveSynced() else { return }
                await dispatch()
            }
        }
    }

    /// False when shutdown began before the caches were filled.
    private func haveSynced() async throws -> Bool {
        let synced = try await cancelWhenGracefulShutdown {
            do {
                for cache in caches { try await cache.waitUntilSynced() }
                return true
            } catch is CancellationError {
                return false
            }
        }
        return synced
    }

    private func dispatch() async {
        let (permits, release) = AsyncStream.makeStream(of: Void.self)
        for _ in 0..<concurrency { release.yield() }
        var permit = permits.makeAsyncIterator()
        await withDiscardingTaskGroup { group in
            while await permit.next() != nil, let request = await queue.next() {
                group.addTask {
                    let delay = await attempt(request)
                    release.yield()
                    guard let delay, let ticket = queue.postpone(request, for: delay) else { return }
                    guard (try? await Task.sleep(for: delay)) != nil else { return }
                    queue.resume(request, ticket: ticket)
                }
            }
            group.cancelAll()  // drops timers; a running reconcile is cancelled, and safe to repeat
        }
    }

    /// One run; returns after which time to come back, nil for not on our own.
    private func attempt(_ request: ReconcileRequest) async -> Duration? {
        defer { queue.finish(request) }
        do {
            let outcome = try await reconciler.reconcile(request)
            queue.succeeded(request)
            if case .checkAgain(let delay) = outcome { return delay }
            return nil
        } catch is CancellationError {
            return nil
        } catch let error as APIError where error.reason == .conflict || error.reason == .alreadyExists {
            // Somebody else wrote meanwhile, or our cache is a little behind: normal, and over in a moment.
            logger.debug("reconcile met a newer state", metadata: metadata(request, error))
            return queue.failed(request)
        } catch {
            logger.warning("reconcile failed", metadata: metadata(request, error))
            return queue.failed(request)
        }
    }

    private func metadata(_ request: ReconcileRequest, _ error: any Error) -> Logger.Metadata {
        ["controller": "\(name)", "object": "\(request)", "error": "\((error as? APIError)?.message ?? "\(error)")"]
    }
}
