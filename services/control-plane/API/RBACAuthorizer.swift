import ClusterStore
import KubeModel
import Synchronization

/// Decides by the stored roles and bindings, which it keeps compiled.
///
/// Every write of a role or binding that passes the API is told to it at once; a watch of the store repeats them, so
/// that a write whose request was given up half-way is not missed. Revisions keep the two from overtaking each other.
final class RBACAuthorizer: Sendable {
    static let resources = [
        "roles.rbac.authorization.k8s.io", "clusterroles.rbac.authorization.k8s.io",
        "rolebindings.rbac.authorization.k8s.io", "clusterrolebindings.rbac.authorization.k8s.io",
    ]

    private struct Role {
        var rules: [PolicyRule]
        var labels: [String: String]
        /// Selectors of an aggregated ClusterRole.
        var aggregates: [LabelSelector]
    }

    private struct Binding {
        var subjects: [String]
        var role: ObjectKey
    }

    /// What one binding gives.
    private struct Grant {
        /// Namespace of the binding, empty for the whole cluster.
        let namespace: String
        let rules: [PolicyRule]
    }

    /// Beyond so many users all are looked up anew.
    private static let rememberedUsers = 4096

    private struct State {
        var revisions: [ObjectKey: UInt64] = [:]
        var roles: [ObjectKey: Role] = [:]
        var bindings: [ObjectKey: Binding] = [:]
        /// Bindings by subject, `u:jane` or `g:system:masters`.
        var bySubject: [String: Set<ObjectKey>] = [:]
        /// ClusterRoles with an aggregation rule, whose rules are the union of others.
        var aggregated: [ObjectKey: [PolicyRule]] = [:]
        /// What each group that asked gets from its bindings, until something changes.
        var grantsOfGroups: [String: [Grant]] = [:]
        /// The same of users.
        var grantsOfUsers: [String: [Grant]] = [:]
    }

    private let state = Mutex(State())

    /// Takes over a written or (nil) removed object.
    func apply(_ key: ObjectKey, revision: UInt64, json: JSON?) {
        state.withLock { state in
            if let known = state.revisions[key], known >= revision { return }
            state.revisions[key] = revision
            (state.grantsOfGroups, state.grantsOfUsers) = ([:], [:])
            if key.resource.hasPrefix("roles.") || key.resource.hasPrefix("clusterroles.") {
                state.roles[key] = json.map(Self.role)
                Self.aggregate(&state)
            } else {
                if let old = state.bindings.removeValue(forKey: key) {
                    for subject in old.subjects { state.bySubject[subject]?.remove(key) }
                }
                guard let json else { return }
                let binding = Self.binding(json, key: key)
                state.bindings[key] = binding
                for subject in binding.subjects { state.bySubject[subject, default: []].insert(key) }
            }
        }
    }

    private static func role(_ json: JSON) -> Role {
        Role(
            rules: json["rules"]?.array?.map(PolicyRule.init) ?? [],
            labels: json.value(at: "metadata", "labels")?.stringMap ?? [:],
            aggregates: json.value(at: "aggregationRule", "clusterRoleSelectors")?.array?
                .map { LabelSelector(object: $0) } ?? [])
    }

    private static func binding(_ json: JSON, key: ObjectKey) -> Binding {
        let subjects = (json["subjects"]?.array ?? []).compactMap { subject -> String? in
            let name = subject["name"]?.string ?? ""
            switch subject["kind"]?.string {
            case "User": return "u:\(name)"
            case "Group": return "g:\(name)"
            case "ServiceAccount":
                let namespace = subject["namespace"]?.string ?? key.namespace
                return "u:system:serviceaccount:\(namespace):\(name)"
            default: return nil
            }
        }
        return Binding(subjects: subjects, role: roleKey(json["roleRef"] ?? .null, namespace: key.namespace))
    }

    static func roleKey(_ reference: JSON, namespace: String) -> ObjectKey {
        let name = reference["name"]?.string ?? ""
        return reference["kind"]?.string == "Role"
            ? ObjectKey(resource: resources[0], namespace: namespace, name: name)
            : ObjectKey(resource: resources[1], namespace: "", name: name)
    }

    private static func aggregate(_ state: inout State) {
        state.aggregated = [:]
        let aggregating = state.roles.filter { !$0.value.aggregates.isEmpty }
        guard !aggregating.isEmpty else { return }
        // Aggregated roles may be selected by others; a few rounds reach the end of every sensible chain.
        for _ in 0..<4 {
            for (key, role) in aggregating {
                var rules: [PolicyRule] = []
                let others = state.roles.filter { other in
                    other.key != key && other.key.namespace.isEmpty
                        && role.aggregates.contains { $0.matches(other.value.labels) }
                }
                for other in others.sorted(by: { $0.key.name < $1.key.name }) {
                    let found = other.value.aggregates.isEmpty ? other.value.rules : state.aggregated[other.key] ?? []
                    for rule in found where !rules.contains(rule) { rules.append(rule) }
                }
                state.aggregated[key] = rules
            }
        }
    }

    /// The rules of one role, nil when it does not exist.
    func rules(of key: ObjectKey) -> [PolicyRule]? {
        state.withLock { state in state.aggregated[key] ?? state.roles[key]?.rules }
    }

