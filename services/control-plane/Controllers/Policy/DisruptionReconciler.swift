import ControllerKit
import Foundation
import KubeClient
import KubeModel

/// Keeps the status of a PodDisruptionBudget, by which evictions are allowed or refused.
struct DisruptionReconciler: Reconciler {
    let context: ClusterContext
    let scales: ScaleClient
    let events: EventLog

    init(context: ClusterContext, discovery: Discovery) {
        self.context = context
        scales = ScaleClient(context: context, discovery: discovery)
        events = context.events("controllermanager")
    }

    static func feed(_ caches: ClusterCaches) -> RequestFeed {
        let feed = RequestFeed()
        feed.follow(caches.disruptionBudgets)
        feed.follow(caches.pods) { change in
            caches.disruptionBudgets.all(namespace: change.object.namespace).filter { budget in
                let selector = LabelSelector(budget.spec["selector"])
                return selector.matches(object: change.object) || (change.old.map(selector.matches(object:)) ?? false)
            }.map { ObjectName($0).request }
        }
        return feed
    }

    func reconcile(_ request: ReconcileRequest) async throws -> ReconcileOutcome {
        let caches = context.caches
        guard let budget = caches.disruptionBudgets.get(request), !budget.isBeingDeleted else { return .settled }
        let selector = LabelSelector(budget.spec["selector"])
        let pods = caches.pods.all(indexedBy: PodIndex.namespace(request.namespace ?? ""))
            .filter(selector.matches(object:))
        if pods.isEmpty { events.normal("NoPods", "No matching pods found", about: budget) }
        let plan = DisruptionPlan(budget: budget, pods: pods, now: context.now())
        let scale: Int
        do {
            scale = plan.needsScale ? try await expectedScale(pods, budget) : 0
        } catch let error as APIError {
            events.warning(
                "CalculateExpectedPodCountFailed",
                "Failed to calculate the number of expected pods: \(error.message)", about: budget)
            try await context.writeStatus(plan.failed(error.message), of: budget, in: caches.disruptionBudgets)
            throw error
        }
        let (disrupted, overdue, wait) = plan.disrupted()
        for pod in overdue {
            events.warning(
                "NotDeleted",
                "Pod was expected by PDB \(budget.namespace ?? "")/\(budget.name) to be deleted but it wasn't",
                about: pod)
        }
        try await context.writeStatus(
            plan.status(plan.goal(scale: scale), disrupted: disrupted), of: budget, in: caches.disruptionBudgets)
        return wait.map { .checkAgain(after: .seconds($0 + 0.1)) } ?? .settled
    }

    /// The sum of the replicas that the controllers of the Pods want, each controller once.
    private func expectedScale(_ pods: [KubeObject], _ budget: KubeObject) async throws -> Int {
        var scales: [String: Int] = [:]
        var hasUnmanaged = false
        for pod in pods {
            guard let owner = pod.controller else {
                hasUnmanaged = true
                continue
            }
            guard scales[owner.uid] == nil else { continue }
            if owner.kind == "ReplicaSet",
                let set = context.caches.replicaSets.get(owner.name, namespace: pod.namespace),
                set.uid == owner.uid, let deployment = set.controller, deployment.kind == "Deployment"
            {
                guard scales[deployment.uid] == nil else { continue }
                scales[deployment.uid] = try await self.scales.replicas(of: deployment, namespace: pod.namespace)
            } else {
                scales[owner.uid] = try await self.scales.replicas(of: owner, namespace: pod.namespace)
            }
        }
        if hasUnmanaged {
            events.warning(
                "UnmanagedPods",
                "Pods selected by this PodDisruptionBudget (selector: \(LabelSelector(budget.spec["selector"]).text)) were found to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these pods please set \".spec.minAvailable\" field of the PDB to an integer value.",
                about: budget)
        }
        return scales.values.reduce(0, +)
    }
}
