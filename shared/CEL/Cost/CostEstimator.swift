/// Says what an expression can cost, before it is evaluated.
///
/// Costs follow the tree; sizes come from literals, from schemas (by the path of a value in them) and from what is known
/// of functions.
struct CostEstimator {
    struct Node {
        let path: [String]
        let type: CELType
        let expression: Expression?
        let size: CostEstimate?
    }

    struct EntrySize {
        let isList: Bool
        let key: CostEstimate
        let value: CostEstimate

        func union(_ other: EntrySize?) -> EntrySize? {
            guard let other else { return nil }
            return EntrySize(isList: isList, key: key.union(other.key), value: value.union(other.value))
        }
    }

    private struct Local {
        let path: [String]
        let size: CostEstimate?
        let entry: EntrySize?
    }

    let environment: Environment
    let types: [Int: CELType]
    let overloads: [Int: [String]]
    private var paths: [Int: [String]] = [:]
    private var locals: [String: [Local]] = [:]
    private var sizes: [Int: CostEstimate] = [:]
    private var entrySizes: [Int: EntrySize] = [:]

    init(environment: Environment, types: [Int: CELType], overloads: [Int: [String]]) {
        (self.environment, self.types, self.overloads) = (environment, types, overloads)
    }

    private static let one = CostEstimate.exactly(1)

    mutating func cost(_ node: Expression) -> CostEstimate {
        switch node.kind {
        case .missing, .literal: return .exactly(0)
        case .identifier(let name):
            paths[node.id] = locals[name]?.last?.path ?? [name]
            return Self.one
        case .select(let operand, let field, let isTest):
            var sum = cost(operand)
            if isTest { return sum }
            switch type(operand) {
            case .map, .structure, .parameter: sum = sum + Self.one
            default: break
            }
            paths[node.id] = path(operand) + [field]
            return sum
        case .call(let function, let target, let arguments): return call(node, function, target, arguments)
        case .list(let elements, _):
            var sum = CostEstimate.exactly(10)
            var item = CostEstimate(elements.isEmpty ? 0 : .max, 0)
            for element in elements {
                sum = sum + cost(element)
                item = item.union(sizeOrUnknown(element))
            }
            entrySizes[node.id] = EntrySize(isList: true, key: Self.one, value: item)
            return sum
        case .map(let entries):
            var sum = CostEstimate.exactly(30)
            var key = CostEstimate(entries.isEmpty ? 0 : .max, 0)
            var value = key
            for entry in entries {
                sum = sum + cost(entry.key) + cost(entry.value)
                key = key.union(sizeOrUnknown(entry.key))
                value = value.union(sizeOrUnknown(entry.value))
            }
            entrySizes[node.id] = EntrySize(isList: false, key: key, value: value)
            return sum
        case .structure(_, let fields):
            return fields.reduce(.exactly(40)) { $0 + cost($1.value) }
        case .comprehension(let loop):
            if case .binding = loop.form { return binding(node, loop) }
            return comprehension(node, loop)
        }
    }

    func type(_ node: Expression) -> CELType { types[node.id] ?? .dyn }

    private func path(_ node: Expression) -> [String] {
        if let name = node.name, let local = locals[name]?.last { return local.path }
        return paths[node.id] ?? []
    }

    // MARK: Sizes

    func sizeOrUnknown(_ node: Expression) -> CostEstimate { size(node) ?? .unknown }

    private func size(_ node: Expression) -> CostEstimate? {
        if let known = sizes[node.id] { return known }
        switch node.kind {
        case .literal(let value):
            switch value {
            case .string(let text): return .exactly(UInt64(text.unicodeScalars.count))
            case .bytes(let bytes): return .exactly(UInt64(bytes.count))
            default: return Self.one
            }
        case .list(let elements, _): return .exactly(UInt64(elements.count))
        case .map(let entries): return .exactly(UInt64(entries.count))
        default: break
        }
        if let declared = declaredSize(path(node)) { return declared }
        if type(node).isScalar { return Self.one }
        if let name = node.name { return locals[name]?.last?.size }
        return nil
    }

    /// What the schema says of a path.
    func declaredSize(_ path: [String]) -> CostEstimate? {
        guard !path.isEmpty, let shape = environment.shape(at: path) else { return nil }
        if let size = shape.maximumSize { return CostEstimate(0, size) }
        switch shape.kind {
        case .bool, .int, .double, .object: return .exactly(0)
        default: return .unknown
        }
    }

    private func entrySize(_ node: Expression) -> EntrySize? {
        if let known = entrySizes[node.id] { return known }
        return node.name.flatMap { locals[$0]?.last?.entry }
    }

    private func makeNode(_ node: Expression) -> Node {
        var path = path(node)
        if path.first == Parser.accumulator { path = [] }
        return Node(path: path, type: type(node), expression: node, size: size(node))
    }

    // MARK: Calls

