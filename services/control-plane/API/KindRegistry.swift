import ClusterRules
import KubeModel
import Synchronization

/// All kinds that are served at the moment.
final class KindRegistry: Sendable {
    private struct Address: Hashable {
        let group: String
        let version: String
        let plural: String
    }

    private struct State {
        var kinds: [Address: ServedKind] = [:]
        /// In the order in which discovery lists them.
        var order: [Address] = []
        /// Addresses by the CustomResourceDefinition that brought them.
        var custom: [String: [Address]] = [:]
        var number: UInt64 = 0
    }

    private let state: Mutex<State>

    init(builtin: [KindDefinition]) {
        var state = State()
        for definition in builtin {
            let address = Address(
                group: definition.type.group, version: definition.type.version, plural: definition.type.plural)
            state.kinds[address] = ServedKind(definition)
            state.order.append(address)
        }
        self.state = Mutex(state)
    }

    func find(group: String, version: String, plural: String) -> ServedKind? {
        state.withLock { $0.kinds[Address(group: group, version: version, plural: plural)] }
    }

    /// Any served version of a resource, the stored one first.
    func find(group: String, plural: String) -> ServedKind? {
        let all = self.all.filter { $0.type.group == group && $0.type.plural == plural }
        return all.first { $0.storageAPIVersion == $0.type.apiVersion } ?? all.first
    }

    func find(apiVersion: String, kind: String) -> ServedKind? {
        all.first { $0.type.apiVersion == apiVersion && $0.type.kind == kind }
    }

    var all: [ServedKind] {
        state.withLock { state in state.order.compactMap { state.kinds[$0] } }
    }

    /// Changes with every change of what is served.
    var number: UInt64 { state.withLock(\.number) }

    /// True when the group and version have a resource.
    func serves(group: String, version: String) -> Bool {
        all.contains { $0.type.group == group && $0.type.version == version }
    }

    /// Replaces what a CustomResourceDefinition brings; none takes it out.
    func setCustom(_ definitionName: String, _ kinds: [ServedKind]) {
        state.withLock { state in
            let old = state.custom.removeValue(forKey: definitionName) ?? []
            let new = kinds.map { Address(group: $0.type.group, version: $0.type.version, plural: $0.type.plural) }
            for address in old { state.kinds[address] = nil }
            for (address, kind) in zip(new, kinds) { state.kinds[address] = kind }
            if old != new {
                state.order.removeAll(where: old.contains)
                state.order += new
            }
            if !new.isEmpty { state.custom[definitionName] = new }
            state.number += 1
        }
    }
}
