import Foundation
import KubeModel

extension Moment {
    /// Reads an RFC 3339 time.
    init?(_ text: String) {
        let bytes = Array(text.utf8)
        // The shared reader also takes lower case letters and a 61st second.
        guard bytes.count >= 20, bytes[10] == UInt8(ascii: "T"), bytes[17] < UInt8(ascii: "6"), !text.hasSuffix("z"),
            let time = Timestamp(text)
        else { return nil }
        self.init(seconds: time.seconds, nanoseconds: time.nanoseconds)
    }

    /// `2009-02-13T23:31:30.5Z`
    var text: String {
        let date = CivilDate(self)
        func padded(_ value: Int, _ width: Int) -> String {
            let text = String(value)
            return String(repeating: "0", count: max(0, width - text.count)) + text
        }
        var fraction = ""
        if nanoseconds != 0 {
            fraction = "." + padded(Int(nanoseconds), 9)
            while fraction.hasSuffix("0") { fraction.removeLast() }
        }
        return "\(padded(date.year, 4))-\(padded(date.month, 2))-\(padded(date.day, 2))T\(padded(date.hour, 2)):"
            + "\(padded(date.minute, 2)):\(padded(date.second, 2))\(fraction)Z"
    }

    /// The moment that is so many nanoseconds later.
    func adding(_ duration: Int64) throws(EvaluationError) -> Moment {
        let billion: Int64 = 1_000_000_000
        var later = seconds + duration / billion
        var fraction = Int64(nanoseconds) + duration % billion
        if fraction < 0 {
            fraction += billion
            later -= 1
        } else if fraction >= billion {
            fraction -= billion
            later += 1
        }
        guard Moment.range.contains(later) else { throw Conversions.timestampOverflow }
        return Moment(seconds: later, nanoseconds: Int32(fraction))
    }

    /// Nanoseconds since another moment.
    func since(_ other: Moment) throws(EvaluationError) -> Int64 {
        let (whole, overflow) = (seconds - other.seconds).multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, overflowAgain) = whole.addingReportingOverflow(Int64(nanoseconds - other.nanoseconds))
        if overflow || overflowAgain { throw Conversions.durationOverflow }
        return sum
    }

    /// The same clock reading in UTC as this moment has in a zone: `America/New_York`, `+02:00`, `UTC`.
    func shifted(to zone: String) throws(EvaluationError) -> Moment {
        var offset = 0
        if let colon = zone.firstIndex(of: ":") {
            let hourText = zone[..<colon]
            let minuteText = zone[zone.index(after: colon)...]
            func number(_ text: Substring) throws(EvaluationError) -> Int {
                guard let value = Int(text), value.magnitude < 1_000_000 else {
                    throw EvaluationError("strconv.Atoi: parsing \"\(text)\": invalid syntax")
                }
                return value
            }
            let hours = try number(hourText)
            let minutes = try number(minuteText)
            offset = zone.hasPrefix("-") ? hours * 60 - minutes : hours * 60 + minutes
            offset *= 60
        } else if !["", "UTC", "Local"].contains(zone) {
            guard let known = TimeZone(identifier: zone) else {
                throw EvaluationError("unknown time zone \(zone)")
            }
            offset = known.secondsFromGMT(for: Date(timeIntervalSince1970: Double(seconds)))
        }
        return Moment(seconds: seconds + Int64(offset), nanoseconds: nanoseconds)
    }
}

/// A date and time of day in UTC.
struct CivilDate {
    let year: Int
    /// 1 to 12.
    let month: Int
    /// 1 to 31.
    let day: Int
    let hour: Int
    let minute: Int
    let second: Int
    /// 0 for January 1st.
    let dayOfYear: Int
    /// 0 for Sunday.
    let weekday: Int

    init(_ moment: Moment) {
        var days = moment.seconds / 86_400
        var rest = Int(moment.seconds % 86_400)
        if rest < 0 {
            rest += 86_400
            days -= 1
        }
        (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60)
        weekday = Int(((days + 4) % 7 + 7) % 7)
        // Eras of 400 years that begin on March 1st, so that a leap day comes last.
        let shifted = Int(days) + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfShiftedYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let part = (5 * dayOfShiftedYear + 2) / 153
        month = part < 10 ? part + 3 : part - 9
        day = dayOfShiftedYear - (153 * part + 2) / 5 + 1
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334]
        dayOfYear = before[month - 1] + day - 1 + (month > 2 && isLeap ? 1 : 0)
    }
}
