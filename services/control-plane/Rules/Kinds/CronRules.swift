import Foundation
import KubeModel

/// Schedules of CronJobs: five fields, or `@hourly` and its like.
enum CronRules {
    private static let names = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"]
    private static let months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
    private static let days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

    /// What is wrong with the name of a time zone; nil when there is such a zone.
    static func problem(zone: String) -> String? {
        if zone.isEmpty { return "timeZone must be nil or non-empty string" }
        let unknown = "unknown time zone \(zone)"
        for part in zone.split(separator: "/", omittingEmptySubsequences: false) {
            let isPlain = part.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"),
                    UInt8(ascii: "+"):
                    true
                default: false
                }
            }
            if part == "." || part == ".." || part.hasPrefix("-") || !isPlain || !(1...14).contains(part.utf8.count) {
                return unknown
            }
        }
        if zone.lowercased() == "local" {
            return "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"
        }
        return zone == "UTC" || TimeZone(identifier: zone) != nil ? nil : unknown
    }

    /// What is wrong with a schedule; nil when it is fine.
    static func problem(_ schedule: String) -> String? {
        if schedule.contains("TZ") {
            return "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
        }
        if schedule.hasPrefix("@") {
            if names.contains(schedule) { return nil }
            if schedule.hasPrefix("@every "), SchemaFormat.isDuration(String(schedule.dropFirst(7))) { return nil }
            return "unrecognized descriptor: \(schedule)"
        }
        let fields = schedule.split(separator: " ", omittingEmptySubsequences: true)
        guard fields.count == 5 else {
            return "expected exactly 5 fields, found \(fields.count): [\(fields.joined(separator: " "))]"
        }
        let rules: [(ClosedRange<Int>, [String])] = [
            (0...59, []), (0...23, []), (1...31, []), (1...12, months), (0...7, days),
        ]
        for (field, rule) in zip(fields, rules) {
            for part in field.split(separator: ",", omittingEmptySubsequences: false)
            where !isValid(part, rule.0, rule.1) {
                return "failed to parse \(part): must be within \(rule.0.lowerBound)-\(rule.0.upperBound)"
            }
        }
        return nil
    }

    private static func isValid(_ part: Substring, _ range: ClosedRange<Int>, _ names: [String]) -> Bool {
        let step = part.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        if step.count == 2, Int(step[1]).map({ $0 > 0 }) != true { return false }
        if step[0] == "*" || step[0] == "?" { return true }
        let bounds = step[0].split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        let numbers = bounds.compactMap { bound -> Int? in
            if let position = names.firstIndex(of: bound.lowercased()) {
                return position + (range.lowerBound == 1 ? 1 : 0)
            }
            return Int(bound)
        }
        guard numbers.count == bounds.count, numbers.allSatisfy(range.contains) else { return false }
        return numbers.count < 2 || numbers[0] <= numbers[1]
    }
}
