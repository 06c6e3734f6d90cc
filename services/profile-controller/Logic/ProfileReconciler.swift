import ControllerKit
import HTTPKit
import KubeClient
import KubeModel

/// What the reconciler reads, kept current by watches.
struct ProfileCaches: Sendable {
    let profiles: WatchCache
    let namespaces: WatchCache
    let serviceAccounts: WatchCache
    let roleBindings: WatchCache
    let quotas: WatchCache
    let installed: InstalledTypes

    init(client: KubeClient) {
        profiles = WatchCache(client: client, type: .profiles)
        namespaces = WatchCache(client: client, type: .namespaces)
        serviceAccounts = WatchCache(client: client, type: .serviceAccounts)
        roleBindings = WatchCache(client: client, type: .roleBindings)
        quotas = WatchCache(client: client, type: .resourceQuotas)
        installed = InstalledTypes(client: client, only: ResourceType.authorizationPolicies.qualifiedPlural)
    }

    var all: [WatchCache] {
        [profiles, namespaces, serviceAccounts, roleBindings, quotas, installed.definitions]
    }
}

/// Keeps one namespace for every Profile, with its accounts, roles, quota and policy.
struct ProfileReconciler: Reconciler {
    let client: KubeClient
    let caches: ProfileCaches
    let settings: ProfileControllerConfiguration
    let labels: NamespaceLabels
    let metrics: Metrics
    let recorder: EventRecorder

    func reconcile(_ request: ReconcileRequest) async throws -> ReconcileOutcome {
        guard let profile = caches.profiles.get(request.name, namespace: nil) else { return .settled }
        metrics.count("request_kf", ["component": "profile_controller", "kind": "profile"])
        if profile.isBeingDeleted {
            try await applyPlugins(.none, namespace: profile.name)
            try await setFinalizers(profile.finalizers.filter { $0 != ProfilePlan.finalizer }, of: profile)
            return .settled
        }
        do {
            try await setFinalizers(
                profile.finalizers.filter { $0 != ProfilePlan.finalizer } + [ProfilePlan.finalizer], of: profile)
            try await carryOut(try ProfilePlan(profile))
            let plugins = try ProfilePlugins(profile, defaultWorkloadIdentity: settings.workloadIdentity)
            try await applyPlugins(plugins, namespace: profile.name)
            let message = plugins.notes.joined(separator: "; ")
            try await setStatus(ProfileStatus.successful(message), of: profile)
            return .settled
        } catch let problem as ProfileProblem {
            countFailure("minor")
            try await setStatus(ProfileStatus.failed(problem.message), of: profile)
            return .settled  // whatever repairs it is a change that we watch
        } catch let error as APIError where [400, 403, 422].contains(error.code) {
            countFailure("major")
            try await setStatus(ProfileStatus.failed(error.message), of: profile)
            throw error  // may be repaired where we do not watch: roles, webhooks
        } catch {
            countFailure("major")
            throw error
        }
    }

    private func carryOut(_ plan: ProfilePlan) async throws {
        try await applyNamespace(plan)
        for name in ProfilePlan.serviceAccountNames
        where caches.serviceAccounts.get(name, namespace: plan.name) == nil {
            _ = try await client.create(.serviceAccounts, plan.serviceAccount(name))
        }
        for binding in plan.roleBindings() { try await applyRoleBinding(binding) }
        try await applyQuota(plan)
        if let type = caches.installed.served(.authorizationPolicies) {
            try await applyPolicy(type, plan.authorizationPolicy(type, settings))
        }
    }

    private func applyNamespace(_ plan: ProfilePlan) async throws {
        let labels = labels.current
        guard let existing = caches.namespaces.get(plan.name, namespace: nil) else {
            _ = try await client.create(.namespaces, plan.namespace(labels: labels))
            return
        }
        guard !existing.isBeingDeleted else {
            throw ProfileProblem("namespace \(plan.name) is still being deleted")
        }
        // What we made is ours whatever its annotation says: that is how a change of the owner goes through. Anything
        // else is taken over only when it was already marked as this owner's.
        let isOurs = existing.ownerReferences.contains { $0.uid == plan.reference.uid }
        guard isOurs || existing.annotations["owner"] == plan.ownerName else {
            throw ProfileProblem("namespace already exist, but not owned by profile creator \(plan.ownerName)")
        }
        if !isOurs, let other = existing.controller {
            throw ProfileProblem("namespace \(plan.name) is controlled by \(other.kind) \(other.name)")
        }
        var wanted = existing
        // A namespace made beforehand must not keep labels that would take its Pods out of the mesh or its limits.
        let kept = isOurs ? existing.labels : existing.labels.filter { !ProfilePlan.isProtective($0.key, labels) }
        wanted.metadata["labels"] = JSON(plan.labels(onto: kept, from: labels))
        wanted.metadata["annotations"] = JSON(existing.annotations.merging(["owner": plan.ownerName]) { $1 })
        if !isOurs {
            let references = existing.ownerReferences.map(\.json) + [plan.reference.json]
            wanted.metadata["ownerReferences"] = .array(references)
        }
        guard var patch = MergeDifference.patch(from: existing.json, to: wanted.json) else { return }
        if !isOurs { patch.set(.string(existing.resourceVersion), at: "metadata", "resourceVersion") }
        _ = try await client.patch(.namespaces, plan.name, .merge(patch))
    }

