/// A node of an expression's tree.
///
/// Macros put one node in several places; that is why nodes have identity. A tree is only alive while its expression is
/// compiled.
final class Expression {
    indirect enum Kind {
        case literal(Value)
        case identifier(String)
        case select(operand: Expression, field: String, isTest: Bool)
        case call(String, target: Expression?, arguments: [Expression])
        case list([Expression], optionals: Set<Int>)
        case map([Entry])
        case structure(String, [Field])
        case comprehension(Comprehension)
        /// What stands where the text is wrong.
        case missing
    }

    struct Entry {
        let key: Expression
        let value: Expression
        let isOptional: Bool
    }

    struct Field {
        let id: Int
        let name: String
        let value: Expression
        let isOptional: Bool
    }

    /// Unique in a tree.
    let id: Int
    var kind: Kind

    init(_ id: Int, _ kind: Kind) { (self.id, self.kind) = (id, kind) }

    var name: String? { if case .identifier(let name) = kind { name } else { nil } }
    var literal: Value? { if case .literal(let value) = kind { value } else { nil } }

    /// `a.b.c` of a chain of plain names.
    var qualifiedName: String? {
        switch kind {
        case .identifier(let name): name
        case .select(let operand, let field, false): operand.qualifiedName.map { "\($0).\(field)" }
        default: nil
        }
    }

    /// All nodes below and this one; what macros repeat comes once for each place.
    var children: [Expression] {
        switch kind {
        case .literal, .identifier, .missing: []
        case .select(let operand, _, _): [operand]
        case .call(_, let target, let arguments): (target.map { [$0] } ?? []) + arguments
        case .list(let elements, _): elements
        case .map(let entries): entries.flatMap { [$0.key, $0.value] }
        case .structure(_, let fields): fields.map(\.value)
        case .comprehension(let loop): [loop.range, loop.initial, loop.condition, loop.step, loop.result]
        }
    }
}

/// A loop that a macro stands for: what the type checker and the cost see, and what the macro was.
struct Comprehension {
    enum Form {
        case all, exists, existsOne
        /// A list of results, of those elements only that pass the filter.
        case list(filter: Expression?, element: Expression)
        /// A map with the same keys.
        case values(filter: Expression?, value: Expression)
        /// A map of entries, each of which is a map itself.
        case entries(filter: Expression?, entry: Expression)
        /// No loop: `result` with the accumulator standing for `initial`.
        case binding
    }

    let form: Form
    let variable: String
    let secondVariable: String?
    let accumulator: String
    let range: Expression
    let initial: Expression
    let condition: Expression
    let step: Expression
    let result: Expression
    /// The condition of quantifiers.
    let predicate: Expression?
}
