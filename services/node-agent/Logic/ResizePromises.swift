import KubeModel
import Synchronization

/// What Pods were promised while this agent runs. Their statuses tell it later, and no two get the same meanwhile.
final class ResizePromises: Sendable {
    private let promises = Mutex<[String: [String: Double]]>([:])

    /// Promises a pod what it asks for, or nothing.
    ///
    /// - Parameters:
    ///   - uid: the pod's.
    ///   - wanted: CPUs and bytes of memory that it asks for by now.
    ///   - before: what it was promised.
    ///   - pods: all pods of the node.
    ///   - capacity: what the node has.
    /// - Returns: why it does not fit; nil when it does.
    func shortage(
        of uid: String, wanted: [String: Double], before: [String: Double], among pods: [KubeObject],
        capacity: [String: Double]
    ) -> PodResize.Shortage? {
        promises.withLock { promises in
            var others: [String: Double] = [:]
            for object in pods where object.uid != uid {
                guard !["Succeeded", "Failed"].contains(object.status["phase"]?.string ?? "") else { continue }
                // Who was not taken yet has nothing.
                guard promises[object.uid] != nil || object.status["startTime"] != nil else { continue }
                // Not what others ask for: what they wait for is not theirs yet.
                for (name, amount) in promises[object.uid] ?? PodResize.promised(PodSpec(object)) {
                    others[name, default: 0] += amount
                }
            }
            if let shortage = PodResize.shortage(wanted: wanted, before: before, others: others, capacity: capacity) {
                return shortage
            }
            let uids = Set(pods.map(\.uid))
            promises = promises.filter { uids.contains($0.key) }
            promises[uid] = wanted
            return nil
        }
    }
}