    /// Annotates the account, and takes away what an earlier plugin left; without the account there is nothing to do.
    private func applyPlugins(_ plugins: ProfilePlugins, namespace: String) async throws {
        let name = ProfilePlugins.account
        // One that was made a moment ago may not be in the cache yet.
        var found = caches.serviceAccounts.get(name, namespace: namespace)
        if found == nil, plugins != .none {
            found = try await client.find(.serviceAccounts, name, namespace: namespace)
        }
        guard let account = found else { return }
        var wanted = account
        wanted.metadata["annotations"] = JSON(plugins.annotations(onto: account.annotations))
        var before = account
        before.metadata["annotations"] = JSON(account.annotations)
        guard let patch = MergeDifference.patch(from: before.json, to: wanted.json) else { return }
        do {
            _ = try await client.patch(.serviceAccounts, name, namespace: namespace, .merge(patch))
        } catch let error as APIError where error.code == 404 {}  // gone with its namespace
    }

    private func applyRoleBinding(_ wanted: KubeObject) async throws {
        guard let existing = caches.roleBindings.get(wanted.name, namespace: wanted.namespace) else {
            _ = try await client.create(.roleBindings, wanted)
            return
        }
        let roleIsRight = MergeDifference.contains(existing["roleRef"] ?? .null, wanted["roleRef"] ?? .null)
        guard roleIsRight else {
            // The role of a binding cannot be changed.
            try await client.delete(.roleBindings, wanted.name, namespace: wanted.namespace, uid: existing.uid)
            _ = try await client.create(.roleBindings, wanted)
            return
        }
        try await patch(.roleBindings, existing, wanted, fields: ["subjects"])
    }

    private func applyQuota(_ plan: ProfilePlan) async throws {
        let existing = caches.quotas.get(ProfilePlan.quotaName, namespace: plan.name)
        guard let wanted = plan.quota() else {
            guard let existing else { return }
            do {
                try await client.delete(.resourceQuotas, existing.name, namespace: plan.name, uid: existing.uid)
            } catch let error as APIError where error.code == 404 {}
            return
        }
        guard let existing else {
            _ = try await client.create(.resourceQuotas, wanted)
            return
        }
        try await patch(.resourceQuotas, existing, wanted, fields: ["spec"])
    }

    private func applyPolicy(_ type: ResourceType, _ wanted: KubeObject) async throws {
        guard let existing = try await client.find(type, wanted.name, namespace: wanted.namespace) else {
            _ = try await client.create(type, wanted)
            return
        }
        try await patch(type, existing, wanted, fields: ["spec"])
    }

    /// Makes the named fields of an existing object exactly as wanted, and adds our annotations.
    private func patch(
        _ type: ResourceType, _ existing: KubeObject, _ wanted: KubeObject, fields: [String]
    ) async throws {
        var target = existing
        for field in fields { target[field] = wanted[field] }
        let annotations = wanted.annotations
        if !annotations.isEmpty {
            target.metadata["annotations"] = JSON(existing.annotations.merging(annotations) { $1 })
        }
        guard let patch = MergeDifference.patch(from: existing.json, to: target.json) else { return }
        _ = try await client.patch(type, existing.name, namespace: existing.namespace, .merge(patch))
    }

    private func setFinalizers(_ finalizers: [String], of profile: KubeObject) async throws {
        guard Set(finalizers) != Set(profile.finalizers) else { return }
        // The list is replaced as a whole: only if nobody else changed it meanwhile.
        let patch: JSON = [
            "metadata": [
                "finalizers": .array(finalizers.map(JSON.string)),
                "resourceVersion": .string(profile.resourceVersion),
            ]
        ]
        _ = try await client.patch(.profiles, profile.name, .merge(patch))
    }

    private func setStatus(_ conditions: JSON, of profile: KubeObject) async throws {
        guard profile.status["conditions"] != conditions else { return }
        _ = try await client.patch(
            .profiles, profile.name, .merge(["status": ["conditions": conditions]]), subresource: "status")
        if let problem = ProfileStatus.problem(in: conditions) {
            await recorder.record("Warning", reason: "Failed", message: problem, about: profile)
        }
    }

    private func countFailure(_ severity: String) {
        metrics.count(
            "request_kf_failure", ["component": "profile_controller", "kind": "profile", "severity": severity])
    }
}

/// The conditions of a Profile: one that says how it stands.
enum ProfileStatus {
    /// Everything is there; the message tells what others have to do yet.
    static func successful(_ message: String = "") -> JSON {
        [["type": "Successful", "status": "True", "message": .string(message)]]
    }

    static func failed(_ message: String) -> JSON {
        [["type": "Failed", "status": "True", "message": .string(message)]]
    }

    /// The message of a failure, nil for anything else.
    static func problem(in conditions: JSON) -> String? {
        conditions.array?.first { $0["type"]?.string == "Failed" }?["message"]?.string
    }
}
