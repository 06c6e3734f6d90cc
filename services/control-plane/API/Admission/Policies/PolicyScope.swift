import CEL
import ClusterRules
import KubeModel

/// What validating and mutating policies have in common: when they are asked, and with which names.
struct PolicyScope: Sendable {
    let name: String
    let ignoresFailures: Bool
    let paramKind: ParamKind?
    let match: ResourceMatch
    let conditions: MatchConditions
    let variables: [String: AdmissionExpression]
    /// What further expressions of the policy can use.
    let environment: AdmissionEnvironment

    init(_ name: String, _ spec: JSON) {
        self.name = name
        ignoresFailures = spec["failurePolicy"]?.string == "Ignore"
        paramKind = ParamKind(spec["paramKind"])
        match = ResourceMatch(spec["matchConstraints"] ?? [:])
        var environment = AdmissionEnvironment(hasParams: paramKind != nil, hasVariables: true)
        var variables: [String: AdmissionExpression] = [:]
        for variable in spec["variables"]?.array ?? [] {
            let name = variable["name"]?.string ?? ""
            variables[name] = environment.declare(name, variable["expression"]?.string ?? "")
        }
        (self.environment, self.variables) = (environment, variables)
        conditions = MatchConditions(spec["matchConditions"], in: environment, ignoresFailures: ignoresFailures)
    }

    /// Values for one evaluation, in which every variable is evaluated at most once.
    func activation(
        _ input: AdmissionInput, _ param: PolicyParam, namespace: Value = .null
    ) -> AdmissionActivation {
        AdmissionActivation(
            input, params: param.value, namespace: namespace, variables: PolicyVariables(variables))
    }
}

/// A policy and where it holds.
struct PolicyHook<Policy: CompiledPolicy>: Sendable {
    let policy: Policy
    let bindings: [PolicyBinding]
}

/// A policy that is ready to be evaluated.
protocol CompiledPolicy: Sendable {
    init(_ name: String, _ spec: JSON)
    var scope: PolicyScope { get }
}

/// Where a policy holds.
struct PolicyBinding: Sendable {
    let name: String
    let policyName: String
    let match: ResourceMatch?
    let params: ParamReference?
    let actions: [String]

    init(_ name: String, _ spec: JSON) {
        self.name = name
        policyName = spec["policyName"]?.string ?? ""
        match = spec["matchResources"].flatMap { $0.isNull ? nil : ResourceMatch($0) }
        params = ParamReference(spec["paramRef"])
        actions = spec["validationActions"]?.array?.compactMap(\.string) ?? []
    }
}
