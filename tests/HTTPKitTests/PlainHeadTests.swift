import Testing

@testable import HTTPKit

@Suite("Heads that are looked at as bytes")
struct PlainHeadTests {
    private func look(_ text: String) -> PlainHead.Finding {
        var head = PlainHead()
        var bytes = Array(text.utf8)
        return bytes.withUnsafeMutableBytes { head.readRequest(UnsafeRawBufferPointer($0)) }
    }

    @Test("whole, with a body, or not there yet")
    func lengths() {
        let head = "GET /a?b HTTP/1.1\r\nHost: x\r\nX-Y:  z \r\n\r\n"
        #expect(look(head) == .plain(length: head.utf8.count))
        #expect(look(head + "GET") == .plain(length: head.utf8.count))
        for length in 0..<head.utf8.count {
            #expect(look(String(decoding: head.utf8.prefix(length), as: UTF8.self)) == .partial, "\(length)")
        }
        let put = "PUT / HTTP/1.1\r\nhost: x\r\ncontent-length: 12\r\nconnection: Keep-Alive\r\n\r\n"
        #expect(look(put) == .withBody(headLength: put.utf8.count, bodyLength: 12))
        #expect(look("GET / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n") == .plain(length: 46))
    }

    @Test(
        "what servers could read in different ways is left to others",
        arguments: [
            "host: x\r\ntransfer-encoding: chunked", "host: x\r\ncontent-length: 1\r\ncontent-length: 1",
            "host: x\r\ncontent-length: +1", "host: x\r\ncontent-length: 1,1", "host: x\r\nupgrade: websocket",
            "host: x\r\nconnection: close", "host: x\r\nconnection: keep-alive, x", "host: x\r\nexpect: 100-continue",
            "host: x\r\nhost: x", "", "host: ", "host: x\r\n a: folded", "host: x\r\na : b", "host: x\r\na_b: c",
            "host: x\r\na: b\nc: d", "host: x\r\na: b\rc", "host: x\r\na: \0", "host: a,b", "host: a@b",
            "host: x\r\n: y",
            "host: x\r\na",
        ])
    func others(_ fields: String) {
        #expect(look("GET / HTTP/1.1\r\n\(fields)\r\n\r\n") == .other)
    }

    @Test(
        "so are other first lines",
        arguments: [
            "GET / HTTP/1.0", "GET  / HTTP/1.1", "GET /\t HTTP/1.1", "GET x HTTP/1.1", "GET http://x/ HTTP/1.1",
            " GET / HTTP/1.1",
            "GET / HTTP/1.1 ", "PRI * HTTP/2.0", "GET /ä HTTP/1.1", "G(T / HTTP/1.1",
        ])
    func lines(_ line: String) {
        #expect(look("\(line)\r\nhost: x\r\n\r\n") == .other)
    }

    @Test("the places are those of the parts")
    func places() {
        var head = PlainHead()
        let bytes = Array("HEAD /a/b HTTP/1.1\r\nHost:\tx:1\r\nX-Y:  a b \t\r\n\r\n".utf8)
        _ = bytes.withUnsafeBytes { head.readRequest($0) }
        func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
        #expect(text(head.start) == "HEAD" && text(head.target) == "/a/b" && text(head.host) == "x:1")
        #expect(head.fields.map { text($0.name) + "=" + text($0.value) } == ["Host=x:1", "X-Y=a b"])
    }
}
