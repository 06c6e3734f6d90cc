import Foundation
import KubeModel

/// A cron schedule: five fields (`*/5 0-6 * jan mon,wed`), or `@hourly` and the like.
struct CronSchedule: Sendable, Equatable {
    let minutes, hours, days, months, weekdays: Set<Int>
    /// `@every 90m`: seconds from one run to the next, nil for all other schedules.
    let every: Double?
    /// Without a star in either day field, one of both is enough.
    private let daysAreRestricted, weekdaysAreRestricted: Bool

    /// - Throws: ``APIError`` `invalid` with what is wrong.
    init(_ text: String) throws(APIError) {
        let names = [
            "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
            "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
        ]
        let trimmed = text.trimmingCharacters(in: .whitespaces)
        if trimmed.hasPrefix("@every ") {
            every = try Self.duration(trimmed.dropFirst(7), in: text)
            (minutes, hours, days, months, weekdays) = ([], [], [], [], [])
            (daysAreRestricted, weekdaysAreRestricted) = (false, false)
            return
        }
        every = nil
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

    /// `1h30m`, at least a second.
    private static func duration(_ text: Substring, in schedule: String) throws(APIError) -> Double {
        let units: [(String, Double)] = [("ms", 0.001), ("h", 3600), ("m", 60), ("s", 1)]
        var rest = text
        var seconds = 0.0
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            rest = rest.dropFirst(digits.count)
            guard let number = Double(digits), let unit = units.first(where: { rest.hasPrefix($0.0) }) else {
                throw APIError(.invalid, "the schedule \"\(schedule)\" has no valid duration")
            }
            seconds += number * unit.1
            rest = rest.dropFirst(unit.0.count)
        }
        guard seconds > 0 else { throw APIError(.invalid, "the schedule \"\(schedule)\" has no valid duration") }
        return max(1, seconds.rounded(.down))
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
    ///
    /// Times that the clock skips do not come; times that it repeats come twice.
    func next(after date: Date, in zone: TimeZone) -> Date? {
        if let every { return Date(timeIntervalSince1970: (date.timeIntervalSince1970 + every).rounded(.down)) }
        var time = (Int(date.timeIntervalSince1970.rounded(.down)) / 60 + 1) * 60
        let end = time + 5 * 366 * 86_400
        while time < end {
            let local = LocalTime(time, zone)
            let (month, day) = local.date
            guard months.contains(month), matches(day: day, weekday: local.weekday) else {
                time = local.nextDay(zone)
                continue
            }
            guard hours.contains(local.second / 3600) else {
                time += 3600 - local.second % 3600
                continue
            }
            if minutes.contains(local.second / 60 % 60) { return Date(timeIntervalSince1970: Double(time)) }
            time += 60
        }
        return nil
    }
}

/// A moment on the clocks of a time zone.
private struct LocalTime {
    /// Seconds since 1970, and those by which the zone is ahead.
    let time, offset: Int
    /// Days since 1970 and seconds since midnight, on the zone's clocks.
    let days, second: Int

    init(_ time: Int, _ zone: TimeZone) {
        self.time = time
        offset = zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(time)))
        let local = time + offset
        days = local >= 0 ? local / 86_400 : (local - 86_399) / 86_400
        second = local - days * 86_400
    }

    /// 0 is Sunday.
    var weekday: Int { ((days + 4) % 7 + 7) % 7 }

    /// Month and day, counted in eras of 400 years that begin on March 1st.
    var date: (month: Int, day: Int) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let year = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * year + year / 4 - year / 100)
        let part = (5 * dayOfYear + 2) / 153
        return (part < 10 ? part + 3 : part - 9, dayOfYear - (153 * part + 2) / 5 + 1)
    }

    /// The first moment of the next day; where the clock was put forward meanwhile, not an hour too late.
    func nextDay(_ zone: TimeZone) -> Int {
        let plain = time + 86_400 - second
        let skipped = LocalTime(plain, zone).offset - offset
        guard skipped > 0, LocalTime(plain - skipped, zone).days > days else { return plain }
        return plain - skipped
    }
}
