extension Planner {
    /// What one turn of a loop does; false ends the loop.
    private typealias Body = @Sendable (Evaluation) throws(EvaluationError) -> Bool

    mutating func comprehension(_ loop: Comprehension) throws(EvaluationError) -> Planned {
        if case .binding = loop.form {
            let initial = try plan(loop.initial).step
            return try withLocal(loop.accumulator) { (planner, slot) throws(EvaluationError) in
                let result = try planner.plan(loop.result).step
                return Planned { (run) throws(EvaluationError) in
                    run.slots[slot] = try initial(run)
                    return try result(run)
                }
            }
        }
        let range = try plan(loop.range).step
        return try withLocal(loop.variable) { (planner, first) throws(EvaluationError) in
            guard let name = loop.secondVariable else {
                return try planner.body(loop, Walk(range: range, first: first, second: nil))
            }
            return try planner.withLocal(name) { (planner, second) throws(EvaluationError) in
                try planner.body(loop, Walk(range: range, first: first, second: second))
            }
        }
    }

    /// Goes through the elements of a list or the keys of a map.
    private struct Walk: Sendable {
        let range: Step
        let first: Int
        let second: Int?

        func callAsFunction(
            _ run: Evaluation, _ body: (Evaluation) throws(EvaluationError) -> Bool
        ) throws(EvaluationError) {
            switch try range(run) {
            case .list(let list):
                for index in 0..<list.count {
                    if let second {
                        run.slots[first] = .int(Int64(index))
                        run.slots[second] = list[index]
                    } else {
                        run.slots[first] = list[index]
                    }
                    if try !body(run) { return }
                }
            case .map(let map):
                for key in map.keys {
                    run.slots[first] = key
                    if let second { run.slots[second] = map.find(key) ?? .null }
                    if try !body(run) { return }
                }
            default: throw .noOverload
            }
        }
    }

    private mutating func body(_ loop: Comprehension, _ walk: Walk) throws(EvaluationError) -> Planned {
        switch loop.form {
        case .all: return try quantifier(loop, walk, stop: false, test: 2)
        case .exists: return try quantifier(loop, walk, stop: true, test: 3)
        case .existsOne: return try existsOne(loop, walk)
        case .list(let filter, let element): return try list(filter, element, walk)
        case .values(let filter, let value): return try values(filter, value, walk)
        case .entries(let filter, let entry): return try entries(filter, entry, walk)
        case .binding: throw .noOverload
        }
    }

    private mutating func step(_ node: Expression?) throws(EvaluationError) -> Step {
        guard let node else { return { _ throws(EvaluationError) in .bool(true) } }
        return try plan(node).step
    }

    /// One element that decides makes up for errors in others, as with `&&` and `||`. `test` is what it costs to see
    /// before each turn whether the loop goes on.
    private mutating func quantifier(
        _ loop: Comprehension, _ walk: Walk, stop: Bool, test: UInt64
    ) throws(EvaluationError) -> Planned {
        let predicate = try step(loop.predicate)
        return Planned { (run) throws(EvaluationError) in
            var failure: EvaluationError?
            var isDecided = false
            try walk(run) { (run) throws(EvaluationError) in
                try run.charge(isDecided ? test : test + 1)
                if isDecided { return false }
                do throws(EvaluationError) {
                    guard case .bool(let value) = try predicate(run) else { throw .noOverload }
                    isDecided = value == stop
                } catch {
                    if error.kind == .costLimit { throw error }
                    failure = failure ?? error
                }
                return true
            }
            try run.charge(1)
            if !isDecided, let failure { throw failure }
            return .bool(isDecided ? stop : !stop)
        }
    }

    private mutating func existsOne(_ loop: Comprehension, _ walk: Walk) throws(EvaluationError) -> Planned {
        let predicate = try step(loop.predicate)
        return Planned { (run) throws(EvaluationError) in
            var count = 0
            try walk(run) { (run) throws(EvaluationError) in
                guard case .bool(let value) = try predicate(run) else { throw .noOverload }
                if value { count += 1 }
                if value { try run.charge(2) }
                return true
            }
            try run.charge(2)
            return .bool(count == 1)
        }
    }

    private mutating func list(
        _ filter: Expression?, _ element: Expression, _ walk: Walk
    ) throws(EvaluationError) -> Planned {
        let filter = try step(filter)
        let planned = try plan(element)
        let element = planned.step
        // A list with one constant is itself one, and costs nothing.
        let turn: UInt64 = planned.constant == nil ? 12 : 2
        return Planned { (run) throws(EvaluationError) in
            var values: [Value] = []
            try walk(run) { (run) throws(EvaluationError) in
                guard case .bool(let isKept) = try filter(run) else { throw .noOverload }
                if isKept { values.append(try element(run)) }
                if isKept { try run.charge(turn) }
                return true
            }
            try run.charge(1)
            return .list(values)
        }
    }

    private mutating func values(
        _ filter: Expression?, _ value: Expression, _ walk: Walk
    ) throws(EvaluationError) -> Planned {
        let filter = try step(filter)
        let value = try plan(value).step
        let slot = walk.first
        return Planned { (run) throws(EvaluationError) in
            var members: [(key: Value, value: Value)] = []
            try walk(run) { (run) throws(EvaluationError) in
                guard case .bool(let isKept) = try filter(run) else { throw .noOverload }
                if isKept {
                    let key = run.slots[slot]
                    members.append((key, try value(run)))
                }
                if isKept { try run.charge(3) }
                return true
            }
            try run.charge(1)
            return .map(MapValue(members))
        }
    }

    private mutating func entries(
        _ filter: Expression?, _ entry: Expression, _ walk: Walk
    ) throws(EvaluationError) -> Planned {
        let filter = try step(filter)
        let entry = try plan(entry).step
        return Planned { (run) throws(EvaluationError) in
            var members: [(key: Value, value: Value)] = []
            var seen: Set<ValueKey> = []
            try walk(run) { (run) throws(EvaluationError) in
                guard case .bool(let isKept) = try filter(run) else { throw .noOverload }
                if isKept {
                    guard case .map(let map) = try entry(run) else { throw .noOverload }
                    for (key, value) in map.all {
                        guard seen.insert(ValueKey(key)).inserted else {
                            throw EvaluationError("insert failed: key \(Accessing.describe(key)) already exists")
                        }
                        members.append((key, value))
                    }
                }
                if isKept { try run.charge(2) }
                return true
            }
            try run.charge(1)
            return .map(MapValue(members))
        }
    }
}
