import Foundation
import KubeModel

/// What one Pod used lately of one resource, in thousandths of its unit.
struct PodMetric: Sendable, Equatable {
    var value: Int64
    var time: Date
    var windowSeconds: Double
}

/// Reads PodMetrics (metrics.k8s.io/v1beta1).
enum PodMetrics {
    /// Usage by name of the Pod: of all containers together, or of one. A Pod that lacks a value is left out.
    static func read(_ items: [JSON], resource: String, container: String?) -> [String: PodMetric] {
        var metrics: [String: PodMetric] = [:]
        for item in items {
            guard let name = item.value(at: "metadata", "name")?.string else { continue }
            let all = item["containers"]?.array ?? []
            let containers = container.map { wanted in all.filter { $0["name"]?.string == wanted } } ?? all
            var sum: Int64 = 0
            var isComplete = !containers.isEmpty
            for container in containers {
                guard let usage = container.value(at: "usage", resource)?.quantity else {
                    isComplete = false
                    break
                }
                sum += usage.milli
            }
            guard isComplete else { continue }
            metrics[name] = PodMetric(
                value: sum, time: Timestamp.date(item["timestamp"]?.string) ?? .distantPast,
                windowSeconds: seconds(item["window"]?.string ?? ""))
        }
        return metrics
    }

    /// Seconds of a Go duration (`30s`, `1m0s`, `15.2s`); 0 for what is none.
    static func seconds(_ text: String) -> Double {
        let units: [(String, Double)] = [("ms", 0.001), ("µs", 1e-6), ("us", 1e-6), ("ns", 1e-9)]
        var rest = text[...]
        var total = 0.0
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            rest = rest.dropFirst(digits.count)
            guard let number = Double(digits),
                let unit = (units + [("h", 3600), ("m", 60), ("s", 1)]).first(where: { rest.hasPrefix($0.0) })
            else { return 0 }
            total += number * unit.1
            rest = rest.dropFirst(unit.0.count)
        }
        return total
    }
}

extension Quantity {
    /// Thousandths, rounded up.
    var milli: Int64 {
        let million: Int128 = 1_000_000
        return Int64(clamping: nanos / million + (nanos % million > 0 ? 1 : 0))
    }

    /// From thousandths; memory is written with binary suffixes.
    init(milli: Int64, format: Format) { self.init(nanos: Int128(milli) * 1_000_000, format: format) }
}
