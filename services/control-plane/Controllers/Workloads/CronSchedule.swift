import Foundation
import KubeModel

/// A cron schedule: five fields (`*/5 0-6 * jan mon,wed`), or `@hourly` and the like.
struct CronSchedule: Sendable, Equatable {
    let minutes, hours, days, months, weekdays: Set<Int>
    /// Without a star in either day field, one of both is enough.
    private let daysAreRestricted, weekdaysAreRestricted: Bool

    /// - Throws: ``APIError`` `invalid` with what is wrong.
    init(_ text: String) throws(APIError) {
        let names = [
            "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
            "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
        ]
        let trimmed = text.trimmingCharacters(in: .whitespaces)
        let fields = (names[trimmed] ?? trimmed).split(separator: " ", omittingEmptySubsequences: true)
        guard fields.count == 5 else {
            throw APIError(.invalid, "the schedule \"\(text)\" has \(fields.count) fields instead of 5")
        }
        minutes = try Self.field(fields[0], 0...59)
        hours = try Self.field(fields[1], 0...23)
        days = try Self.field(fields[2], 1...31)
        months = try Self.field(
            fields[3], 1...12,
            names: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"])
        let week = try Self.field(fields[4], 0...7, names: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"])
        weekdays = Set(week.map { $0 % 7 })
        daysAreRestricted = fields[2].first != "*" && fields[2].first != "?"
        weekdaysAreRestricted = fields[4].first != "*" && fields[4].first != "?"
    }

    private static func field(
        _ text: Substring, _ bounds: ClosedRange<Int>, names: [String] = []
    ) throws(APIError) -> Set<Int> {
        func number(_ text: Substring) throws(APIError) -> Int {
            if let index = names.firstIndex(of: text.lowercased()) { return index + bounds.lowerBound }
            guard let value = Int(text), bounds.contains(value) else {
                throw APIError(
                    .invalid, "\"\(text)\" in a schedule is not in \(bounds.lowerBound)-\(bounds.upperBound)")
            }
            return value
        }
        var values: Set<Int> = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let halves = part.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            let step = halves.count == 2 ? Int(halves[1]) ?? 0 : 1
            guard step > 0, let range = halves.first else {
                throw APIError(.invalid, "\"\(part)\" in a schedule has no valid step")
            }
            var first = bounds.lowerBound
            var last = names.count == 7 ? 6 : bounds.upperBound
            if range != "*", range != "?" {
                let ends = range.split(separator: "-", omittingEmptySubsequences: false)
                guard ends.count <= 2 else { throw APIError(.invalid, "\"\(part)\" in a schedule is no range") }
                first = try number(ends[0])
                if ends.count == 2 { last = try number(ends[1]) } else if halves.count == 1 { last = first }
            }
            guard first <= last else { throw APIError(.invalid, "\"\(part)\" in a schedule ends before it begins") }
            values.formUnion(stride(from: first, through: last, by: step))
        }
        return values
    }

    private func matches(day: Int, weekday: Int) -> Bool {
        let (isDay, isWeekday) = (days.contains(day), weekdays.contains(weekday))
        return daysAreRestricted && weekdaysAreRestricted ? isDay || isWeekday : isDay && isWeekday
    }

    /// The first time after `date`, in a time zone; nil when there is none within five years.
    func next(after date: Date, in zone: TimeZone) -> Date? {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = zone
        var day = calendar.startOfDay(for: date)
        for _ in 0..<(5 * 366) {
            let parts = calendar.dateComponents([.month, .day, .weekday], from: day)
            if months.contains(parts.month ?? 0), matches(day: parts.day ?? 0, weekday: (parts.weekday ?? 1) - 1) {
                for hour in hours.sorted() {
                    for minute in minutes.sorted() {
                        // A time that the clock skips that day does not come.
                        guard let time = calendar.date(bySettingHour: hour, minute: minute, second: 0, of: day),
                            calendar.component(.hour, from: time) == hour, time > date
                        else { continue }
                        return time
                    }
                }
            }
            guard let following = calendar.date(byAdding: .day, value: 1, to: day) else { return nil }
            day = calendar.startOfDay(for: following)
        }
        return nil
    }
}
