extension Planner {
    private static let conversions: Set<String> = [
        "bool", "bytes", "double", "duration", "dyn", "int", "string", "timestamp", "type", "uint",
    ]

    mutating func call(
        _ node: Expression, _ function: String, _ operands: [Expression]
    ) throws(EvaluationError) -> Planned {
        switch (function, operands.count) {
        case (Operators.and, 2): return try logic(operands, stop: false)
        case (Operators.or, 2): return try logic(operands, stop: true)
        case (Operators.conditional, 3): return try conditional(operands)
        case (Operators.optionalSelect, 2): return try optionalSelect(operands)
        case (Operators.notStrictlyFalse, 1): return try plan(operands[0])
        case ("or", 2) where isOptional(node), ("orValue", 2) where isOptional(node):
            return try alternative(operands, isValue: function == "orValue")
        default: break
        }
        var planned: [Planned] = []
        for operand in operands { planned.append(try plan(operand)) }
        if function == Operators.index || function == Operators.optionalIndex, planned.count == 2 {
            planned[1] = planned[1].replacing(try branch(operands[1]))
        }
        let ids = overloads[node.id] ?? []
        let id = ids.count == 1 ? ids[0] : ""
        switch (function, planned.count) {
        case (Operators.equals, 2): return equality(planned, isNegated: false)
        case (Operators.notEquals, 2): return equality(planned, isNegated: true)
        case (Operators.index, 2):
            return binary(planned, .fixed(chainCost(operands[0]))) { (value, key) throws(EvaluationError) in
                try Accessing.index(value, key)
            }
        case (Operators.optionalIndex, 2):
            return binary(planned, .fixed(chainCost(operands[0]))) { (value, key) throws(EvaluationError) in
                try Accessing.optionalIndex(value, key)
            }
        case (Operators.in, 2):
            if id == "in_list", let constant = planned[1].constant, case .list(let list) = constant {
                if list.count == 0 { return Planned(constant: .bool(false)) }
                return membership(planned[0].step, list)
            }
        case ("matches", 2), ("find", 2), ("findAll", 2), ("findAll", 3):
            if case .string(let pattern)? = planned[1].constant {
                return matching(function, id, planned, try RegexFunctions.regex(pattern, prefix: ""))
            }
        default: break
        }
        let made = try invocation(function, id, planned)
        if Self.conversions.contains(function), planned.count == 1, planned[0].constant != nil {
            let run = Evaluation(Bindings(), globals: 0, slots: 0, limit: .max)
            return Planned(constant: try made.step(run))
        }
        return made
    }

    private func isOptional(_ node: Expression) -> Bool {
        overloads[node.id]?.contains { $0.hasPrefix("optional_or") } ?? false
    }

    // MARK: Operators that do not need all of their operands

    /// `&&` and `||`: one operand that decides makes up for an error in the other one.
    private mutating func logic(_ operands: [Expression], stop: Bool) throws(EvaluationError) -> Planned {
        let left = try plan(operands[0]).step
        let right = try plan(operands[1]).step
        return Planned { (run) throws(EvaluationError) in
            var failure: EvaluationError?
            do throws(EvaluationError) {
                guard case .bool(let value) = try left(run) else { throw .noOverload }
                if value == stop { return .bool(stop) }
            } catch {
                if error.kind == .costLimit { throw error }
                failure = error
            }
            do throws(EvaluationError) {
                guard case .bool(let value) = try right(run) else { throw .noOverload }
                if value != stop, let failure { throw failure }
                return .bool(value)
            } catch {
                throw error.kind == .costLimit ? error : failure ?? error
            }
        }
    }

    private mutating func conditional(_ operands: [Expression]) throws(EvaluationError) -> Planned {
        let condition = try plan(operands[0]).step
        let first = try branch(operands[1])
        let second = try branch(operands[2])
        return Planned { (run) throws(EvaluationError) in
            guard case .bool(let isTrue) = try condition(run) else { throw .noOverload }
            return isTrue ? try first(run) : try second(run)
        }
    }

    private mutating func optionalSelect(_ operands: [Expression]) throws(EvaluationError) -> Planned {
        let inner = try plan(operands[0]).step
        guard case .string(let field)? = operands[1].literal else { throw .noOverload }
        let cost = chainCost(operands[0])
        return Planned { (run) throws(EvaluationError) in
            let value = try inner(run)
            try run.charge(cost)
            return try Accessing.optionalSelect(value, field)
        }
    }

    private mutating func alternative(_ operands: [Expression], isValue: Bool) throws(EvaluationError) -> Planned {
        let first = try plan(operands[0]).step
        let second = try plan(operands[1]).step
        return Planned { (run) throws(EvaluationError) in
            guard case .optional(let optional) = try first(run) else { throw .noOverload }
            guard let value = optional.value else { return try second(run) }
            return isValue ? value : .optional(optional)
        }
    }

    // MARK: Calls

    private func unary(
        _ operands: [Planned], _ cost: CallCost, _ body: @escaping Function.Unary
    ) -> Planned {
        let operand = operands[0].step
        if case .fixed(let amount) = cost {
            return Planned { (run) throws(EvaluationError) in
                let value = try operand(run)
                try run.charge(amount)
                return try body(value)
            }
        }
        return Planned { (run) throws(EvaluationError) in
            let value = try operand(run)
            let result = try body(value)
            try run.charge(cost.amount([value], result))
            return result
        }
    }

