import CEL
import KubeModel

/// A rule that is ready to be evaluated, or what is wrong with it.
struct CompiledRule: Sendable {
    let text: RuleText
    /// Nil for an empty rule and for one that is wrong.
    private(set) var program: Program?
    private(set) var problem: String?
    private(set) var messageProgram: Program?
    private(set) var messageProblem: String?
    private(set) var usesOldSelf = false
    /// Where the rule says the mistake is, below the value that it looks at.
    private(set) var fieldPath: String?

    /// What one evaluation can cost; no expression may cost more.
    static let callLimit: UInt64 = 1_000_000

    /// The environments for rules of one schema.
    struct Environments {
        let shape: JSONShape
        private let plain: Environment
        private let optional: Environment

        init(_ shape: JSONShape) {
            self.shape = shape
            plain = Environment([Variable("self", shape), Variable("oldSelf", shape)])
            optional = Environment([Variable("self", shape), Variable("oldSelf", .optional(shape.type))])
        }

        func environment(for rule: RuleText) -> Environment { rule.optionalOldSelf == true ? optional : plain }
    }

    init(_ text: RuleText, _ node: SchemaNode, _ environments: Environments) {
        self.text = text
        guard !text.rule.trimmingBlanks.isEmpty else { return }
        let environment = environments.environment(for: text)
        switch Self.compile(text.rule, .bool, in: environment) {
        case .failure(let failure):
            problem = failure.message
            return
        case .success(let program):
            usesOldSelf = program.variables.contains("oldSelf")
            self.program = program
        }
        if !text.messageExpression.isEmpty {
            switch Self.compile(text.messageExpression, .string, in: environment) {
            case .failure(let failure): messageProblem = failure.messageForMessages
            case .success(let program): messageProgram = program
            }
        }
        if !text.fieldPath.isEmpty { fieldPath = RuleFieldPath.normalize(text.fieldPath, node) }
    }

    private struct Failure: Error {
        enum Kind { case compilation, type, program }
        let kind: Kind
        let detail: String

        var message: String {
            switch kind {
            case .compilation: "compilation failed: \(detail)"
            case .type: "cel expression must evaluate to a bool"
            case .program: "program instantiation failed: \(detail)"
            }
        }

        var messageForMessages: String {
            switch kind {
            case .compilation: "messageExpression compilation failed: \(detail)"
            case .type: "messageExpression must evaluate to a string"
            case .program: "messageExpression instantiation failed: \(detail)"
            }
        }
    }

    private static func compile(
        _ text: String, _ type: CELType, in environment: Environment
    ) -> Result<Program, Failure> {
        do {
            let program = try environment.compile(text)
            if program.type != type { return .failure(Failure(kind: .type, detail: "")) }
            if let failure = program.constantFailure {
                return .failure(Failure(kind: .program, detail: failure.message))
            }
            return .success(program)
        } catch {
            return .failure(Failure(kind: .compilation, detail: error.description))
        }
    }
}

/// `fieldPath` of a rule: `.spec.replicas`, `['key']`.
enum RuleFieldPath {
    /// The path as issues show it, nil when it leads nowhere in the schema.
    static func normalize(_ path: String, _ schema: SchemaNode) -> String? {
        var node = schema
        var rest = Substring(path)
        var result = ""
        guard !rest.isEmpty else { return nil }
        while let first = rest.popFirst() {
            let name: String
            if first == "." {
                name = String(rest.prefix { $0 != "." && $0 != "[" && $0 != "]" })
                rest = rest.dropFirst(name.count)
                guard !name.isEmpty else { return nil }
            } else if first == "[", rest.popFirst() == "'", let quoted = readQuoted(&rest), rest.popFirst() == "]" {
                name = quoted
            } else {
                return nil
            }
            if !node.properties.isEmpty {
                guard let child = node.properties[name] else { return nil }
                node = child
                result += result.isEmpty ? name : ".\(name)"
            } else if case .schema(let child) = node.additional {
                node = child
                result += "[\(name)]"
            } else {
                return nil
            }
        }
        return result
    }

    /// Text up to a single quote, with its escapes resolved.
    private static func readQuoted(_ rest: inout Substring) -> String? {
        let escapes: [Character: Character] = [
            "a": "\u{7}", "b": "\u{8}", "f": "\u{c}", "n": "\n", "r": "\r", "t": "\t", "v": "\u{b}", "'": "'",
            "\\": "\\",
        ]
        var text = ""
        while let next = rest.popFirst() {
            if next == "'" { return text }
            guard next == "\\" else {
                text.append(next)
                continue
            }
            guard let kind = rest.popFirst(), let meant = escapes[kind] else { return nil }
            text.append(meant)
        }
        return nil
    }
}
