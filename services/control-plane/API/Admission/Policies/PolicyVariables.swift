import CEL
import ClusterRules
import KubeModel
import Synchronization

/// The variables of a policy while it looks at one request: each is evaluated when it is first asked for.
final class PolicyVariables: Sendable {
    private let expressions: [String: AdmissionExpression]
    private let known = Mutex<[String: Result<Value, EvaluationError>]>([:])
    private let cost = Mutex<UInt64>(0)

    init(_ expressions: [String: AdmissionExpression]) { self.expressions = expressions }

    /// What evaluations have cost since this was last asked.
    func takeCost() -> UInt64 {
        cost.withLock { cost in
            defer { cost = 0 }
            return cost
        }
    }

    func values(for activation: AdmissionActivation) -> some ObjectValue { Values(variables: self, activation) }

    fileprivate func value(_ name: String, _ activation: AdmissionActivation) throws(EvaluationError) -> Value? {
        guard let expression = expressions[name] else { return nil }
        if let value = known.withLock({ $0[name] }) { return try value.get() }
        var spent: UInt64 = 0
        let value: Result<Value, EvaluationError>
        if let program = expression.program {
            do {
                value = .success(
                    try program.evaluate(activation, limit: ExpressionRun.callLimit, spent: &spent))
            } catch {
                value = .failure(
                    EvaluationError("composited variable \"\(name)\" fails to evaluate: \(error.message)"))
            }
        } else {
            value = .failure(
                EvaluationError(
                    "composited variable \"\(name)\" fails to compile: \(expression.problem?.text ?? "")"))
        }
        cost.withLock { $0 &+= spent }
        known.withLock { $0[name] = value }
        return try value.get()
    }

    /// The value of the name `variables`.
    private struct Values: ObjectValue {
        let variables: PolicyVariables
        let activation: AdmissionActivation

        init(variables: PolicyVariables, _ activation: AdmissionActivation) {
            (self.variables, self.activation) = (variables, activation)
        }

        var type: CELType { .structure(AdmissionEnvironment.variablesType) }
        func isEqual(to other: any ObjectValue) -> Bool { (other as? Values)?.variables === variables }
        func field(_ name: String) throws(EvaluationError) -> Value? { try variables.value(name, activation) }
    }
}
