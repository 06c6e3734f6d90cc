import ControllerKit
import KubeClient
import KubeModel

/// Keeps the rules of an aggregated ClusterRole: those of all roles that its selectors take.
struct ClusterRoleReconciler: Reconciler {
    let context: ClusterContext

    static func feed(_ caches: ClusterCaches) -> RequestFeed {
        let feed = RequestFeed()
        feed.follow(caches.clusterRoles) { _ in
            caches.clusterRoles.all().filter { $0["aggregationRule"] != nil }.map { ObjectName($0).request }
        }
        return feed
    }

    func reconcile(_ request: ReconcileRequest) async throws -> ReconcileOutcome {
        let roles = context.caches.clusterRoles
        guard let role = roles.get(request), !role.isBeingDeleted, role["aggregationRule"] != nil else {
            return .settled
        }
        let rules = Self.rules(of: role, among: roles.all())
        guard role["rules"]?.array ?? [] != rules else { return .settled }
        try await context.patch(
            role, in: roles,
            ["metadata": ["resourceVersion": .string(role.resourceVersion)], "rules": .array(rules)])
        return .settled
    }

    /// In the order of the selectors and of the names, each rule once.
    static func rules(of role: KubeObject, among roles: [KubeObject]) -> [JSON] {
        var rules: [JSON] = []
        let sorted = roles.sorted { $0.name < $1.name }
        for selector in role["aggregationRule"]?["clusterRoleSelectors"]?.array ?? [] {
            let selector = LabelSelector(selector)
            for other in sorted where other.name != role.name && selector.matches(other.labels) {
                for rule in other["rules"]?.array ?? [] where !rules.contains(rule) { rules.append(rule) }
            }
        }
        return rules
    }
}
