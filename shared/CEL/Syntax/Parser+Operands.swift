extension Parser {
    /// An operand with its fields, indices and method calls.
    func member() throws -> Expression {
        try enter("member")
        var entered = 1
        defer { leave("member", times: entered) }
        let start = next.range.lowerBound
        var result = try rule("primary", or: make(start, .missing)) { try primary() }
        try rule("member") {
            while next.kind == .dot || next.kind == .leftBracket {
                try enter("member")
                entered += 1
                result = next.kind == .dot ? try selection(from: result) : try element(of: result)
            }
        }
        return result
    }

    private func selection(from operand: Expression) throws -> Expression {
        if peek(1).kind == .identifier, peek(2).kind == .leftParenthesis {
            try match(.dot, then: TokenSet(.identifier))
            let name = try match(.identifier, then: TokenSet(.leftParenthesis))
            let open = next
            let arguments = try callArguments()
            return call(name.text, open, target: operand, arguments)
        }
        guard [.question, .identifier, .escapedIdentifier].contains(peek(1).kind) else {
            throw noAlternative(from: next, distance: 1)
        }
        let dot = try match(.dot, then: TokenSet(.identifier))
        let isOptional = next.kind == .question
        if isOptional { consume() }
        let place = next.range.lowerBound
        var found: Token?
        try rule("name") {
            try expect(TokenSet(.identifier, .escapedIdentifier))
            found = next
            consume()
        }
        guard let name = found, name.kind == .identifier else {
            // Names in back quotes are not part of the language as Kubernetes has it.
            report(found == nil ? "unsupported ident kind" : "unsupported syntax: '`'", at: place)
            return make(dot.range.lowerBound, .missing)
        }
        if isOptional {
            let field = make(name.range.lowerBound, .literal(.string(name.text)))
            return make(
                dot.range.lowerBound, .call(Operators.optionalSelect, target: nil, arguments: [operand, field]))
        }
        return make(dot.range.lowerBound, .select(operand: operand, field: name.text, isTest: false))
    }

    private func element(of operand: Expression) throws -> Expression {
        let open = try match(.leftBracket, then: .expression)
        try expect(.expression | TokenSet(.question))
        let isOptional = next.kind == .question
        if isOptional { consume() }
        let index = try following(TokenSet(.rightBracket)) { try expression() }
        try match(.rightBracket, then: afterOperand)
        let function = isOptional ? Operators.optionalIndex : Operators.index
        return make(open.range.lowerBound, .call(function, target: nil, arguments: [operand, index]))
    }

    /// `(a, b)`
    private func callArguments() throws -> [Expression] {
        try match(.leftParenthesis, then: .expression)
        var arguments: [Expression] = []
        try expect(.expression | TokenSet(.rightParenthesis))
        if TokenSet.expression.contains(next.kind) {
            try following(TokenSet(.comma, .rightParenthesis)) {
                arguments.append(try expression())
                while next.kind == .comma {
                    try match(.comma, then: .expression)
                    arguments.append(try expression())
                }
            }
        }
        try match(.rightParenthesis, then: afterOperand)
        return arguments
    }

    private static let reserved: Set<String> = [
        "as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let", "loop",
        "package", "namespace", "null", "return", "true", "var", "void", "while",
    ]

    private func primary() throws -> Expression {
        let first = next
        try expect(
            TokenSet(
                .leftBracket, .leftBrace, .leftParenthesis, .dot, .minus, .true, .false, .null, .float, .int, .uint,
                .string, .bytes, .identifier))
        switch next.kind {
        case .leftParenthesis:
            consume()
            let inner = try following(TokenSet(.rightParenthesis)) { try expression() }
            try match(.rightParenthesis, then: afterOperand)
            return inner
        case .leftBracket: return try list()
        case .leftBrace: return try map()
        case .dot where peek(1).kind != .identifier: throw noAlternative(from: first, distance: 1)
        case .dot, .identifier: return try named()
        default: return try literal()
        }
    }

    /// A variable, a call of a function, or an object.
    private func named() throws -> Expression {
        let first = next
        let isRooted = next.kind == .dot
        var distance = isRooted ? 2 : 1
        while peek(distance).kind == .dot, peek(distance + 1).kind == .identifier { distance += 2 }
        if peek(distance).kind == .leftBrace { return try structure() }
        if isRooted { consume() }
        let name = try match(.identifier, then: afterOperand)
        if Self.reserved.contains(name.text) {
            report("reserved identifier: \(name.text)", at: first.range.lowerBound)
        }
        let text = (isRooted ? "." : "") + name.text
        guard next.kind == .leftParenthesis else { return make(name.range.lowerBound, .identifier(text)) }
        let open = next
        return call(text, open, target: nil, try callArguments())
    }

    private func structure() throws -> Expression {
        var name = ""
        while next.kind != .leftBrace {
            name += next.text
            consume()
        }
        let open = try match(.leftBrace, then: TokenSet(.rightBrace))
        let names = TokenSet(.identifier, .escapedIdentifier, .question)
        try expect(names | TokenSet(.comma, .rightBrace))
        var fields: [Expression.Field] = []
        try rule("fields") {
            while names.contains(next.kind) {
                let isOptional = next.kind == .question
                if isOptional { consume() }
                try expect(TokenSet(.identifier, .escapedIdentifier))
                let field = next
                consume()
                if field.kind == .escapedIdentifier { report("unsupported syntax: '`'", at: field.range.lowerBound) }
                let colon = try match(.colon, then: .expression)
                let value = try following(TokenSet(.comma, .rightBrace)) { try expression() }
                fields.append(
                    .init(id: newID(colon.range.lowerBound), name: field.text, value: value, isOptional: isOptional))
                guard next.kind == .comma, names.contains(peek(1).kind) else { break }
                consume()
            }
        }
        try close(.rightBrace)
        return make(open.range.lowerBound, .structure(name, fields))
    }

    /// An optional comma and the closing bracket.
    private func close(_ kind: Token.Kind) throws {
        try expect(TokenSet(.comma, kind))
        if next.kind == .comma { consume() }
        try match(kind, then: afterOperand)
    }

    private func list() throws -> Expression {
        let open = try match(.leftBracket, then: .expression)
        let starts = TokenSet.expression | TokenSet(.question)
        try expect(starts | TokenSet(.comma, .rightBracket))
        var elements: [Expression] = []
        var optionals: Set<Int> = []
        while starts.contains(next.kind) {
            if next.kind == .question {
                consume()
                optionals.insert(elements.count)
            }
            elements.append(try following(TokenSet(.comma, .rightBracket)) { try expression() })
            guard next.kind == .comma, starts.contains(peek(1).kind) else { break }
            consume()
        }
        try close(.rightBracket)
        return make(open.range.lowerBound, .list(elements, optionals: optionals))
    }

    private func map() throws -> Expression {
        let open = try match(.leftBrace, then: .expression)
        let starts = TokenSet.expression | TokenSet(.question)
        try expect(starts | TokenSet(.comma, .rightBrace))
        var entries: [Expression.Entry] = []
        try rule("entries") {
            while starts.contains(next.kind) {
                let isOptional = next.kind == .question
                if isOptional { consume() }
                let key = try following(TokenSet(.colon)) { try expression() }
                try match(.colon, then: .expression)
                let value = try following(TokenSet(.comma, .rightBrace)) { try expression() }
                entries.append(.init(key: key, value: value, isOptional: isOptional))
                guard next.kind == .comma, starts.contains(peek(1).kind) else { break }
                consume()
            }
        }
        try close(.rightBrace)
        return make(open.range.lowerBound, .map(entries))
    }
}
