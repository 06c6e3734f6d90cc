/// Finds the type of every part of an expression.
struct Checker {
    let environment: Environment
    let offsets: [Int]
    private(set) var issues: [Issue] = []
    /// Types by node.
    private(set) var types: [Int: CELType] = [:]
    /// Signatures that a call may mean, by node.
    private(set) var overloads: [Int: [String]] = [:]
    private var mapping = TypeMapping()
    private var scopes: [[String: CELType]] = []
    private var freeVariables = 0

    init(_ environment: Environment, offsets: [Int]) { (self.environment, self.offsets) = (environment, offsets) }

    /// Checks a tree; afterwards `types` has no variables left.
    mutating func run(_ tree: Expression) {
        check(tree)
        for (id, type) in types { types[id] = mapping.resolve(type, freeAsDyn: true) }
    }

    mutating func report(_ message: String, at id: Int) {
        issues.append(Issue(offset: offsets[id], message: message))
    }

    private mutating func undeclared(_ name: String, at id: Int) -> CELType {
        report("undeclared reference to '\(name)' (in container '')", at: id)
        return .error
    }

    private mutating func freshVariable() -> CELType {
        defer { freeVariables += 1 }
        return .parameter("_var\(freeVariables)")
    }

    private func type(of node: Expression) -> CELType { types[node.id] ?? .error }

    private func lookUp(_ name: String) -> CELType? {
        let name = name.hasPrefix(".") ? String(name.dropFirst()) : name
        for scope in scopes.reversed() { if let type = scope[name] { return type } }
        return environment.variable(name)
    }

    @discardableResult
    private mutating func check(_ node: Expression) -> CELType {
        let type = find(node)
        types[node.id] = type
        return type
    }

    private mutating func find(_ node: Expression) -> CELType {
        switch node.kind {
        case .missing: return .error
        case .literal(let value): return value.type
        case .identifier(let name):
            guard let type = lookUp(name) else { return undeclared(name, at: node.id) }
            return type
        case .select(let operand, let field, let isTest):
            if !isTest, let name = node.qualifiedName, let type = lookUp(name) {
                node.kind = .identifier(name)
                return type
            }
            let type = select(field, from: operand, node.id)
            return isTest ? .bool : mapping.resolve(type)
        case .call(let function, let target, let arguments): return call(node, function, target, arguments)
        case .list(let elements, let optionals): return list(elements, optionals)
        case .map(let entries): return map(entries)
        case .structure(let name, let fields): return structure(node, name, fields)
        case .comprehension(let loop): return comprehension(loop)
        }
    }

    private mutating func select(
        _ field: String, from operand: Expression, _ id: Int, isOptional: Bool = false
    ) -> CELType {
        check(operand)
        let operandType = mapping.resolve(type(of: operand))
        let target = operandType.unwrapped ?? operandType
        var result = CELType.error
        switch target {
        case .map(_, let value): result = value
        case .structure(let name):
            if let fields = environment.fields(of: name) {
                if let type = fields(field) { result = type } else { report("undefined field '\(field)'", at: id) }
            } else {
                report("unexpected failed resolution of '\(name)'", at: id)
            }
        case .parameter:
            _ = mapping.assign(.dyn, target)
            result = .dyn
        default:
            if !target.isDynOrError { report("type '\(target)' does not support field selection", at: id) }
            result = .dyn
        }
        return operandType.unwrapped != nil || isOptional ? .optional(result) : result
    }

    // MARK: Calls

    private mutating func call(
        _ node: Expression, _ function: String, _ target: Expression?, _ arguments: [Expression]
    ) -> CELType {
        if function == Operators.optionalSelect, arguments.count == 2 {
            guard case .string(let field)? = arguments[1].literal else { return .error }
            let type = mapping.resolve(select(field, from: arguments[0], node.id, isOptional: true))
            types[arguments[1].id] = .string
            overloads[node.id] = ["select_optional_field"]
            return type
        }
        for argument in arguments { check(argument) }
        guard let target else {
            let name = function.hasPrefix(".") ? String(function.dropFirst()) : function
            guard let declaration = environment.functions[name] else { return undeclared(function, at: node.id) }
            node.kind = .call(name, target: nil, arguments: arguments)
            return resolve(node, declaration, nil, arguments)
        }
        if let prefix = target.qualifiedName, let declaration = environment.functions["\(prefix).\(function)"] {
            node.kind = .call(declaration.name, target: nil, arguments: arguments)
            return resolve(node, declaration, nil, arguments)
        }
        check(target)
        guard let declaration = environment.functions[function] else { return undeclared(function, at: node.id) }
        return resolve(node, declaration, target, arguments)
    }

