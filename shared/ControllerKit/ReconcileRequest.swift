/// Which object is to be looked at; nothing about why.
public struct ReconcileRequest: Hashable, Sendable {
    /// Its namespace, nil for objects of the cluster.
    public let namespace: String?
    /// Its name.
    public let name: String

    /// Names an object.
    public init(namespace: String? = nil, name: String) {
        (self.namespace, self.name) = (namespace, name)
    }
}

extension ReconcileRequest: CustomStringConvertible {
    /// `namespace/name`, or the name alone.
    public var description: String { namespace.map { "\($0)/\(name)" } ?? name }
}

/// How a reconcile ended that did not fail.
public enum ReconcileOutcome: Hashable, Sendable {
    /// The state is as wanted; the next change wakes us.
    case settled
    /// Something is under way that no watch reports.
    case checkAgain(after: Duration)
}

/// Brings one object to the wanted state: reads the state, computes what is wanted, writes the difference.
public protocol Reconciler: Sendable {
    /// Looks at one object. Throwing means: try again, later each time.
    func reconcile(_ request: ReconcileRequest) async throws -> ReconcileOutcome
}
