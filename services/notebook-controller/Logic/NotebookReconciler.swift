import ControllerKit
import HTTPKit
import KubeClient
import KubeModel

/// What the reconcilers read, kept current by watches.
struct NotebookCaches: Sendable {
    let notebooks: WatchCache
    let statefulSets: WatchCache
    let services: WatchCache
    let pods: WatchCache
    let installed: InstalledTypes

    init(client: KubeClient) {
        notebooks = WatchCache(client: client, type: .notebooks)
        statefulSets = WatchCache(client: client, type: .statefulSets)
        services = WatchCache(client: client, type: .services)
        // Of Pods only the state is read.
        pods = WatchCache(client: client, type: .pods, labelSelector: NotebookPlan.nameLabel) { $0["spec"] = nil }
        installed = InstalledTypes(client: client, only: ResourceType.virtualServices.qualifiedPlural)
    }

    var all: [WatchCache] { [notebooks, statefulSets, services, pods, installed.definitions] }
}

/// Keeps one StatefulSet and one Service (with Istio also a route) for every Notebook, and its status.
struct NotebookReconciler: Reconciler {
    let client: KubeClient
    let caches: NotebookCaches
    let settings: NotebookControllerConfiguration
    let metrics: Metrics
    let recorder: EventRecorder

    func reconcile(_ request: ReconcileRequest) async throws -> ReconcileOutcome {
        guard let notebook = caches.notebooks.get(request.name, namespace: request.namespace),
            !notebook.isBeingDeleted
        else { return .settled }
        let plan = NotebookPlan(notebook: notebook, settings: settings)
        if let problem = plan.nameProblem {
            await recorder.record("Warning", reason: "InvalidName", message: problem, about: notebook)
            return .settled
        }
        let owned = OwnedObjects(client: client, owner: notebook)
        do {
            try await applyStatefulSet(plan, owned)
            try await owned.keep(
                .services, plan.service(), existing: caches.services.get(plan.name, namespace: plan.namespace))
            if let type = settings.istioType(caches.installed) {
                try await owned.keepRoute(type, plan.virtualService(type))
            }
        } catch let conflict as OwnershipConflict {
            // What an earlier Notebook of this name left behind is collected in a moment, and that is watched.
            if conflict.isPassing { return .checkAgain(after: .seconds(5)) }
            await recorder.record("Warning", reason: "NameTaken", message: conflict.message, about: notebook)
            return .settled
        } catch let error as APIError where [400, 403, 422].contains(error.code) {
            await recorder.record("Warning", reason: "FailedCreate", message: error.message, about: notebook)
            throw error
        }
        try await owned.writeStatus(.notebooks, status(of: notebook))
        return .settled
    }

    private func applyStatefulSet(_ plan: NotebookPlan, _ owned: OwnedObjects) async throws {
        let existing = caches.statefulSets.get(plan.name, namespace: plan.namespace)
        do {
            try await owned.keep(.statefulSets, plan.statefulSet(), existing: existing, change: plan.change)
            if existing == nil { metrics.count("notebook_create_total", ["namespace": plan.namespace]) }
        } catch let error as APIError where existing == nil && error.reason != .alreadyExists {
            metrics.count("notebook_create_failed_total", ["namespace": plan.namespace])
            throw error
        }
    }

    private func status(of notebook: KubeObject) -> JSON {
        NotebookStatus.of(
            notebook.name, pod: caches.pods.get("\(notebook.name)-0", namespace: notebook.namespace),
            statefulSet: caches.statefulSets.get(notebook.name, namespace: notebook.namespace))
    }
}
