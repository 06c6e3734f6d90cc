public import CEL
import KubeModel

/// One expression of an admission rule.
public struct AdmissionExpression: Sendable {
    /// The text as written.
    public let text: String
    /// The program; nil when it cannot be compiled.
    public let program: Program?
    /// What is wrong with it, as `invalid` or as `internalError`.
    public let problem: (reason: FieldIssue.Reason, text: String)?

    /// Compiles an expression.
    ///
    /// - Parameters:
    ///   - text: the expression.
    ///   - types: what its value may be; any without types.
    ///   - environment: what it can use.
    public init(_ text: String, _ types: [CELType], in environment: Environment) {
        self.text = text
        do {
            let program = try environment.compile(text)
            if !types.isEmpty, !types.contains(program.type) {
                let names = types.map(\.nativeName)
                let wanted = names.count == 1 ? names[0] : "one of [\(names.joined(separator: " "))]"
                self.program = nil
                problem = (.invalid, "must evaluate to \(wanted) but got \(program.type.nativeName)")
            } else if let failure = program.constantFailure {
                self.program = nil
                problem = (.internalError, "program instantiation failed: \(failure.message)")
            } else {
                (self.program, problem) = (program, nil)
            }
        } catch {
            program = nil
            problem = (.invalid, "compilation failed: \(error.description)")
        }
    }

    /// What is wrong with the expression as an issue of a field.
    ///
    /// - Parameters:
    ///   - field: the path of the field.
    ///   - written: the text of the field, when that is not the expression alone.
    /// - Returns: the issue; nil when nothing is wrong.
    func issue(_ field: String, as written: String? = nil) -> FieldIssue? {
        problem.map { FieldIssue(field: field, reason: $0.reason, value: .string(written ?? text), detail: $0.text) }
    }
}

extension CELType {
    /// The name that complaints about the type of a result use.
    var nativeName: String {
        let parts: [CELType]
        switch self {
        case .list(let element): parts = [element]
        case .map(let key, let value): parts = [key, value]
        case .opaque(_, let inner): parts = inner
        case .type(let inner?): parts = [inner]
        default: parts = []
        }
        return parts.isEmpty ? runtimeName : "\(runtimeName)(\(parts.map(\.nativeName).joined(separator: ", ")))"
    }
}
