/// Checks `"...".format([...])` where both the text and the list are literals.
struct FormatChecks {
    let types: [Int: CELType]

    /// What is wrong, and at which node.
    func check(_ call: Expression) -> (message: String, node: Expression)? {
        guard case .call("format", let target?, let arguments) = call.kind, arguments.count == 1,
            case .string(let text)? = target.literal, case .list(let elements, _) = arguments[0].kind
        else { return nil }
        var requested = 0
        var reader = TextFormat.Reader(text)
        do throws(EvaluationError) {
            while let clause = try reader.next(elements.count) {
                if case .argument(let kind, _) = clause {
                    let element = elements[requested]
                    requested += 1
                    if let (problem, node) = check(element, kind) {
                        return ("error during formatting: \(problem)", node)
                    }
                }
            }
        } catch {
            return (error.message, call)
        }
        if elements.count > requested {
            return (
                "too many arguments supplied to string.format (expected \(requested), got \(elements.count))", call
            )
        }
        return nil
    }

    private func type(_ node: Expression) -> CELType { types[node.id] ?? .dyn }

    private func check(_ node: Expression, _ kind: Unicode.Scalar) -> (String, Expression)? {
        if kind == "s" {
            guard let wrong = notPrintable(node) else { return nil }
            return (TextFormat.problem(kind, type(wrong).runtimeName), wrong)
        }
        let isRight =
            switch (kind, type(node)) {
            case (_, .dyn): true
            case ("d", .int), ("d", .uint), ("o", .int), ("o", .uint), ("b", .int), ("b", .uint), ("b", .bool): true
            case ("f", .double), ("f", .string), ("e", .double), ("e", .string): true
            case ("x", .int), ("x", .uint), ("x", .string), ("x", .bytes): true
            case ("X", .int), ("X", .uint), ("X", .string), ("X", .bytes): true
            default: false
            }
        return isRight ? nil : (TextFormat.problem(kind, type(node).runtimeName), node)
    }

    private func notPrintable(_ node: Expression) -> Expression? {
        switch type(node) {
        case .opaque, .structure: return node
        default: break
        }
        switch node.kind {
        case .list(let elements, _): return elements.lazy.compactMap { notPrintable($0) }.first
        case .map(let entries):
            return entries.lazy.compactMap { notPrintable($0.key) ?? notPrintable($0.value) }.first
        default: return nil
        }
    }
}
