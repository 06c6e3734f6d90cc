/// What calls of the language's own functions can cost, without their arguments.
enum BasicCosts {
    static func estimate(
        _ signature: String, _ target: CostEstimator.Node?, _ arguments: [CostEstimator.Node]
    ) -> (cost: CostEstimate, size: CostEstimate?)? {
        func size(_ index: Int) -> CostEstimate {
            index < arguments.count ? arguments[index].size ?? .unknown : .unknown
        }
        let receiver = target?.size ?? .unknown
        switch (signature, arguments.count) {
        case ("string_format", _) where target != nil: return (receiver.traversal, nil)
        case ("string_to_bytes", 1):
            return (size(0).traversal, CostEstimate(size(0).minimum, size(0).maximum &* 4))
        case ("bytes_to_string", 1):
            return (size(0).traversal, CostEstimate(size(0).minimum / 4, size(0).maximum))
        case ("strings_quote", 1):
            return (size(0).traversal, CostEstimate(size(0).minimum &+ 2, size(0).maximum &* 2 &+ 2))
        case ("starts_with_string", 1), ("ends_with_string", 1): return (size(0).traversal, nil)
        case ("in_list", 2): return (size(1).scaled(1), nil)
        case ("matches_string", 1) where target != nil:
            return ((receiver + .exactly(1)).traversal * size(0).scaled(0.25), nil)
        case ("contains_string", 1) where target != nil: return (receiver.traversal * size(0).traversal, nil)
        case ("equals", 2), ("not_equals", 2), ("less_string", 2), ("less_equals_string", 2), ("greater_string", 2),
            ("greater_equals_string", 2), ("less_bytes", 2), ("less_equals_bytes", 2), ("greater_bytes", 2),
            ("greater_equals_bytes", 2):
            let most = min(size(0).maximum, size(1).maximum)
            return (CostEstimate(most > 0 ? 1 : 0, most).traversal, nil)
        default: return nil
        }
    }
}

/// What calls of the functions that Kubernetes adds can cost, without their arguments.
struct LibraryCosts {
    let estimator: CostEstimator

    typealias Estimate = (cost: CostEstimate, size: CostEstimate?)
    private static let one = CostEstimate.exactly(1)

    private func size(_ node: CostEstimator.Node) -> CostEstimate {
        node.size ?? estimator.declaredSize(node.path) ?? .unknown
    }

    func estimate(
        _ function: String, _ signature: String, _ target: CostEstimator.Node?, _ arguments: [CostEstimator.Node]
    ) -> Estimate? {
        if let known = lists(signature, target, arguments) { return known }
        switch function {
        case "check": return (.exactly(350_000), nil)
        case "serviceAccount", "path", "group", "resource", "subresource", "namespace", "name", "allowed", "reason",
            "error", "errored", "masked", "prefixLength", "family", "isUnspecified", "isLoopback",
            "isLinkLocalMulticast", "isLinkLocalUnicast", "isGlobalUnicast", "format.named", "sign", "asInteger",
            "isInteger", "asApproximateFloat", "isGreaterThan", "isLessThan", "compareTo", "add", "sub", "major",
            "minor", "patch", "getScheme", "getHostname", "getHost", "getPort", "getEscapedPath", "getQuery":
            return (Self.one, nil)
        case "fieldSelector", "labelSelector":
            guard arguments.count == 1 else { return nil }
            let length = size(arguments[0])
            return (.exactly(10) + length.traversal + length.scaled(0.5).scaled(50), nil)
        case "isSorted", "sum", "max", "min", "indexOf", "lastIndexOf":
            guard let target else { return nil }
            return (search(target), nil)
        case "url", "jsonpatch.escapeKey":
            guard arguments.count == 1 else { return nil }
            return (size(arguments[0]).traversal, size(arguments[0]))
        case "lowerAscii", "upperAscii", "substring", "trim":
            guard let target else { return nil }
            return (size(target).traversal, size(target))
        case "replace":
            guard let target, arguments.count >= 2 else { return nil }
            return replace(size(target), size(arguments[0]), size(arguments[1]))
        case "split":
            guard let target else { return nil }
            var most = size(target).maximum
            if arguments.count > 1, case .int(let count)? = arguments[1].expression?.literal {
                most = UInt64(bitPattern: count)
            }
            return (size(target).scaled(0.2), CostEstimate(0, most))
        case "join":
            guard let target else { return nil }
            return join(target, arguments.first)
        case "find", "findAll":
            guard let target, let pattern = arguments.first else { return nil }
            let text = (size(target) + Self.one).traversal
            return (text * size(pattern).scaled(0.25), CostEstimate(0, size(target).maximum))
        case "ip" where signature == "cidr_ip": return (Self.one, nil)
        case "cidr", "isIP", "isCIDR", "ip", "quantity", "isQuantity", "semver", "isSemver":
            return arguments.first.map { (size($0).traversal, nil) }
        case "ip.isCanonical": return arguments.first.map { (size($0).scaled(0.2), nil) }
        case "containsIP", "containsCIDR": return arguments.first.map { (contains(function, signature, $0), nil) }
        case "validate": return arguments.first.map { (size($0).traversal.scaled(128 * 0.25), nil) }
        case Operators.equals: return equality(arguments).map { ($0, nil) }
        default: return nil
        }
    }

