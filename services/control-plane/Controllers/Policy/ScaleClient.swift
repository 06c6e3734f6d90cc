import KubeClient
import KubeModel

/// How many replicas something has and wants, by its subresource `scale`: built-in kinds and custom ones alike.
struct ScaleClient: Sendable {
    let context: ClusterContext
    let discovery: Discovery

    /// The wanted replicas of an owner; 0 when it is gone.
    func replicas(of owner: OwnerReference, namespace: String?) async throws -> Int {
        let known: [String: ObjectCache] = [
            "Deployment": context.caches.deployments, "ReplicaSet": context.caches.replicaSets,
            "StatefulSet": context.caches.statefulSets,
            "ReplicationController": context.caches.replicationControllers,
        ]
        if let cache = known[owner.kind], cache.type.apiVersion == owner.apiVersion,
            let object = cache.get(owner.name, namespace: namespace), object.uid == owner.uid
        {
            return object.spec["replicas"]?.int.map(Int.init) ?? 1
        }
        guard let type = try await discovery.type(apiVersion: owner.apiVersion, kind: owner.kind) else {
            throw APIError(.notFound, "no matches for kind \"\(owner.kind)\" in version \"\(owner.apiVersion)\"")
        }
        do {
            return try await get(type, owner.name, namespace: namespace).spec.count("replicas")
        } catch let error as APIError where error.reason == .notFound {
            guard try await context.client.find(type, owner.name, namespace: namespace) != nil else { return 0 }
            throw APIError(.notFound, "\(type.qualifiedPlural) does not implement the scale subresource")
        }
    }

    /// The Scale of an object.
    func get(_ type: ResourceType, _ name: String, namespace: String?) async throws -> KubeObject {
        KubeObject(try await context.client.json(JSONRequest.get(path(type, name, namespace))))
    }

    /// Asks for another number of replicas.
    func set(_ scale: KubeObject, _ type: ResourceType, replicas: Int) async throws {
        var changed = scale
        changed.spec["replicas"] = .int(Int64(replicas))
        _ = try await context.client.json(
            JSONRequest.put(path(type, scale.name, scale.namespace), changed.json))
    }

    private func path(_ type: ResourceType, _ name: String, _ namespace: String?) -> String {
        "\(type.path(namespace: type.isNamespaced ? namespace : nil))/\(name)/scale"
    }
}
