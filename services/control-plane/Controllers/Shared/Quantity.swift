/// A resource quantity (`100m`, `1.5Gi`), held exactly in billionths.
struct Quantity: Sendable, Equatable, Comparable {
    enum Format: Sendable { case decimal, binary }

    var nanos: Int128
    var format: Format

    static let zero = Quantity(nanos: 0, format: .decimal)
    static let one = Quantity(whole: 1)

    init(nanos: Int128, format: Format) { (self.nanos, self.format) = (nanos, format) }
    init(whole: Int) { self.init(nanos: Int128(whole) * 1_000_000_000, format: .decimal) }

    /// Reads what Kubernetes accepts; nil for anything else.
    init?(_ text: String) {
        var rest = Substring(text)
        var sign: Int128 = 1
        if rest.first == "-" { sign = -1 }
        if rest.first == "-" || rest.first == "+" { rest.removeFirst() }
        let number = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        rest = rest.dropFirst(number.count)
        guard !number.isEmpty, let (scale, format) = Self.scale(rest) else { return nil }
        let halves = number.split(separator: ".", omittingEmptySubsequences: false)
        guard halves.count <= 2, halves.contains(where: { !$0.isEmpty }) else { return nil }
        let fraction = halves.count == 2 ? halves[1].prefix(18) : ""
        guard let digits = Int128(String(halves[0]) + fraction) else { return nil }
        let (product, overflow) = digits.multipliedReportingOverflow(by: scale)
        guard !overflow else { return nil }
        var divisor: Int128 = 1
        for _ in 0..<fraction.count { divisor *= 10 }
        let rounded = product / divisor + (product % divisor == 0 ? 0 : 1)  // up, away from zero
        self.init(nanos: sign * rounded, format: format)
    }

    /// Billionths in one unit of a suffix.
    private static func scale(_ suffix: Substring) -> (Int128, Format)? {
        let billion: Int128 = 1_000_000_000
        switch suffix {
        case "n": return (1, .decimal)
        case "u": return (1_000, .decimal)
        case "m": return (1_000_000, .decimal)
        case "": return (billion, .decimal)
        default: break
        }
        if let power = ["k", "M", "G", "T", "P", "E"].firstIndex(where: { $0 == suffix }) {
            return ((0...power).reduce(billion) { value, _ in value * 1000 }, .decimal)
        }
        if let power = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"].firstIndex(where: { $0 == suffix }) {
            return (billion << Int128(10 * (power + 1)), .binary)
        }
        guard let letter = suffix.first, letter == "e" || letter == "E", let exponent = Int(suffix.dropFirst()),
            (-9...18).contains(exponent)
        else { return nil }
        var value = billion
        for _ in 0..<abs(exponent) { value = exponent > 0 ? value * 10 : value / 10 }
        return (value, .decimal)
    }

    static func < (left: Quantity, right: Quantity) -> Bool { left.nanos < right.nanos }
    static func == (left: Quantity, right: Quantity) -> Bool { left.nanos == right.nanos }
    static func + (left: Quantity, right: Quantity) -> Quantity {
        Quantity(nanos: left.nanos + right.nanos, format: left.nanos == 0 ? right.format : left.format)
    }

    /// The canonical form: no fraction, the largest suffix that keeps the value exact.
    var text: String {
        let billion: Int128 = 1_000_000_000
        if format == .binary, nanos % billion == 0, abs(nanos / billion) >= 1024 {
            var value = nanos / billion
            var power = 0
            while power < 6, value != 0, value % 1024 == 0 { (value, power) = (value / 1024, power + 1) }
            return "\(value)" + ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"][power]
        }
        var value = nanos
        var power = 0
        while power < 9, value != 0, value % 1000 == 0 { (value, power) = (value / 1000, power + 1) }
        return value == 0 ? "0" : "\(value)" + ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"][power]
    }
}

/// Amounts by resource name: requests, limits, allocatable.
typealias ResourceAmounts = [String: Quantity]

extension ResourceAmounts {
    static func + (left: ResourceAmounts, right: ResourceAmounts) -> ResourceAmounts {
        left.merging(right) { $0 + $1 }
    }
    /// The larger of both, name by name.
    func upper(_ other: ResourceAmounts) -> ResourceAmounts { merging(other) { Swift.max($0, $1) } }
}
