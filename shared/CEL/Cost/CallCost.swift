/// What a call costs when it is evaluated, in the units of Kubernetes.
enum CallCost: Sendable {
    case fixed(UInt64)
    case computed(@Sendable (_ arguments: [Value], _ result: Value) -> UInt64)

    func amount(_ arguments: [Value], _ result: Value) -> UInt64 {
        switch self {
        case .fixed(let amount): amount
        case .computed(let compute): compute(arguments, result)
        }
    }

    /// Walking over so many characters.
    static func traversal(_ size: UInt64, times: Double = 1) -> UInt64 {
        UInt64((Double(size) * times * 0.1).rounded(.up))
    }

    /// Cost by function name and, where only one is possible, signature.
    init(_ function: String, _ overload: String) {
        if let compute = Self.bySignature[overload] ?? Self.byName(function, overload) {
            self = .computed(compute)
        } else {
            self = .fixed(Self.fixed[function] ?? 1)
        }
    }

    private typealias Compute = @Sendable ([Value], Value) -> UInt64

    private static let fixed: [String: UInt64] = ["check": 350_000]

    private static func size(_ values: [Value], _ index: Int) -> UInt64 {
        index < values.count ? values[index].costSize : 1
    }

    private static func walking(_ index: Int = 0, times: Double = 1) -> Compute {
        { values, _ in traversal(size(values, index), times: times) }
    }

    private static let pattern: Compute = { values, _ in
        let text = UInt64(((1 + Double(size(values, 0))) * 0.1).rounded(.up))
        return text &* UInt64((Double(size(values, 1)) * 0.25).rounded(.up))
    }

    private static func both(_ factor: Double) -> Compute {
        { values, _ in 1 &+ UInt64(Double(size(values, 0) &* size(values, 1)) * factor) }
    }

    private static func list(_ size: UInt64, _ factor: Double) -> UInt64 { UInt64(Double(size) * factor) &+ 11 }

    /// Comparing all elements with each other.
    private static func pairs(_ value: Value?) -> UInt64 {
        guard case .list(let elements)? = value else { return 1 }
        guard elements.count > 0 else { return list(0, 2) }
        let size = UInt64(elements.count)
        switch elements[0] {
        case .string, .bytes: return list(size &* size, 2.1)
        default: return list(size &* size, 2)
        }
    }

    private static let smaller: Compute = { values, _ in traversal(min(size(values, 0), size(values, 1))) }
    private static let sum: Compute = { values, _ in traversal(size(values, 0) &+ size(values, 1)) }

    private static let bySignature: [String: Compute] = {
        var table: [String: Compute] = [
            "starts_with_string": walking(), "ends_with_string": walking(), "string_to_bytes": walking(),
            "bytes_to_string": walking(), "strings_quote": walking(), "string_format": walking(),
            "in_list": { values, _ in size(values, 1) },
            "add_string": sum, "add_bytes": sum,
            "matches_string": pattern,
            "contains_string": { values, _ in traversal(size(values, 0)) &* traversal(size(values, 1)) },
            "list_sets_contains_list": both(1), "list_sets_intersects_list": both(1),
            "list_sets_equivalent_list": both(2),
            "list_slice": { _, result in list(result.costSize, 1) },
            "lists_range": { _, result in list(result.costSize, 1) },
            "list_reverse": { _, result in list(result.costSize, 1) },
            "list_flatten": { values, _ in list(size(values, 0), 1) },
            "list_flatten_int": { values, _ in
                guard case .int(let depth)? = values.last else { return 1 }
                return list(size(values, 0), Double(max(0, depth)))
            },
            "list_distinct": { values, _ in pairs(values.first) },
        ]
        for relation in ["less", "less_equals", "greater", "greater_equals"] {
            table["\(relation)_string"] = smaller
            table["\(relation)_bytes"] = smaller
        }
        for type in ListFunctions.comparable {
            table["list_\(type.runtimeName)_sort"] = { values, _ in pairs(values.first) }
            table["list_\(type.runtimeName)_sortByAssociatedKeys"] = { values, _ in pairs(values.last) }
        }
        return table
    }()

    private static func byName(_ function: String, _ overload: String) -> Compute? {
        switch function {
        case "fieldSelector", "labelSelector":
            { values, _ in
                let length = size(values, 1)
                let requirements = UInt64((Double(length) * 0.5).rounded(.up))
                return 10 &+ traversal(length) &+ requirements &* 50
            }
        case "isSorted", "sum", "max", "min", "indexOf", "lastIndexOf":
            { values, _ in values.first.map(walk) ?? 0 }
        case "url", "lowerAscii", "upperAscii", "substring", "trim", "jsonpatch.escapeKey", "cidr", "isIP", "isCIDR",
            "quantity", "isQuantity", "semver", "isSemver":
            walking()
        case "ip": overload == "cidr_ip" ? nil : walking()
        case "replace", "split", "ip.isCanonical": walking(times: 2)
        case "join": { _, result in traversal(result.costSize, times: 2) }
        case "find", "findAll": pattern
        case "containsIP":
            { values, _ in
                let parsing = overload == "cidr_contains_ip_string" ? traversal(size(values, 1)) : 0
                return traversal(size(values, 0) * 2) &+ parsing
            }
        case "containsCIDR":
            { values, _ in
                let parsing = overload == "cidr_contains_cidr_string" ? traversal(size(values, 1)) : 0
                return traversal(size(values, 0) * 2) &+ traversal(size(values, 0)) &+ 1 &+ parsing
            }
        case "validate":
            { values, _ in
                guard case .object(let object)? = values.first, let format = object as? NamedFormat else { return 1 }
                let text = UInt64(((1 + Double(size(values, 1))) * 0.1).rounded(.up))
                return text &* UInt64((Double(format.regexSize) * 0.25).rounded(.up))
            }
        default: nil
        }
    }

    /// Walking over a whole tree.
    private static func walk(_ value: Value) -> UInt64 {
        switch value {
        case .string(let text): UInt64(Double(text.utf8.count) * 0.1)
        case .bytes(let bytes): UInt64(Double(bytes.count) * 0.1)
        case .list(let list): list.all.reduce(0) { $0 &+ walk($1) }
        case .map(let map): map.all.reduce(0) { $0 &+ walk($1.key) &+ walk($1.value) }
        default: 1
        }
    }
}
