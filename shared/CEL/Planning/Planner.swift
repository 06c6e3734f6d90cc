/// Turns a checked tree into steps.
struct Planner {
    let environment: Environment
    let overloads: [Int: [String]]
    let types: [Int: CELType]
    private(set) var variables: [String] = []
    private(set) var slotCount = 0
    private var locals: [(name: String, slot: Int)] = []

    init(environment: Environment, overloads: [Int: [String]], types: [Int: CELType]) {
        (self.environment, self.overloads, self.types) = (environment, overloads, types)
    }

    /// A step, and its value when that is known beforehand. Constants cost nothing.
    struct Planned {
        let step: Step
        var constant: Value?

        init(_ step: @escaping Step) { self.step = step }

        /// The same with another step.
        func replacing(_ step: @escaping Step) -> Planned {
            var other = Planned(step)
            other.constant = constant
            return other
        }

        init(constant value: Value) {
            constant = value
            step = { _ throws(EvaluationError) in value }
        }
    }

    mutating func plan(_ node: Expression) throws(EvaluationError) -> Planned {
        switch node.kind {
        case .missing: throw .noOverload
        case .literal(let value): return Planned(constant: value)
        case .identifier(let name): return identifier(name)
        case .select(let operand, let field, let isTest):
            let inner = try plan(operand).step
            let cost = chainCost(operand)
            if isTest {
                return Planned { (run) throws(EvaluationError) in
                    let value = try inner(run)
                    try run.charge(cost - 1)
                    return .bool(try Accessing.has(value, field))
                }
            }
            return Planned { (run) throws(EvaluationError) in
                let value = try inner(run)
                try run.charge(cost)
                return try Accessing.select(value, field)
            }
        case .call(let function, let target, let arguments):
            return try call(node, function, (target.map { [$0] } ?? []) + arguments)
        case .list(let elements, let optionals): return try list(elements, optionals)
        case .map(let entries): return try map(entries)
        case .structure(let name, let fields): return try structure(name, fields)
        case .comprehension(let loop): return try comprehension(loop)
        }
    }

    /// What a field or element of a value costs: one, and one more where a chain of them begins with something else than
    /// a variable.
    func chainCost(_ operand: Expression) -> UInt64 {
        switch operand.kind {
        case .identifier(let name): environment.typeValue(name) == nil ? 1 : 2
        case .select(_, _, false): 1
        case .call(let function, _, _):
            [Operators.index, Operators.optionalIndex, Operators.optionalSelect, Operators.conditional].contains(
                function) ? 1 : 2
        default: 2
        }
    }

    /// A branch of `?:`; a chain that begins with a variable costs one less there.
    mutating func branch(_ node: Expression) throws(EvaluationError) -> Step {
        let step = try plan(node).step
        var base = node
        while true {
            switch base.kind {
            case .select(let operand, _, false): base = operand
            case .call(Operators.index, _, let arguments), .call(Operators.optionalIndex, _, let arguments),
                .call(Operators.optionalSelect, _, let arguments):
                base = arguments[0]
            case .identifier(let name):
                guard environment.typeValue(name) == nil else { return step }
                return { (run) throws(EvaluationError) in
                    run.refund()
                    return try step(run)
                }
            default: return step
            }
        }
    }

    private mutating func identifier(_ name: String) -> Planned {
        let plain = name.hasPrefix(".") ? String(name.dropFirst()) : name
        if let local = locals.last(where: { $0.name == plain }) {
            let slot = local.slot
            return Planned { (run) throws(EvaluationError) in
                try run.charge(1)
                return run.slots[slot]
            }
        }
        if let type = environment.typeValue(plain) { return Planned(constant: .type(type)) }
        let index = variables.firstIndex(of: plain) ?? variables.count
        if index == variables.count { variables.append(plain) }
        return Planned { (run) throws(EvaluationError) in
            try run.charge(1)
            return try run.global(index, plain)
        }
    }

    /// A place for a variable of a loop while its body is planned.
    mutating func withLocal<Answer>(
        _ name: String, _ body: (inout Planner, Int) throws(EvaluationError) -> Answer
    ) throws(EvaluationError) -> Answer {
        let slot = locals.count
        locals.append((name, slot))
        slotCount = max(slotCount, locals.count)
        defer { locals.removeLast() }
        return try body(&self, slot)
    }

