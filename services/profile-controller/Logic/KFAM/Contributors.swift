import KubeClient
import KubeModel

/// The contributors of namespaces: RoleBindings, read from the API server itself so that nobody misses an own change.
struct Contributors: Sendable {
    let client: KubeClient
    let settings: ProfileControllerConfiguration

    /// All contributors of a namespace, or of all.
    func all(in namespace: String?) async throws -> [ContributorBinding] {
        try await client.list(.roleBindings, namespace: namespace).items.compactMap(ContributorBinding.init)
    }

    /// Gives somebody a role; nothing happens when that is so already.
    func add(_ binding: ContributorBinding) async throws {
        let existing = try await client.list(.roleBindings, namespace: binding.namespace).items
        if let same = existing.first(where: { ContributorBinding($0) == binding }) {
            return try await open(binding, same)
        }
        let isTaken = existing.contains { $0.name == binding.objectName }
        let object = binding.roleBinding(named: isTaken ? binding.distinctObjectName : binding.objectName)
        do {
            try await open(binding, try await client.create(.roleBindings, object))
        } catch let error as APIError where error.code == 409 && !isTaken {
            try await add(binding)  // somebody added the same, or a namesake, just now
        }
    }

    /// Takes a role from somebody.
    ///
    /// - Throws: ``APIError`` `notFound` when there is no such contributor; `forbidden` for the owner's own binding.
    func remove(_ binding: ContributorBinding) async throws {
        let found = try await client.list(.roleBindings, namespace: binding.namespace).items
            .filter { ContributorBinding($0) == binding }
        let removable = found.filter { !ProfilePlan.bindingNames.contains($0.name) }
        guard !removable.isEmpty else {
            throw found.isEmpty
                ? APIError(.notFound, "\(binding.name) is no contributor of \(binding.namespace) with that role")
                : APIError(.forbidden, "\(binding.name) owns \(binding.namespace); change spec.owner of the Profile")
        }
        for object in removable {
            try await client.delete(
                .roleBindings, object.name, namespace: binding.namespace, uid: object.uid)
            guard let type = try await policyType(),
                let policy = try await client.find(type, object.name, namespace: binding.namespace),
                policy.annotations["user"] == binding.name
            else { continue }
            try await client.delete(type, policy.name, namespace: binding.namespace, uid: policy.uid)
        }
    }

    /// Lets the contributor through the mesh, where there is one.
    private func open(_ binding: ContributorBinding, _ object: KubeObject) async throws {
        guard let type = try await policyType(),
            let policy = binding.authorizationPolicy(type, named: object.name, owner: object, settings),
            try await client.find(type, object.name, namespace: binding.namespace) == nil
        else { return }
        _ = try await client.create(type, policy)
    }

    private func policyType() async throws -> ResourceType? {
        let type = ResourceType.authorizationPolicies
        guard let definition = try await client.find(.customResourceDefinitions, type.qualifiedPlural) else {
            return nil
        }
        let served = (definition.spec["versions"]?.array ?? []).filter { $0["served"]?.bool ?? false }
            .compactMap { $0["name"]?.string }
        guard let version = served.contains(type.version) ? type.version : served.first else { return nil }
        return ResourceType(type.group, version, type.plural, type.kind)
    }
}
