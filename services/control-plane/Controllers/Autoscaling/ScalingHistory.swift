import Foundation
import KubeModel
import Synchronization

/// What was recommended and done for one autoscaler, as far as windows and policies look back.
struct ScalingHistory: Sendable {
    struct Entry: Sendable {
        let time: Date
        let value: Int
    }

    /// How long without a behaviour the highest recommendation counts when scaling down.
    static let downscaleWindow = 300.0

    private(set) var recommendations: [Entry] = []
    private(set) var ups: [Entry] = []
    private(set) var downs: [Entry] = []

    /// Before anything is known, the present size is what was recommended.
    mutating func begin(_ replicas: Int, at now: Date) {
        if recommendations.isEmpty { recommendations = [Entry(time: now, value: replicas)] }
    }

    /// Remembers a recommendation; those older than `window` seconds are forgotten.
    mutating func recommend(_ replicas: Int, at now: Date, window: Double) {
        recommendations.removeAll { now.timeIntervalSince($0.time) > window }
        recommendations.append(Entry(time: now, value: replicas))
    }

    /// Remembers that the size was changed.
    mutating func scaled(from old: Int, to new: Int, at now: Date, periods: (up: Double, down: Double)) {
        ups.removeAll { now.timeIntervalSince($0.time) > periods.up }
        downs.removeAll { now.timeIntervalSince($0.time) > periods.down }
        if new > old { ups.append(Entry(time: now, value: new - old)) }
        if new < old { downs.append(Entry(time: now, value: old - new)) }
    }

    func recommended(within seconds: Double, at now: Date) -> [Int] {
        recommendations.filter { now.timeIntervalSince($0.time) < seconds }.map(\.value)
    }

    /// The size at the beginning of a period that ends now.
    func size(before seconds: Double, current: Int, at now: Date) -> Int {
        func sum(_ entries: [Entry]) -> Int {
            entries.filter { now.timeIntervalSince($0.time) < seconds }.reduce(0) { $0 + $1.value }
        }
        return current - sum(ups) + sum(downs)
    }

    /// The histories of all autoscalers, by uid.
    final class Store: Sendable {
        private let histories = Mutex<[String: ScalingHistory]>([:])

        func update<Result: Sendable>(_ uid: String, _ body: (inout ScalingHistory) -> Result) -> Result {
            histories.withLock { body(&$0[uid, default: ScalingHistory()]) }
        }

        func keep(only uids: Set<String>) { histories.withLock { $0 = $0.filter { uids.contains($0.key) } } }
    }
}
