/// Makes the loops that macros stand for.
struct LoopMacro {
    let parser: Parser
    /// Where the macro is called; all nodes made here say so.
    let offset: Int
    let range: Expression
    var variable = ""
    var second: String?

    private func make(_ kind: Expression.Kind) -> Expression { parser.make(offset, kind) }
    private func call(_ function: String, _ arguments: Expression...) -> Expression {
        make(.call(function, target: nil, arguments: arguments))
    }
    private func accumulator() -> Expression { make(.identifier(Parser.accumulator)) }
    private func literal(_ value: Value) -> Expression { make(.literal(value)) }

    private func loop(
        _ form: Comprehension.Form, initial: Expression, condition: Expression, step: Expression, result: Expression,
        predicate: Expression? = nil
    ) -> Expression {
        make(
            .comprehension(
                Comprehension(
                    form: form, variable: variable, secondVariable: second, accumulator: Parser.accumulator,
                    range: range, initial: initial, condition: condition, step: step, result: result,
                    predicate: predicate)))
    }

    func quantifier(_ name: String, _ predicate: Expression) -> Expression {
        switch name {
        case "all":
            loop(
                .all, initial: literal(.bool(true)), condition: call(Operators.notStrictlyFalse, accumulator()),
                step: call(Operators.and, accumulator(), predicate), result: accumulator(), predicate: predicate)
        case "exists":
            loop(
                .exists, initial: literal(.bool(false)),
                condition: call(Operators.notStrictlyFalse, call(Operators.not, accumulator())),
                step: call(Operators.or, accumulator(), predicate), result: accumulator(), predicate: predicate)
        default:
            loop(
                .existsOne, initial: literal(.int(0)), condition: literal(.bool(true)),
                step: call(
                    Operators.conditional, predicate, call(Operators.add, accumulator(), literal(.int(1))),
                    accumulator()),
                result: call(Operators.equals, accumulator(), literal(.int(1))), predicate: predicate)
        }
    }

    private func filtered(_ step: Expression, _ filter: Expression?) -> Expression {
        filter.map { call(Operators.conditional, $0, step, accumulator()) } ?? step
    }

    func list(filter: Expression?, _ element: Expression) -> Expression {
        let initial = make(.list([], optionals: []))
        let step = call(Operators.add, accumulator(), make(.list([element], optionals: [])))
        return loop(
            .list(filter: filter, element: element), initial: initial, condition: literal(.bool(true)),
            step: filtered(step, filter), result: accumulator())
    }

    func values(filter: Expression?, _ value: Expression) -> Expression {
        let step = call(Operators.insert, accumulator(), make(.identifier(variable)), value)
        return loop(
            .values(filter: filter, value: value), initial: make(.map([])), condition: literal(.bool(true)),
            step: filtered(step, filter), result: accumulator())
    }

    func entries(filter: Expression?, _ entry: Expression) -> Expression {
        let step = call(Operators.insert, accumulator(), entry)
        return loop(
            .entries(filter: filter, entry: entry), initial: make(.map([])), condition: literal(.bool(true)),
            step: filtered(step, filter), result: accumulator())
    }

    /// `target.hasValue() ? optional.of(<element with variable = target.value()>) : optional.none()`
    func optional(_ element: Expression, isFlat: Bool) -> Expression {
        let value = make(.call("value", target: copy(range), arguments: []))
        let binding = bind(variable, to: value, in: element)
        let test = make(.call("hasValue", target: range, arguments: []))
        return call(
            Operators.conditional, test, isFlat ? binding : call("optional.of", binding), call("optional.none"))
    }

    /// `range.map(variable, key)` made once, and the elements in the order of these keys.
    func sorted(by key: Expression) -> Expression {
        let input = "@__sortBy_input__"
        let keys = LoopMacro(parser: parser, offset: offset, range: make(.identifier(input)), variable: variable)
        let sorted = make(
            .call(
                "@sortByAssociatedKeys", target: make(.identifier(input)),
                arguments: [keys.list(filter: nil, key)]))
        return bind(input, to: range, in: sorted)
    }

    private func bind(_ name: String, to value: Expression, in result: Expression) -> Expression {
        make(
            .comprehension(
                Comprehension(
                    form: .binding, variable: "#unused", secondVariable: nil, accumulator: name,
                    range: make(.list([], optionals: [])), initial: value, condition: literal(.bool(false)),
                    step: make(.identifier(name)), result: result, predicate: nil)))
    }

    /// The same tree with nodes of its own.
    private func copy(_ node: Expression) -> Expression {
        let id = parser.newID(parser.offsets[node.id])
        switch node.kind {
        case .literal, .identifier, .missing: return Expression(id, node.kind)
        case .select(let operand, let field, let isTest):
            return Expression(id, .select(operand: copy(operand), field: field, isTest: isTest))
        case .call(let function, let target, let arguments):
            return Expression(
                id, .call(function, target: target.map(copy), arguments: arguments.map(copy)))
        case .list(let elements, let optionals):
            return Expression(id, .list(elements.map(copy), optionals: optionals))
        case .map(let entries):
            let copies = entries.map {
                Expression.Entry(key: copy($0.key), value: copy($0.value), isOptional: $0.isOptional)
            }
            return Expression(id, .map(copies))
        case .structure(let name, let fields):
            let copies = fields.map {
                Expression.Field(
                    id: parser.newID(parser.offsets[$0.id]), name: $0.name, value: copy($0.value),
                    isOptional: $0.isOptional)
            }
            return Expression(id, .structure(name, copies))
        // Parts that stand in several places of a loop have to stay one node; sharing the whole loop does no harm.
        case .comprehension: return Expression(id, node.kind)
        }
    }
}
