/// Lengths of time as Go writes them: `1h30m`, `10.5s`, `250ms`.
enum GoDuration {
    private static let units: [(name: String, nanoseconds: Double)] = [
        ("ns", 1), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9),
    ]

    /// Nanoseconds of a text; nil when it is none.
    static func nanoseconds(_ text: String) -> Int64? {
        var rest = Substring(text)
        let isNegative = rest.first == "-"
        if isNegative || rest.first == "+" { rest.removeFirst() }
        if rest == "0" { return 0 }
        guard !rest.isEmpty else { return nil }
        var sum = 0.0
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isNumber || $0 == "." }
            rest = rest[digits.endIndex...]
            let name = rest.prefix { !($0.isNumber || $0 == ".") }
            rest = rest[name.endIndex...]
            guard let value = Double(digits), let unit = units.first(where: { $0.name == name }) else { return nil }
            sum += value * unit.nanoseconds
        }
        return Int64(exactly: (isNegative ? -sum : sum).rounded())
    }

    /// The text of a number of nanoseconds.
    static func text(_ nanoseconds: Int64) -> String {
        guard nanoseconds != 0 else { return "0s" }
        let sign = nanoseconds < 0 ? "-" : ""
        let amount = nanoseconds.magnitude
        func decimal(_ whole: UInt64, _ part: UInt64, _ digits: Int) -> String {
            var fraction = String(part)
            fraction = String(repeating: "0", count: max(0, digits - fraction.count)) + fraction
            while fraction.last == "0" { fraction.removeLast() }
            return fraction.isEmpty ? "\(whole)" : "\(whole).\(fraction)"
        }
        if amount < 1_000 { return "\(sign)\(amount)ns" }
        if amount < 1_000_000 { return "\(sign)\(decimal(amount / 1_000, amount % 1_000, 3))µs" }
        if amount < 1_000_000_000 { return "\(sign)\(decimal(amount / 1_000_000, amount % 1_000_000, 6))ms" }
        let seconds = amount / 1_000_000_000
        let tail = "\(decimal(seconds % 60, amount % 1_000_000_000, 9))s"
        if seconds < 60 { return sign + tail }
        if seconds < 3600 { return "\(sign)\(seconds / 60)m\(tail)" }
        return "\(sign)\(seconds / 3600)h\(seconds / 60 % 60)m\(tail)"
    }
}
