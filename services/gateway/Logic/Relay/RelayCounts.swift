import HTTPKit

/// Counts what the relay answers.
final class RelayCounts: Sendable {
    private let byKind: [Workspace.Kind: [Metrics.Counter]]
    private let relayed: Metrics.Counter

    init(_ metrics: Metrics) {
        let kinds = Workspace.Kind.allCases.map { kind in
            let classes = (0...5).map {
                metrics.counter("gateway_requests_total", ["part": kind.rawValue, "status": "\($0)xx"])
            }
            return (kind, classes)
        }
        byKind = Dictionary(uniqueKeysWithValues: kinds)
        metrics.describe("gateway_relayed_total", "Requests for workspaces that were passed on as they came.")
        relayed = metrics.counter("gateway_relayed_total")
    }

    func count(_ status: Int, of kind: Workspace.Kind) {
        relayed.add()
        guard let byClass = byKind[kind], byClass.indices.contains(status / 100) else { return }
        byClass[status / 100].add()
    }
}
