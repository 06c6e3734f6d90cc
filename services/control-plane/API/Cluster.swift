import ClusterRules
import ClusterStore
import KubeModel
import Logging

/// The store as the API uses it: errors in the API's words, and everything that keeps a compiled copy of stored
/// objects (permissions, custom kinds) told of every write before the writer is answered.
final class Cluster: Sendable {
    let store: Store
    let registry: KindRegistry
    let rbac = RBACAuthorizer()
    let webhooks = WebhookRegistry()
    let validatingPolicies = PolicyRegistry<ValidatingPolicy>(
        policies: "validatingadmissionpolicies.admissionregistration.k8s.io",
        bindings: "validatingadmissionpolicybindings.admissionregistration.k8s.io")
    let mutatingPolicies = PolicyRegistry<MutatingPolicy>(
        policies: "mutatingadmissionpolicies.admissionregistration.k8s.io",
        bindings: "mutatingadmissionpolicybindings.admissionregistration.k8s.io")
    let locks = KeyedLocks()
    private let parsed = ParsedObjects()
    let logger: Logger

    init(store: Store, registry: KindRegistry, logger: Logger) {
        (self.store, self.registry, self.logger) = (store, registry, logger)
    }

    static let definitions = "customresourcedefinitions.apiextensions.k8s.io"

    func get(_ key: ObjectKey) async throws -> StoredObject? {
        try await translating { try await store.get(key) }
    }

    func get(_ resource: String, _ namespace: String, _ name: String) async throws -> JSON? {
        guard let object = try await get(ObjectKey(resource: resource, namespace: namespace, name: name)) else {
            return nil
        }
        return ParsedObjects.covers(resource) ? try parsed.tree(of: object) : try object.json()
    }

    /// The objects of a collection; with terms, at least those that meet all of them.
    func list(
        _ resource: String, namespace: String?, meeting terms: [StoreTerm] = []
    ) async throws -> (items: [StoredObject], revision: UInt64) {
        try await translating {
            try await store.list(resource: resource, namespace: namespace, meeting: terms)
        }
    }

    /// The objects as they were at a revision; nil when that is too long ago.
    func list(
        _ resource: String, namespace: String?, meeting terms: [StoreTerm], at revision: UInt64
    ) async throws -> [StoredObject]? {
        do {
            return try await store.list(resource: resource, namespace: namespace, meeting: terms, at: revision)
        } catch StoreError.gone {
            return nil
        } catch let error as StoreError {
            throw Self.translate(error)
        }
    }

    func objects(_ resource: String, namespace: String?) async throws -> [JSON] {
        try await list(resource, namespace: namespace).items.map { try $0.json() }
    }

    /// Writes an object; nil when it is no longer what was expected.
    func put(_ key: ObjectKey, _ json: JSON, expecting: Expectation) async throws -> StoredObject? {
        do {
            let stored = try await store.put(key, json, expecting: expecting)
            absorb(key, revision: stored.revision, json: json)
            return stored
        } catch StoreError.conflict {
            return nil
        } catch let error as StoreError {
            throw Self.translate(error)
        }
    }

    /// Removes an object; nil when it is no longer what was expected.
    func remove(_ key: ObjectKey, expecting: Expectation, finalState: JSON? = nil) async throws -> StoredObject? {
        do {
            let stored = try await store.remove(key, expecting: expecting, finalState: finalState)
            absorb(key, revision: stored.revision, json: nil)
            return stored
        } catch StoreError.conflict {
            return nil
        } catch let error as StoreError {
            throw Self.translate(error)
        }
    }

    /// Keeps compiled copies in step with a write.
    func absorb(_ key: ObjectKey, revision: UInt64, json: JSON?) {
        if key.resource.hasSuffix("rbac.authorization.k8s.io") {
            rbac.apply(key, revision: revision, json: json)
        } else if key.resource == WebhookRegistry.mutating || key.resource == WebhookRegistry.validating {
            webhooks.apply(key, revision: revision, json: json)
        } else if key.resource.hasSuffix(BuiltinKinds.admissionGroup) {
            if !validatingPolicies.apply(key, revision: revision, json: json) {
                _ = mutatingPolicies.apply(key, revision: revision, json: json)
            }
        } else if key.resource == Self.definitions {
            registry.setCustom(key.name, json.map { CustomKinds.served(by: $0) } ?? [])
        } else if json == nil {
            parsed.forget(key)
        }
    }

    /// Fills the compiled copies from the store.
    func load() async throws {
        let webhooks = [WebhookRegistry.mutating, WebhookRegistry.validating]
        let policies = validatingPolicies.resources + mutatingPolicies.resources
        for resource in RBACAuthorizer.resources + webhooks + policies + [Self.definitions] {
            for object in try await list(resource, namespace: nil).items {
                absorb(object.key, revision: object.revision, json: try object.json())
            }
        }
    }

    private func translating<Answer>(_ body: () async throws -> Answer) async throws -> Answer {
        do {
            return try await body()
        } catch let error as StoreError {
            throw Self.translate(error)
        }
    }

    /// A failure of the store in the words of the API.
    static func translate(_ error: StoreError) -> APIError {
        switch error {
        case .conflict: APIError(.conflict, ServedKind.modified)
        case .gone(let oldest):
            APIError(.expired, "too old resource version; the oldest that is kept is \(oldest)")
        case .full(let reason):
            APIError(.insufficientStorage, "the object cannot be stored: \(reason); reading still works")
        case .closed: APIError(.serviceUnavailable, "the API server is shutting down", retryAfterSeconds: 1)
        default: APIError(.internalError, "the store failed: \(error)")
        }
    }
}
