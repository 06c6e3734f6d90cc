import HTTPKit
import NIOCore

/// Writes the head of an answer as the browser gets it; the same rules as ``ForwardedHeaders/fromNotebook``.
enum RelayedAnswer {
    enum Framing { case none, length(Int), chunks, untilClose }

    struct Next {
        let framing: Framing
        /// Whether the notebook's server keeps the connection.
        let isReusable: Bool
    }

    /// - Returns: nil for what is not plain enough to be passed on as bytes.
    static func write(
        _ head: PlainHead, _ bytes: UnsafeRawBufferPointer, status: Int, isHead: Bool, passage: Passage?,
        id: ByteBuffer, into out: inout ByteBuffer
    ) -> Next? {
        guard let passage, (200...599).contains(status) else { return nil }
        var isReusable = bytes[7] == UInt8(ascii: "1")
        var length: Int?
        var isChunked = false
        var hasPolicy = false
        var hasDate = false
        out.writeStaticString("HTTP/1.1 ")
        out.writeBytes(bytes[head.start.lowerBound..<lineEnd(bytes, from: head.start.upperBound)])
        out.writeStaticString("\r\n")
        for field in head.fields {
            func isNamed(_ text: StaticString) -> Bool { PlainHead.isEqual(bytes, field.name, text) }
            switch bytes[field.name.lowerBound] | 0x20 {
            case UInt8(ascii: "a"): if isNamed("alt-svc") { continue }
            case UInt8(ascii: "c"):
                if isNamed("content-length") {
                    guard length == nil, let number = PlainHead.number(bytes, field.value) else { return nil }
                    length = number
                    continue
                } else if isNamed("connection") {
                    if PlainHead.isEqual(bytes, field.value, "close") {
                        isReusable = false
                    } else if !PlainHead.isEqual(bytes, field.value, "keep-alive") {
                        return nil  // it names other fields
                    }
                    continue
                } else if isNamed("clear-site-data") {
                    continue
                } else if isNamed("content-security-policy") {
                    if passage.policy != nil { continue }
                    hasPolicy = true
                }
            case UInt8(ascii: "d"): if isNamed("date") { hasDate = true }
            case UInt8(ascii: "k"): if isNamed("keep-alive") { continue }
            case UInt8(ascii: "p"):
                if isNamed("public-key-pins") || isNamed("proxy-authenticate") || isNamed("proxy-authorization")
                    || isNamed("proxy-connection")
                {
                    continue
                }
            case UInt8(ascii: "s"):
                if isNamed("service-worker-allowed") || isNamed("strict-transport-security") { continue }
                if isNamed("set-cookie") {
                    let value = String(decoding: bytes[field.value], as: UTF8.self)
                    if let cookie = ForwardedHeaders.confinedCookie(value, prefix: passage.prefix) {
                        out.writeString("set-cookie: \(cookie)\r\n")
                    }
                    continue
                }
            case UInt8(ascii: "t"):
                if isNamed("transfer-encoding") {
                    guard !isChunked, PlainHead.isEqual(bytes, field.value, "chunked") else { return nil }
                    isChunked = true
                    continue
                }
                if isNamed("te") || isNamed("trailer") { continue }
            case UInt8(ascii: "n"): if isNamed("nel") { continue }
            case UInt8(ascii: "r"): if isNamed("report-to") { continue }
            case UInt8(ascii: "u"): if isNamed("upgrade") { continue }
            case UInt8(ascii: "x"):
                if isNamed("x-request-id") { continue }
                if passage.policy != nil, isNamed("x-content-type-options") { continue }
            default: break
            }
            out.writeBytes(bytes[field.name.lowerBound..<field.value.upperBound])
            out.writeStaticString("\r\n")
        }
        if isChunked, length != nil { return nil }
        if let policy = passage.policy {
            out.writeString("content-security-policy: \(policy)\r\nx-content-type-options: nosniff\r\n")
        } else if !hasPolicy {
            out.writeStaticString("content-security-policy: frame-ancestors 'self'\r\n")
        }
        out.writeStaticString("x-request-id: ")
        out.writeImmutableBuffer(id)
        out.writeStaticString("\r\n")
        if !hasDate { out.writeString("date: \(RelayLink.date)\r\n") }
        let framing: Framing
        if status == 204 || status == 304 {
            framing = .none
        } else if let length {
            out.writeString("content-length: \(length)\r\n")
            framing = isHead ? .none : .length(length)
        } else if isHead {
            framing = .none
        } else {
            out.writeStaticString("transfer-encoding: chunked\r\n")
            framing = isChunked ? .chunks : .untilClose
        }
        out.writeStaticString("\r\n")
        if case .untilClose = framing { isReusable = false }
        return Next(framing: framing, isReusable: isReusable)
    }

    private static func lineEnd(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        var at = start
        while bytes[at] != 0x0d { at += 1 }
        return at
    }
}