    private func search(_ target: CostEstimator.Node) -> CostEstimate {
        guard let element = target.type.parameters.first else { return size(target).traversal }
        var each = Self.one
        if element == .string || element == .bytes { each = each + elementSize(target).traversal }
        return size(target) * each
    }

    private func elementSize(_ list: CostEstimator.Node) -> CostEstimate {
        list.path.isEmpty ? .unknown : estimator.declaredSize(list.path + ["@items"]) ?? .unknown
    }

    private func replace(_ text: CostEstimate, _ old: CostEstimate, _ new: CostEstimate) -> Estimate {
        var count = CostEstimate.exactly(0)
        var kept = CostEstimate.exactly(0)
        if old.minimum == 0 {
            count.maximum = text.maximum.adding(1)
            kept.maximum = text.maximum
        } else if new.maximum <= old.minimum {
            kept.maximum = text.maximum
        } else {
            count.maximum = Self.quotient(text.maximum, old.minimum)
        }
        if old.maximum == 0 {
            count.minimum = text.minimum.adding(1)
            kept.minimum = text.minimum
        } else if old.maximum <= new.minimum {
            kept.minimum = text.minimum
        } else {
            count.minimum = Self.quotient(text.minimum, old.maximum)
        }
        return (text.scaled(0.2), count * new + kept)
    }

    private static func quotient(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let quotient = (Double(left) / Double(right)).rounded(.up)
        return quotient >= 0x1p64 ? .max : UInt64(quotient)
    }

    private func join(_ list: CostEstimator.Node, _ separator: CostEstimator.Node?) -> Estimate {
        let count = size(list)
        var total = CostEstimate.exactly(0)
        if !list.type.parameters.isEmpty { total = count * elementSize(list) }
        if let separator {
            let between = CostEstimate(max(count.minimum, 1) - 1, max(count.maximum, 1) - 1)
            total = total + size(separator) * between
        }
        return (total.traversal, total)
    }

    private func contains(_ function: String, _ signature: String, _ other: CostEstimator.Node) -> CostEstimate {
        let address = CostEstimate(4, 16)
        var cost = (address + address).traversal
        if function == "containsCIDR" { cost = cost + address.traversal + Self.one }
        if signature.hasSuffix("_string") { cost = cost + size(other).traversal }
        return cost
    }

    private func equality(_ arguments: [CostEstimator.Node]) -> CostEstimate? {
        guard arguments.count == 2, arguments[0].type == arguments[1].type else { return nil }
        switch arguments[0].type {
        case KubernetesTypes.ip, KubernetesTypes.cidr: return Self.one
        case .structure(let name):
            switch name {
            case "kubernetes.Format": return CostEstimate(1, 64).traversal
            case "kubernetes.URL": return CostEstimate(1, arguments[1].size?.maximum ?? 1).traversal
            default: return name.hasPrefix("kubernetes.") ? Self.one : nil
            }
        default: return nil
        }
    }

    // MARK: Lists and sets

    private func made(_ factor: Double, _ size: CostEstimate) -> Estimate {
        (size.scaled(factor) + .exactly(11), size)
    }

    private func literal(_ node: CostEstimator.Node, or fallback: UInt64) -> UInt64 {
        guard case .int(let value)? = node.expression?.literal else { return fallback }
        return value < 0 ? 0 : UInt64(value)
    }

    private func lists(
        _ signature: String, _ target: CostEstimator.Node?, _ arguments: [CostEstimator.Node]
    ) -> Estimate? {
        switch (signature, arguments.count) {
        case ("list_sets_contains_list", 2), ("list_sets_intersects_list", 2), ("list_sets_equivalent_list", 2):
            let factor = signature == "list_sets_equivalent_list" ? 2.0 : 1
            return ((size(arguments[0]) * size(arguments[1])).scaled(factor) + Self.one, nil)
        case ("lists_range", 1): return made(1, .exactly(literal(arguments[0], or: .max)))
        default: break
        }
        guard let target else { return nil }
        let count = size(target)
        switch (signature, arguments.count) {
        case ("list_slice", 2):
            let from = literal(arguments[0], or: 0)
            return made(1, .exactly(literal(arguments[1], or: count.maximum) &- from))
        case ("list_reverse", 0): return made(1, count)
        case ("list_flatten", 0): return made(1, count)
        case ("list_flatten_int", 1): return made(Double(literal(arguments[0], or: .max)), count)
        case ("list_distinct", 0): return made(2, count * count)
        case (let sort, 0) where sort.hasPrefix("list_") && sort.hasSuffix("_sort"): return sorting(sort, count)
        case (let sort, 1) where sort.hasPrefix("list_") && sort.hasSuffix("_sortByAssociatedKeys"):
            return sorting(sort, size(arguments[0]))
        default: return nil
        }
    }

    private func sorting(_ signature: String, _ count: CostEstimate) -> Estimate {
        let hasText = signature.hasPrefix("list_string_") || signature.hasPrefix("list_bytes_")
        return made(hasText ? 2.1 : 2, count * count)
    }
}
