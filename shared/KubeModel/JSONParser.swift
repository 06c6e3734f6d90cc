/// Reads one JSON text (RFC 8259) over its UTF-8 bytes.
///
/// Members and elements of unfinished objects and arrays lie on two piles; a finished container moves its own part of a
/// pile into an array of the exact size, so that every container costs one allocation. All pointers stay inside
/// `start..<end`, which outlives the parser.
struct JSONParser: ~Copyable {
    typealias Member = (key: String, value: JSON)

    /// A failure before its line and column are known: finding them is left until something failed.
    struct Failure: Error {
        let offset: Int
        let problem: Problem
    }

    enum Problem: UInt8 {
        case endOfText, expectedValue, expectedKey, expectedColon, expectedCommaOrBrace, expectedCommaOrBracket
        case trailing, badLiteral, badNumber, leadingZero, numberRange, controlCharacter, badEscape, badUnicodeEscape
        case loneSurrogate, badUTF8, openString, tooDeep
    }

    private let start: UnsafePointer<UInt8>
    private let end: UnsafePointer<UInt8>
    private var cursor: UnsafePointer<UInt8>
    private var members = Pile<Member>(capacity: 48)
    private var fingerprints = Pile<UInt64>(capacity: 48)
    private var elements = Pile<JSON>(capacity: 32)
    private let common = CommonStrings.shared

    private let reportsDuplicates: Bool
    private let leftOut: [[String]]
    private var path: [PathStep] = []
    private(set) var duplicates: [String] = []

    private enum PathStep {
        case key(String)
        case index(Int)
    }

    init(start: UnsafePointer<UInt8>, count: Int, reportsDuplicates: Bool, leftOut: [[String]] = []) {
        self.start = start
        self.end = start + count
        self.cursor = start
        self.reportsDuplicates = reportsDuplicates
        self.leftOut = leftOut
    }

    /// One value and nothing after it but white space.
    mutating func document() throws(Failure) -> JSON {
        let value = try value(depth: 0)
        skipSpace()
        guard cursor == end else { throw failure(.trailing) }
        return value
    }

    private func failure(_ problem: Problem) -> Failure { Failure(offset: cursor - start, problem: problem) }

    @inline(__always)
    private mutating func skipSpace() {
        while cursor < end {
            let byte = cursor.pointee
            guard byte <= 0x20, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
            cursor += 1
        }
    }

    private mutating func value(depth: Int) throws(Failure) -> JSON {
        skipSpace()
        guard cursor < end else { throw failure(.endOfText) }
        switch cursor.pointee {
        case UInt8(ascii: "\""):
            cursor += 1
            return .string(try string())
        case UInt8(ascii: "{"): return try object(depth: depth + 1)
        case UInt8(ascii: "["): return try array(depth: depth + 1)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        case UInt8(ascii: "t"):
            try literal(0x6575_7274, length: 4)  // "true", read as a little-endian number
            return .bool(true)
        case UInt8(ascii: "f"):
            cursor += 1
            try literal(0x6573_6C61, length: 4)  // "alse"
            return .bool(false)
        case UInt8(ascii: "n"):
            try literal(0x6C6C_756E, length: 4)  // "null"
            return .null
        default: throw failure(.expectedValue)
        }
    }

    private mutating func literal(_ expected: UInt32, length: Int) throws(Failure) {
        guard end - cursor >= length,
            UInt32(littleEndian: UnsafeRawPointer(cursor).loadUnaligned(as: UInt32.self)) == expected
        else { throw failure(.badLiteral) }
        cursor += length
    }

    private mutating func array(depth: Int) throws(Failure) -> JSON {
        guard depth <= JSON.maximumDepth else { throw failure(.tooDeep) }
        cursor += 1
        skipSpace()
        guard cursor < end else { throw failure(.endOfText) }
        if cursor.pointee == UInt8(ascii: "]") {
            cursor += 1
            return .array([])
        }
        let first = elements.count
        while true {
            if reportsDuplicates { path.append(.index(elements.count - first)) }
            elements.push(try value(depth: depth))
            if reportsDuplicates { path.removeLast() }
            skipSpace()
            guard cursor < end else { throw failure(.endOfText) }
            let byte = cursor.pointee
            if byte == UInt8(ascii: ",") {
                cursor += 1
            } else if byte == UInt8(ascii: "]") {
                cursor += 1
                return .array(elements.takeArray(from: first))
            } else {
                throw failure(.expectedCommaOrBracket)
            }
        }
    }