    // MARK: Literals with parts

    private mutating func list(
        _ elements: [Expression], _ optionals: Set<Int>
    ) throws(EvaluationError) -> Planned {
        var planned: [Planned] = []
        for element in elements { planned.append(try plan(element)) }
        if optionals.isEmpty {
            let constants = planned.compactMap(\.constant)
            if constants.count == planned.count { return Planned(constant: .list(constants)) }
        }
        let steps = planned.map(\.step)
        return Planned { (run) throws(EvaluationError) in
            var values: [Value] = []
            values.reserveCapacity(steps.count)
            for (index, step) in steps.enumerated() {
                let value = try step(run)
                guard optionals.contains(index) else {
                    values.append(value)
                    continue
                }
                if let inner = try Self.unwrap(value) { values.append(inner) }
            }
            try run.charge(10)
            return .list(values)
        }
    }

    private static func unwrap(_ value: Value) throws(EvaluationError) -> Value? {
        guard case .optional(let optional) = value else {
            throw EvaluationError("cannot initialize optional list element from non-optional value \(value.debugText)")
        }
        return optional.value
    }

    private mutating func map(_ entries: [Expression.Entry]) throws(EvaluationError) -> Planned {
        var planned: [(key: Planned, value: Planned, isOptional: Bool)] = []
        for entry in entries { planned.append((try plan(entry.key), try plan(entry.value), entry.isOptional)) }
        if planned.allSatisfy({ $0.key.constant != nil && $0.value.constant != nil && !$0.isOptional }) {
            let members = planned.map { (key: $0.key.constant ?? .null, value: $0.value.constant ?? .null) }
            return Planned(constant: .map(try Self.makeMap(members)))
        }
        let steps = planned.map { (key: $0.key.step, value: $0.value.step, isOptional: $0.isOptional) }
        return Planned { (run) throws(EvaluationError) in
            var members: [(key: Value, value: Value)] = []
            for step in steps {
                let key = try step.key(run)
                let value = try step.value(run)
                if step.isOptional {
                    if let inner = try Self.unwrap(value) { members.append((key, inner)) }
                } else {
                    members.append((key, value))
                }
            }
            try run.charge(30)
            return .map(try Self.makeMap(members))
        }
    }

    /// A map whose keys are of types that keys may have.
    static func makeMap(_ members: [(key: Value, value: Value)]) throws(EvaluationError) -> MapValue {
        for (key, _) in members {
            switch key {
            case .bool, .int, .uint, .string: continue
            default: throw EvaluationError("unsupported key type: \(key.type.runtimeName)")
            }
        }
        return MapValue(members)
    }

    private mutating func structure(
        _ name: String, _ fields: [Expression.Field]
    ) throws(EvaluationError) -> Planned {
        var steps: [(name: String, step: Step, isOptional: Bool)] = []
        for field in fields { steps.append((field.name, try plan(field.value).step, field.isOptional)) }
        let planned = steps
        return Planned { (run) throws(EvaluationError) in
            var members: [(name: String, value: Value)] = []
            for step in planned {
                let value = try step.step(run)
                if step.isOptional {
                    if let inner = try Self.unwrap(value) { members.append((step.name, inner)) }
                } else {
                    members.append((step.name, value))
                }
            }
            try run.charge(40)
            return .object(StructureValue(name: name, members: members))
        }
    }
}

/// An object that an expression made: `Object{spec: ...}`.
public struct StructureValue: ObjectValue {
    /// The name of its type.
    public let name: String
    /// Fields in the order in which they were written.
    public let members: [(name: String, value: Value)]

    /// Its declared type.
    public var type: CELType { .structure(name) }

    /// Equal with the same fields.
    public func isEqual(to other: any ObjectValue) -> Bool {
        guard let other = other as? StructureValue, other.name == name, other.members.count == members.count else {
            return false
        }
        return members.allSatisfy { member in
            other.members.first { $0.name == member.name }?.value == member.value
        }
    }

    /// An object without fields.
    public var isZero: Bool { members.isEmpty }

    /// The field as it was given.
    public func field(_ name: String) throws(EvaluationError) -> Value? { members.first { $0.name == name }?.value }
}
