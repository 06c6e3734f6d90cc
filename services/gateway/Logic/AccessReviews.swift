import KubeClient
import KubeModel
import Synchronization

/// Asks the API server what a user may do (SubjectAccessReview), and remembers the answer for ten seconds, or until roles
/// change.
final class AccessReviews: Sendable {
    struct Question: Hashable, Sendable {
        let identity: UserIdentity
        let verb: String
        let type: ResourceType
        let subresource: String?
        let namespace: String?
        let name: String?
    }

    private struct Answer: Sendable {
        let isAllowed: Bool
        let until: ContinuousClock.Instant
    }

    static let memory = Duration.seconds(10)
    private static let capacity = 10_000

    private let client: KubeClient
    private let answers = Mutex<[Question: Answer]>([:])
    /// Grows with each change of roles: an answer that was asked for before it must not be remembered after it.
    private let changes = Atomic(0)

    init(client: KubeClient) { self.client = client }

    /// Tells whether roles have changed since it was read last.
    var changeCount: Int { changes.load(ordering: .sequentiallyConsistent) }

    /// Roles have changed: everything is asked anew.
    func forget() {
        changes.add(1, ordering: .sequentiallyConsistent)
        answers.withLock { $0.removeAll() }
    }

    func allows(
        _ identity: UserIdentity, to verb: String, _ type: ResourceType, subresource: String? = nil,
        namespace: String? = nil, name: String? = nil
    ) async throws -> Bool {
        let question = Question(
            identity: identity, verb: verb, type: type, subresource: subresource, namespace: namespace, name: name)
        let now = ContinuousClock.now
        if let known = answers.withLock({ $0[question] }), known.until > now { return known.isAllowed }
        let before = changes.load(ordering: .sequentiallyConsistent)
        var attributes: JSON = [
            "verb": .string(verb), "group": .string(type.group), "version": .string(type.version),
            "resource": .string(type.plural),
        ]
        attributes["subresource"] = subresource.map(JSON.string)
        attributes["namespace"] = namespace.map(JSON.string)
        attributes["name"] = name.map(JSON.string)
        let review = KubeObject([
            "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
            "spec": [
                "user": .string(identity.user),
                "groups": .array((identity.groups + ["system:authenticated"]).map(JSON.string)),
                "resourceAttributes": attributes,
            ],
        ])
        let isAllowed = try await client.create(.subjectAccessReviews, review).status["allowed"]?.bool ?? false
        answers.withLock {
            guard changes.load(ordering: .sequentiallyConsistent) == before else { return }
            if $0.count >= Self.capacity { $0.removeAll() }
            $0[question] = Answer(isAllowed: isAllowed, until: now + Self.memory)
        }
        return isAllowed
    }
}

extension ResourceType {
    /// What a cluster administrator may do everything with.
    static let everything = ResourceType("*", "*", "*", "*")
}
