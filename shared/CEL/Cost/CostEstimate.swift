/// The least and the most that something can cost, or how big it can be. Sums and products stop at the largest number.
public struct CostEstimate: Sendable, Equatable {
    /// The least.
    public var minimum: UInt64
    /// The most; the largest number when nothing limits it.
    public var maximum: UInt64

    /// Makes an estimate.
    public init(_ minimum: UInt64, _ maximum: UInt64) { (self.minimum, self.maximum) = (minimum, maximum) }

    static let unknown = CostEstimate(0, .max)
    static func exactly(_ amount: UInt64) -> CostEstimate { CostEstimate(amount, amount) }

    static func + (left: CostEstimate, right: CostEstimate) -> CostEstimate {
        CostEstimate(left.minimum.adding(right.minimum), left.maximum.adding(right.maximum))
    }

    static func * (left: CostEstimate, right: CostEstimate) -> CostEstimate {
        CostEstimate(left.minimum.multiplying(right.minimum), left.maximum.multiplying(right.maximum))
    }

    /// Times a factor, rounded up.
    func scaled(_ factor: Double) -> CostEstimate {
        func scaled(_ value: UInt64) -> UInt64 {
            let product = (Double(value) * factor).rounded(.up)
            return product >= 0x1p64 ? .max : UInt64(product)
        }
        return CostEstimate(scaled(minimum), scaled(maximum))
    }

    /// Walking over so many characters.
    var traversal: CostEstimate { scaled(0.1) }

    func union(_ other: CostEstimate) -> CostEstimate {
        CostEstimate(min(minimum, other.minimum), max(maximum, other.maximum))
    }
}

extension UInt64 {
    /// The sum, or the largest number.
    public func adding(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }

    /// The product, or the largest number.
    public func multiplying(_ other: UInt64) -> UInt64 {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? .max : product
    }
}
