import ControllerKit
import KubeClient
import KubeModel
import Synchronization

/// Events of the controllers. Recording returns at once: no reconcile waits for an Event to be written.
struct EventLog: Sendable {
    fileprivate struct Entry: Sendable {
        let component, type, reason, message: String
        let object: KubeObject
    }

    /// Where all controllers put their Events; of a flood the latest are kept.
    struct Queue: Sendable {
        private let entries: AsyncStream<Entry>
        private let continuation: AsyncStream<Entry>.Continuation
        private let limit = EventLimit()

        init() { (entries, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(2048)) }

        fileprivate func add(_ entry: Entry) {
            guard limit.allows("\(entry.component)/\(entry.object.uid)/\(entry.object.name)") else { return }
            continuation.yield(entry)
        }

        /// Writes what is put in, until cancelled.
        func run(client: KubeClient) async {
            for await entry in entries {
                await EventRecorder(client: client, component: entry.component)
                    .record(entry.type, reason: entry.reason, message: entry.message, about: entry.object)
            }
        }
    }

    let component: String
    let queue: Queue

    func normal(_ reason: String, _ message: String, about object: KubeObject) {
        queue.add(Entry(component: component, type: "Normal", reason: reason, message: message, object: object))
    }

    func warning(_ reason: String, _ message: String, about object: KubeObject) {
        queue.add(Entry(component: component, type: "Warning", reason: reason, message: message, object: object))
    }
}

/// How many Events a controller writes about one object: 25 at once, and then one every five minutes. So a workload of ten
/// thousand Pods does not bury everything else.
final class EventLimit: Sendable {
    private struct Bucket {
        var tokens: Double
        var last: ContinuousClock.Instant
    }

    private static let burst = 25.0
    private static let secondsPerToken = 300.0
    /// Beyond so many objects those that were silent longest are forgotten.
    private static let objects = 4096

    private let buckets = Mutex<[String: Bucket]>([:])

    /// Whether one more may be written now.
    func allows(_ key: String, at now: ContinuousClock.Instant = .now) -> Bool {
        buckets.withLock { buckets in
            var bucket = buckets[key] ?? Bucket(tokens: Self.burst, last: now)
            let passed = bucket.last.duration(to: now) / .seconds(1)
            bucket.tokens = min(Self.burst, bucket.tokens + passed / Self.secondsPerToken)
            bucket.last = now
            let isAllowed = bucket.tokens >= 1
            if isAllowed { bucket.tokens -= 1 }
            buckets[key] = bucket
            if buckets.count > Self.objects {
                for (key, _) in buckets.sorted(by: { $0.value.last < $1.value.last }).prefix(Self.objects / 4) {
                    buckets[key] = nil
                }
            }
            return isAllowed
        }
    }
}
