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
        do {
            try await applyStatefulSet(plan)
            try await applyService(plan)
            if let type = istioType { try await applyRoute(type, plan) }
        } catch let conflict as OwnershipConflict {
            // What an earlier Notebook of this name left behind is collected in a moment, and that is watched.
            if conflict.isPassing { return .checkAgain(after: .seconds(5)) }
            await recorder.record("Warning", reason: "NameTaken", message: conflict.message, about: notebook)
            return .settled
        } catch let error as APIError where [400, 403, 422].contains(error.code) {
            await recorder.record("Warning", reason: "FailedCreate", message: error.message, about: notebook)
            throw error
        }
        try await writeStatus(of: notebook)
        return .settled
    }

    private var istioType: ResourceType? {
        settings.usesIstio == false ? nil : caches.installed.served(.virtualServices)
    }

    private func applyStatefulSet(_ plan: NotebookPlan) async throws {
        guard let existing = caches.statefulSets.get(plan.name, namespace: plan.namespace) else {
            do {
                _ = try await client.create(.statefulSets, plan.statefulSet())
                metrics.count("notebook_create_total", ["namespace": plan.namespace])
            } catch let error as APIError where error.reason != .alreadyExists {
                metrics.count("notebook_create_failed_total", ["namespace": plan.namespace])
                throw error
            }
            return
        }
        try OwnershipConflict.check(existing, belongsTo: plan.notebook)
        guard let patch = plan.change(of: existing) else { return }
        _ = try await client.patch(.statefulSets, plan.name, namespace: plan.namespace, .merge(patch))
    }

    private func applyService(_ plan: NotebookPlan) async throws {
        let wanted = plan.service()
        guard let existing = caches.services.get(plan.name, namespace: plan.namespace) else {
            _ = try await client.create(.services, wanted)
            return
        }
        try OwnershipConflict.check(existing, belongsTo: plan.notebook)
        try await patch(.services, existing, toContain: ["spec": wanted.spec])
    }

    private func applyRoute(_ type: ResourceType, _ plan: NotebookPlan) async throws {
        let wanted = plan.virtualService(type)
        guard let existing = try await client.find(type, wanted.name, namespace: plan.namespace) else {
            _ = try await client.create(type, wanted)
            return
        }
        try OwnershipConflict.check(existing, belongsTo: plan.notebook)
        guard let patch = MergeDifference.patch(from: existing.spec, to: wanted.spec) else { return }
        _ = try await client.patch(type, wanted.name, namespace: plan.namespace, .merge(["spec": patch]))
    }

    private func patch(_ type: ResourceType, _ existing: KubeObject, toContain wanted: JSON) async throws {
        guard let patch = MergeDifference.patch(in: existing.json, toContain: wanted) else { return }
        _ = try await client.patch(type, existing.name, namespace: existing.namespace, .merge(patch))
    }

    private func writeStatus(of notebook: KubeObject) async throws {
        let pod = caches.pods.get("\(notebook.name)-0", namespace: notebook.namespace)
        let status = NotebookStatus.of(
            notebook.name, pod: pod,
            statefulSet: caches.statefulSets.get(notebook.name, namespace: notebook.namespace))
        guard let patch = MergeDifference.patch(from: notebook.status, to: status) else { return }
        do {
            _ = try await client.patch(
                .notebooks, notebook.name, namespace: notebook.namespace, .merge(["status": patch]),
                subresource: "status")
        } catch let error as APIError where error.code == 404 {
            // Deleted meanwhile.
        }
    }
}

/// An object of the wanted name that is not this Notebook's: it is left alone.
struct OwnershipConflict: Error {
    let message: String
    /// True when it belonged to an earlier Notebook of that name and will be collected.
    let isPassing: Bool

    static func check(_ object: KubeObject, belongsTo notebook: KubeObject) throws(OwnershipConflict) {
        let owner = object.controller
        guard owner?.uid != notebook.uid else { return }
        throw OwnershipConflict(
            message: "\(object.kind) \(object.name) exists already and does not belong to this Notebook",
            isPassing: object.isBeingDeleted || (owner?.kind == notebook.kind && owner?.name == notebook.name))
    }
}
