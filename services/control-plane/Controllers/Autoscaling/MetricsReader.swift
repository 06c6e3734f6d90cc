import Foundation
import KubeClient
import KubeModel

/// What the metrics of an autoscaler ask for.
struct MetricsReader: Sendable {
    let context: ClusterContext

    /// The largest of the proposals, and the metric that made it.
    struct Proposal: Sendable {
        var replicas: Int
        var metric: String
    }

    private struct Failure: Error {
        let reason, message: String
    }

    /// Nil when no size can be derived: then the condition `ScalingActive` and an Event say why. A metric that cannot be
    /// read keeps the target from being made smaller.
    func propose(
        _ run: inout AutoscalerRun, _ scale: KubeObject, current: Int, events: EventLog
    ) async -> Proposal? {
        let autoscaler = run.autoscaler
        let pods: [KubeObject]
        do {
            pods = try self.pods(scale, autoscaler)
        } catch {
            events.warning(
                error.reason == "InvalidSelector" && scale.status["selector"] == nil
                    ? "SelectorRequired" : error.reason, error.message, about: autoscaler)
            run.setCondition(
                "ScalingActive", false, error.reason,
                scale.status["selector"]?.string ?? "" == ""
                    ? "the HPA target's scale is missing a selector" : error.message)
            events.warning("FailedComputeMetricsReplicas", error.message, about: autoscaler)
            return nil
        }
        let specs = autoscaler.spec["metrics"]?.array ?? []
        var best: Proposal?
        var failures: [(reason: String, inner: String, outer: String)] = []
        var statuses: [JSON] = []
        for spec in specs {
            do {
                let (proposal, status) = try await self.propose(
                    spec, pods: pods, selector: scale.status["selector"]?.string ?? "", autoscaler, current: current,
                    at: run.now)
                statuses.append(status)
                if proposal.replicas > best?.replicas ?? 0 { best = proposal }
            } catch {
                statuses.append(["type": ""])
                let failure = error as? Failure
                let inner = failure?.message ?? ReplicaSetReconciler.describe(error)
                events.warning(failure?.reason ?? "InvalidMetricSourceType", inner, about: autoscaler)
                failures.append((failure?.reason ?? "InvalidMetricSourceType", inner, outer(spec, inner)))
            }
        }
        run.metrics = statuses
        if let first = failures.first {
            let cannotDecide = failures.count >= specs.count || (best?.replicas ?? 0) < current
            let message =
                "invalid metrics (\(failures.count) invalid out of \(specs.count)), first error is: \(first.outer)"
            if cannotDecide {
                run.setCondition(
                    "ScalingActive", false, first.reason,
                    "the HPA was unable to compute the replica count: \(first.inner)")
                events.warning("FailedComputeMetricsReplicas", message, about: autoscaler)
                return nil
            }
        }
        run.setCondition(
            "ScalingActive", true, "ValidMetricFound",
            "the HPA was able to successfully calculate a replica count from \(best?.metric ?? "")")
        return best ?? Proposal(replicas: 0, metric: "")
    }

    private func outer(_ spec: JSON, _ message: String) -> String {
        switch spec["type"]?.string {
        case "Resource":
            "failed to get \(spec.value(at: "resource", "name")?.string ?? "") resource metric value: \(message)"
        case "ContainerResource":
            "failed to get \(spec.value(at: "containerResource", "container")?.string ?? "") container metric value: \(message)"
        case "Pods": "failed to get pods metric value: \(message)"
        case "Object": "failed to get object metric value: \(message)"
        case "External":
            "failed to get \(spec.value(at: "external", "metric", "name")?.string ?? "") external metric value: \(message)"
        default: message
        }
    }

    /// The Pods of the target, which must be no other autoscaler's.
    private func pods(_ scale: KubeObject, _ autoscaler: KubeObject) throws(Failure) -> [KubeObject] {
        let text = scale.status["selector"]?.string ?? ""
        guard !text.isEmpty else { throw Failure(reason: "InvalidSelector", message: "selector is required") }
        let selector: KubeModel.LabelSelector
        do {
            selector = try KubeModel.LabelSelector(parsing: text)
        } catch {
            throw Failure(
                reason: "InvalidSelector",
                message: "couldn't convert selector into a corresponding internal selector object: \(error.message)")
        }
        let rivals = context.caches.autoscalers.all(namespace: autoscaler.namespace).filter {
            $0.spec["scaleTargetRef"] == autoscaler.spec["scaleTargetRef"]
        }
        guard rivals.count < 2 else {
            let names = rivals.map { "{\($0.name) \($0.namespace ?? "")}" }.sorted().joined(separator: " ")
            throw Failure(
                reason: "AmbiguousSelector",
                message: "pods by selector \(text) are controlled by multiple HPAs: [\(names)]")
        }
        return context.caches.pods.all(indexedBy: PodIndex.namespace(autoscaler.namespace ?? ""))
            .filter { selector.matches($0.labels) }
    }

