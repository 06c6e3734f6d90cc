public import CEL
public import KubeModel

/// Checks the expressions of ValidatingAdmissionPolicies against the types of the objects that they are for. What it
/// finds is told in the status of the policy and changes nothing else.
public struct PolicyTypeCheck: Sendable {
    /// How many kinds a rule is checked with at most.
    public static let mostKinds = 10

    /// A kind with its type.
    public struct Kind: Sendable {
        let type: ResourceType
        let shape: JSONShape

        /// Names a kind with its type.
        public init(_ type: ResourceType, _ shape: JSONShape) { (self.type, self.shape) = (type, shape) }

        /// As warnings name it: `apps/v1, Kind=Deployment`.
        var text: String { "\(type.group)/\(type.version), Kind=\(type.kind)" }
    }

    private let spec: JSON

    /// A check of a policy.
    public init(of policy: JSON) { spec = policy["spec"] ?? [:] }

    /// The resources that a rule names one by one.
    public struct Resources: Sendable {
        private let groups: Set<String>
        private let versions: Set<String>
        private let names: Set<String>

        /// Nil for a rule that names everything of a sort.
        fileprivate init?(_ rule: JSON) {
            func texts(_ key: String) -> Set<String> { Set(rule.list(key).compactMap(\.string)) }
            (groups, versions) = (texts("apiGroups"), texts("apiVersions"))
            guard !groups.union(versions).contains(where: { $0.contains("*") }) else { return nil }
            names = texts("resources").filter { !$0.contains("*") && !$0.contains("/") }
        }

        /// True when the rule names the resource of a kind.
        public func contains(_ type: ResourceType) -> Bool {
            groups.contains(type.group) && versions.contains(type.version) && names.contains(type.plural)
        }
    }

    /// What the rules name, rule by rule; nil for those that name everything of a sort, with which nothing is checked.
    public var rules: [Resources?] {
        (spec["matchConstraints"]?.list("resourceRules") ?? []).map(Resources.init)
    }

    /// The kinds to check with, of those found for ``rules``, in the order of group, version and plural name.
    public static func chosen(_ found: [[Kind]]) -> [Kind] {
        var kinds: [String: Kind] = [:]
        for rule in found {
            for kind in rule.prefix(mostKinds) { kinds[kind.text] = kind }
            if rule.count >= mostKinds { break }
        }
        return kinds.values.sorted {
            ($0.type.group, $0.type.version, $0.type.kind) < ($1.type.group, $1.type.version, $1.type.kind)
        }
    }

    /// What is wrong with expressions, as `expressionWarnings` has it.
    ///
    /// - Parameters:
    ///   - kinds: the kinds to check with.
    ///   - params: the type of the parameters; nil when it is not known.
    /// - Returns: objects with `fieldRef` and `warning`; none when all is well.
    public func warnings(_ kinds: [Kind], params: JSONShape?) -> [JSON] {
        let environments = kinds.map { kind in (kind.text, environment(kind, params)) }
        var warnings: [JSON] = []
        for (index, validation) in spec.list("validations").enumerated() {
            for field in ["expression", "messageExpression"] where !validation.text(field).isEmpty {
                let texts = environments.compactMap { name, environment in
                    Self.problem(validation.text(field), in: environment).map { "\(name): \($0)\n" }
                }
                guard !texts.isEmpty else { continue }
                warnings.append([
                    "fieldRef": .string("spec.validations[\(index)].\(field)"),
                    "warning": .string(texts.joined(separator: "\n")),
                ])
            }
        }
        return warnings
    }

    private func environment(_ kind: Kind, _ params: JSONShape?) -> Environment {
        var environment = AdmissionEnvironment(
            object: kind.shape, params: spec.has("paramKind") ? params ?? .dynamic : nil)
        for variable in spec.list("variables") {
            _ = environment.declare(variable.text("name"), variable.text("expression"))
        }
        return environment.environment(hasAuthorizer: true)
    }

    private static func problem(_ text: String, in environment: Environment) -> String? {
        do {
            _ = try environment.compile(text)
            return nil
        } catch {
            return error.description
        }
    }
}
