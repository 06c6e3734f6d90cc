import KubeModel

/// A write on its way into the store, as the admission chain sees it.
struct AdmissionRequest: Sendable {
    enum Operation: String, Sendable {
        case create = "CREATE"
        case update = "UPDATE"
        case delete = "DELETE"
        case connect = "CONNECT"
    }

    let operation: Operation
    let kind: ServedKind
    let subresource: String
    let namespace: String
    private(set) var name: String
    let user: UserInfo
    let isDryRun: Bool
    /// The new state, which steps may change.
    var object: JSON
    /// The state before; nil when the object is new.
    let old: JSON?
    /// Where webhooks leave what the client is to be told.
    var warnings: RequestContext.Warnings?
    /// `CreateOptions` and the like, for webhooks.
    var options: JSON = [:]
    /// The type of the object where it is not one of the kind: `Scale`, `Eviction`.
    var bodyType: ResourceType?
    /// True while an object's name is made up by the server, and not yet seen by policies and webhooks.
    var isNameGenerated = false
    /// The name as policies and webhooks see it; empty for collections, and before a name is made up.
    var givenName: String { isNameGenerated ? "" : name }
    /// The type of the object.
    var objectType: ResourceType { bodyType ?? kind.type }

    /// Ends the part of admission that changes the object: its name is settled now.
    mutating func settleName() {
        isNameGenerated = false
        if let given = object.value(at: "metadata", "name")?.string, !given.isEmpty { name = given }
    }

    /// True for the creation of an object of a built-in kind.
    func creates(_ name: String) -> Bool { operation == .create && isFor(name) }
    /// True for a write of the main resource of a built-in kind.
    func isFor(_ name: String) -> Bool { subresource.isEmpty && !kind.isCustom && kind.type.kind == name }
}

/// One step of the chain; most change nothing and only refuse, or the other way round.
protocol AdmissionStep: Sendable {
    /// Changes the object, or refuses it, before it is validated.
    func admit(_ request: inout AdmissionRequest) async throws
    /// Refuses an object that is complete and valid.
    func validate(_ request: AdmissionRequest) async throws
    /// Locks that must be held from before `admit` until the object is stored.
    func locks(for request: AdmissionRequest) async throws -> [String]
}

extension AdmissionStep {
    func admit(_ request: inout AdmissionRequest) async throws {}
    func validate(_ request: AdmissionRequest) async throws {}
    func locks(for request: AdmissionRequest) async throws -> [String] { [] }
}

/// Everything that has a say about writes, in order.
struct AdmissionChain: Sendable {
    let cluster: Cluster
    let steps: [any AdmissionStep]
    /// The steps that come before the mutating webhooks; they need no locks.
    let early: [any AdmissionStep]
    private let late: [any AdmissionStep]

    init(cluster: Cluster, serviceCIDR: String) throws {
        self.cluster = cluster
        early = [
            NamespaceLifecycleStep(cluster: cluster), EscalationStep(cluster: cluster),
            ParamAuthorizationStep(cluster: cluster),
            ServiceAccountStep(cluster: cluster),
            PriorityStep(cluster: cluster), TolerationStep(), LimitRangeStep(cluster: cluster),
            StorageClassStep(cluster: cluster), StorageProtectionStep(), NodeTaintStep(),
            RuntimeClassStep(cluster: cluster),
        ]
        late = [
            try ServiceAddressStep(cluster: cluster, cidr: serviceCIDR), OwnerReferenceStep(cluster: cluster),
            CustomDefinitionStep(cluster: cluster), PodQualityStep(), PodSecurityStep(cluster: cluster),
            ResourceQuotaStep(cluster: cluster),
        ]
        steps = early + late
    }

    func locks(for request: AdmissionRequest) async throws -> [String] {
        var names: [String] = []
        for step in steps { names += try await step.locks(for: request) }
        return names
    }

    /// Runs the steps that come after the webhooks.
    func admit(_ request: inout AdmissionRequest) async throws {
        for step in late { try await step.admit(&request) }
    }

    func validate(_ request: AdmissionRequest) async throws {
        for step in steps { try await step.validate(request) }
    }

    /// Refuses the deletion of what the cluster cannot be without.
    func checkDeletion(kind: ServedKind, name: String, object: JSON) async throws {
        if kind.storageName == "namespaces", ["default", "kube-system", "kube-public"].contains(name) {
            throw kind.forbidden(name, "this namespace may not be deleted")
        }
    }
}
