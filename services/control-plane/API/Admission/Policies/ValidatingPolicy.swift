import CEL
import ClusterRules
import KubeModel

/// A ValidatingAdmissionPolicy.
struct ValidatingPolicy: CompiledPolicy {
    private struct Validation: Sendable {
        let expression: AdmissionExpression
        let message: String
        let messageExpression: AdmissionExpression?
        let reason: APIError.Reason
    }

    private struct Annotation: Sendable {
        let key: String
        let value: AdmissionExpression
    }

    /// What a policy says about a request.
    struct Verdict: Sendable {
        /// A validation that does not hold, or could not be evaluated.
        struct Denial: Sendable {
            /// Which validation it is.
            let index: Int
            let message: String
            var reason = APIError.Reason.invalid
        }

        var denials: [Denial] = []
        /// What the audit log is to be told.
        var annotations: [(key: String, value: String)] = []
        /// Why something that the audit log is to be told is not known.
        var annotationFailures: [String] = []
    }

    private static let longestMessage = 5 * 1024

    let scope: PolicyScope
    private let validations: [Validation]
    private let annotations: [Annotation]

    init(_ name: String, _ spec: JSON) {
        scope = PolicyScope(name, spec)
        let environment = scope.environment.environment(hasAuthorizer: true)
        let messages = scope.environment.environment(hasAuthorizer: false)
        validations = (spec["validations"]?.array ?? []).map { json in
            let message = json["messageExpression"]?.string ?? ""
            return Validation(
                expression: AdmissionExpression(json["expression"]?.string ?? "", [.bool], in: environment),
                message: (json["message"]?.string ?? "").trimmingBlanks,
                messageExpression: message.isEmpty ? nil : AdmissionExpression(message, [.string], in: messages),
                reason: json["reason"]?.string.flatMap(APIError.Reason.init) ?? .invalid)
        }
        annotations = (spec["auditAnnotations"]?.array ?? []).map { json in
            Annotation(
                key: json["key"]?.string ?? "",
                value: AdmissionExpression(json["valueExpression"]?.string ?? "", [.string, .null], in: environment))
        }
    }

    /// Evaluates the policy.
    ///
    /// - Parameters:
    ///   - input: the request.
    ///   - conditionInput: the request as match conditions see it.
    ///   - param: the parameters.
    ///   - namespace: the namespace of the object, or null.
    /// - Returns: what does not hold.
    func evaluate(
        _ input: AdmissionInput, conditionInput: AdmissionInput, _ param: PolicyParam, namespace: Value
    ) -> Verdict {
        switch scope.conditions.evaluate(scope.activation(conditionInput, param)) {
        case .skips: return Verdict()
        case .fails(let problem): return failure(problem)
        case .matches: break
        }
        var verdict = Verdict()
        do throws(ExpressionRun.OutOfBudget) {
            try judge(input, param, namespace, &verdict)
        } catch {
            return failure(error.description)
        }
        do throws(ExpressionRun.OutOfBudget) {
            try annotate(input, param, namespace, &verdict)
        } catch {
            return failure(error.description)
        }
        return verdict
    }

    private func failure(_ problem: String) -> Verdict {
        Verdict(denials: scope.ignoresFailures ? [] : [.init(index: 0, message: problem)])
    }

    private func judge(
        _ input: AdmissionInput, _ param: PolicyParam, _ namespace: Value, _ verdict: inout Verdict
    ) throws(ExpressionRun.OutOfBudget) {
        var run = ExpressionRun(budget: ExpressionRun.policyBudget)
        let activation = scope.activation(input, param, namespace: namespace)
        var results: [Result<Value, EvaluationError>] = []
        for validation in validations { results.append(try run.evaluate(validation.expression, activation)) }
        let (messages, problem) = self.messages(&run, input.withoutAuthorizer, param, namespace)
        for (index, result) in results.enumerated() {
            switch result {
            case .failure(let error):
                if !scope.ignoresFailures { verdict.denials.append(.init(index: index, message: error.message)) }
            case .success where problem != nil:
                guard !scope.ignoresFailures else { continue }
                verdict.denials.append(
                    .init(index: index, message: "failed messageExpression: \(problem ?? "")"))
            case .success(.bool(true)): continue
            case .success:
                let validation = validations[index]
                verdict.denials.append(
                    .init(
                        index: index, message: message(of: validation, messages[index]), reason: validation.reason))
            }
        }
    }

    /// The values of all message expressions; they are evaluated whether or not they are needed, and cost.
    private func messages(
        _ run: inout ExpressionRun, _ input: AdmissionInput, _ param: PolicyParam, _ namespace: Value
    ) -> (messages: [String?], problem: String?) {
        var messages = [String?](repeating: nil, count: validations.count)
        guard validations.contains(where: { $0.messageExpression != nil }) else { return (messages, nil) }
        let activation = scope.activation(input, param, namespace: namespace)
        do throws(ExpressionRun.OutOfBudget) {
            for (index, validation) in validations.enumerated() {
                guard let expression = validation.messageExpression else { continue }
                if case .success(.string(let text)) = try run.evaluate(expression, activation) {
                    messages[index] = text
                }
            }
        } catch {
            return (messages, error.description)
        }
        return (messages, nil)
    }

    private func message(of validation: Validation, _ evaluated: String?) -> String {
        let text = evaluated?.trimmingBlanks ?? ""
        if !text.isEmpty, text.utf8.count <= Self.longestMessage, !text.contains(where: \.isNewline) { return text }
        if !validation.message.isEmpty { return validation.message }
        return "failed expression: \(validation.expression.text.trimmingBlanks)"
    }

    private func annotate(
        _ input: AdmissionInput, _ param: PolicyParam, _ namespace: Value, _ verdict: inout Verdict
    ) throws(ExpressionRun.OutOfBudget) {
        guard !annotations.isEmpty else { return }
        var run = ExpressionRun(budget: ExpressionRun.policyBudget)
        let activation = scope.activation(input.withoutAuthorizer, param, namespace: namespace)
        for annotation in annotations {
            switch try run.evaluate(annotation.value, activation) {
            case .success(.string(let text)):
                let text = text.trimmingBlanks
                if !text.isEmpty { verdict.annotations.append((annotation.key, text)) }
            case .success: break
            case .failure(let error):
                if !scope.ignoresFailures { verdict.annotationFailures.append(error.message) }
            }
        }
    }
}
