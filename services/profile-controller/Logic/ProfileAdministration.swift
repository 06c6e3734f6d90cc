public import KubeClient
import KubeModel

/// Profiles and their contributors as an administrator sets them, in the way of KFAM: what comes of it is the same objects.
public struct ProfileAdministration: Sendable {
    /// Somebody with a part in a Profile.
    public struct Member: Sendable, Equatable {
        /// `User` or `Group`.
        public let kind: String
        /// Name, as RBAC knows it.
        public let name: String
        /// `admin`, `edit` or `view`.
        public let role: String

        /// Names somebody.
        public init(kind: String, name: String, role: String) { (self.kind, self.name, self.role) = (kind, name, role) }
    }

    /// A Profile with those who have a part in it.
    public struct Summary: Sendable {
        /// Its name, which is the namespace's.
        public let name: String
        /// Who owns it.
        public let owner: Member
        /// `Successful`, `Failed`, `Pending` or `Deleting`.
        public let state: String
        /// Besides the owner.
        public let contributors: [Member]
    }

    private let client: KubeClient
    private let contributors: Contributors

    /// Acts with a client that may do all of it.
    public init(client: KubeClient, settings: ProfileControllerConfiguration = ProfileControllerConfiguration()) {
        self.client = client
        contributors = Contributors(client: client, settings: settings)
    }

    /// All Profiles by name.
    public func all() async throws -> [Summary] {
        let bindings = Dictionary(grouping: try await contributors.all(in: nil), by: \.namespace)
        return try await client.list(.profiles).items.map { profile in
            let owner = Self.owner(profile)
            let others = (bindings[profile.name] ?? []).map {
                Member(kind: $0.kind, name: $0.name, role: $0.role.rawValue)
            }
            let state =
                profile.isBeingDeleted
                ? "Deleting" : profile.status["conditions"]?.array?.last?["type"]?.string ?? "Pending"
            return Summary(
                name: profile.name, owner: owner, state: state, contributors: others.filter { $0 != owner })
        }.sorted { $0.name < $1.name }
    }

    /// Makes a Profile and waits until its namespace is there.
    ///
    /// - Throws: ``APIError`` with what speaks against it.
    public func create(_ name: String, ownerKind: String, owner: String, quota: [String: String] = [:]) async throws {
        try ContributorBinding.check(name: owner, kind: ownerKind)
        var profile = KubeObject(apiVersion: "kubeflow.org/v1", kind: "Profile", name: name)
        profile.spec = ["owner": ["kind": .string(ownerKind), "name": .string(owner)]]
        if !quota.isEmpty {
            var hard: JSON = [:]
            for (resource, limit) in quota { hard[resource] = .string(limit) }
            profile.spec["resourceQuotaSpec"] = ["hard": hard]
        }
        if let namespace = try await client.find(.namespaces, name), namespace.annotations["owner"] != owner {
            throw APIError(.forbidden, "the namespace \(name) exists already and is not \(owner)'s")
        }
        let made = try await client.create(.profiles, profile)
        try await wait(made) { $0.status["conditions"]?.array?.isEmpty == false }
        let condition = try await client.get(.profiles, name).status["conditions"]?.array?.last
        guard condition?["type"] != "Failed" else {
            throw APIError(.conflict, condition?["message"]?.string ?? "the Profile \(name) cannot be set up")
        }
    }

    /// Gives a Profile to somebody else, who gets the namespace with all that is in it; the owner until now loses it.
    public func transfer(_ name: String, toKind kind: String, _ owner: String) async throws {
        try ContributorBinding.check(name: owner, kind: kind)
        _ = try await client.patch(
            .profiles, name, .merge(["spec": ["owner": ["kind": .string(kind), "name": .string(owner)]]]))
        let binding = try await client.get(.roleBindings, "namespaceAdmin", namespace: name)
        try await wait(binding) {
            let subject = $0["subjects"]?[0]
            return subject?["kind"]?.string == kind && subject?["name"]?.string == owner
        }
    }

    /// Gives somebody a role in a Profile's namespace.
    public func add(_ member: Member, to profile: String) async throws {
        try await contributors.add(try await binding(member, profile))
    }

    /// Takes a role from somebody.
    ///
    /// - Throws: ``APIError`` `notFound` when that is no contributor.
    public func remove(_ member: Member, from profile: String) async throws {
        try await contributors.remove(try await binding(member, profile))
    }

    /// Deletes a Profile with its namespace and all that is in it.
    public func delete(_ name: String) async throws { try await client.delete(.profiles, name) }

    private func binding(_ member: Member, _ profile: String) async throws -> ContributorBinding {
        try ContributorBinding.check(name: member.name, kind: member.kind)
        guard let role = ContributorBinding.Role(rawValue: member.role) else {
            throw APIError(.badRequest, "a role is admin, edit or view, not \(member.role)")
        }
        _ = try await client.get(.profiles, profile)  // says what is missing, where a binding would just be made
        return ContributorBinding(kind: member.kind, name: member.name, namespace: profile, role: role)
    }

    /// Returns when the object is as wanted, or after ten seconds: then the controller does not run.
    private func wait(_ object: KubeObject, until holds: @escaping @Sendable (KubeObject) -> Bool) async throws {
        if holds(object) { return }
        let type: ResourceType = object.kind == "Profile" ? .profiles : .roleBindings
        let events = try await client.watch(
            type, namespace: object.namespace, from: object.resourceVersion,
            fieldSelector: "metadata.name=\(object.name)", timeoutSeconds: 10)
        for try await event in events {
            guard case .modified(let now) = event else { continue }
            if holds(now) { return }
        }
        throw APIError(.timeout, "the profile controller has not acted within ten seconds")
    }

    private static func owner(_ profile: KubeObject) -> Member {
        Member(
            kind: profile.spec["owner"]?["kind"]?.string ?? "User", name: profile.spec["owner"]?["name"]?.string ?? "",
            role: "admin")
    }
}