    private func binary(
        _ operands: [Planned], _ cost: CallCost, _ body: @escaping Function.Binary
    ) -> Planned {
        let left = operands[0].step
        let right = operands[1].step
        if case .fixed(let amount) = cost {
            return Planned { (run) throws(EvaluationError) in
                let first = try left(run)
                let second = try right(run)
                try run.charge(amount)
                return try body(first, second)
            }
        }
        return Planned { (run) throws(EvaluationError) in
            let first = try left(run)
            let second = try right(run)
            let result = try body(first, second)
            try run.charge(cost.amount([first, second], result))
            return result
        }
    }

    private func equality(_ operands: [Planned], isNegated: Bool) -> Planned {
        let left = operands[0].step
        let right = operands[1].step
        return Planned { (run) throws(EvaluationError) in
            let first = try left(run)
            let second = try right(run)
            let size = min(first.costSize, second.costSize)
            if case .object = first { try run.charge(1) } else { try run.charge(CallCost.traversal(size)) }
            return .bool((first == second) != isNegated)
        }
    }

    /// `x in [1, 2, 3]` with a list that is known beforehand.
    private func membership(_ operand: @escaping Step, _ list: ListValue) -> Planned {
        let set = Set(list.all.map(ValueKey.init))
        return Planned { (run) throws(EvaluationError) in .bool(set.contains(ValueKey(try operand(run)))) }
    }

    private func matching(_ function: String, _ id: String, _ operands: [Planned], _ regex: LinearRegex) -> Planned {
        let cost = CallCost(function, id)
        if function == "matches" {
            return binary(operands, cost) { (text, _) throws(EvaluationError) in
                guard case .string(let text) = text else { throw .noOverload }
                return .bool(regex.matches(text))
            }
        }
        let steps = operands.map(\.step)
        return Planned { (run) throws(EvaluationError) in
            var values: [Value] = []
            for step in steps { values.append(try step(run)) }
            let result = try RegexFunctions.find(values, regex, isAll: function == "findAll")
            try run.charge(cost.amount(values, result))
            return result
        }
    }

    private func invocation(
        _ name: String, _ id: String, _ operands: [Planned]
    ) throws(EvaluationError) -> Planned {
        guard let function = environment.functions[name] else { throw .noOverload }
        let cost = CallCost(name, id)
        let bodies = function.bodies
        if bodies.count == 1 {
            switch (bodies[0], operands.count) {
            case (.unary(let body), 1):
                return unary(operands, cost) { (value) throws(EvaluationError) in
                    do throws(EvaluationError) { return try body(value) } catch {
                        throw NoOverload.explain(error, name, [value])
                    }
                }
            case (.binary(let body), 2):
                return binary(operands, cost) { (left, right) throws(EvaluationError) in
                    do throws(EvaluationError) { return try body(left, right) } catch {
                        throw NoOverload.explain(error, name, [left, right])
                    }
                }
            default: break
            }
        }
        let steps = operands.map(\.step)
        return Planned { (run) throws(EvaluationError) in
            var values: [Value] = []
            values.reserveCapacity(steps.count)
            for step in steps { values.append(try step(run)) }
            do throws(EvaluationError) {
                let result = try Self.call(bodies, values)
                try run.charge(cost.amount(values, result))
                return result
            } catch {
                throw NoOverload.explain(error, name, values)
            }
        }
    }

    /// Asks one body after the other until one is made for the values.
    private static func call(_ bodies: [Function.Body], _ values: [Value]) throws(EvaluationError) -> Value {
        for body in bodies {
            do throws(EvaluationError) {
                switch body {
                case .unary(let body): if values.count == 1 { return try body(values[0]) }
                case .binary(let body): if values.count == 2 { return try body(values[0], values[1]) }
                case .variadic(let body): return try body(values)
                }
            } catch {
                if error != .noOverload { throw error }
            }
        }
        throw .noOverload
    }
}

/// The message about values that a function is not made for.
enum NoOverload {
    private static let numbers: Set<String> = ["int", "uint", "double"]
    /// Types whose values know an operator, though maybe not with the other operand.
    private static let left: [String: Set<String>] = [
        Operators.add: numbers.union([
            "string", "bytes", "list", "google.protobuf.Duration", "google.protobuf.Timestamp",
        ]),
        "_-_": numbers.union(["google.protobuf.Duration", "google.protobuf.Timestamp"]),
        "_*_": numbers, "_/_": numbers, "_%_": ["int", "uint"],
        "-_": ["int", "double", "google.protobuf.Duration", "bool"],
        "_<_": ordered, "_<=_": ordered, "_>_": ordered, "_>=_": ordered,
    ]
    private static let ordered: Set<String> = numbers.union([
        "bool", "string", "bytes", "google.protobuf.Duration", "google.protobuf.Timestamp",
    ])
    private static let plain: Set<String> = [Operators.not, Operators.in, Operators.index, Operators.optionalIndex]

    static func explain(_ error: EvaluationError, _ name: String, _ values: [Value]) -> EvaluationError {
        guard error == .noOverload, !plain.contains(name) else { return error }
        let names = values.map(\.type.runtimeName)
        if let known = left[name], let first = names.first, known.contains(first) { return error }
        return EvaluationError("no such overload: \(name)(\(names.joined(separator: ", ")))")
    }
}
