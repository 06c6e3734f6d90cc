import Foundation
import KubeModel

/// Which Pods a DaemonSet lacks and which it has too many.
struct DaemonSetPlan: Sendable {
    /// What to do now.
    struct Steps: Sendable {
        var createOn: [KubeObject] = []
        var delete: [KubeObject] = []
        /// Of those to delete, Pods that ended on their own.
        var ended: [KubeObject] = []
    }

    let set: KubeObject
    let hash: String
    let now: Date
    let isOnDelete: Bool
    let minReadySeconds: Int
    private let surge, unavailable: JSON?

    init(_ set: KubeObject, hash: String, now: Date) {
        (self.set, self.hash, self.now) = (set, hash, now)
        isOnDelete = set.spec.value(at: "updateStrategy", "type")?.string == "OnDelete"
        minReadySeconds = set.spec.count("minReadySeconds")
        let rolling = isOnDelete ? nil : set.spec.value(at: "updateStrategy", "rollingUpdate")
        surge = rolling?["maxSurge"]
        unavailable = rolling?["maxUnavailable"]
    }

    /// How many Pods may be missing, or be there twice, while the set is updated; never both 0.
    func limits(wanted: Int) -> (unavailable: Int, surge: Int) {
        let surge = surge?.scaled(of: wanted, roundUp: true) ?? 0
        let unavailable = unavailable?.scaled(of: wanted, roundUp: true) ?? (surge > 0 ? 0 : 1)
        return unavailable == 0 && surge == 0 ? (1, 0) : (unavailable, surge)
    }

    /// With a surge the new Pod of a node comes before the old one goes.
    var allowsSurge: Bool { (surge?.scaled(of: 100, roundUp: true) ?? 0) > 0 }

    /// The node that a Pod is on, or is bound for.
    static func node(of pod: KubeObject) -> String? {
        if let name = pod.spec["nodeName"]?.string, !name.isEmpty { return name }
        let terms = pod.spec.value(
            at: "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms")
        for field in terms?.array?.flatMap({ $0["matchFields"]?.array ?? [] }) ?? []
        where field["key"]?.string == "metadata.name" {
            return field["values"]?.array?.first?.string
        }
        return nil
    }

    /// Whether a Pod is to run on a node, and whether one that is there may stay.
    func verdict(on node: KubeObject) -> (shouldRun: Bool, mayStay: Bool) {
        let pod = template(for: node)
        if let name = pod.spec["nodeName"]?.string, !name.isEmpty, name != node.name { return (false, false) }
        guard NodeFit.matchesAffinity(node, pod) else { return (false, false) }
        return NodeFit.toleratesAll(node, pod) ? (true, true) : (false, NodeFit.permitsStaying(node, pod))
    }

    /// The Pods of one node, newest state first.
    struct Place: Sendable {
        let node: KubeObject?
        let shouldRun, mayStay: Bool
        let pods: [KubeObject]
    }

    private func places(_ pods: [KubeObject], _ nodes: [KubeObject]) -> [Place] {
        var byNode = Dictionary(grouping: pods) { Self.node(of: $0) ?? "" }
        var places: [Place] = []
        for node in nodes.sorted(by: { $0.name < $1.name }) {
            let verdict = verdict(on: node)
            let here = (byNode.removeValue(forKey: node.name) ?? []).sorted(by: Self.isOlder)
            places.append(Place(node: node, shouldRun: verdict.shouldRun, mayStay: verdict.mayStay, pods: here))
        }
        // Nodes that are gone; their Pods go, too.
        for pods in byNode.values { places.append(Place(node: nil, shouldRun: false, mayStay: false, pods: pods)) }
        return places
    }

    /// Placed before unplaced, then older before younger.
    private static func isOlder(_ left: KubeObject, _ right: KubeObject) -> Bool {
        let unplaced = (left.spec["nodeName"] == nil, right.spec["nodeName"] == nil)
        if unplaced.0 != unplaced.1 { return unplaced.1 }
        return (left.creationTimestamp, left.name) < (right.creationTimestamp, right.name)
    }

