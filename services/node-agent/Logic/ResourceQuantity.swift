/// Kubernetes quantities (`500m`, `1.5Gi`, `1e3`) as numbers.
enum ResourceQuantity {
    private static let factors: [(suffix: String, factor: Double)] = [
        ("Ki", 1024), ("Mi", 1_048_576), ("Gi", 1_073_741_824), ("Ti", 1_099_511_627_776),
        ("Pi", 1_125_899_906_842_624), ("Ei", 1_152_921_504_606_846_976), ("n", 1e-9), ("u", 1e-6), ("m", 1e-3),
        ("k", 1e3), ("M", 1e6), ("G", 1e9), ("T", 1e12), ("P", 1e15), ("E", 1e18),
    ]

    /// The value of a quantity, or nil when it is none.
    static func value(_ text: String) -> Double? {
        if let plain = Double(text) { return plain.isFinite ? plain : nil }
        for (suffix, factor) in factors where text.hasSuffix(suffix) {
            return Double(text.dropLast(suffix.count)).map { $0 * factor }
        }
        return nil
    }

    /// The value divided by a divisor, rounded up, as downward API fields are written.
    static func divided(_ value: Double, by divisor: String) -> Int64 {
        let unit = self.value(divisor) ?? 1
        return whole((value / (unit > 0 ? unit : 1) - 1e-9).rounded(.up))
    }

    /// The next whole number, or the outermost one: specs may say any amount.
    static func whole(_ value: Double) -> Int64 {
        if value.isNaN { return 0 }
        return Int64(exactly: value.rounded()) ?? (value < 0 ? .min : .max)
    }
}
