import KubeModel
import Synchronization

/// Who owns whom: every object of the cluster, reduced to what garbage collection needs.
final class OwnerGraph: Sendable {
    /// One object.
    struct Node: Sendable, Equatable {
        let type: ResourceType
        let namespace: String?
        let name: String
        let uid: String
        var owners: [OwnerReference]
        var isBeingDeleted: Bool
        /// It is being deleted and waits for what it owns.
        var waitsForDependents: Bool
        /// It is being deleted and lets go of what it owns.
        var orphansDependents: Bool

        init(_ object: KubeObject, type: ResourceType) {
            self.type = type
            (namespace, name, uid) = (object.namespace, object.name, object.uid)
            owners = object.ownerReferences
            isBeingDeleted = object.isBeingDeleted
            let finalizers = isBeingDeleted ? object.finalizers : []
            waitsForDependents = finalizers.contains("foregroundDeletion")
            orphansDependents = finalizers.contains("orphan")
        }

        /// Whether the reference of a dependent names this object, and may: an owner lies in the same namespace or none.
        func isDescribed(by reference: OwnerReference, of dependent: Node) -> Bool {
            name == reference.name && type.kind == reference.kind
                && (namespace == nil || namespace == dependent.namespace)
        }
    }

    /// What is to be looked at because of a change, by uid.
    struct Work: Sendable, Equatable {
        var delete: Set<String> = []
        var orphan: Set<String> = []
    }

    private struct State {
        var nodes: [String: Node] = [:]
        var dependents: [String: Set<String>] = [:]
        var counts: [String: Int] = [:]
    }

    private let state = Mutex(State())

    func node(_ uid: String) -> Node? { state.withLock { $0.nodes[uid] } }

    /// What an object owns.
    func dependents(of uid: String) -> [Node] {
        state.withLock { state in (state.dependents[uid] ?? []).compactMap { state.nodes[$0] } }
    }

    /// How many objects of a type there are in a namespace.
    func count(_ qualifiedPlural: String, namespace: String) -> Int {
        state.withLock { $0.counts[Self.countKey(qualifiedPlural, namespace)] ?? 0 }
    }

    /// How many objects there are in a namespace.
    func count(namespace: String) -> Int {
        state.withLock { $0.counts[Self.countKey("", namespace)] ?? 0 }
    }

    /// Takes in the present state of an object.
    func update(_ node: Node) -> Work {
        state.withLock { state in
            let old = state.nodes.updateValue(node, forKey: node.uid)
            if old == nil { Self.count(node, 1, in: &state) }
            guard old != node else { return Work() }
            var work = Work()
            let owners = Set(node.owners.map(\.uid))
            for owner in old?.owners ?? [] where !owners.contains(owner.uid) {
                Self.detach(node.uid, from: owner.uid, in: &state)
                if state.nodes[owner.uid]?.waitsForDependents == true { work.delete.insert(owner.uid) }
            }
            for owner in node.owners {
                state.dependents[owner.uid, default: []].insert(node.uid)
                let known = state.nodes[owner.uid]
                // Of an owner that is unknown, going or described wrongly, the object must be looked at.
                if !(known?.isDescribed(by: owner, of: node) ?? false) || known?.waitsForDependents == true {
                    work.delete.insert(node.uid)
                }
                if known?.waitsForDependents == true { work.delete.insert(owner.uid) }
            }
            if node.orphansDependents { work.orphan.insert(node.uid) }
            if node.waitsForDependents {
                work.delete.insert(node.uid)
                work.delete.formUnion(state.dependents[node.uid] ?? [])
            }
            return work
        }
    }

    /// Takes in that an object is gone.
    func remove(_ uid: String) -> Work {
        state.withLock { state in
            var work = Work()
            if let node = state.nodes.removeValue(forKey: uid) {
                Self.count(node, -1, in: &state)
                for owner in node.owners {
                    Self.detach(uid, from: owner.uid, in: &state)
                    if state.nodes[owner.uid]?.waitsForDependents == true { work.delete.insert(owner.uid) }
                }
            }
            work.delete.formUnion(state.dependents[uid] ?? [])
            return work
        }
    }

    /// The objects of a type that are known, to notice after a new list which are gone.
    func uids(of type: ResourceType) -> [String] {
        state.withLock { state in state.nodes.values.filter { $0.type == type }.map(\.uid) }
    }

    private static func detach(_ uid: String, from owner: String, in state: inout State) {
        state.dependents[owner]?.remove(uid)
        if state.dependents[owner]?.isEmpty == true { state.dependents[owner] = nil }
    }

    private static func countKey(_ plural: String, _ namespace: String) -> String { "\(namespace)/\(plural)" }

    private static func count(_ node: Node, _ change: Int, in state: inout State) {
        guard let namespace = node.namespace else { return }
        for key in [countKey(node.type.qualifiedPlural, namespace), countKey("", namespace)] {
            let count = (state.counts[key] ?? 0) + change
            state.counts[key] = count == 0 ? nil : count
        }
    }
}
