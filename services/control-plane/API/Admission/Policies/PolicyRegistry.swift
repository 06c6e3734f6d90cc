import ClusterStore
import KubeModel
import Synchronization

/// The admission policies of one kind that hold at the moment, each compiled once.
final class PolicyRegistry<Policy: CompiledPolicy>: Sendable {
    private struct Entry<Compiled: Sendable>: Sendable {
        let revision: UInt64
        let spec: JSON
        let compiled: Compiled
    }

    private struct Resource: Hashable {
        let plural: String
        let subresource: String
    }

    private struct State {
        var policies: [String: Entry<Policy>] = [:]
        var bindings: [String: Entry<PolicyBinding>] = [:]
        /// Those with bindings, by name; nil when it has to be put together anew.
        var hooks: [PolicyHook<Policy>]? = []
        /// Those of ``hooks`` that may concern a resource or subresource.
        var byResource: [Resource: [PolicyHook<Policy>]] = [:]
    }

    /// Name of the policies' resource in the store.
    let policyResource: String
    private let bindingResource: String
    private let state = Mutex(State())

    /// Makes the registry of the policies in one resource.
    init(policies: String, bindings: String) { (policyResource, bindingResource) = (policies, bindings) }

    /// Names of the two resources in the store.
    var resources: [String] { [policyResource, bindingResource] }

    /// Takes over the new state of a policy or binding; none takes it out. False for other objects.
    func apply(_ key: ObjectKey, revision: UInt64, json: JSON?) -> Bool {
        let spec = json?["spec"] ?? [:]
        if key.resource == policyResource {
            // A new status is no new policy.
            let known = state.withLock { $0.policies[key.name] }
            let policy = json.map { _ in known?.spec == spec ? known?.compiled : nil } ?? nil
            update(\.policies, key, revision, spec, json.map { _ in policy ?? Policy(key.name, spec) })
            return true
        }
        guard key.resource == bindingResource else { return false }
        update(\.bindings, key, revision, spec, json.map { _ in PolicyBinding(key.name, spec) })
        return true
    }

    private func update<Compiled: Sendable>(
        _ path: any WritableKeyPath<State, [String: Entry<Compiled>]> & Sendable, _ key: ObjectKey, _ revision: UInt64,
        _ spec: JSON, _ compiled: Compiled?
    ) {
        state.withLock { state in
            if let known = state[keyPath: path][key.name], known.revision > revision { return }
            state[keyPath: path][key.name] = compiled.map { Entry(revision: revision, spec: spec, compiled: $0) }
            state.hooks = nil
            state.byResource = [:]
        }
    }

    /// The policies that may concern a resource, or a subresource of it, in the order of their names.
    func hooks(_ plural: String, _ subresource: String) -> [PolicyHook<Policy>] {
        state.withLock { state in
            let all = state.hooks ?? Self.collect(&state)
            guard !all.isEmpty else { return [] }
            let resource = Resource(plural: plural, subresource: subresource)
            if let known = state.byResource[resource] { return known }
            let found = all.filter { $0.policy.scope.match.mayConcern(plural, subresource) }
            state.byResource[resource] = found
            return found
        }
    }

    private static func collect(_ state: inout State) -> [PolicyHook<Policy>] {
        let bindings = Dictionary(grouping: state.bindings.values.map(\.compiled), by: \.policyName)
        let hooks = state.policies.sorted { $0.key < $1.key }.compactMap { name, entry in
            bindings[name].map { PolicyHook(policy: entry.compiled, bindings: $0.sorted { $0.name < $1.name }) }
        }
        state.hooks = hooks
        return hooks
    }
}
