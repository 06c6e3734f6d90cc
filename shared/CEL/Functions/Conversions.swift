import Foundation
import KubeModel

/// What `int(x)`, `string(x)` and their like do.
enum Conversions {
    private static func failed(_ value: Value, _ wanted: CELType) -> EvaluationError {
        EvaluationError("type conversion error from '\(value.type.conversionName)' to '\(wanted.conversionName)'")
    }

    static let overflow = EvaluationError("integer overflow")
    static let unsignedOverflow = EvaluationError("unsigned integer overflow")
    static let timestampOverflow = EvaluationError("timestamp overflow")
    static let durationOverflow = EvaluationError("duration overflow")

    static func bool(_ value: Value) throws(EvaluationError) -> Value {
        switch value {
        case .bool: return value
        case .string(let text):
            switch text {
            case "1", "t", "T", "true", "TRUE", "True": return .bool(true)
            case "0", "f", "F", "false", "FALSE", "False": return .bool(false)
            default: throw failed(value, .bool)
            }
        default: throw .noOverload
        }
    }

    static func bytes(_ value: Value) throws(EvaluationError) -> Value {
        switch value {
        case .bytes: return value
        case .string(let text): return .bytes(Array(text.utf8))
        default: throw .noOverload
        }
    }

    static func double(_ value: Value) throws(EvaluationError) -> Value {
        switch value {
        case .double: return value
        case .int(let number): return .double(Double(number))
        case .uint(let number): return .double(Double(number))
        case .string(let text):
            guard let number = Double(text), number.isFinite || text.lowercased().contains("in") else {
                if text.lowercased() == "nan" { return .double(.nan) }
                throw failed(value, .double)
            }
            return .double(number)
        default: throw .noOverload
        }
    }

    static func int(_ value: Value) throws(EvaluationError) -> Value {
        switch value {
        case .int: return value
        case .uint(let number):
            guard let whole = Int64(exactly: number) else { throw overflow }
            return .int(whole)
        case .double(let number):
            guard number > -0x1p63, number < 0x1p63 else { throw overflow }
            return .int(Int64(number))
        case .string(let text):
            guard let number = Int64(text) else { throw failed(value, .int) }
            return .int(number)
        case .timestamp(let moment): return .int(moment.seconds)
        case .duration(let nanoseconds): return .int(nanoseconds)
        default: throw .noOverload
        }
    }

    static func uint(_ value: Value) throws(EvaluationError) -> Value {
        switch value {
        case .uint: return value
        case .int(let number):
            guard let whole = UInt64(exactly: number) else { throw unsignedOverflow }
            return .uint(whole)
        case .double(let number):
            guard number >= 0, number < 0x1p64 else { throw unsignedOverflow }
            return .uint(UInt64(number))
        case .string(let text):
            guard !text.hasPrefix("+"), !text.hasPrefix("-"), let number = UInt64(text) else {
                throw failed(value, .uint)
            }
            return .uint(number)
        default: throw .noOverload
        }
    }

    static func string(_ value: Value) throws(EvaluationError) -> Value {
        switch value {
        case .string: return value
        case .bool(let value): return .string(value ? "true" : "false")
        case .int(let number): return .string(String(number))
        case .uint(let number): return .string(String(number))
        case .double(let number): return .string(NumberText.general(number))
        case .bytes(let bytes):
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw EvaluationError("invalid UTF-8 in bytes, cannot convert to string")
            }
            return .string(text)
        case .timestamp(let moment): return .string(moment.text)
        case .duration(let nanoseconds): return .string(DurationText.write(nanoseconds))
        default: throw .noOverload
        }
    }

    static func timestamp(_ value: Value) throws(EvaluationError) -> Value {
        switch value {
        case .timestamp: return value
        case .int(let seconds):
            guard Moment.range.contains(seconds) else { throw timestampOverflow }
            return .timestamp(Moment(seconds: seconds))
        case .string(let text):
            guard let moment = Moment(text) else { throw failed(value, .timestamp) }
            guard Moment.range.contains(moment.seconds) else { throw timestampOverflow }
            return .timestamp(moment)
        default: throw .noOverload
        }
    }

    static func duration(_ value: Value) throws(EvaluationError) -> Value {
        switch value {
        case .duration: return value
        case .string(let text):
            guard let nanoseconds = DurationText.parse(text) else { throw failed(value, .duration) }
            return .duration(nanoseconds)
        default: throw .noOverload
        }
    }
}

extension CELType {
    /// The name in messages about conversions.
    fileprivate var conversionName: String {
        switch self {
        case .timestamp, .duration: runtimeName
        default: description
        }
    }
}

/// Numbers as text.
enum NumberText {
    /// The shortest text that reads back as the same number, with an exponent below 1e-4 and from 1e6 on.
    static func general(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if value == 0 { return value.sign == .minus ? "-0" : "0" }
        let (digits, exponent) = shortest(value.magnitude)
        let sign = value < 0 ? "-" : ""
        return sign + (exponent < -4 || exponent >= 6 ? scientific(digits, exponent) : plain(digits, exponent))
    }

