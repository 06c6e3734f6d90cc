public import Foundation

/// Points in time as Kubernetes writes them.
public enum KubeTime {
    /// `metav1.Time`: `2024-05-01T10:20:30Z`.
    public static func seconds(_ date: Date = Date()) -> String {
        date.formatted(.iso8601)
    }

    /// `metav1.MicroTime`: `2024-05-01T10:20:30.123456Z`.
    public static func micro(_ date: Date = Date()) -> String {
        let total = Int64((date.timeIntervalSince1970 * 1_000_000).rounded(.down))
        let fraction = total % 1_000_000
        let whole = Date(timeIntervalSince1970: Double(total / 1_000_000)).formatted(.iso8601)
        let digits = String(fraction)
        return whole.dropLast() + "." + String(repeating: "0", count: 6 - digits.count) + digits + "Z"
    }

    /// Reads either form.
    public static func date(_ text: String) -> Date? {
        if let date = try? Date(text, strategy: .iso8601) { return date }
        return try? Date(text, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }
}