    private mutating func resolve(
        _ node: Expression, _ function: Function, _ target: Expression?, _ arguments: [Expression]
    ) -> CELType {
        let operands = (target.map { [$0] } ?? []) + arguments
        var given = operands.map(type)
        if function.name == Operators.and || function.name == Operators.or {
            overloads[node.id] = [function.name == Operators.and ? "logical_and" : "logical_or"]
            var isRight = true
            for (index, type) in given.enumerated() where !mapping.assign(type, .bool) {
                report("expected type 'bool' but found '\(type)'", at: operands[index].id)
                isRight = false
            }
            return isRight ? .bool : .error
        }
        var result: CELType?
        var found: [String] = []
        for overload in function.overloads where overload.isMember == (target != nil) {
            guard overload.parameters.count == given.count else { continue }
            let (parameters, declared) = instantiate(overload)
            guard mapping.assign(given, parameters) else { continue }
            found.append(overload.id)
            let type = mapping.resolve(declared)
            if let known = result {
                if known != .dyn, known != type { result = .dyn }
            } else {
                result = type
            }
        }
        if let result {
            overloads[node.id] = found
            return result
        }
        given = given.map { mapping.resolve($0, freeAsDyn: true) }
        let receiver = target == nil ? "" : "\(given.removeFirst())."
        let signature = "\(receiver)(\(given.map(\.description).joined(separator: ", ")))"
        report("found no matching overload for '\(function.name)' applied to '\(signature)'", at: node.id)
        return .error
    }

    /// The signature with variables of its own.
    private mutating func instantiate(_ overload: Overload) -> (parameters: [CELType], result: CELType) {
        var names: [String: CELType] = [:]
        func renamed(_ type: CELType) -> CELType {
            switch type {
            case .parameter(let name):
                if let known = names[name] { return known }
                let fresh = CELType.parameter("_var\(freeVariables)")
                freeVariables += 1
                names[name] = fresh
                return fresh
            case .list(let element): return .list(renamed(element))
            case .map(let key, let value): return .map(renamed(key), renamed(value))
            case .opaque(let name, let parameters): return .opaque(name, parameters.map(renamed))
            case .type(let parameter?): return .type(renamed(parameter))
            default: return type
            }
        }
        return (overload.parameters.map(renamed), renamed(overload.result))
    }

    // MARK: Literals with parts

    /// Elements of different types make a list of anything; where that is not wanted, it is found later.
    private mutating func join(_ previous: CELType?, _ current: CELType) -> CELType {
        guard let previous else { return current }
        return mapping.assign(previous, current) ? TypeMapping.moreGeneral(previous, current) : .dyn
    }

    private mutating func unwrap(_ node: Expression, _ type: CELType) -> CELType {
        if let inner = type.unwrapped { return inner }
        if type != .dyn { report("expected type '\(CELType.optional(type))' but found '\(type)'", at: node.id) }
        return type
    }

    private mutating func list(_ elements: [Expression], _ optionals: Set<Int>) -> CELType {
        var element: CELType?
        for (index, node) in elements.enumerated() {
            var type = check(node)
            if optionals.contains(index) { type = unwrap(node, type) }
            element = join(element, type)
        }
        return .list(element ?? freshVariable())
    }

    private mutating func map(_ entries: [Expression.Entry]) -> CELType {
        var key: CELType?
        var value: CELType?
        for entry in entries {
            key = join(key, check(entry.key))
            var type = check(entry.value)
            if entry.isOptional { type = unwrap(entry.value, type) }
            value = join(value, type)
        }
        return .map(key ?? freshVariable(), value ?? freshVariable())
    }

    private mutating func structure(_ node: Expression, _ name: String, _ fields: [Expression.Field]) -> CELType {
        let plain = name.hasPrefix(".") ? String(name.dropFirst()) : name
        guard let declared = environment.fields(of: plain) else {
            guard let type = lookUp(name) else { return undeclared(name, at: node.id) }
            if case .type(let inner?) = type {
                report("'\(inner)' is not a message type", at: node.id)
            } else {
                report("'\(type)' is not a type", at: node.id)
            }
            return .error
        }
        node.kind = .structure(plain, fields)
        for field in fields {
            var type = check(field.value)
            guard let wanted = declared(field.name) else {
                report("undefined field '\(field.name)'", at: field.id)
                continue
            }
            if field.isOptional { type = unwrap(field.value, type) }
            if !mapping.assign(wanted, type) {
                report(
                    "expected type of field '\(field.name)' is '\(wanted)' but provided type is '\(type)'", at: field.id
                )
            }
        }
        return .structure(plain)
    }

    // MARK: Loops

    private mutating func comprehension(_ loop: Comprehension) -> CELType {
        check(loop.range)
        check(loop.initial)
        let range = mapping.resolve(type(of: loop.range))
        let accumulated = type(of: loop.initial)
        scopes.append([loop.accumulator: accumulated])
        defer { scopes.removeLast() }
        var first = CELType.dyn
        var second = CELType.dyn
        switch range {
        case .list(let element): (first, second) = loop.secondVariable == nil ? (element, .dyn) : (.int, element)
        case .map(let key, let value): (first, second) = (key, value)
        case .dyn, .error, .parameter: _ = mapping.assign(.dyn, range)
        default:
            report(
                "expression of type '\(range)' cannot be range of a comprehension (must be list, map, or dynamic)",
                at: loop.range.id)
            (first, second) = (.error, .error)
        }
        var variables = [loop.variable: first]
        if let name = loop.secondVariable { variables[name] = second }
        scopes.append(variables)
        check(loop.condition)
        require(.bool, loop.condition)
        check(loop.step)
        require(accumulated, loop.step)
        scopes.removeLast()
        check(loop.result)
        return mapping.resolve(type(of: loop.result))
    }

    private mutating func require(_ wanted: CELType, _ node: Expression) {
        let found = type(of: node)
        if !mapping.assign(wanted, found) { report("expected type '\(wanted)' but found '\(found)'", at: node.id) }
    }
}