    /// Without an exponent, as short as possible.
    static func fixed(_ value: Double) -> String {
        if !value.isFinite { return general(value) }
        if value == 0 { return value.sign == .minus ? "-0" : "0" }
        let (digits, exponent) = shortest(value.magnitude)
        return (value < 0 ? "-" : "") + plain(digits, exponent)
    }

    private static func scientific(_ digits: String, _ exponent: Int) -> String {
        let rest = digits.dropFirst()
        let power = String(exponent.magnitude)
        let padded = power.count < 2 ? "0" + power : power
        return "\(digits.prefix(1))\(rest.isEmpty ? "" : "." + rest)e\(exponent < 0 ? "-" : "+")\(padded)"
    }

    private static func plain(_ digits: String, _ exponent: Int) -> String {
        if exponent < 0 { return "0." + String(repeating: "0", count: -exponent - 1) + digits }
        let whole = exponent + 1
        if digits.count <= whole { return digits + String(repeating: "0", count: whole - digits.count) }
        return "\(digits.prefix(whole)).\(digits.dropFirst(whole))"
    }

    /// Decimal digits without zeros at the ends, and the power of ten of the first one.
    private static func shortest(_ value: Double) -> (digits: String, exponent: Int) {
        // The standard library writes the shortest digits; only their layout is different.
        var text = value.description
        var power = 0
        if let mark = text.firstIndex(where: { $0 == "e" || $0 == "E" }) {
            power = Int(text[text.index(after: mark)...]) ?? 0
            text = String(text[..<mark])
        }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let whole = String(parts[0])
        var digits = whole + (parts.count > 1 ? String(parts[1]) : "")
        var exponent = whole.count - 1 + power
        while digits.hasPrefix("0"), digits.count > 1 {
            digits.removeFirst()
            exponent -= 1
        }
        while digits.hasSuffix("0"), digits.count > 1 { digits.removeLast() }
        return (digits, exponent)
    }
}

/// Durations as Go writes and reads them.
enum DurationText {
    /// Seconds with a fraction: `90.5s`.
    static func write(_ nanoseconds: Int64) -> String {
        let whole = nanoseconds / 1_000_000_000
        let rest = nanoseconds % 1_000_000_000
        // The sum of two numbers, so that the last digits are those of other implementations.
        return NumberText.fixed(Double(whole) + Double(rest) / 1e9) + "s"
    }

    private static let units: [String: Double] = [
        "ns": 1, "us": 1e3, "\u{b5}s": 1e3, "\u{3bc}s": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9,
    ]

    /// Reads `1h30m`, `-1.5s`, `100ms`, `0`; nil for anything else and for what does not fit in 64 bits.
    static func parse(_ text: String) -> Int64? {
        var rest = Substring(text).utf8
        var isNegative = false
        if let first = rest.first, first == UInt8(ascii: "-") || first == UInt8(ascii: "+") {
            isNegative = first == UInt8(ascii: "-")
            rest.removeFirst()
        }
        if rest.elementsEqual("0".utf8) { return 0 }
        guard !rest.isEmpty else { return nil }
        var total: UInt64 = 0
        let limit = UInt64(1) << 63
        func digits() -> (value: UInt64, count: Int)? {
            var value: UInt64 = 0
            var count = 0
            while let byte = rest.first, byte >= 0x30, byte <= 0x39 {
                let (product, overflow) = value.multipliedReportingOverflow(by: 10)
                if overflow || product > limit { return nil }
                value = product + UInt64(byte - 0x30)
                count += 1
                rest.removeFirst()
            }
            return (value, count)
        }
        while !rest.isEmpty {
            guard let whole = digits() else { return nil }
            var fraction = 0.0
            var fractionCount = 0
            if rest.first == UInt8(ascii: ".") {
                rest.removeFirst()
                var scale = 1.0
                while let byte = rest.first, byte >= 0x30, byte <= 0x39 {
                    if fractionCount < 18 {
                        fraction = fraction * 10 + Double(byte - 0x30)
                        scale *= 10
                    }
                    fractionCount += 1
                    rest.removeFirst()
                }
                fraction /= scale
            }
            guard whole.count > 0 || fractionCount > 0 else { return nil }
            let unitBytes = rest.prefix { $0 != UInt8(ascii: ".") && !($0 >= 0x30 && $0 <= 0x39) }
            guard let name = String(Substring(unitBytes)) as String?, let unit = units[name] else { return nil }
            rest = rest.dropFirst(unitBytes.count)
            let (product, overflow) = whole.value.multipliedReportingOverflow(by: UInt64(unit))
            if overflow || product > limit { return nil }
            total += product + UInt64(fraction * unit)
            if total > limit { return nil }
        }
        if isNegative { return total == limit ? Int64.min : -Int64(total) }
        return total < limit ? Int64(total) : nil
    }
}

/// Base64 in the standard alphabet.
enum Base64Text {
    static func decode(_ text: String) -> [UInt8]? { Data(base64Encoded: text).map(Array.init) }
}
