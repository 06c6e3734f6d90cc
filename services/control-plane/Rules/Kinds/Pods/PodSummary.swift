import Foundation
import KubeModel

/// The columns of a Pod that have to be computed.
struct PodSummary {
    let ready: Int
    let total: Int
    let status: String
    private let restarts: Int64
    private let lastRestart: Timestamp?

    init(_ pod: JSON) {
        let spec = pod["spec"] ?? [:]
        let status = pod["status"] ?? [:]
        let sidecars = Set(
            spec.list("initContainers").filter { $0.text("restartPolicy") == "Always" }.map { $0.text("name") })
        var reason = status.text("reason").isEmpty ? status.text("phase") : status.text("reason")
        var ready = 0
        var restarts: Int64 = 0
        var sidecarRestarts: Int64 = 0
        var lastRestart: Timestamp?
        var lastSidecarRestart: Timestamp?
        if Conditions(status["conditions"])["PodScheduled"]?.reason == "SchedulingGated" { reason = "SchedulingGated" }

        var isInitializing = false
        for (index, container) in status.list("initContainerStatuses").enumerated() {
            restarts += container["restartCount"]?.int ?? 0
            lastRestart = Self.later(lastRestart, container)
            let isSidecar = sidecars.contains(container.text("name"))
            if isSidecar {
                sidecarRestarts += container["restartCount"]?.int ?? 0
                lastSidecarRestart = Self.later(lastSidecarRestart, container)
            }
            let state = container["state"] ?? [:]
            if let end = state["terminated"], end["exitCode"]?.int == 0 { continue }
            if isSidecar, container["started"]?.bool == true {
                if container["ready"]?.bool == true { ready += 1 }
                continue
            }
            if let end = state["terminated"] {
                reason = "Init:\(Self.ended(end))"
            } else if let waiting = state["waiting"]?.text("reason"), !waiting.isEmpty, waiting != "PodInitializing" {
                reason = "Init:\(waiting)"
            } else {
                reason = "Init:\(index)/\(spec.list("initContainers").count)"
            }
            isInitializing = true
            break
        }
        if !isInitializing || Conditions(status["conditions"]).isTrue("Initialized") {
            restarts = sidecarRestarts
            lastRestart = lastSidecarRestart
            var isRunning = false
            var failure = ""
            for container in status.list("containerStatuses").reversed() {
                restarts += container["restartCount"]?.int ?? 0
                lastRestart = Self.later(lastRestart, container)
                let state = container["state"] ?? [:]
                if let waiting = state["waiting"]?.text("reason"), !waiting.isEmpty {
                    reason = waiting
                } else if let end = state["terminated"] {
                    reason = Self.ended(end)
                    if end["exitCode"]?.int != 0 { failure = reason }
                } else if container["ready"]?.bool == true, state.has("running") {
                    isRunning = true
                    ready += 1
                }
            }
            if reason == "Completed" {
                if isRunning, Conditions(status["conditions"]).isTrue("Ready") {
                    reason = "Running"
                } else if !failure.isEmpty {
                    reason = failure
                } else if isRunning {
                    reason = "NotReady"
                }
            }
        }
        if pod.value(at: "metadata", "deletionTimestamp")?.string != nil {
            if status.text("reason") == "NodeLost" {
                reason = "Unknown"
            } else if status.text("phase") != "Succeeded", status.text("phase") != "Failed" {
                reason = "Terminating"
            }
        }
        self.ready = ready
        total = spec.list("containers").count + sidecars.count
        self.status = reason
        self.restarts = restarts
        self.lastRestart = lastRestart
    }

    private static func ended(_ end: JSON) -> String {
        let reason = end.text("reason")
        if !reason.isEmpty { return reason }
        if let signal = end["signal"]?.int, signal != 0 { return "Signal:\(signal)" }
        return "ExitCode:\(end["exitCode"]?.int ?? 0)"
    }

    private static func later(_ moment: Timestamp?, _ container: JSON) -> Timestamp? {
        guard let end = Timestamp(container.value(at: "lastState", "terminated", "finishedAt")) else { return moment }
        return moment.map { max($0, end) } ?? end
    }

    /// `3 (5m ago)`
    func restarts(_ now: Date) -> String {
        guard restarts > 0, let lastRestart else { return String(restarts) }
        return "\(restarts) (\(Cell.since(lastRestart.json, now).string ?? "") ago)"
    }
}
