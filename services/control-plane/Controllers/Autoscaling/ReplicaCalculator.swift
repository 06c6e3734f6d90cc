import Foundation
import KubeModel

/// How many replicas bring the usage of a resource to its target.
struct ReplicaCalculator: Sendable {
    /// How long after its start the CPU usage of a Pod that is not ready says nothing.
    static let initialisation = 300.0
    /// How long after its start a Pod may become ready for the first time.
    static let initialReadiness = 30.0

    /// Which deviations from the target are ignored, as shares of it.
    struct Tolerance: Sendable, Equatable {
        var down = 0.1
        var up = 0.1
        func isWithin(_ ratio: Double) -> Bool { 1 - down <= ratio && ratio <= 1 + up }
    }

    /// What a resource is to be used.
    enum Target: Sendable {
        /// Percent of what is requested.
        case utilization(Int64)
        /// Thousandths of the unit for each Pod.
        case average(Int64)
    }

    /// What comes out: replicas, and the usage now.
    struct Proposal: Sendable, Equatable {
        var replicas: Int
        var average: Int64
        var utilization: Int64?
    }

    let resource: String
    let container: String?
    let tolerance: Tolerance
    let now: Date

    private struct Groups {
        var readyCount = 0
        var unready: Set<String> = []
        var missing: Set<String> = []
        var ignored: Set<String> = []
    }

    /// - Throws: ``APIError`` with why it cannot be said.
    func propose(
        _ target: Target, pods: [KubeObject], metrics: [String: PodMetric], current: Int
    ) throws(APIError) -> Proposal {
        guard !pods.isEmpty else {
            throw APIError(.invalid, "no pods returned by selector while calculating replica count")
        }
        let groups = group(pods, metrics)
        var values = metrics.mapValues(\.value)
        for name in groups.ignored.union(groups.unready) { values[name] = nil }
        guard !values.isEmpty else {
            throw APIError(.invalid, "did not receive metrics for targeted pods (pods might be unready)")
        }
        var requests: [String: Int64] = [:]
        if case .utilization = target {
            for pod in pods { requests[pod.name] = try request(of: pod) }
        }
        let (ratio, usage) = try ratio(values, requests, target)
        var proposal = usage
        let countsUnready = !groups.unready.isEmpty && ratio > 1
        if !countsUnready, groups.missing.isEmpty {
            proposal.replicas =
                tolerance.isWithin(ratio) ? current : Int((ratio * Double(groups.readyCount)).rounded(.up))
            return proposal
        }
        // Pods of which nothing is known are taken to speak against the change: busy before scaling down, idle before up.
        for name in groups.missing where ratio != 1 {
            values[name] = ratio < 1 ? assumed(requests[name] ?? 0, target) : 0
        }
        if countsUnready { for name in groups.unready { values[name] = 0 } }
        let careful = try self.ratio(values, requests, target).ratio
        let wanted = Int((careful * Double(values.count)).rounded(.up))
        let changesSides = (ratio < 1 && careful > 1) || (ratio > 1 && careful < 1)
        let contradicts = (careful < 1 && wanted > current) || (careful > 1 && wanted < current)
        proposal.replicas = tolerance.isWithin(careful) || changesSides || contradicts ? current : wanted
        return proposal
    }

    private func assumed(_ request: Int64, _ target: Target) -> Int64 {
        switch target {
        case .utilization(let percent): request * max(100, percent) / 100
        case .average(let value): value
        }
    }

    private func ratio(
        _ values: [String: Int64], _ requests: [String: Int64], _ target: Target
    ) throws(APIError) -> (ratio: Double, usage: Proposal) {
        switch target {
        case .average(let value):
            let average = values.values.reduce(0, +) / Int64(values.count)
            return (Double(average) / Double(max(1, value)), Proposal(replicas: 0, average: average))
        case .utilization(let percent):
            let known = values.filter { requests[$0.key] != nil }
            let total = known.values.reduce(0, +)
            let requested = known.keys.reduce(Int64(0)) { $0 + (requests[$1] ?? 0) }
            guard requested > 0 else { throw APIError(.invalid, "no metrics returned matched known pods") }
            let utilization = total * 100 / requested
            return (
                Double(utilization) / Double(max(1, percent)),
                Proposal(replicas: 0, average: total / Int64(known.count), utilization: utilization)
            )
        }
    }

    private func group(_ pods: [KubeObject], _ metrics: [String: PodMetric]) -> Groups {
        var groups = Groups()
        for pod in pods {
            if pod.isBeingDeleted || pod.phase == "Failed" {
                groups.ignored.insert(pod.name)
            } else if pod.phase == "Pending" {
                groups.unready.insert(pod.name)
            } else if let metric = metrics[pod.name] {
                if resource == "cpu", isUnready(pod, metric) {
                    groups.unready.insert(pod.name)
                } else {
                    groups.readyCount += 1
                }
            } else {
                groups.missing.insert(pod.name)
            }
        }
        return groups
    }

    /// A Pod that starts uses much CPU without having much to do.
    private func isUnready(_ pod: KubeObject, _ metric: PodMetric) -> Bool {
        guard let ready = pod.status.condition("Ready"), let start = Timestamp.date(pod.status["startTime"]?.string),
            let since = Timestamp.date(ready["lastTransitionTime"]?.string)
        else { return true }
        let isNotReady = ready["status"]?.string == "False"
        if start.addingTimeInterval(Self.initialisation) > now {
            return isNotReady || metric.time < since.addingTimeInterval(metric.windowSeconds)
        }
        return isNotReady && start.addingTimeInterval(Self.initialReadiness) > since
    }

    private func request(of pod: KubeObject) throws(APIError) -> Int64 {
        if container == nil, let requests = pod.spec.value(at: "resources", "requests"),
            requests["cpu"] != nil || requests["memory"] != nil
        {
            guard let request = pod.resourceRequests()[resource] else {
                throw APIError(.invalid, "missing pod-level request for \(resource) in Pod \(pod.name)")
            }
            return request.milli
        }
        let sidecars = (pod.spec["initContainers"]?.array ?? []).filter { $0["restartPolicy"] == "Always" }
        var sum: Int64 = 0
        for each in (pod.spec["containers"]?.array ?? []) + sidecars {
            let name = each["name"]?.string ?? ""
            if let container, container != name { continue }
            guard let request = each.value(at: "resources", "requests", resource)?.quantity else {
                throw APIError(
                    .invalid, "missing request for \(resource) in container \(name) of Pod \(pod.name)")
            }
            sum += request.milli
            if container != nil { return sum }
        }
        if let container { throw APIError(.invalid, "container \(container) not found in Pod \(pod.name)") }
        return sum
    }
}
