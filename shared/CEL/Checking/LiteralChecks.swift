/// What is checked after types are known: literals that can never be right.
struct LiteralChecks {
    let environment: Environment
    let offsets: [Int]
    let types: [Int: CELType]
    private(set) var issues: [Issue] = []

    init(_ environment: Environment, offsets: [Int], types: [Int: CELType]) {
        (self.environment, self.offsets, self.types) = (environment, offsets, types)
    }

    /// Looks at a whole tree. Every node once, also where macros repeat it.
    mutating func run(_ tree: Expression) {
        var nodes: [Expression] = []
        var exempt: Set<Int> = []
        var seen: Set<Int> = []
        func collect(_ node: Expression, isExempt: Bool) {
            guard seen.insert(node.id).inserted else { return }
            nodes.append(node)
            if isExempt { exempt.insert(node.id) }
            var isFormat = false
            if case .call("format", _, _) = node.kind { isFormat = true }
            for child in node.children { collect(child, isExempt: isExempt || isFormat) }
        }
        collect(tree, isExempt: false)
        for (function, isRight) in Self.checks {
            for node in nodes {
                guard case .call(function, _, let arguments) = node.kind, let argument = arguments.first,
                    let literal = argument.literal, !isRight(literal)
                else { continue }
                report("invalid \(function) argument", argument)
            }
        }
        guard environment.hasUniformLiterals else { return }
        // What is formatted may be of any type.
        for node in nodes where !exempt.contains(node.id) { check(list: node) }
        for node in nodes where !exempt.contains(node.id) { check(map: node) }
        let formats = FormatChecks(types: types)
        for node in nodes {
            if let (message, place) = formats.check(node) { report(message, place) }
        }
    }

    private static let checks: [(String, @Sendable (Value) -> Bool)] = [
        ("duration", { (try? Conversions.duration($0)) != nil }),
        ("timestamp", { (try? Conversions.timestamp($0)) != nil }),
        (
            "matches",
            { if case .string(let pattern) = $0 { (try? RegexCache.shared.regex(pattern)) != nil } else { true } }
        ),
    ]

    private mutating func report(_ message: String, _ node: Expression) {
        issues.append(Issue(offset: offsets[node.id], message: message))
    }

    private mutating func mismatch(_ wanted: CELType, _ found: CELType, _ node: Expression) {
        report("expected type '\(wanted)' but found '\(found)'", node)
    }

    private func type(_ node: Expression) -> CELType { types[node.id] ?? .dyn }

    private mutating func check(list node: Expression) {
        guard case .list(let elements, let optionals) = node.kind else { return }
        var wanted: CELType?
        for (index, element) in elements.enumerated() {
            let found = optionals.contains(index) ? type(element).unwrapped ?? .dyn : type(element)
            guard let known = wanted else {
                wanted = found
                continue
            }
            if known != found { return mismatch(known, found, element) }
        }
    }

    private mutating func check(map node: Expression) {
        guard case .map(let entries) = node.kind else { return }
        var wanted: (key: CELType, value: CELType)?
        for entry in entries {
            let value = entry.isOptional ? type(entry.value).unwrapped ?? .dyn : type(entry.value)
            guard let known = wanted else {
                wanted = (type(entry.key), value)
                continue
            }
            if known.key != type(entry.key) { mismatch(known.key, type(entry.key), entry.key) }
            if known.value != value { mismatch(known.value, value, entry.value) }
        }
    }
}
