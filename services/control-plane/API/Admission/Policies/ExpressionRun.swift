import CEL
import ClusterRules
import KubeModel

/// The values that the expressions of one rule use while it looks at one request.
final class AdmissionActivation: Activation, Sendable {
    let input: AdmissionInput
    let params: Value
    let namespace: Value
    let variables: PolicyVariables?

    init(_ input: AdmissionInput, params: Value = .null, namespace: Value = .null, variables: PolicyVariables? = nil) {
        (self.input, self.params, self.namespace, self.variables) = (input, params, namespace, variables)
    }

    func value(of name: String) throws(EvaluationError) -> Value? {
        switch name {
        case "object": input.object
        case "oldObject": input.old
        case "request": input.request
        case "params": params
        case "namespaceObject": namespace
        case "authorizer": input.authorizer
        case "authorizer.requestResource": input.requestResource
        case "variables": variables.map { .object($0.values(for: self)) }
        default: nil
        }
    }
}

/// Evaluates expressions one after the other within a budget.
struct ExpressionRun {
    /// What one expression may cost.
    static let callLimit: UInt64 = 1_000_000
    /// What all match conditions of a rule may cost together.
    static let conditionsBudget: UInt64 = 2_500_000
    /// What all else of a policy may cost together.
    static let policyBudget: UInt64 = 10_000_000

    /// The budget is spent: nothing further is evaluated.
    struct OutOfBudget: Error {
        let description =
            "validation failed due to running out of cost budget, no further validation rules will be run"
    }

    private(set) var budget: UInt64

    /// The value of an expression, or why there is none.
    mutating func evaluate(
        _ expression: AdmissionExpression, _ activation: AdmissionActivation
    ) throws(OutOfBudget) -> Result<Value, EvaluationError> {
        guard let program = expression.program else {
            return .failure(EvaluationError("compilation error: \(expression.problem?.text ?? "")"))
        }
        var spent: UInt64 = 0
        var result: Result<Value, EvaluationError>
        do {
            result = .success(try program.evaluate(activation, limit: Self.callLimit, spent: &spent))
        } catch {
            result = .failure(
                EvaluationError("expression '\(expression.text)' resulted in error: \(error.message)"))
        }
        spent &+= activation.variables?.takeCost() ?? 0
        guard spent <= budget else { throw OutOfBudget() }
        budget -= spent
        return result
    }
}