    private mutating func call(
        _ node: Expression, _ function: String, _ target: Expression?, _ arguments: [Expression]
    ) -> CostEstimate {
        if function == "dyn", arguments.count == 1 {
            let inner = cost(arguments[0])
            sizes[node.id] = size(arguments[0])
            entrySizes[node.id] = entrySize(arguments[0])
            return Self.one + inner
        }
        var costs: [CostEstimate] = []
        var nodes: [Node] = []
        for argument in arguments {
            costs.append(cost(argument))
            nodes.append(makeNode(argument))
        }
        let signatures = overloads[node.id] ?? []
        if signatures.isEmpty { return .exactly(0) }
        var sum = CostEstimate.exactly(0)
        var receiver: Node?
        if let target {
            sum = cost(target)
            receiver = makeNode(target)
        }
        var total = CostEstimate(.max, 0)
        var result: CostEstimate?
        for signature in signatures {
            let estimate = self.estimate(node, function, signature, receiver, nodes, costs)
            total = total.union(estimate.cost)
            if let size = estimate.size { result = result?.union(size) ?? size }
            if signature == "index_list" || signature == "index_map", let container = arguments.first {
                result = entrySize(container)?.value
                paths[node.id] = path(container) + [signature == "index_list" ? "@items" : "@values"]
            }
            if result == nil { result = size(node) }
        }
        if let result { sizes[node.id] = result }
        return sum + total
    }

    private mutating func estimate(
        _ node: Expression, _ function: String, _ signature: String, _ target: Node?, _ arguments: [Node],
        _ costs: [CostEstimate]
    ) -> (cost: CostEstimate, size: CostEstimate?) {
        let sum = costs.reduce(.exactly(0), +)
        if let known = LibraryCosts(estimator: self).estimate(function, signature, target, arguments) {
            return (known.cost + sum, known.size)
        }
        func known(_ node: Node) -> CostEstimate { node.size ?? .unknown }
        switch signature {
        case "logical_or", "logical_and":
            return (CostEstimate(costs[0].minimum, (costs[0] + costs[1]).maximum), nil)
        case "conditional":
            let size = known(arguments[1]).union(known(arguments[2]))
            if let first = arguments[1].expression.flatMap(entrySize), let second = arguments[2].expression {
                if let both = first.union(entrySize(second)) { entrySizes[node.id] = both }
            }
            return (costs[0] + costs[1].union(costs[2]), size)
        case "add_string", "add_bytes", "add_list":
            guard arguments.count == 2 else { break }
            let size = known(arguments[0]) + known(arguments[1])
            if let first = arguments[0].expression.flatMap(entrySize), let second = arguments[1].expression {
                if let both = first.union(entrySize(second)) { entrySizes[node.id] = both }
            }
            return ((signature == "add_list" ? Self.one : size.traversal) + sum, size)
        default: break
        }
        if let basic = BasicCosts.estimate(signature, target, arguments) { return (basic.cost + sum, basic.size) }
        return (Self.one + sum, nil)
    }

    // MARK: Loops

    private mutating func push(_ name: String, _ local: Local) { locals[name, default: []].append(local) }
    private mutating func pop(_ name: String) { locals[name]?.removeLast() }

    private mutating func comprehension(_ node: Expression, _ loop: Comprehension) -> CostEstimate {
        var sum = cost(loop.range) + cost(loop.initial)
        push(
            loop.accumulator,
            Local(path: path(loop.initial), size: size(loop.initial), entry: entrySize(loop.initial)))
        let entry = entrySize(loop.range)
        let base = path(loop.range)
        var isList = entry?.isList ?? false
        if entry == nil, case .list = type(loop.range) { isList = true }
        if let second = loop.secondVariable {
            push(loop.variable, Local(path: base + [isList ? "@indices" : "@keys"], size: entry?.key, entry: nil))
            push(second, Local(path: base + [isList ? "@items" : "@values"], size: entry?.value, entry: nil))
        } else {
            let size = isList ? entry?.value : entry?.key
            push(loop.variable, Local(path: base + [isList ? "@items" : "@keys"], size: size, entry: nil))
        }
        let turn = cost(loop.condition)
        let step = cost(loop.step)
        pop(loop.variable)
        if let second = loop.secondVariable { pop(second) }
        sum = sum + cost(loop.result)
        let initialSize = size(loop.initial)
        pop(loop.accumulator)
        let count = sizeOrUnknown(loop.range)
        sum = sum + count * (step + turn)
        switch loop.initial.kind {
        case .literal: if let initialSize { sizes[node.id] = initialSize }
        case .list, .map:
            sizes[node.id] = count
            if let entry = entrySize(loop.step) { entrySizes[node.id] = entry }
        default: break
        }
        return sum
    }

    private mutating func binding(_ node: Expression, _ loop: Comprehension) -> CostEstimate {
        let sum = cost(loop.range) + cost(loop.initial)
        push(
            loop.accumulator,
            Local(path: path(loop.initial), size: size(loop.initial), entry: entrySize(loop.initial)))
        let result = cost(loop.result)
        let resultSize = size(loop.result)
        let resultEntry = entrySize(loop.result)
        pop(loop.accumulator)
        if let resultSize { sizes[node.id] = resultSize }
        if let resultEntry { entrySizes[node.id] = resultEntry }
        return sum + result
    }
}
