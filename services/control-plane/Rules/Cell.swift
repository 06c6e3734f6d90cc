public import Foundation
public import KubeModel

/// Texts of table cells, as `kubectl` shows them.
public enum Cell {
    /// The object's name.
    public static func name(_ object: JSON) -> JSON { object.value(at: "metadata", "name") ?? "" }

    /// How long ago the object was made.
    public static func age(_ object: JSON, _ now: Date) -> JSON {
        since(object.value(at: "metadata", "creationTimestamp"), now)
    }

    /// When the object was made.
    public static func createdAt(_ object: JSON) -> JSON { object.value(at: "metadata", "creationTimestamp") ?? .null }

    /// How long ago a moment was: `5m12s`, `<unknown>` without one.
    public static func since(_ moment: JSON?, _ now: Date) -> JSON {
        guard let moment = Timestamp(moment) else { return "<unknown>" }
        return .string(duration(seconds: Int64(now.timeIntervalSince(moment.date).rounded(.down))))
    }

    /// A length of time with as much precision as a person wants: `119s`, `9m59s`, `179m`, `7h5m`, `47h`, `7d3h`, `2y`.
    public static func duration(seconds: Int64) -> String {
        func joined(_ big: Int64, _ bigUnit: String, _ small: Int64, _ smallUnit: String) -> String {
            small == 0 ? "\(big)\(bigUnit)" : "\(big)\(bigUnit)\(small)\(smallUnit)"
        }
        if seconds < -1 { return "<invalid>" }
        if seconds < 0 { return "0s" }
        if seconds < 120 { return "\(seconds)s" }
        let minutes = seconds / 60
        if minutes < 10 { return joined(minutes, "m", seconds % 60, "s") }
        if minutes < 180 { return "\(minutes)m" }
        let hours = minutes / 60
        if hours < 8 { return joined(hours, "h", minutes % 60, "m") }
        if hours < 48 { return "\(hours)h" }
        let days = hours / 24
        if days < 8 { return joined(days, "d", hours % 24, "h") }
        if days < 730 { return "\(days)d" }
        if days < 365 * 8 { return joined(days / 365, "y", days % 365, "d") }
        return "\(days / 365)y"
    }

    /// A string field, or `fallback` when it is missing or empty.
    static func text(_ value: JSON?, or fallback: String = "") -> JSON {
        guard let text = value?.string, !text.isEmpty else { return .string(fallback) }
        return .string(text)
    }

    /// A number, 0 when it is missing.
    static func number(_ value: JSON?) -> JSON { .int(value?.int ?? 0) }

    /// Names and images of a Pod spec's containers.
    static func containers(_ podSpec: JSON?) -> (names: JSON, images: JSON) {
        let containers = podSpec?["containers"]?.array ?? []
        return (
            .string(containers.compactMap { $0["name"]?.string }.joined(separator: ",")),
            .string(containers.compactMap { $0["image"]?.string }.joined(separator: ","))
        )
    }

    /// A label selector in its string form, `<none>` when it is missing.
    static func selector(_ selector: JSON?) -> JSON {
        guard let selector, !selector.isNull else { return "<none>" }
        let text = LabelSelector(object: selector).text
        return .string(text.isEmpty ? "<none>" : text)
    }

    /// Labels as `a=b,c=d`, `<none>` without any.
    static func labels(_ labels: JSON?) -> JSON {
        let map = labels?.stringMap ?? [:]
        guard !map.isEmpty else { return "<none>" }
        return .string(map.keys.sorted().map { "\($0)=\(map[$0] ?? "")" }.joined(separator: ","))
    }

    /// `RWO,ROX`
    static func accessModes(_ modes: JSON?) -> JSON {
        let short = ["ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"]
        let texts = (modes?.array ?? []).compactMap(\.string).map { short[$0] ?? $0 }
        return .string(texts.joined(separator: ","))
    }
}
