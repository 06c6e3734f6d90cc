public import Foundation

/// A moment as Kubernetes writes it: RFC 3339 in UTC, with seconds (`Time`) or microseconds (`MicroTime`).
public struct Timestamp: Sendable, Hashable, Comparable {
    /// Seconds since 1970-01-01T00:00:00Z.
    public let seconds: Int64
    /// Nanoseconds within the second.
    public let nanoseconds: Int32

    /// A moment by its distance from 1970.
    public init(seconds: Int64, nanoseconds: Int32 = 0) {
        (self.seconds, self.nanoseconds) = (seconds, nanoseconds)
    }

    /// A moment by Foundation's clock.
    public init(_ date: Date) {
        let whole = date.timeIntervalSince1970.rounded(.down)
        seconds = Int64(whole)
        nanoseconds = Int32(((date.timeIntervalSince1970 - whole) * 1e9).rounded(.down))
    }

    /// The moment for Foundation.
    public var date: Date { Date(timeIntervalSince1970: Double(seconds) + Double(nanoseconds) / 1e9) }

    /// This moment.
    public static var now: Timestamp { Timestamp(Date()) }

    /// The earlier moment.
    public static func < (left: Timestamp, right: Timestamp) -> Bool {
        (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
    }

    /// `2026-01-04T10:11:12Z`
    public var text: String { written(microseconds: nil) }
    /// `2026-01-04T10:11:12.000345Z`
    public var microText: String { written(microseconds: Int(nanoseconds / 1000)) }
    /// `text` as JSON.
    public var json: JSON { .string(text) }
    /// `microText` as JSON.
    public var microJSON: JSON { .string(microText) }

    private func written(microseconds: Int?) -> String {
        var days = seconds / 86_400
        var second = Int(seconds % 86_400)
        if second < 0 {
            second += 86_400
            days -= 1
        }
        let (year, month, day) = Self.civil(fromDays: days)
        return String(unsafeUninitializedCapacity: 32) { buffer in
            var position = 0
            func put(_ value: Int, digits: Int) {
                var value = value
                for offset in stride(from: digits - 1, through: 0, by: -1) {
                    buffer[position + offset] = UInt8(value % 10) + 0x30
                    value /= 10
                }
                position += digits
            }
            func put(_ character: Unicode.Scalar) {
                buffer[position] = UInt8(ascii: character)
                position += 1
            }
            put(max(0, min(year, 9999)), digits: 4)
            put("-")
            put(month, digits: 2)
            put("-")
            put(day, digits: 2)
            put("T")
            put(second / 3600, digits: 2)
            put(":")
            put(second / 60 % 60, digits: 2)
            put(":")
            put(second % 60, digits: 2)
            if let microseconds {
                put(".")
                put(microseconds, digits: 6)
            }
            put("Z")
            return position
        }
    }

    /// Reads an RFC 3339 time, with or without fraction, in any offset. Nil when it is none.
    public init?(_ text: String) {
        var bytes = Substring(text).utf8
        func number(_ digits: Int) -> Int? {
            guard bytes.count >= digits else { return nil }
            var value = 0
            for byte in bytes.prefix(digits) {
                guard byte >= 0x30, byte <= 0x39 else { return nil }
                value = value * 10 + Int(byte - 0x30)
            }
            bytes.removeFirst(digits)
            return value
        }
        func skip(_ characters: String) -> Bool {
            guard let first = bytes.first, characters.utf8.contains(first) else { return false }
            bytes.removeFirst()
            return true
        }
        guard let year = number(4), skip("-"), let month = number(2), skip("-"), let day = number(2), skip("Tt"),
            let hour = number(2), skip(":"), let minute = number(2), skip(":"), let second = number(2),
            (1...12).contains(month), day >= 1, day <= Self.days(in: month, of: year),
            hour < 24, minute < 60, second < 61
        else { return nil }
        var nanos = 0
        if skip(".") {
            var unit = 100_000_000
            var count = 0
            while let byte = bytes.first, byte >= 0x30, byte <= 0x39 {
                bytes.removeFirst()
                nanos += Int(byte - 0x30) * unit
                unit /= 10
                count += 1
            }
            guard count > 0 else { return nil }
        }
        var offset = 0
        if !skip("Zz") {
            let isNegative = bytes.first == UInt8(ascii: "-")
            guard skip("+-"), let hours = number(2), skip(":"), let minutes = number(2), hours < 24, minutes < 60
            else { return nil }
            offset = (hours * 60 + minutes) * 60 * (isNegative ? -1 : 1)
        }
        guard bytes.isEmpty else { return nil }
        let days = Self.days(year: year, month: month, day: day)
        seconds = days * 86_400 + Int64(hour * 3600 + minute * 60 + second - offset)
        nanoseconds = Int32(nanos)
    }

    /// Reads the time of a JSON string.
    public init?(_ json: JSON?) {
        guard let text = json?.string else { return nil }
        self.init(text)
    }

    // MARK: Calendar arithmetic in eras of 400 years, which begin on March 1st so that a leap day comes last.

    private static func days(year: Int, month: Int, day: Int) -> Int64 {
        let year = month <= 2 ? year - 1 : year
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return Int64(era * 146_097 + dayOfEra - 719_468)
    }

    private static func civil(fromDays days: Int64) -> (year: Int, month: Int, day: Int) {
        let shifted = Int(days) + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let part = (5 * dayOfYear + 2) / 153
        let month = part < 10 ? part + 3 : part - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * part + 2) / 5 + 1)
    }

    private static func days(in month: Int, of year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}