    private func propose(
        _ spec: JSON, pods: [KubeObject], selector: String, _ autoscaler: KubeObject, current: Int, at now: Date
    ) async throws -> (Proposal, JSON) {
        let kind = spec["type"]?.string ?? ""
        let key = kind == "Resource" ? "resource" : "containerResource"
        guard kind == "Resource" || kind == "ContainerResource", let source = spec[key] else {
            throw unavailable(kind, spec)
        }
        let name = source["name"]?.string ?? ""
        let container = source["container"]?.string
        let calculator = ReplicaCalculator(
            resource: name, container: container, tolerance: tolerance(autoscaler), now: now)
        let target: ReplicaCalculator.Target
        if let average = source.value(at: "target", "averageValue")?.quantity {
            target = .average(average.milli)
        } else if let percent = source.value(at: "target", "averageUtilization")?.int {
            target = .utilization(percent)
        } else {
            throw Failure(
                reason: "FailedGet\(kind)Metric",
                message:
                    "invalid resource metric source: neither an average utilization target nor an average value (usage) target was set"
            )
        }
        let isUtilization = if case .utilization = target { true } else { false }
        do {
            let items = try await read(selector: selector, namespace: autoscaler.namespace, resource: name)
            let metrics = PodMetrics.read(items, resource: name, container: container)
            let proposal = try calculator.propose(target, pods: pods, metrics: metrics, current: current)
            var now: JSON = [
                "averageValue": .string(
                    Quantity(milli: proposal.average, format: name == "memory" ? .binary : .decimal).text)
            ]
            now["averageUtilization"] = proposal.utilization.map(JSON.int)
            var state: JSON = ["name": .string(name), "current": now]
            state["container"] = container.map(JSON.string)
            let place = kind == "Resource" ? "" : " container"
            return (
                Proposal(
                    replicas: proposal.replicas,
                    metric: isUtilization
                        ? "\(name)\(place) resource utilization (percentage of request)" : "\(name) resource"),
                ["type": .string(kind), key: state]
            )
        } catch let error as APIError {
            throw Failure(
                reason: "FailedGet\(kind)Metric",
                message: "failed to get \(name) \(isUtilization ? "utilization" : "usage"): \(error.message)")
        }
    }

    private func read(selector: String, namespace: String?, resource: String) async throws -> [JSON] {
        var allowed = CharacterSet.urlQueryAllowed
        allowed.remove(charactersIn: "&+=,")
        let query = selector.addingPercentEncoding(withAllowedCharacters: allowed) ?? ""
        let path = "/apis/metrics.k8s.io/v1beta1/namespaces/\(namespace ?? "")/pods?labelSelector=\(query)"
        let list: JSON
        do {
            list = try await context.client.json(JSONRequest.get(path))
        } catch let error as APIError {
            let what = error.reason == .notFound ? " (get pods.metrics.k8s.io)" : ""
            throw APIError(
                .serviceUnavailable,
                "unable to get metrics for resource \(resource): unable to fetch metrics from resource metrics API: \(error.message)\(what)"
            )
        }
        guard let items = list["items"]?.array, !items.isEmpty else {
            throw APIError(
                .serviceUnavailable,
                "unable to get metrics for resource \(resource): no metrics returned from resource metrics API")
        }
        return items
    }

    /// Metrics of other kinds come from APIs that nobody serves here.
    private func unavailable(_ kind: String, _ spec: JSON) -> Failure {
        func name(_ key: String) -> String { spec.value(at: key, "metric", "name")?.string ?? "" }
        switch kind {
        case "Pods":
            return Failure(
                reason: "FailedGetPodsMetric",
                message:
                    "unable to get metric \(name("pods")): unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered"
            )
        case "Object":
            let object = spec.value(at: "object", "describedObject")
            return Failure(
                reason: "FailedGetObjectMetric",
                message:
                    "unable to get metric \(name("object")): \(object?["kind"]?.string ?? "") on \(object?["name"]?.string ?? ""): unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered"
            )
        case "External":
            return Failure(
                reason: "FailedGetExternalMetric",
                message:
                    "unable to get external metric \(name("external")): unable to fetch metrics from external metrics API: the server could not find the requested resource"
            )
        default:
            return Failure(reason: "InvalidMetricSourceType", message: "unknown metric source type \"\(kind)\"")
        }
    }

    private func tolerance(_ autoscaler: KubeObject) -> ReplicaCalculator.Tolerance {
        func share(_ key: String) -> Double? {
            autoscaler.spec.value(at: "behavior", key, "tolerance")?.quantity.map { Double($0.nanos) / 1e9 }
        }
        return ReplicaCalculator.Tolerance(down: share("scaleDown") ?? 0.1, up: share("scaleUp") ?? 0.1)
    }
}