    private mutating func object(depth: Int) throws(Failure) -> JSON {
        guard depth <= JSON.maximumDepth else { throw failure(.tooDeep) }
        cursor += 1
        skipSpace()
        guard cursor < end else { throw failure(.endOfText) }
        if cursor.pointee == UInt8(ascii: "}") {
            cursor += 1
            return .object(JSONObject())
        }
        let first = members.count
        var hasDuplicates = false
        while true {
            skipSpace()
            guard cursor < end else { throw failure(.endOfText) }
            guard cursor.pointee == UInt8(ascii: "\"") else { throw failure(.expectedKey) }
            cursor += 1
            let key = try string(fingerprint: true)
            let print = lastFingerprint
            skipSpace()
            guard cursor < end else { throw failure(.endOfText) }
            guard cursor.pointee == UInt8(ascii: ":") else { throw failure(.expectedColon) }
            cursor += 1
            if depth < leftOut.count, leftOut[depth].contains(key) {
                try skipValue()
            } else {
                if reportsDuplicates { path.append(.key(key)) }
                // The fingerprint is pushed after the value: the pile is used by the objects inside the value too.
                let value = try value(depth: depth)
                if reportsDuplicates { path.removeLast() }
                if !hasDuplicates, members.count - first < JSONObject.indexThreshold {
                    hasDuplicates = isKnown(print, from: first)
                }
                fingerprints.push(print)
                members.push((key, value))
            }
            skipSpace()
            guard cursor < end else { throw failure(.endOfText) }
            let byte = cursor.pointee
            if byte == UInt8(ascii: ",") {
                cursor += 1
            } else if byte == UInt8(ascii: "}") {
                cursor += 1
                return .object(takeObject(from: first, hasDuplicates: hasDuplicates))
            } else {
                throw failure(.expectedCommaOrBrace)
            }
        }
    }

    /// Passes over a value that is left out. Of containers only strings and brackets are looked at.
    private mutating func skipValue() throws(Failure) {
        skipSpace()
        var depth = 0
        while cursor < end {
            switch cursor.pointee {
            case UInt8(ascii: "\""):
                try skipString()
                if depth == 0 { return }
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                cursor += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                cursor += 1
                depth -= 1
                if depth <= 0 { return }
            default:
                guard depth == 0 else {
                    cursor += 1
                    continue
                }
                _ = try value(depth: 0)
                return
            }
        }
        throw failure(.endOfText)
    }

    private mutating func skipString() throws(Failure) {
        cursor += 1
        while cursor < end {
            while end - cursor >= 8 {
                let word = UInt64(littleEndian: UnsafeRawPointer(cursor).loadUnaligned(as: UInt64.self))
                let special = JSONScan.specialBytes(of: word)
                cursor += special == 0 ? 8 : special.trailingZeroBitCount >> 3
                if special != 0 { break }
            }
            guard cursor < end else { break }
            let byte = cursor.pointee
            cursor += 1
            if byte == UInt8(ascii: "\"") { return }
            if byte == UInt8(ascii: "\\") {
                guard cursor < end else { break }
                cursor += 1
            }
        }
        throw failure(.openString)
    }

    /// True when one of the members since `first` may have the same key.
    private func isKnown(_ print: UInt64, from first: Int) -> Bool {
        var position = first
        while position < fingerprints.count {
            if fingerprints.base[position] == print { return true }
            position += 1
        }
        return false
    }

    private mutating func takeObject(from first: Int, hasDuplicates: Bool) -> JSONObject {
        fingerprints.drop(from: first)
        let taken = members.takeArray(from: first)
        if !hasDuplicates, taken.count <= JSONObject.indexThreshold { return JSONObject(unique: taken) }
        var object = JSONObject()
        object.reserveCapacity(taken.count)
        for (key, value) in taken {
            if let position = object.position(of: key) {
                object.members[position].value = value
                if reportsDuplicates { duplicates.append(pathText(endingWith: key)) }
            } else {
                object.append(key, value)
            }
        }
        return object
    }

    private func pathText(endingWith key: String) -> String {
        var text = ""
        for step in path {
            switch step {
            case .key(let key): text += text.isEmpty ? key : ".\(key)"
            case .index(let index): text += "[\(index)]"
            }
        }
        return text.isEmpty ? key : "\(text).\(key)"
    }

    // MARK: Strings

    private var lastFingerprint: UInt64 = 0

