extension Parser {
    static let accumulator = "@result"
    private static let oldAccumulator = "__result__"

    /// A call, or what the macro of that name stands for.
    func call(_ name: String, _ open: Token, target: Expression?, _ arguments: [Expression]) -> Expression {
        let offset = open.range.lowerBound
        do {
            let expanded =
                if let target { try expand(name, offset, target, arguments) } else {
                    try expand(name, offset, arguments)
                }
            if let expanded { return expanded }
        } catch {
            report(error.message, at: error.offset)
            return make(offset, .missing)
        }
        return make(offset, .call(name, target: target, arguments: arguments))
    }

    private struct MacroError: Error {
        let offset: Int
        let message: String
    }

    private func wrong(_ node: Expression, _ message: String) -> MacroError {
        MacroError(offset: offsets[node.id], message: message)
    }

    private func expand(_ name: String, _ offset: Int, _ arguments: [Expression]) throws(MacroError) -> Expression? {
        guard name == "has", arguments.count == 1 else { return nil }
        guard case .select(let operand, let field, _) = arguments[0].kind else {
            throw wrong(arguments[0], "invalid argument to has() macro")
        }
        return make(offset, .select(operand: operand, field: field, isTest: true))
    }

    private func expand(
        _ name: String, _ offset: Int, _ target: Expression, _ arguments: [Expression]
    ) throws(MacroError) -> Expression? {
        var macro = LoopMacro(parser: self, offset: offset, range: target)
        switch (name, arguments.count) {
        case ("all", 2), ("exists", 2), ("exists_one", 2), ("existsOne", 2):
            macro.variable = try variable(arguments[0], "argument must be a simple name")
            return macro.quantifier(name, arguments[1])
        case ("all", 3), ("exists", 3), ("exists_one", 3), ("existsOne", 3):
            (macro.variable, macro.second) = try variables(arguments)
            return macro.quantifier(name, arguments[2])
        case ("map", 2), ("map", 3):
            macro.variable = try variable(arguments[0], "argument is not an identifier")
            return macro.list(filter: arguments.count == 3 ? arguments[1] : nil, arguments[arguments.count - 1])
        case ("filter", 2):
            macro.variable = try variable(arguments[0], "argument is not an identifier")
            return macro.list(filter: arguments[1], arguments[0])
        case ("transformList", 3), ("transformList", 4):
            (macro.variable, macro.second) = try variables(arguments)
            return macro.list(filter: arguments.count == 4 ? arguments[2] : nil, arguments[arguments.count - 1])
        case ("transformMap", 3), ("transformMap", 4):
            (macro.variable, macro.second) = try variables(arguments)
            return macro.values(filter: arguments.count == 4 ? arguments[2] : nil, arguments[arguments.count - 1])
        case ("transformMapEntry", 3), ("transformMapEntry", 4):
            (macro.variable, macro.second) = try variables(arguments)
            return macro.entries(filter: arguments.count == 4 ? arguments[2] : nil, arguments[arguments.count - 1])
        case ("optMap", 2), ("optFlatMap", 2):
            guard let variable = arguments[0].name else {
                throw wrong(arguments[0], "\(name)() variable name must be a simple identifier")
            }
            macro.variable = variable
            return macro.optional(arguments[1], isFlat: name == "optFlatMap")
        case ("sortBy", 2):
            switch target.kind {
            case .list, .select, .identifier, .comprehension, .call: break
            default:
                throw wrong(
                    target,
                    "sortBy can only be applied to a list, identifier, comprehension, call or select expression")
            }
            macro.variable = try variable(arguments[0], "argument is not an identifier")
            return macro.sorted(by: arguments[1])
        default: return nil
        }
    }

    private func variable(_ node: Expression, _ message: String) throws(MacroError) -> String {
        guard let name = node.name else { throw wrong(node, message) }
        if name == Self.accumulator || name == Self.oldAccumulator {
            throw wrong(node, "iteration variable overwrites accumulator variable")
        }
        return name
    }

    private func variables(_ nodes: [Expression]) throws(MacroError) -> (String, String) {
        let first = try variable(nodes[0], "argument must be a simple name")
        let second = try variable(nodes[1], "argument must be a simple name")
        if first == second { throw wrong(nodes[1], "duplicate variable name: \(first)") }
        return (first, second)
    }
}
