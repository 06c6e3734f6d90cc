import ControllerKit
import Foundation
import KubeClient
import KubeModel
import Logging

/// Gives the target of a HorizontalPodAutoscaler the size that its metrics ask for, every 15 seconds.
struct AutoscalerReconciler: Reconciler {
    static let period = Duration.seconds(15)

    let context: ClusterContext
    let scales: ScaleClient
    let metrics: MetricsReader
    let events: EventLog
    private let histories = ScalingHistory.Store()

    init(context: ClusterContext, discovery: Discovery) {
        self.context = context
        scales = ScaleClient(context: context, discovery: discovery)
        metrics = MetricsReader(context: context)
        events = context.events("horizontal-pod-autoscaler")
    }

    static func feed(_ caches: ClusterCaches) -> RequestFeed {
        let feed = RequestFeed()
        feed.follow(caches.autoscalers) { change in
            // What we write into the status does not concern us.
            if let old = change.old, old.spec == change.object.spec, !change.isDeleted { return [] }
            return [ObjectName(change.object).request]
        }
        return feed
    }

    func reconcile(_ request: ReconcileRequest) async throws -> ReconcileOutcome {
        guard let autoscaler = context.caches.autoscalers.get(request), !autoscaler.isBeingDeleted else {
            histories.keep(only: Set(context.caches.autoscalers.all().map(\.uid)))
            return .settled
        }
        var run = AutoscalerRun(autoscaler, now: context.now())
        do {
            try await look(&run)
        } catch let error as APIError where error.reason == .conflict {
            throw error
        } catch {
            // Said in the status already; the next look comes with the next period.
            context.logger.debug("autoscaling failed", metadata: ["error": "\(error)"])
        }
        try await context.writeStatus(run.status, of: autoscaler, in: context.caches.autoscalers)
        return .checkAgain(after: Self.period)
    }

    private func look(_ run: inout AutoscalerRun) async throws {
        let autoscaler = run.autoscaler
        let (type, scale): (ResourceType, KubeObject)
        do {
            (type, scale) = try await target(of: autoscaler)
        } catch let error as APIError {
            events.warning("FailedGetScale", error.message, about: autoscaler)
            run.setCondition(
                "AbleToScale", false, "FailedGetScale",
                "the HPA controller was unable to get the target's current scale: \(error.message)")
            throw error
        }
        run.setCondition(
            "AbleToScale", true, "SucceededGetScale",
            "the HPA controller was able to get the target's current scale")
        let current = scale.spec.count("replicas")
        histories.update(autoscaler.uid) { $0.begin(current, at: run.now) }
        guard let wanted = try await wantedSize(&run, scale, current: current) else {
            return run.finish(current: current, desired: run.status.count("desiredReplicas"), isRescaled: false)
        }
        guard wanted.replicas != current else {
            return run.finish(current: current, desired: current, isRescaled: false)
        }
        do {
            try await scales.set(scale, type, replicas: wanted.replicas)
        } catch let error as APIError {
            events.warning(
                "FailedRescale", "New size: \(wanted.replicas); reason: \(wanted.reason); error: \(error.message)",
                about: autoscaler)
            run.setCondition(
                "AbleToScale", false, "FailedUpdateScale",
                "the HPA controller was unable to update the target scale: \(error.message)")
            run.finish(current: current, desired: run.status.count("desiredReplicas"), isRescaled: false)
            throw error
        }
        run.setCondition(
            "AbleToScale", true, "SucceededRescale",
            "the HPA controller was able to update the target scale to \(wanted.replicas)")
        events.normal(
            "SuccessfulRescale", "New size: \(wanted.replicas); reason: \(wanted.reason)", about: autoscaler)
        if let rules = run.behavior.rules {
            histories.update(autoscaler.uid) {
                $0.scaled(
                    from: current, to: wanted.replicas, at: run.now,
                    periods: (rules.up.longestPeriod, rules.down.longestPeriod))
            }
        }
        run.finish(current: current, desired: wanted.replicas, isRescaled: true)
    }

    private func target(of autoscaler: KubeObject) async throws -> (ResourceType, KubeObject) {
        let reference = autoscaler.spec["scaleTargetRef"]
        let (version, kind) = (reference?["apiVersion"]?.string ?? "", reference?["kind"]?.string ?? "")
        guard let type = try await scales.discovery.type(apiVersion: version, kind: kind) else {
            let group = version.contains("/") ? String(version.prefix { $0 != "/" }) : ""
            throw APIError(.notFound, "no matches for kind \"\(kind)\" in group \"\(group)\"")
        }
        return (
            type,
            try await scales.get(type, reference?["name"]?.string ?? "", namespace: autoscaler.namespace)
        )
    }

    /// The size to have, and why; nil when the metrics do not say.
    private func wantedSize(
        _ run: inout AutoscalerRun, _ scale: KubeObject, current: Int
    ) async throws -> (replicas: Int, reason: String)? {
        let behavior = run.behavior
        if current == 0 {
            run.setCondition(
                "ScalingActive", false, "ScalingDisabled",
                "scaling is disabled since the replica count of the target is zero")
            return (0, "")
        }
        if current > behavior.maximum {
            return (behavior.maximum, "Current number of replicas above Spec.MaxReplicas")
        }
        if current < behavior.minimum {
            return (behavior.minimum, "Current number of replicas below Spec.MinReplicas")
        }
        guard let proposal = await metrics.propose(&run, scale, current: current, events: events) else { return nil }
        let desired = max(0, proposal.replicas)
        let outcome = histories.update(run.autoscaler.uid) {
            behavior.follow(desired, current: current, &$0, at: run.now)
        }
        run.setCondition("AbleToScale", true, outcome.ableReason, outcome.ableMessage)
        run.setCondition("ScalingLimited", outcome.isLimited, outcome.limitReason, outcome.limitMessage)
        let reason = desired > current ? "\(proposal.metric) above target" : "All metrics below target"
        return (outcome.replicas, desired == current ? "" : reason)
    }
}

/// One look at an autoscaler, on the way to its status.
struct AutoscalerRun: Sendable {
    let autoscaler: KubeObject
    let behavior: ScalingBehavior
    let now: Date
    var status: JSON
    /// `status.currentMetrics`, one for each of the spec.
    var metrics: [JSON]?

    init(_ autoscaler: KubeObject, now: Date) {
        self.autoscaler = autoscaler
        self.now = now
        behavior = ScalingBehavior(autoscaler)
        status = autoscaler.status
    }

    mutating func setCondition(_ type: String, _ isTrue: Bool, _ reason: String, _ message: String) {
        status.setCondition(type, isTrue, reason: reason, message: message, at: Timestamp.text(now))
    }

    mutating func finish(current: Int, desired: Int, isRescaled: Bool) {
        status.setCount("currentReplicas", current)
        status["desiredReplicas"] = .int(Int64(desired))
        status["currentMetrics"] = metrics.map(JSON.array) ?? .null
        if isRescaled { status["lastScaleTime"] = .string(Timestamp.text(now)) }
    }
}
