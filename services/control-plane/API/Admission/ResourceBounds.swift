import KubeModel

/// Amounts of resources that are to be held against one item of a LimitRange.
struct ResourceBounds {
    /// What the amounts are of, as the item names it.
    let type: String
    let requests: [String: Quantity]
    /// Nil for what has no limits, such as claims: their requests are bounded on both sides.
    let limits: [String: Quantity]?

    /// Adds a sentence for every bound that is passed.
    func check(_ limit: JSON, _ problems: inout [String]) {
        for (name, bound) in Self.sorted(limit["min"]) { add(minimumProblem(name, bound), &problems) }
        for (name, bound) in Self.sorted(limit["max"]) { add(maximumProblem(name, bound), &problems) }
        guard limits != nil else { return }
        for (name, bound) in Self.sorted(limit["maxLimitRequestRatio"]) { add(ratioProblem(name, bound), &problems) }
    }

    private func add(_ problem: String?, _ problems: inout [String]) {
        if let problem { problems.append(problem) }
    }

    private static func sorted(_ bounds: JSON?) -> [(String, Quantity)] {
        [String: Quantity](amounts: bounds).sorted { $0.key < $1.key }
    }

    private func minimumProblem(_ name: String, _ bound: Quantity) -> String? {
        let text = "minimum \(name) usage per \(type) is \(bound.text)"
        guard let request = requests[name] else { return "\(text).  No request is specified" }
        if request < bound { return "\(text), but request is \(request.text)" }
        if let limit = limits?[name], limit < bound { return "\(text), but limit is \(limit.text)" }
        return nil
    }

    private func maximumProblem(_ name: String, _ bound: Quantity) -> String? {
        let text = "maximum \(name) usage per \(type) is \(bound.text)"
        if let limits {
            guard let limit = limits[name] else { return "\(text).  No limit is specified" }
            if bound < limit { return "\(text), but limit is \(limit.text)" }
        } else if requests[name] == nil {
            return "\(text).  No request is specified"
        }
        guard let request = requests[name], bound < request else { return nil }
        return "\(text), but request is \(request.text)"
    }

    /// How many times what is asked for may be used at most.
    private func ratioProblem(_ name: String, _ bound: Quantity) -> String? {
        let text = "\(name) max limit to request ratio per \(type) is \(bound.text), but"
        guard let request = requests[name], request != .zero else {
            return "\(text) no request is specified or request is 0"
        }
        guard let limit = limits?[name], limit != .zero else {
            return "\(text) no limit is specified or limit is 0"
        }
        let ratio = limit.double / request.double
        guard bound.double < ratio else { return nil }
        return "\(text) provided ratio is \(Self.fixed(ratio))"
    }

    /// With six digits behind the point, as C prints it.
    private static func fixed(_ number: Double) -> String {
        let millionths = (number * 1_000_000).rounded(.toNearestOrEven)
        guard millionths < 9e18 else { return "\(number)" }
        let (whole, rest) = Int64(millionths).quotientAndRemainder(dividingBy: 1_000_000)
        let digits = String(rest)
        return "\(whole).\(String(repeating: "0", count: 6 - digits.count))\(digits)"
    }
}

extension [String: Quantity] {
    /// The readable amounts of a resource list.
    init(amounts: JSON?) {
        self = [:]
        for (name, amount) in amounts?.object ?? [:] { self[name] = Quantity(amount) }
    }
}
