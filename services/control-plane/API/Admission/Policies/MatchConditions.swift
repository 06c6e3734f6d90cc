import CEL
import ClusterRules
import KubeModel

/// Expressions that must all be true before a webhook or policy is asked.
struct MatchConditions: Sendable {
    enum Outcome: Sendable, Equatable {
        case matches
        case skips
        /// Something could not be evaluated, and nothing was false.
        case fails(String)
    }

    private let expressions: [AdmissionExpression]
    private let ignoresFailures: Bool

    var isEmpty: Bool { expressions.isEmpty }

    /// Compiles `matchConditions`.
    init(_ json: JSON?, in environment: AdmissionEnvironment, ignoresFailures: Bool) {
        let texts = (json?.array ?? []).map { $0["expression"]?.string ?? "" }
        self.ignoresFailures = ignoresFailures
        guard !texts.isEmpty else {
            expressions = []
            return
        }
        let environment = environment.environment(hasAuthorizer: true)
        expressions = texts.map { AdmissionExpression($0, [.bool], in: environment) }
    }

    /// Evaluates them; one that is false decides, also when others fail.
    func evaluate(_ activation: AdmissionActivation) -> Outcome {
        guard !expressions.isEmpty else { return .matches }
        var run = ExpressionRun(budget: ExpressionRun.conditionsBudget)
        var problems: [String] = []
        var isFalse = false
        do throws(ExpressionRun.OutOfBudget) {
            for expression in expressions {
                switch try run.evaluate(expression, activation) {
                case .success(.bool(false)): isFalse = true
                case .failure(let error): if !problems.contains(error.message) { problems.append(error.message) }
                case .success: break
                }
            }
        } catch {
            (problems, isFalse) = ([error.description], false)
        }
        if isFalse { return .skips }
        guard !problems.isEmpty else { return .matches }
        if ignoresFailures { return .skips }
        return .fails(problems.count == 1 ? problems[0] : "[\(problems.joined(separator: ", "))]")
    }
}
