/// Parts of times and durations.
enum Timing {
    static let functions: [Function] = [
        part("getFullYear", "year") { $0.year }, part("getMonth", "month") { $0.month - 1 },
        part("getDayOfYear", "day_of_year") { $0.dayOfYear }, part("getDayOfMonth", "day_of_month") { $0.day - 1 },
        part("getDate", "day_of_month_1_based") { $0.day }, part("getDayOfWeek", "day_of_week") { $0.weekday },
        part("getHours", "hours", per: 3_600_000_000_000) { $0.hour },
        part("getMinutes", "minutes", per: 60_000_000_000) { $0.minute },
        part("getSeconds", "seconds", per: 1_000_000_000) { $0.second },
        Function("getMilliseconds", overloads("milliseconds", hasDuration: true)) { (values) throws(EvaluationError) in
            switch values.first {
            case .timestamp(let moment)?:
                _ = try shifted(moment, values)
                return .int(Int64(moment.nanoseconds / 1_000_000))
            case .duration(let nanoseconds)? where values.count == 1: return .int(nanoseconds / 1_000_000)
            default: throw .noOverload
            }
        },
    ]

    private static func overloads(_ id: String, hasDuration: Bool) -> [Overload] {
        let own: [Overload] = [
            .member("timestamp_to_\(id)", [.timestamp], .int),
            .member("timestamp_to_\(id)_with_tz", [.timestamp, .string], .int),
        ]
        return hasDuration ? own + [.member("duration_to_\(id)", [.duration], .int)] : own
    }

    private static func part(
        _ name: String, _ id: String, per unit: Int64? = nil, _ take: @escaping @Sendable (CivilDate) -> Int
    ) -> Function {
        Function(name, overloads(id, hasDuration: unit != nil)) { (values) throws(EvaluationError) in
            switch values.first {
            case .timestamp(let moment)?: return .int(Int64(take(CivilDate(try shifted(moment, values)))))
            case .duration(let nanoseconds)? where values.count == 1:
                guard let unit else { throw .noOverload }
                return .int(nanoseconds / unit)
            default: throw .noOverload
            }
        }
    }

    private static func shifted(_ moment: Moment, _ values: [Value]) throws(EvaluationError) -> Moment {
        guard values.count > 1 else { return moment }
        guard case .string(let zone) = values[1] else { throw .noOverload }
        return try moment.shifted(to: zone)
    }
}
