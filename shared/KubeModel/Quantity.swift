/// An amount of a resource: `500m`, `1.5Gi`, `2`, `1e3`.
///
/// Exact to a billionth, like the quantities of Kubernetes; finer digits are rounded up, away from zero.
public struct Quantity: Sendable {
    /// Which suffixes the amount is written with.
    public enum Format: Sendable, Hashable { case decimal, binary, exponent }

    /// The amount in billionths.
    public var nanos: Int128
    /// How it was, and will be, written.
    public var format: Format

    /// An amount in billionths.
    public init(nanos: Int128, format: Format = .decimal) {
        (self.nanos, self.format) = (nanos, format)
    }

    /// A whole amount.
    public init(_ value: Int64, format: Format = .decimal) {
        self.init(nanos: Int128(value) * Self.billion, format: format)
    }

    /// An amount in thousandths, such as CPU.
    public init(milli value: Int64) { self.init(nanos: Int128(value) * 1_000_000) }

    /// Nothing.
    public static let zero = Quantity(0)

    static let billion: Int128 = 1_000_000_000
    private static let limit = Int128(Int64.max) * billion

    /// Reads a quantity as written in an object: a string or a number. Nil when it is neither.
    public init?(_ json: JSON?) {
        switch json {
        case .string(let text): self.init(text)
        case .int(let value): self.init(value)
        case .double(let value): self.init(value.description)
        default: return nil
        }
    }

    /// Reads `500m`, `1.5Gi`, `-2`, `1e3`. Nil when it is not a quantity.
    public init?(_ text: String) {
        var rest = Substring(text).utf8
        let isNegative = rest.first == UInt8(ascii: "-")
        if isNegative || rest.first == UInt8(ascii: "+") { rest.removeFirst() }
        // Digits are gathered without the point; `scale` is how many of them stand behind it.
        var digits: Int128 = 0
        var scale = 0
        var count = 0
        var seenPoint = false
        var isCapped = false
        var isInexact = false
        while let byte = rest.first, byte == UInt8(ascii: ".") || (byte >= 0x30 && byte <= 0x39) {
            rest.removeFirst()
            if byte == UInt8(ascii: ".") {
                guard !seenPoint else { return nil }
                seenPoint = true
                continue
            }
            count += 1
            if seenPoint, scale >= 18 {
                isInexact = isInexact || byte != 0x30
                continue
            }
            if digits > Self.limit {
                isCapped = true
            } else {
                digits = digits * 10 + Int128(byte - 0x30)
            }
            if seenPoint { scale += 1 }
        }
        guard count > 0, let suffix = Suffix(String(rest) ?? "") else { return nil }
        format = suffix.format
        var amount: Int128
        switch suffix.factor {
        case .binary(let power):
            let factor = Int128(1) << Int128(10 * power)
            let (product, overflow) = digits.multipliedReportingOverflow(by: factor)
            isCapped = isCapped || overflow
            amount = Self.scaled(product, by: 9 - scale, isInexact: &isInexact, isCapped: &isCapped)
        case .decimal(let power):
            amount = Self.scaled(digits, by: 9 - scale + power, isInexact: &isInexact, isCapped: &isCapped)
        }
        if isCapped || amount > Self.limit { amount = Self.limit } else if isInexact { amount += 1 }
        nanos = isNegative ? -amount : amount
    }

    private static func scaled(
        _ value: Int128, by power: Int, isInexact: inout Bool, isCapped: inout Bool
    ) -> Int128 {
        var value = value
        var power = power
        while power > 0, value != 0 {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            if overflow || product > limit {
                isCapped = true
                return limit
            }
            value = product
            power -= 1
        }
        while power < 0, value != 0 {
            let (quotient, remainder) = value.quotientAndRemainder(dividingBy: 10)
            isInexact = isInexact || remainder != 0
            value = quotient
            power += 1
        }
        return value
    }

