import ControllerKit
import KubeClient
import KubeModel

/// What a ``ServerReconciler`` reads, kept current by watches.
struct ServerCaches: Sendable {
    let objects: WatchCache
    let deployments: WatchCache
    let services: WatchCache
    let installed: InstalledTypes

    var all: [WatchCache] { [objects, deployments, services, installed.definitions] }

    /// Sends requests for what concerns a kind.
    func connect(_ kind: any ServedKind, to sink: AsyncStream<ReconcileRequest>.Continuation) {
        objects.forward(to: sink)
        for cache in [deployments, services] {
            cache.forward(to: sink) { change in
                // Also what stands in the way under an object's name; whoever is not known is settled at once.
                kind.name(ofDeployment: change.object.name).map {
                    [ReconcileRequest(namespace: change.object.namespace, name: $0)]
                } ?? []
            }
        }
        installed.definitions.observe { [objects] _ in
            for object in objects.all() {
                sink.yield(ReconcileRequest(namespace: object.namespace, name: object.name))
            }
        }
    }
}

/// Keeps one Deployment and one Service (with Istio also a route) for every object of a kind, and its status.
struct ServerReconciler: Reconciler {
    let kind: any ServedKind
    let client: KubeClient
    let caches: ServerCaches
    let settings: NotebookControllerConfiguration
    let recorder: EventRecorder

    func reconcile(_ request: ReconcileRequest) async throws -> ReconcileOutcome {
        guard let object = caches.objects.get(request.name, namespace: request.namespace), !object.isBeingDeleted
        else { return .settled }
        let owned = OwnedObjects(client: client, owner: object)
        do {
            var plan = try kind.plan(for: object, settings)
            try await place(&plan)
            try await apply(plan, owned)
            if kind is ViewerKind, let ignored = ViewerKind.ignored(in: object) {
                await recorder.record("Warning", reason: "FixedPath", message: ignored, about: object)
            }
            try await writeStatus(owned, plan: plan)
        } catch let problem as PlanProblem {
            try await tell(problem, owned)
        } catch let conflict as OwnershipConflict {
            // What an earlier object of this name left behind is collected in a moment, and that is watched.
            if conflict.isPassing { return .checkAgain(after: .seconds(5)) }
            try await tell(PlanProblem(reason: "NameTaken", message: conflict.message), owned)
        } catch let error as APIError where [400, 403, 422].contains(error.code) {
            try await tell(PlanProblem(reason: "FailedCreate", message: error.message), owned)
            throw error
        }
        return .settled
    }

    private func apply(_ plan: ServerPlan, _ owned: OwnedObjects) async throws {
        let namespace = plan.owner.namespace
        let deployment = caches.deployments.get(plan.name, namespace: namespace)
        let service = caches.services.get(plan.name, namespace: namespace)
        // Before anything is made: half of it would be of no use.
        for existing in [deployment, service].compactMap({ $0 }) {
            try OwnershipConflict.check(existing, belongsTo: plan.owner)
        }
        try await owned.keep(.deployments, plan.deployment(), existing: deployment, change: plan.change)
        if let wanted = plan.service() {
            try await owned.keep(.services, wanted, existing: service)
        } else if let service, !service.isBeingDeleted {
            try await client.delete(.services, service.name, namespace: namespace)
        }
        if let route = plan.route, let type = settings.istioType(caches.installed) {
            try await owned.keepRoute(type, route.virtualService(type, of: plan.owner, settings))
        }
    }

    /// Prefers the machine where the claim is in use. While the Pod answers nothing changes, which would start it anew; one that
    /// cannot start follows its claim.
    private func place(_ plan: inout ServerPlan) async throws {
        guard let claim = kind.sharedClaim(of: plan.owner, settings), plan.podSpec["affinity"] == nil,
            let namespace = plan.owner.namespace
        else { return }
        let existing = caches.deployments.get(plan.name, namespace: namespace)
        var node = ClaimPlace.preferred(by: existing?.json.value(at: "spec", "template", "spec"))
        if (existing?.status["readyReplicas"]?.int ?? 0) == 0 {
            let place = ClaimPlace(client: client)
            node = try await place.node(of: claim, in: namespace, besides: plan.selector) ?? node
        }
        plan.podSpec["affinity"] = node.map(ClaimPlace.affinity)
    }

    // MARK: What people see

    private func writeStatus(_ owned: OwnedObjects, plan: ServerPlan) async throws {
        let deployment = caches.deployments.get(plan.name, namespace: plan.owner.namespace)
        let conditions = deployment.map { Conditions(of: $0).all } ?? []
        try await owned.writeStatus(
            kind.type,
            kind.status(
                conditions: conditions, readyReplicas: deployment?.status["readyReplicas"]?.int ?? 0, plan: plan))
    }

    /// Tells why there is nothing, or why what there is does not follow.
    private func tell(_ problem: PlanProblem, _ owned: OwnedObjects) async throws {
        let object = owned.owner
        await recorder.record("Warning", reason: problem.reason, message: problem.message, about: object)
        let name = kind.deploymentName(of: object.name)
        let deployment = caches.deployments.get(name, namespace: object.namespace)
        let isOwn = deployment?.controller?.uid == object.uid
        let known = Conditions(of: object)["Available"].map { JSON.array([$0.json]) }
        var conditions = Conditions(known)
        conditions.set("Available", "False", reason: problem.reason, message: problem.message)
        try await owned.writeStatus(
            kind.type,
            kind.status(
                conditions: conditions.all, readyReplicas: isOwn ? deployment?.status["readyReplicas"]?.int ?? 0 : 0,
                plan: nil))
    }
}
