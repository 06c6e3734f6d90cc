import ClusterRules
import ClusterStore
import Foundation
import KubeModel

/// Keeps an APIService for each served version of an API group, as the aggregator of Kubernetes does for what its own
/// server serves. They say what there is and decide nothing: what is deleted or changed comes back.
struct APIServiceRegistrar: Sendable {
    /// Tells those that are kept; others are their makers' own.
    private static let label = "kube-aggregator.kubernetes.io/automanaged"

    /// Where a group and a version stand among others in discovery; higher ones come first.
    private struct Priority {
        let group: Int64
        let version: Int64
    }

    private struct Served: Hashable {
        let group: String
        let version: String
        /// `v1.apps`, `v1.` for the core group.
        var name: String { "\(version).\(group)" }
    }

    /// The priorities of the real server by group; versions of a group come in the order of their names.
    private static let groups: [String: Int64] = [
        "": 18000, "apps": 17800, "events.k8s.io": 17750, "authentication.k8s.io": 17700, "authorization.k8s.io": 17600,
        "autoscaling": 17500, "batch": 17400, "certificates.k8s.io": 17300, "networking.k8s.io": 17200, "policy": 17100,
        "rbac.authorization.k8s.io": 17000, "storage.k8s.io": 16800, "apiextensions.k8s.io": 16700,
        "admissionregistration.k8s.io": 16700, "scheduling.k8s.io": 16600, "coordination.k8s.io": 16500,
        "node.k8s.io": 16300, "discovery.k8s.io": 16200, "resource.k8s.io": 15900,
    ]

    let cluster: Cluster

    /// Makes, changes and removes APIServices until they are those of what is served.
    func settle() async throws {
        let type = BuiltinKinds.apiServices
        guard let kind = cluster.registry.find(group: type.group, version: type.version, plural: type.plural) else {
            return
        }
        var missing = wanted
        for stored in try await cluster.list(kind.storageName, namespace: nil).items {
            var object = try stored.json()
            let expected = missing.removeValue(forKey: stored.key.name)
            guard object.value(at: "metadata", "labels", Self.label) != nil else { continue }
            // Who was faster has told of it, and it is looked at again.
            if let expected {
                guard object["spec"] != expected["spec"] else { continue }
                object["spec"] = expected["spec"]
                _ = try await cluster.put(stored.key, object, expecting: .revision(stored.revision))
            } else {
                _ = try await cluster.remove(stored.key, expecting: .revision(stored.revision))
            }
        }
        for (name, var object) in missing {
            object.set(.string(UUID().uuidString.lowercased()), at: "metadata", "uid")
            object.set(.string(Timestamp.now.text), at: "metadata", "creationTimestamp")
            kind.definition.prepareForCreate(&object)
            _ = try await cluster.put(kind.key("", name), kind.normalized(object), expecting: .absent)
        }
    }

    /// What there should be, by name.
    private var wanted: [String: JSON] {
        var wanted: [String: JSON] = [:]
        var known: Set<Served> = []
        for kind in cluster.registry.all {
            let served = Served(group: kind.type.group, version: kind.type.version)
            // The group of registrations itself is not registered.
            guard served.group != BuiltinKinds.apiServices.group, known.insert(served).inserted else { continue }
            let priority = Self.priority(of: served, isCustom: kind.isCustom)
            var spec: JSON = [:]
            if !served.group.isEmpty { spec["group"] = .string(served.group) }
            spec["version"] = .string(served.version)
            spec["groupPriorityMinimum"] = .int(priority.group)
            spec["versionPriority"] = .int(priority.version)
            wanted[served.name] = [
                "kind": .string(BuiltinKinds.apiServices.kind),
                "apiVersion": .string(BuiltinKinds.apiServices.apiVersion),
                "metadata": [
                    "name": .string(served.name), "labels": [Self.label: kind.isCustom ? "true" : "onstart"],
                ],
                "spec": spec,
            ]
        }
        return wanted
    }

    private static func priority(of served: Served, isCustom: Bool) -> Priority {
        guard !isCustom else { return Priority(group: 1000, version: 100) }
        // What add-ons bring to other servers comes last.
        guard let group = groups[served.group] else { return Priority(group: 100, version: 100) }
        switch (served.group, served.version) {
        case ("", _): return Priority(group: group, version: 1)
        case ("autoscaling", "v2"): return Priority(group: group, version: 30)
        default: return Priority(group: group, version: 15)
        }
    }
}