    /// The whole amount, rounded up.
    public var value: Int64 { Int64(clamping: Self.roundedUp(nanos, Self.billion)) }
    /// The amount in thousandths, rounded up.
    public var milliValue: Int64 { Int64(clamping: Self.roundedUp(nanos, 1_000_000)) }
    /// The amount as a floating-point number.
    public var double: Double { Double(nanos) / 1e9 }

    private static func roundedUp(_ value: Int128, _ unit: Int128) -> Int128 {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: unit)
        return remainder == 0 ? quotient : quotient + (value < 0 ? -1 : 1)
    }
}

extension Quantity {
    private enum Factor { case decimal(Int), binary(Int) }

    private struct Suffix {
        let factor: Factor
        let format: Format

        init?(_ text: String) {
            if let position = Quantity.decimalSuffixes.firstIndex(of: text) {
                (factor, format) = (.decimal(position * 3 - 9), .decimal)
            } else if let position = Quantity.binarySuffixes.firstIndex(of: text) {
                (factor, format) = (.binary(position + 1), .binary)
            } else if let first = text.first, first == "e" || first == "E" {
                let digits = text.dropFirst()
                guard digits.utf8.allSatisfy({ ($0 >= 0x30 && $0 <= 0x39) || $0 == 0x2B || $0 == 0x2D }),
                    let power = Int(digits), abs(power) < 1000
                else { return nil }
                (factor, format) = (.decimal(power), .exponent)
            } else {
                return nil
            }
        }
    }

    private static let decimalSuffixes = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"]
    private static let binarySuffixes = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]

    /// The canonical text: no fraction, and the largest suffix that allows that.
    public var text: String {
        guard nanos != 0 else { return "0" }
        if format == .binary, nanos.magnitude >= (1024 * Self.billion).magnitude, nanos % Self.billion == 0 {
            var value = nanos / Self.billion
            var power = 0
            while value % 1024 == 0, power < Self.binarySuffixes.count {
                value /= 1024
                power += 1
            }
            return "\(value)\(power == 0 ? "" : Self.binarySuffixes[power - 1])"
        }
        var value = nanos
        var step = 0
        while value % 1000 == 0, step < Self.decimalSuffixes.count - 1 {
            value /= 1000
            step += 1
        }
        guard format == .exponent else { return "\(value)\(Self.decimalSuffixes[step])" }
        let power = step * 3 - 9
        return power == 0 ? "\(value)" : "\(value)e\(power)"
    }
}

extension Quantity: Comparable, Hashable {
    /// Equal amounts, however written.
    public static func == (left: Quantity, right: Quantity) -> Bool { left.nanos == right.nanos }
    /// The smaller amount.
    public static func < (left: Quantity, right: Quantity) -> Bool { left.nanos < right.nanos }
    /// Hashes the amount.
    public func hash(into hasher: inout Hasher) { hasher.combine(nanos) }
    /// The sum, written like the left side (or like the right one where the left is nothing).
    public static func + (left: Quantity, right: Quantity) -> Quantity {
        let (sum, overflow) = left.nanos.addingReportingOverflow(right.nanos)
        return Quantity(nanos: overflow ? .max : sum, format: left.nanos == 0 ? right.format : left.format)
    }
    /// The difference, written like the left side.
    public static func - (left: Quantity, right: Quantity) -> Quantity {
        left + Quantity(nanos: -right.nanos, format: right.format)
    }
    /// Adds to the left side.
    public static func += (left: inout Quantity, right: Quantity) { left = left + right }
    /// Subtracts from the left side.
    public static func -= (left: inout Quantity, right: Quantity) { left = left - right }
    /// So many times the amount.
    public static func * (left: Quantity, right: Int64) -> Quantity {
        let (product, overflow) = left.nanos.multipliedReportingOverflow(by: Int128(right))
        return Quantity(nanos: overflow ? .max : product, format: left.format)
    }
}

extension Quantity: CustomStringConvertible {
    /// The canonical text.
    public var description: String { text }
    /// The canonical text as JSON.
    public var json: JSON { .string(text) }
}
