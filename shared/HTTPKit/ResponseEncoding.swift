import NIOCore
import NIOHTTP1

/// Writes response heads: one buffer a response, no intermediate events.
enum ResponseEncoding {
    /// How the end of the body is told to the peer.
    enum Framing: Equatable {
        case length(Int)
        case chunked
        case untilClose
        case none
    }

    static func head(
        _ response: HTTPResponse, framing: Framing, keepAlive: Bool, isHTTP10: Bool, into buffer: inout ByteBuffer
    ) {
        buffer.writeStaticString("HTTP/1.1 ")
        buffer.writeString(String(response.status))
        buffer.writeStaticString(" ")
        buffer.writeString(reason(response.status))
        buffer.writeStaticString("\r\n")
        var hasDate = false
        for (name, value) in sendable(response.headers) {
            if name.utf8.count == 4, isEqual(name, "date") { hasDate = true }
            buffer.writeString(name)
            buffer.writeStaticString(": ")
            buffer.writeString(value)
            buffer.writeStaticString("\r\n")
        }
        if !hasDate {
            buffer.writeStaticString("date: ")
            buffer.writeString(HTTPDate.now)
            buffer.writeStaticString("\r\n")
        }
        switch framing {
        case .length(let length):
            buffer.writeStaticString("content-length: ")
            buffer.writeString(String(length))
            buffer.writeStaticString("\r\n")
        case .chunked: buffer.writeStaticString("transfer-encoding: chunked\r\n")
        case .untilClose, .none: break
        }
        if !keepAlive {
            buffer.writeStaticString("connection: close\r\n")
        } else if isHTTP10 {
            buffer.writeStaticString("connection: keep-alive\r\n")
        }
        buffer.writeStaticString("\r\n")
    }

    /// The fields of an answer that are the handler's to say, and cannot end the head.
    static func sendable(_ headers: HTTPHeaders) -> some Sequence<(name: String, value: String)> {
        headers.lazy.filter { name, value in
            switch name.utf8.count {
            case 10 where isEqual(name, "connection"): false
            case 14 where isEqual(name, "content-length"): false
            case 17 where isEqual(name, "transfer-encoding"): false
            default: isSafe(name) && isSafe(value)
            }
        }
    }

    /// What goes before a chunk of a body whose length is not known: the chunk's size in hexadecimal digits.
    static func chunkHead(_ size: Int, into buffer: inout ByteBuffer) {
        var shift = max(0, Int.bitWidth - size.leadingZeroBitCount - 1) & ~3
        while shift >= 0 {
            let digit = UInt8(truncatingIfNeeded: size >> shift) & 15
            buffer.writeInteger(digit < 10 ? digit + 0x30 : digit + 0x57)
            shift -= 4
        }
        buffer.writeStaticString("\r\n")
    }

    /// The value of `Content-Length` in a response's own headers, for streams of known length.
    static func declaredLength(_ headers: HTTPHeaders) -> Int? {
        headers.first(name: "content-length").flatMap { Int($0) }.flatMap { $0 >= 0 ? $0 : nil }
    }

    private static func reason(_ status: Int) -> String {
        let reason = HTTPResponseStatus(statusCode: status).reasonPhrase
        return reason.isEmpty ? "Status" : reason
    }

    private static func isEqual(_ name: String, _ lowercase: StaticString) -> Bool {
        lowercase.withUTF8Buffer { wanted in
            var position = 0
            for byte in name.utf8 {
                guard byte | 0x20 == wanted[position] | 0x20 else { return false }
                position += 1
            }
            return true
        }
    }

    /// False for what would end the field or the head early.
    private static func isSafe(_ text: String) -> Bool {
        text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 }
    }
}
