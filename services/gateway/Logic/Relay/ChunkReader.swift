import NIOCore

/// Takes the data out of a body in chunks (RFC 9112, 7.1). Extensions and trailers are dropped.
struct ChunkReader {
    enum Step {
        case data(ByteBuffer)
        case needsMore
        case end
        case broken
    }

    private enum State {
        case size(digits: Int)
        case lineEnd
        case data
        case dataEnd
        case trailer
        case done
    }

    /// Sizes, extensions and trailers together may not be longer than this at a time.
    private static let lineLimit = 8 * 1024

    private var state = State.size(digits: 0)
    private var left = 0
    private var lineLength = 0
    /// The last byte before this one was a carriage return.
    private var hasReturn = false

    /// Goes on with what has come.
    mutating func next(_ buffer: inout ByteBuffer) -> Step {
        while buffer.readableBytes > 0 {
            if case .data = state {
                guard let piece = buffer.readSlice(length: min(left, buffer.readableBytes)) else { return .broken }
                left -= piece.readableBytes
                if left == 0 { state = .dataEnd }
                return .data(piece)
            }
            guard let byte: UInt8 = buffer.readInteger() else { break }
            lineLength += 1
            guard lineLength <= Self.lineLimit else { return .broken }
            switch state {
            case .size(let digits):
                if let digit = Self.digit(byte) {
                    guard digits < 15 else { return .broken }
                    left = left << 4 | digit
                    state = .size(digits: digits + 1)
                    continue
                }
                guard digits > 0, byte == 0x0d || byte == UInt8(ascii: ";") || byte == 0x20 || byte == 0x09 else {
                    return .broken
                }
                hasReturn = byte == 0x0d
                state = .lineEnd
            case .lineEnd:
                guard hasReturn == (byte == 0x0a) else { return .broken }
                if byte == 0x0a {
                    state = left > 0 ? .data : .trailer
                    lineLength = 0
                }
                hasReturn = byte == 0x0d
            case .dataEnd:
                guard byte == (hasReturn ? 0x0a : 0x0d) else { return .broken }
                hasReturn.toggle()
                if byte == 0x0a {
                    state = .size(digits: 0)
                    lineLength = 0
                }
            case .trailer:
                // The line that has nothing but its end is the last one.
                guard hasReturn == (byte == 0x0a) else { return .broken }
                if byte == 0x0a {
                    if left == 0 {
                        state = .done
                        return .end
                    }
                    left = 0
                } else if byte != 0x0d {
                    left = 1
                }
                hasReturn = byte == 0x0d
            case .data, .done: return .broken
            }
        }
        return .needsMore
    }

    private static func digit(_ byte: UInt8) -> Int? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): Int(byte - UInt8(ascii: "a")) + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): Int(byte - UInt8(ascii: "A")) + 10
        default: nil
        }
    }
}
