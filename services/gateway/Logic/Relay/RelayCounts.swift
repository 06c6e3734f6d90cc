import HTTPKit

/// Counts what the relay answers.
final class RelayCounts: Sendable {
    private let byClass: [Metrics.Counter]
    private let relayed: Metrics.Counter

    init(_ metrics: Metrics) {
        byClass = (0...5).map {
            metrics.counter("gateway_requests_total", ["part": "notebook", "status": "\($0)xx"])
        }
        metrics.describe("gateway_relayed_total", "Requests for notebooks that were passed on as they came.")
        relayed = metrics.counter("gateway_relayed_total")
    }

    func count(_ status: Int) {
        relayed.add()
        if byClass.indices.contains(status / 100) { byClass[status / 100].add() }
    }
}
