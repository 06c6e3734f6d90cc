import ControllerKit
import KubeModel

/// Lets go of objects in a namespace that is being deleted: what the API then forbids to create is no failure.
struct TerminationAware: Reconciler {
    let reconciler: any Reconciler
    let namespaces: ObjectCache

    func reconcile(_ request: ReconcileRequest) async throws -> ReconcileOutcome {
        do {
            return try await reconciler.reconcile(request)
        } catch let error as APIError where error.reason == .forbidden || error.reason == .notFound {
            guard let name = request.namespace, namespaces.get(name)?.isBeingDeleted ?? true else { throw error }
            return .settled
        }
    }
}
