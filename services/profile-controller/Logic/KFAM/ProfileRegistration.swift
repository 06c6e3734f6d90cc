import Identity
import KubeClient
import KubeModel

/// Makes Profiles for callers: any for those who may create Profiles, and one of their own for everybody where
/// registration is open.
struct ProfileRegistration: Sendable {
    let client: KubeClient
    let authority: KFAMAuthority
    let parameters: DashboardParameters
    /// Whether it is open where the parameters do not say.
    let isOpenByDefault: Bool

    /// Creates a Profile and waits until its namespace is ready, for five seconds at most.
    ///
    /// - Throws: ``APIError`` `forbidden` with the reason; what the API server says.
    func create(_ wire: JSON, for caller: CallerIdentity) async throws {
        var profile = KubeObject(apiVersion: "kubeflow.org/v1", kind: "Profile", name: "")
        let name = wire.value(at: "metadata", "name")?.string ?? ""
        profile.metadata = ["name": .string(name)]
        for field in ["labels", "annotations"] { profile.metadata[field] = wire.value(at: "metadata", field) }
        var spec = wire["spec"] ?? [:]
        guard let owner = spec["owner"]?["name"]?.string, !owner.isEmpty else {
            throw APIError(.badRequest, "spec.owner.name must name the owner")
        }
        let kind = spec["owner"]?["kind"]?.string ?? ""
        if kind.isEmpty { spec.set("User", at: "owner", "kind") }
        profile.spec = spec
        let problems = NameRules.label(name)
        guard problems.isEmpty else {
            throw APIError(.badRequest, "metadata.name: \(problems.joined(separator: "; "))")
        }
        try ContributorBinding.check(name: owner, kind: kind)
        try await permit(profile, ownerKind: kind.isEmpty ? "User" : kind, owner: owner, caller)
        try await checkNamespace(name, owner: owner)
        let made = try await client.create(.profiles, profile)
        try await waitUntilReady(made)
    }

    private func permit(
        _ profile: KubeObject, ownerKind: String, owner: String, _ caller: CallerIdentity
    ) async throws {
        if authority.clusterAdmins.contains(caller.user) { return }
        if try await authority.reviewer.allows(caller, to: "create", .profiles, name: profile.name) { return }
        guard try await parameters.isRegistrationOpen(standard: isOpenByDefault) else {
            throw APIError(.forbidden, "\(caller.user) may not create Profiles, and registration is not open")
        }
        guard ownerKind == "User", owner == caller.user else {
            throw APIError(.forbidden, "\(caller.user) may create a Profile for themselves only")
        }
        let extras = (profile.spec.object?.keys.filter { $0 != "owner" } ?? []).sorted()
        guard extras.isEmpty, profile.labels.isEmpty, profile.annotations.isEmpty else {
            throw APIError(.forbidden, "only an administrator may set \((extras + ["labels"]).joined(separator: ", "))")
        }
        guard !profile.name.hasPrefix("kube-"), !profile.name.hasPrefix("openshift-") else {
            throw APIError(.forbidden, "the name \(profile.name) is kept for the system")
        }
        let owned = try await client.list(.profiles).items.first {
            $0.spec["owner"]?["kind"]?.string ?? "User" == "User" && $0.spec["owner"]?["name"]?.string == caller.user
        }
        if let owned { throw APIError(.forbidden, "\(caller.user) owns the Profile \(owned.name) already") }
    }

    /// A namespace that is there belongs to somebody else, unless it says that it is this owner's.
    private func checkNamespace(_ name: String, owner: String) async throws {
        guard let namespace = try await client.find(.namespaces, name) else { return }
        guard namespace.annotations["owner"] == owner else {
            throw APIError(.forbidden, "the namespace \(name) exists already and is not \(owner)'s")
        }
    }

    private func waitUntilReady(_ profile: KubeObject) async throws {
        let events = try await client.watch(
            .profiles, from: profile.resourceVersion, fieldSelector: "metadata.name=\(profile.name)", timeoutSeconds: 5)
        for try await event in events {
            guard case .modified(let now) = event else { continue }
            if now.status["conditions"]?.array?.isEmpty == false { return }
        }
    }
}