    /// The rest of a string whose opening quote was read.
    @inline(__always)
    private mutating func string(fingerprint: Bool = false) throws(Failure) -> String {
        let first = cursor
        var high: UInt64 = 0
        while end - cursor >= 8 {
            let word = UInt64(littleEndian: UnsafeRawPointer(cursor).loadUnaligned(as: UInt64.self))
            let special = JSONScan.specialBytes(of: word)
            if special != 0 {
                let skipped = special.trailingZeroBitCount >> 3
                high |= word & ~(UInt64.max << (UInt64(skipped) << 3))
                cursor += skipped
                return try finishString(from: first, isASCII: high & JSONScan.highBits == 0, fingerprint: fingerprint)
            }
            high |= word
            cursor += 8
        }
        while cursor < end {
            let byte = cursor.pointee
            if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { break }
            high |= UInt64(byte)
            cursor += 1
        }
        return try finishString(from: first, isASCII: high & JSONScan.highBits == 0, fingerprint: fingerprint)
    }

    /// `cursor` is at the first byte that is not plain text.
    @inline(__always)
    private mutating func finishString(
        from first: UnsafePointer<UInt8>, isASCII: Bool, fingerprint: Bool
    ) throws(Failure) -> String {
        guard cursor < end else { throw failure(.openString) }
        guard cursor.pointee == UInt8(ascii: "\"") else { return try escapedString(from: first) }
        let count = cursor - first
        if fingerprint || (count > 15 && count <= CommonStrings.longest) {
            let print = JSONScan.fingerprint(first, count)
            lastFingerprint = print
            if count > 15, count <= CommonStrings.longest, let text = common.find(first, count, print) {
                cursor += 1
                return text
            }
        }
        let text = UnsafeBufferPointer(start: first, count: count)
        if isASCII {
            cursor += 1
            return String(decoding: text, as: UTF8.self)
        }
        guard let valid = String(validating: text, as: UTF8.self) else {
            cursor = first + JSONScan.firstInvalidUTF8(text)
            throw failure(.badUTF8)
        }
        cursor += 1
        return valid
    }

    /// The slow path: a string with escapes (or with a control character, which is refused).
    @inline(never)
    private mutating func escapedString(from first: UnsafePointer<UInt8>) throws(Failure) -> String {
        var text = [UInt8](UnsafeBufferPointer(start: first, count: cursor - first))
        while true {
            guard cursor < end else { throw failure(.openString) }
            let byte = cursor.pointee
            switch byte {
            case UInt8(ascii: "\""):
                guard let valid = String(validating: text, as: UTF8.self) else {
                    cursor = first
                    throw failure(.badUTF8)
                }
                cursor += 1
                lastFingerprint = text.withUnsafeBufferPointer { buffer in
                    buffer.baseAddress.map { JSONScan.fingerprint($0, buffer.count) } ?? 0
                }
                return valid
            case UInt8(ascii: "\\"): try escape(into: &text)
            case 0..<0x20: throw failure(.controlCharacter)
            default:
                text.append(byte)
                cursor += 1
            }
        }
    }

    private mutating func escape(into text: inout [UInt8]) throws(Failure) {
        guard end - cursor >= 2 else { throw failure(.openString) }
        let plain: UInt8
        switch cursor[1] {
        case UInt8(ascii: "\""): plain = 0x22
        case UInt8(ascii: "\\"): plain = 0x5C
        case UInt8(ascii: "/"): plain = 0x2F
        case UInt8(ascii: "b"): plain = 0x08
        case UInt8(ascii: "f"): plain = 0x0C
        case UInt8(ascii: "n"): plain = 0x0A
        case UInt8(ascii: "r"): plain = 0x0D
        case UInt8(ascii: "t"): plain = 0x09
        case UInt8(ascii: "u"):
            var code = UInt32(try hexadecimal(at: 2))
            var length = 6
            if code & 0xF800 == 0xD800 {
                guard code < 0xDC00, end - cursor >= 12, cursor[6] == UInt8(ascii: "\\"), cursor[7] == UInt8(ascii: "u")
                else { throw failure(.loneSurrogate) }
                let low = UInt32(try hexadecimal(at: 8))
                guard low & 0xFC00 == 0xDC00 else { throw failure(.loneSurrogate) }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
                length = 12
            }
            guard let scalar = Unicode.Scalar(code) else { throw failure(.loneSurrogate) }
            text.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            cursor += length
            return
        default: throw failure(.badEscape)
        }
        text.append(plain)
        cursor += 2
    }

