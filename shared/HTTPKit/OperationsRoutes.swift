/// `/healthz`, `/readyz` and `/metrics`, the same in every service.
public struct OperationsRoutes: Sendable {
    let metrics: Metrics
    let isReady: @Sendable () async -> Bool

    /// Routes that answer ready when `isReady` says so.
    public init(metrics: Metrics, isReady: @escaping @Sendable () async -> Bool = { true }) {
        (self.metrics, self.isReady) = (metrics, isReady)
    }

    /// Adds the routes.
    public func register(on router: inout Router) {
        router.add("GET", "/healthz") { _, _ in .text("ok") }
        router.add("GET", "/readyz") { [isReady] _, _ in
            await isReady() ? .text("ok") : .text("starting", status: 503)
        }
        router.add("GET", "/metrics") { [metrics] _, _ in
            .bytes(Array(metrics.text.utf8), type: "text/plain; version=0.0.4; charset=utf-8")
        }
    }
}
