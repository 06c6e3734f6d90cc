import CEL
import ClusterRules
import KubeModel

/// A MutatingAdmissionPolicy.
struct MutatingPolicy: CompiledPolicy {
    /// One change that a policy makes.
    private struct Mutation: Sendable {
        let type: PatchType
        let expression: AdmissionExpression
    }

    let scope: PolicyScope
    /// True when it is asked again about what others changed.
    let isReinvoked: Bool
    private let mutations: [Mutation]

    init(_ name: String, _ spec: JSON) {
        scope = PolicyScope(name, spec)
        isReinvoked = spec["reinvocationPolicy"]?.string == "IfNeeded"
        let environment = scope.environment.patchEnvironment
        mutations = (spec["mutations"]?.array ?? []).compactMap { json in
            guard let type = PatchType(rawValue: json["patchType"]?.string ?? "") else { return nil }
            let part = json[type == .jsonPatch ? "jsonPatch" : "applyConfiguration"]
            return Mutation(
                type: type,
                expression: AdmissionExpression(part?["expression"]?.string ?? "", [type.result], in: environment))
        }
    }

    /// Makes the changes, each on top of those before.
    ///
    /// - Parameters:
    ///   - object: the object as the policy sees it.
    ///   - input: the request.
    ///   - param: the parameters.
    ///   - namespace: the namespace of the object, or null.
    ///   - patching: applies patches to objects of the kind.
    /// - Returns: why changes could not be made; the others are made nevertheless.
    /// - Throws: ``APIError`` when a change leaves no object of the kind.
    func mutate(
        _ object: inout JSON, _ input: AdmissionInput, _ param: PolicyParam, namespace: Value,
        _ patching: ObjectPatching
    ) throws -> [String] {
        var problems: [String] = []
        for mutation in mutations {
            var input = input
            input.object = Value(object)
            do {
                let value = try evaluate(mutation, scope.activation(input, param, namespace: namespace))
                switch mutation.type {
                case .applyConfiguration: object = try patching.applying(configuration: value, to: object)
                case .jsonPatch: object = try patching.applying(operations: value, to: object)
                }
            } catch let problem as ObjectPatching.Problem {
                problems.append(problem.message)
            }
        }
        return problems
    }

    private func evaluate(
        _ mutation: Mutation, _ activation: AdmissionActivation
    ) throws(ObjectPatching.Problem) -> Value {
        guard mutation.expression.program != nil else {
            throw ObjectPatching.Problem(message: mutation.expression.problem?.text ?? "")
        }
        var run = ExpressionRun(budget: ExpressionRun.policyBudget)
        let result: Result<Value, EvaluationError>
        do throws(ExpressionRun.OutOfBudget) {
            result = try run.evaluate(mutation.expression, activation)
        } catch {
            throw ObjectPatching.Problem(message: error.description)
        }
        switch result {
        case .success(let value): return value
        case .failure(let error): throw ObjectPatching.Problem(message: error.message)
        }
    }
}
