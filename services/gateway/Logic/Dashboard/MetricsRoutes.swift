import HTTPKit
import Identity
import KubeModel

/// `/api/metrics`: the charts of Kubeflow's dashboard, `[{timestamp, label, value}]`. Shares of CPU are from 0 to 1,
/// memory is in bytes. Without measurements, or where `COLLECT_METRICS` is off, the answer is 405.
struct MetricsRoutes: Sendable {
    private static let minutes = ["Last5m": 5, "Last15m": 15, "Last30m": 30, "Last60m": 60, "Last180m": 180]

    let dashboard: DashboardRoutes

    func register(on router: inout Router) {
        dashboard.add(&router, "GET", "/api/metrics") { _, _ in
            _ = try await samples(since: 0)
            return ["resourceChartsLinkText": "View in dashboard"]
        }
        dashboard.add(&router, "GET", "/api/metrics/{series}") { caller, values in
            try await series(values["series"], interval: caller.request.query("interval"))
        }
    }

    private func samples(since time: Int64) async throws -> [UsageHistory.Sample] {
        guard try await dashboard.parameters.isOn("COLLECT_METRICS", standard: true),
            let samples = dashboard.core.usage.samples(since: time)
        else { throw APIError(.methodNotAllowed, "Operation not supported") }
        return samples
    }

    private func series(_ name: String, interval: String?) async throws -> JSON {
        let values: (UsageHistory.Sample) -> [(label: String, value: JSON)]
        switch name {
        case "node": values = { $0.nodes.map { ("instance=\($0.name)", .double($0.share)) } }
        case "podcpu": values = { [("", .double($0.podCPU))] }
        case "podmem": values = { [("", .int($0.podMemory))] }
        default: throw APIError(.notFound, "There is no series '\(name.prefix(40))': node, podcpu, podmem")
        }
        let wanted = interval.flatMap { $0.isEmpty ? nil : $0 } ?? "Last15m"
        guard let minutes = Self.minutes[wanted] else {
            throw APIError(
                .badRequest,
                "interval is one of \(Self.minutes.sorted { $0.value < $1.value }.map(\.key).joined(separator: ", "))")
        }
        let samples = try await samples(since: Timestamp.now.seconds - Int64(minutes * 60))
        return .array(
            samples.flatMap { sample in
                values(sample).map { ["timestamp": .int(sample.time), "label": .string($0.label), "value": $0.value] }
            })
    }
}