    private func hexadecimal(at offset: Int) throws(Failure) -> UInt16 {
        guard end - cursor >= offset + 4 else { throw failure(.badUnicodeEscape) }
        var code: UInt16 = 0
        for position in offset..<offset + 4 {
            let digit: UInt8
            switch cursor[position] {
            case let byte where byte >= 0x30 && byte <= 0x39: digit = byte - 0x30
            case let byte where byte >= 0x41 && byte <= 0x46: digit = byte - 0x41 + 10
            case let byte where byte >= 0x61 && byte <= 0x66: digit = byte - 0x61 + 10
            default: throw failure(.badUnicodeEscape)
            }
            code = code << 4 | UInt16(digit)
        }
        return code
    }

    // MARK: Numbers

    private mutating func number() throws(Failure) -> JSON {
        let first = cursor
        let isNegative = cursor.pointee == UInt8(ascii: "-")
        if isNegative { cursor += 1 }
        let firstDigit = cursor
        var magnitude: UInt64 = 0
        while cursor < end, case let digit = cursor.pointee &- 0x30, digit <= 9 {
            magnitude = magnitude &* 10 &+ UInt64(digit)  // only used below 20 digits, which cannot wrap
            cursor += 1
        }
        let digits = cursor - firstDigit
        guard digits > 0 else { throw failure(.badNumber) }
        if digits > 1, firstDigit.pointee == 0x30 {
            cursor = firstDigit
            throw failure(.leadingZero)
        }
        var isWhole = true
        if cursor < end, cursor.pointee == UInt8(ascii: ".") {
            isWhole = false
            cursor += 1
            try skipDigits()
        }
        if cursor < end, cursor.pointee | 0x20 == UInt8(ascii: "e") {
            isWhole = false
            cursor += 1
            if cursor < end, cursor.pointee == UInt8(ascii: "+") || cursor.pointee == UInt8(ascii: "-") { cursor += 1 }
            try skipDigits()
        }
        if isWhole, digits < 20 {
            if !isNegative, let value = Int64(exactly: magnitude) { return .int(value) }
            // Minus zero is left to the double: an integer would lose its sign.
            if isNegative, magnitude > 0, magnitude <= UInt64(Int64.max) + 1 {
                return .int(Int64(truncatingIfNeeded: 0 &- magnitude))
            }
        }
        let text = String(decoding: UnsafeBufferPointer(start: first, count: cursor - first), as: UTF8.self)
        guard let value = Double(text), value.isFinite else {
            cursor = first
            throw failure(.numberRange)
        }
        return .double(value)
    }

    private mutating func skipDigits() throws(Failure) {
        let first = cursor
        while cursor < end, cursor.pointee &- 0x30 <= 9 { cursor += 1 }
        guard cursor > first else { throw failure(.badNumber) }
    }
}

extension JSONParser.Failure {
    /// The failure with its line and column in `buffer`.
    func located(in buffer: UnsafeRawBufferPointer) -> JSONError {
        var line = 1
        var column = 1
        for byte in buffer.prefix(offset) {
            if byte == 0x0A {
                line += 1
                column = 1
            } else if byte & 0xC0 != 0x80 {
                column += 1
            }
        }
        return JSONError(line: line, column: column, message: problem.message)
    }
}

extension JSONParser.Problem {
    var message: String {
        switch self {
        case .endOfText: "the text ends in the middle of a value"
        case .expectedValue: "expected a value"
        case .expectedKey: "expected a key in double quotes"
        case .expectedColon: "expected ':' after the key"
        case .expectedCommaOrBrace: "expected ',' or '}' after the member"
        case .expectedCommaOrBracket: "expected ',' or ']' after the element"
        case .trailing: "unexpected text after the value"
        case .badLiteral: "expected true, false or null"
        case .badNumber: "expected a digit in the number"
        case .leadingZero: "a number must not start with a zero that is followed by a digit"
        case .numberRange: "the number is out of range"
        case .controlCharacter: "a control character in a string must be escaped"
        case .badEscape: "unknown escape in a string"
        case .badUnicodeEscape: "expected four hexadecimal digits after \\u"
        case .loneSurrogate: "a surrogate in a string must be one half of a pair"
        case .badUTF8: "the string is not valid UTF-8"
        case .openString: "the text ends inside a string"
        case .tooDeep: "arrays and objects are nested deeper than \(JSON.maximumDepth) levels"
        }
    }
}
