extension Parser {
    /// `a ? b : c`, and everything that binds tighter.
    func expression() throws -> Expression {
        try enter("expression")
        defer { leave("expression") }
        let condition = try disjunction()
        guard next.kind == .question else { return condition }
        var result = condition
        try rule("expression") {
            let sign = try match(.question, then: .expression)
            let id = newID(sign.range.lowerBound)
            let first = try following(TokenSet(.colon)) { try disjunction() }
            try match(.colon, then: .expression)
            let second = try expression()
            result = Expression(id, .call(Operators.conditional, target: nil, arguments: [condition, first, second]))
        }
        return result
    }

    private func disjunction() throws -> Expression {
        try chain(.logicalOr, Operators.or) { try self.chain(.logicalAnd, Operators.and) { try self.relation(0) } }
    }

    /// Operands of one operator, as a balanced tree.
    private func chain(
        _ kind: Token.Kind, _ function: String, _ operand: () throws -> Expression
    ) throws -> Expression {
        var terms = [try operand()]
        var signs: [Int] = []
        while next.kind == kind {
            let sign = try match(kind, then: .expression)
            terms.append(try operand())
            signs.append(newID(sign.range.lowerBound))
        }
        func tree(_ low: Int, _ high: Int) -> Expression {
            if low > high { return terms[low] }
            let middle = (low + high + 1) / 2
            let left = tree(low, middle - 1)
            let right = tree(middle + 1, high)
            return Expression(signs[middle], .call(function, target: nil, arguments: [left, right]))
        }
        return tree(0, signs.count - 1)
    }

    private static let relations: [Token.Kind: String] = [
        .less: "_<_", .lessEquals: "_<=_", .greaterEquals: "_>=_", .greater: "_>_", .equals: Operators.equals,
        .notEquals: Operators.notEquals, .in: Operators.in,
    ]
    private static let calculations: [Token.Kind: (function: String, level: Int)] = [
        .plus: (Operators.add, 1), .minus: ("_-_", 1), .star: ("_*_", 2), .slash: ("_/_", 2), .percent: ("_%_", 2),
    ]

    private func relation(_ level: Int) throws -> Expression {
        try enter("relation")
        var entered = 1
        defer { leave("relation", times: entered) }
        var left = try calculation(1)
        while level == 0, let function = Self.relations[next.kind] {
            try enter("relation")
            entered += 1
            left = try operation(function, left) { try self.relation(1) }
        }
        return left
    }

    private func calculation(_ level: Int) throws -> Expression {
        try enter("calculation")
        var entered = 1
        defer { leave("calculation", times: entered) }
        var left = try unary()
        while let sign = Self.calculations[next.kind], sign.level >= level {
            try enter("calculation")
            entered += 1
            left = try operation(sign.function, left) { try self.calculation(sign.level + 1) }
        }
        return left
    }

    private func operation(
        _ function: String, _ left: Expression, _ operand: () throws -> Expression
    ) throws -> Expression {
        let sign = try match(next.kind, then: .expression)
        let right = try operand()
        return make(sign.range.lowerBound, .call(function, target: nil, arguments: [left, right]))
    }

    private func unary() throws -> Expression {
        let first = next
        return try rule("unary", or: make(first.range.lowerBound, .missing)) {
            try expect(.expression)
            switch next.kind {
            case .exclamation: return try prefixed(.exclamation, Operators.not)
            case .minus:
                switch peek(1).kind {
                case .int, .float: return try member()
                case .minus, .leftBracket, .leftBrace, .leftParenthesis, .dot, .true, .false, .null, .uint, .string,
                    .bytes, .identifier:
                    return try prefixed(.minus, "-_")
                default: throw noAlternative(from: next, distance: 1)
                }
            default: return try member()
            }
        }
    }

    private func prefixed(_ kind: Token.Kind, _ function: String) throws -> Expression {
        let first = next
        var count = 0
        while next.kind == kind {
            try match(kind, then: .expression)
            count += 1
        }
        try expect(.expression)
        let operand = try member()
        guard count % 2 == 1 else { return operand }
        return make(first.range.lowerBound, .call(function, target: nil, arguments: [operand]))
    }
}

/// Names of the functions that operators stand for.
enum Operators {
    static let conditional = "_?_:_"
    static let or = "_||_"
    static let and = "_&&_"
    static let not = "!_"
    static let equals = "_==_"
    static let notEquals = "_!=_"
    static let `in` = "@in"
    static let add = "_+_"
    static let index = "_[_]"
    static let optionalIndex = "_[?_]"
    static let optionalSelect = "_?._"
    static let notStrictlyFalse = "@not_strictly_false"
    static let insert = "cel.@mapInsert"
}
