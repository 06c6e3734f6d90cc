import Synchronization

/// Counters, gauges and histograms, read as Prometheus text.
public final class Metrics: Sendable {
    /// Labels of one series, in the order they are shown.
    public typealias Labels = KeyValuePairs<String, String>

    /// A counter that is counted often: without a look at names and labels.
    public final class Counter: Sendable {
        private let value = Atomic(0)

        /// One more.
        public func add() { value.add(1, ordering: .relaxed) }

        var number: Double { Double(value.load(ordering: .relaxed)) }
    }

    private enum Kind: String, Sendable { case counter, gauge, histogram }

    private struct Histogram: Sendable {
        var counts: [UInt64]
        var sum = 0.0
        var count: UInt64 = 0
    }

    private struct Family: Sendable {
        let kind: Kind
        let help: String
        var values: [String: Double] = [:]
        var histograms: [String: Histogram] = [:]
        var counters: [String: Counter] = [:]

        /// Values of counters and gauges; a counter may be counted in both ways.
        var numbers: [String: Double] {
            var numbers = values
            for (key, counter) in counters where counter.number > 0 { numbers[key, default: 0] += counter.number }
            return numbers
        }
    }

    private struct State: Sendable {
        var families: [String: Family] = [:]
        var help: [String: String] = [:]
    }

    /// Upper bounds of the buckets of all histograms, seconds.
    public static let buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

    private let state = Mutex(State())

    /// An empty set.
    public init() {}

    /// Says what a metric means; shown as `# HELP`.
    public func describe(_ name: String, _ help: String) { state.withLock { $0.help[name] = help } }

    /// Adds to a counter.
    public func count(_ name: String, _ labels: Labels = [:], by amount: Double = 1) {
        update(name, .counter) { $0.values[Self.key(labels), default: 0] += amount }
    }

    /// A series of a counter to keep, for those who count often.
    public func counter(_ name: String, _ labels: Labels = [:]) -> Counter {
        let counter = Counter()
        update(name, .counter) { $0.counters[Self.key(labels)] = counter }
        return counter
    }

    /// Sets a gauge.
    public func set(_ name: String, _ labels: Labels = [:], to value: Double) {
        update(name, .gauge) { $0.values[Self.key(labels)] = value }
    }

    /// Changes a gauge.
    public func adjust(_ name: String, _ labels: Labels = [:], by amount: Double) {
        update(name, .gauge) { $0.values[Self.key(labels), default: 0] += amount }
    }

    /// Adds an observation, in seconds, to a histogram.
    public func observe(_ name: String, _ duration: Duration, _ labels: Labels = [:]) {
        let parts = duration.components
        let seconds = Double(parts.seconds) + Double(parts.attoseconds) / 1e18
        update(name, .histogram) { family in
            var histogram =
                family.histograms[Self.key(labels)] ?? Histogram(counts: Array(repeating: 0, count: Self.buckets.count))
            histogram.sum += seconds
            histogram.count += 1
            for (position, bound) in Self.buckets.enumerated() where seconds <= bound {
                histogram.counts[position] += 1
            }
            family.histograms[Self.key(labels)] = histogram
        }
    }

    /// Removes a series, when what it was about is gone.
    public func remove(_ name: String, _ labels: Labels) {
        state.withLock {
            $0.families[name]?.values[Self.key(labels)] = nil
            $0.families[name]?.histograms[Self.key(labels)] = nil
        }
    }

    /// The value of a counter or gauge.
    public func value(_ name: String, _ labels: Labels = [:]) -> Double? {
        state.withLock { $0.families[name]?.numbers[Self.key(labels)] }
    }

    /// Everything in the Prometheus text format.
    public var text: String {
        let state = state.withLock { $0 }
        var text = ""
        for name in state.families.keys.sorted() {
            guard let family = state.families[name] else { continue }
            if let help = state.help[name] { text += "# HELP \(name) \(help)\n" }
            text += "# TYPE \(name) \(family.kind.rawValue)\n"
            for (key, value) in family.numbers.sorted(by: { $0.key < $1.key }) {
                text += "\(name)\(key.isEmpty ? "" : "{\(key)}") \(Self.number(value))\n"
            }
            for key in family.histograms.keys.sorted() {
                guard let histogram = family.histograms[key] else { continue }
                let lead = key.isEmpty ? "" : key + ","
                for (position, bound) in Self.buckets.enumerated() {
                    text += "\(name)_bucket{\(lead)le=\"\(bound)\"} \(histogram.counts[position])\n"
                }
                text += "\(name)_bucket{\(lead)le=\"+Inf\"} \(histogram.count)\n"
                let labels = key.isEmpty ? "" : "{\(key)}"
                text += "\(name)_sum\(labels) \(histogram.sum)\n\(name)_count\(labels) \(histogram.count)\n"
            }
        }
        return text
    }

    private func update(_ name: String, _ kind: Kind, _ change: (inout Family) -> Void) {
        state.withLock { state in
            change(&state.families[name, default: Family(kind: kind, help: "")])
        }
    }

    private static func key(_ labels: Labels) -> String {
        labels.map { "\($0.key)=\"\(escape($0.value))\"" }.joined(separator: ",")
    }

    private static func escape(_ value: String) -> String {
        guard value.utf8.contains(where: { $0 == 0x5c || $0 == 0x22 || $0 == 0x0a }) else { return value }
        return value.reduce(into: "") { text, character in
            switch character {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "\n": text += "\\n"
            default: text.append(character)
            }
        }
    }

    private static func number(_ value: Double) -> String {
        Int64(exactly: value).map { String($0) } ?? String(value)
    }
}