    /// True when somebody may do something.
    func allows(_ user: UserInfo, _ attributes: AccessAttributes) -> Bool {
        if user.isMaster { return true }
        var allowed = false
        visit(user, namespace: attributes.namespace) { rule in
            if rule.allows(attributes) { allowed = true }
            return !allowed
        }
        return allowed
    }

    /// Which binding lets somebody do something, in a sentence; nil when none does, or the group that may do all.
    func reason(_ user: UserInfo, _ attributes: AccessAttributes) -> String? {
        guard !user.isMaster else { return nil }
        return state.withLock { state in
            var subjects = user.groups.map { "g:\($0)" }
            subjects.append("u:\(user.name)")
            let bindings = state.bindings.filter { key, binding in
                (key.namespace.isEmpty || key.namespace == attributes.namespace)
                    && binding.subjects.contains(where: subjects.contains)
            }
            let ordered = bindings.sorted { ($0.key.namespace, $0.key.name) < ($1.key.namespace, $1.key.name) }
            for (key, binding) in ordered {
                let rules = state.aggregated[binding.role] ?? state.roles[binding.role]?.rules ?? []
                guard rules.contains(where: { $0.allows(attributes) }) else { continue }
                let subject = binding.subjects.first(where: subjects.contains) ?? ""
                return Self.reason(key, binding.role, subject)
            }
            return nil
        }
    }

    private static func reason(_ binding: ObjectKey, _ role: ObjectKey, _ subject: String) -> String {
        let place = binding.namespace.isEmpty ? "" : "/\(binding.namespace)"
        let who: String
        if let account = UserInfo(name: String(subject.dropFirst(2))).serviceAccount {
            who = "ServiceAccount \"\(account.name)/\(account.namespace)\""
        } else {
            who = "\(subject.hasPrefix("u:") ? "User" : "Group") \"\(subject.dropFirst(2))\""
        }
        return "RBAC: allowed by \(place.isEmpty ? "Cluster" : "")RoleBinding \"\(binding.name)\(place)\" of "
            + "\(role.namespace.isEmpty ? "Cluster" : "")Role \"\(role.name)\" to \(who)"
    }

    /// Refuses what somebody may not do.
    func require(_ user: UserInfo, _ attributes: AccessAttributes) throws(APIError) {
        guard !allows(user, attributes) else { return }
        throw attributes.refusal(of: user)
    }

    /// Everything somebody may do in a namespace (or, with an empty one, in the whole cluster).
    func rules(for user: UserInfo, namespace: String) -> [PolicyRule] {
        if user.isMaster {
            var everything = PolicyRule(verbs: ["*"])
            everything.apiGroups = ["*"]
            everything.resources = ["*"]
            var paths = PolicyRule(verbs: ["*"])
            paths.nonResourceURLs = ["*"]
            return [everything, paths]
        }
        return grantedRules(for: user, namespace: namespace)
    }

    /// The rules that bindings give somebody in a namespace (or, with an empty one, in the whole cluster).
    func grantedRules(for user: UserInfo, namespace: String) -> [PolicyRule] {
        var rules: [PolicyRule] = []
        visit(user, namespace: namespace) { rule in
            rules.append(rule)
            return true
        }
        return rules
    }

    /// Walks the rules that hold for somebody until `visit` returns false.
    private func visit(_ user: UserInfo, namespace: String, _ visit: (PolicyRule) -> Bool) {
        state.withLock { state in
            func goesOn(_ grants: [Grant]) -> Bool {
                for grant in grants where grant.namespace.isEmpty || grant.namespace == namespace {
                    for rule in grant.rules where !visit(rule) { return false }
                }
                return true
            }
            guard goesOn(Self.grants(ofUser: user.name, &state)) else { return }
            for group in user.groups where !goesOn(Self.grants(ofGroup: group, &state)) { return }
        }
    }

    private static func grants(ofUser name: String, _ state: inout State) -> [Grant] {
        if let known = state.grantsOfUsers[name] { return known }
        let grants = grants(of: "u:\(name)", state)
        if state.grantsOfUsers.count >= rememberedUsers { state.grantsOfUsers = [:] }
        state.grantsOfUsers[name] = grants
        return grants
    }

    private static func grants(ofGroup name: String, _ state: inout State) -> [Grant] {
        if let known = state.grantsOfGroups[name] { return known }
        let grants = grants(of: "g:\(name)", state)
        if state.grantsOfGroups.count >= rememberedUsers { state.grantsOfGroups = [:] }
        state.grantsOfGroups[name] = grants
        return grants
    }

    private static func grants(of subject: String, _ state: State) -> [Grant] {
        (state.bySubject[subject] ?? []).compactMap { key in
            guard let binding = state.bindings[key] else { return nil }
            let rules = state.aggregated[binding.role] ?? state.roles[binding.role]?.rules ?? []
            return Grant(namespace: key.namespace, rules: rules)
        }
    }

    /// Those of `rules` that somebody does not have; a person cannot give away what is not theirs.
    func missing(_ rules: [PolicyRule], for user: UserInfo, namespace: String) -> [PolicyRule] {
        let own = self.rules(for: user, namespace: namespace)
        return rules.flatMap { $0.atoms() }.filter { atom in !own.contains { $0.covers(atom) } }
    }
}
