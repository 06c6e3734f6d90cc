import KubeClient
import KubeModel
import Logging
import Synchronization

/// What nodes and Pods used in the last three hours, as `metrics.k8s.io` measured it. Kept in memory by each gateway.
final class UsageHistory: Sendable {
    /// What was measured at one time.
    struct Sample: Sendable, Equatable {
        /// Seconds since 1970.
        var time: Int64
        /// The share of each node's CPU that is in use, from 0 to 1.
        var nodes: [(name: String, share: Double)] = []
        /// The share of all nodes' CPU that Pods use, from 0 to 1.
        var podCPU: Double
        /// Bytes of memory that Pods use.
        var podMemory: Int64

        static func == (left: Sample, right: Sample) -> Bool {
            left.time == right.time && left.podCPU == right.podCPU && left.podMemory == right.podMemory
                && left.nodes.elementsEqual(right.nodes) { $0 == $1 }
        }
    }

    static let step = Duration.seconds(10)
    private static let capacity = 3 * 360
    private static let nodeMetrics = ResourceType(
        "metrics.k8s.io", "v1beta1", "nodes", "NodeMetrics", isNamespaced: false)

    private let client: KubeClient
    private let logger: Logger
    private let samples = Mutex<[Sample]>([])

    init(client: KubeClient, logger: Logger) { (self.client, self.logger) = (client, logger) }

    /// Samples from a time on, oldest first; nil when nothing was ever measured.
    func samples(since time: Int64) -> [Sample]? {
        samples.withLock { $0.isEmpty ? nil : $0.filter { $0.time >= time } }
    }

    func add(_ sample: Sample) {
        samples.withLock {
            if $0.count >= Self.capacity { $0.removeFirst($0.count - Self.capacity + 1) }
            $0.append(sample)
        }
    }

    /// Measures every ten seconds until cancelled. A cluster without measurements is asked less and less often.
    func run() async {
        var failures = 0
        while !Task.isCancelled {
            do {
                if let sample = try await measure() { add(sample) }
                failures = 0
            } catch {
                failures += 1
                if !Task.isCancelled { logger.debug("no measurements", metadata: ["error": "\(error)"]) }
            }
            guard (try? await Task.sleep(for: Self.step * min(failures + 1, 6))) != nil else { return }
        }
    }

    private func measure() async throws -> Sample? {
        async let nodes = client.list(.nodes).items
        async let usage = client.list(Self.nodeMetrics).items
        async let pods = client.list(AdminRoutes.podMetrics).items
        return Self.sample(nodes: try await nodes, usage: try await usage, pods: try await pods, at: .now)
    }

    /// Puts a sample together; nil without a node whose size is known.
    static func sample(
        nodes: [KubeObject], usage: [KubeObject], pods: [KubeObject], at time: Timestamp
    ) -> Sample? {
        var sizes: [String: Double] = [:]
        for node in nodes {
            guard let cores = Quantity(node.status["capacity"]?["cpu"])?.double, cores > 0 else { continue }
            sizes[node.name] = cores
        }
        let total = sizes.values.reduce(0, +)
        guard total > 0 else { return nil }
        var cores = 0.0
        var memory = Quantity.zero
        for pod in pods {
            for container in pod["containers"]?.array ?? [] {
                cores += Quantity(container["usage"]?["cpu"])?.double ?? 0
                memory += Quantity(container["usage"]?["memory"]) ?? .zero
            }
        }
        var sample = Sample(time: time.seconds, podCPU: min(cores / total, 1), podMemory: memory.value)
        for node in usage.sorted(by: { $0.name < $1.name }) {
            guard let size = sizes[node.name], let used = Quantity(node["usage"]?["cpu"])?.double else { continue }
            // Measured over a window of its own, a busy node is a little more than busy.
            sample.nodes.append((node.name, min(used / size, 1)))
        }
        return sample
    }
}