    func steps(pods: [KubeObject], nodes: [KubeObject]) -> Steps {
        let places = places(pods, nodes)
        var steps = Steps()
        for place in places { arrange(place, &steps) }
        if !isOnDelete { update(places, &steps) }
        return steps
    }

    /// One Pod on each node where one is wanted, none where none may be.
    private func arrange(_ place: Place, _ steps: inout Steps) {
        let settled = place.pods.filter { !$0.isBeingDeleted }
        guard place.mayStay, let node = place.node else {
            // Those that a surge replaces elsewhere go with the update.
            steps.delete += settled
            return
        }
        let ended = settled.filter(\.isFinished)
        steps.ended += ended
        steps.delete += ended
        let running = settled.filter { !$0.isFinished }
        if place.pods.isEmpty || (allowsSurge && running.isEmpty) {
            if place.shouldRun { steps.createOn.append(node) }
            return
        }
        guard allowsSurge else {
            steps.delete += running.dropFirst()
            return
        }
        let (new, old) = (running.filter(isUpdated), running.filter { !isUpdated($0) })
        steps.delete += Array(new.dropFirst()) + Array(old.dropFirst())
        // Two are fine as long as the new one is not there yet and the old one still serves.
        if let first = new.first, let last = old.first, !last.isReady || isAvailable(first) {
            steps.delete.append(last)
        }
    }

    private func isUpdated(_ pod: KubeObject) -> Bool { StatefulSetPlan.revision(pod) == hash }
    private func isAvailable(_ pod: KubeObject) -> Bool {
        pod.isAvailable(minReadySeconds: minReadySeconds, at: now)
    }

    private func update(_ places: [Place], _ steps: inout Steps) {
        let wanted = places.count(where: \.shouldRun)
        let limits = limits(wanted: wanted)
        let planned = Swift.Set(steps.delete.map(\.uid))
        var room = limits.surge > 0 ? limits.surge : limits.unavailable
        var deletable: [KubeObject] = []
        var creatable: [KubeObject] = []
        for place in places where place.shouldRun || !place.pods.isEmpty {
            guard place.shouldRun, let node = place.node else { continue }
            let running = place.pods.filter { !$0.isBeingDeleted && !$0.isFinished && !planned.contains($0.uid) }
            let new = running.first(where: isUpdated)
            let old = running.first { !isUpdated($0) }
            if limits.surge == 0 {
                if let old, new == nil {
                    // What does not run well costs nothing to replace.
                    if isAvailable(old) { deletable.append(old) } else { steps.delete.append(old) }
                    if !isAvailable(old) { room -= 1 }
                } else if new.map({ !isAvailable($0) }) ?? true {
                    room -= 1
                }
            } else if let old, new == nil {
                if isAvailable(old) { creatable.append(node) } else { steps.createOn.append(node) }
            } else if old != nil, let new, !isAvailable(new) {
                room -= 1
            }
        }
        if limits.surge == 0 {
            steps.delete += deletable.prefix(max(0, room))
        } else {
            steps.createOn += creatable.prefix(max(0, room))
        }
    }

    func status(pods: [KubeObject], nodes: [KubeObject]) -> JSON {
        var status = set.status
        var (desired, current, misplaced, ready, updated, available) = (0, 0, 0, 0, 0, 0)
        for place in places(pods, nodes) where place.node != nil {
            guard place.shouldRun else {
                if !place.pods.isEmpty { misplaced += 1 }
                continue
            }
            desired += 1
            guard let pod = place.pods.first else { continue }
            current += 1
            if pod.isReady { ready += 1 }
            if isAvailable(pod) { available += 1 }
            if isUpdated(pod) { updated += 1 }
        }
        status["observedGeneration"] = .int(set.generation)
        status["desiredNumberScheduled"] = .int(Int64(desired))
        status["currentNumberScheduled"] = .int(Int64(current))
        status["numberMisscheduled"] = .int(Int64(misplaced))
        status["numberReady"] = .int(Int64(ready))
        status.setCount("updatedNumberScheduled", updated)
        status.setCount("numberAvailable", available)
        status.setCount("numberUnavailable", desired - available)
        return status
    }
}
