import CEL
import ClusterRules
import KubeModel

/// `paramKind`: of which kind the parameters of a policy are.
struct ParamKind: Sendable, Equatable {
    let apiVersion: String
    let kind: String

    init?(_ json: JSON?) {
        guard let json, !json.isNull else { return nil }
        (apiVersion, kind) = (json["apiVersion"]?.string ?? "", json["kind"]?.string ?? "")
    }

    /// The kind as messages name it: `apps/v1, Kind=Deployment`.
    var text: String { "\(apiVersion.contains("/") ? apiVersion : "/\(apiVersion)"), Kind=\(kind)" }
}

/// `paramRef`: which objects a binding takes as parameters.
struct ParamReference: Sendable {
    private let name: String
    private let namespace: String
    private let selector: LabelSelector?
    private let mustExist: Bool

    init?(_ json: JSON?) {
        guard let json, !json.isNull else { return nil }
        (name, namespace) = (json["name"]?.string ?? "", json["namespace"]?.string ?? "")
        selector = json["selector"].flatMap { $0.isNull ? nil : LabelSelector(object: $0) }
        mustExist = json["parameterNotFoundAction"]?.string == "Deny"
    }

    /// The parameters, each of which the policy is evaluated with.
    ///
    /// - Throws: ``ResourceMatch/Failure`` for references that the kind does not allow, and when there are none where
    ///   there have to be some.
    func objects(
        of kind: ServedKind, for request: AdmissionRequest, _ cluster: Cluster
    ) async throws -> [PolicyParam] {
        var place = ""
        if kind.type.isNamespaced {
            place = namespace.isEmpty ? request.admissionNamespace : namespace
            guard !place.isEmpty else {
                throw ResourceMatch.Failure(
                    message: "cannot use namespaced paramRef in policy binding that matches cluster-scoped resources")
            }
        } else if !namespace.isEmpty {
            throw ResourceMatch.Failure(
                message: "paramRef.namespace must not be provided for a cluster-scoped `paramKind`")
        }
        var found: [PolicyParam] = []
        if !name.isEmpty {
            if let stored = try await cluster.get(kind.key(place, name)) {
                found = [PolicyParam(try kind.tree(stored), isCustom: kind.isCustom)]
            }
        } else if let selector {
            for stored in try await cluster.list(kind.storageName, namespace: place.isEmpty ? nil : place).items {
                let tree = try kind.tree(stored)
                if selector.matches(tree.value(at: "metadata", "labels")?.stringMap ?? [:]) {
                    found.append(PolicyParam(tree, isCustom: kind.isCustom))
                }
            }
        }
        if found.isEmpty, mustExist {
            throw ResourceMatch.Failure(
                message: "no params found for policy binding with `Deny` parameterNotFoundAction")
        }
        return found
    }
}

/// One object that a policy takes its parameters from; nothing for policies without.
struct PolicyParam: Sendable {
    let value: Value
    /// What tells it from other parameters.
    let id: String

    private let tree: JSON?
    private let isCustom: Bool

    init(_ tree: JSON, isCustom: Bool) {
        value = Value(tree)
        (self.tree, self.isCustom) = (tree, isCustom)
        let metadata = tree["metadata"]
        id = "\(metadata?["namespace"]?.string ?? "")/\(metadata?["name"]?.string ?? "")"
    }

    private init() { (value, id, tree, isCustom) = (.null, "", nil, false) }

    /// As mutating policies see it: only custom objects say of which kind they are.
    var withoutType: PolicyParam {
        guard !isCustom, var tree else { return self }
        (tree["kind"], tree["apiVersion"]) = (nil, nil)
        return PolicyParam(tree, isCustom: isCustom)
    }

    static let none = PolicyParam()
}
