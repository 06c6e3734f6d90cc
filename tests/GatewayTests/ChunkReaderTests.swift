import NIOCore
import Testing

@testable import Gateway

@Suite("Bodies in chunks")
struct ChunkReaderTests {
    /// What is read when the bytes come in pieces of this length; nil for what is broken, or not at its end.
    private func read(_ text: String, pieces: Int) -> String? {
        var reader = ChunkReader()
        var data = ""
        var bytes = ByteBuffer(string: text)
        while var piece = bytes.readSlice(length: min(pieces, max(1, bytes.readableBytes))) {
            steps: while true {
                switch reader.next(&piece) {
                case .data(let some): data += String(buffer: some)
                case .needsMore: break steps
                case .end: return piece.readableBytes + bytes.readableBytes == 0 ? data : nil
                case .broken: return nil
                }
            }
        }
        return nil
    }

    @Test("come out whole, however they are cut", arguments: [1, 2, 3, 7, 1000])
    func whole(_ pieces: Int) {
        #expect(read("3\r\nabc\r\n0B;x=\"y\"\r\n12345678901\r\n0\r\n\r\n", pieces: pieces) == "abc12345678901")
        #expect(read("0\r\n\r\n", pieces: pieces) == "")
        #expect(read("1 \r\na\r\n000;z\r\nTrailer: x\r\nother: y\r\n\r\n", pieces: pieces) == "a")
    }

    @Test(
        "what is no chunk is broken",
        arguments: [
            "\r\n", "x\r\n", "-1\r\na\r\n0\r\n\r\n", "1\na\n0\n\n", "1\r\nab\r\n0\r\n\r\n", "1\r\na0\r\n\r\n",
            "1\ra\r\n", "3\r\nab",
            "1000000000000000\r\n", ";\r\n", "0x1\r\na\r\n0\r\n\r\n",
        ])
    func broken(_ text: String) {
        for pieces in [1, 1000] { #expect(read(text, pieces: pieces) == nil) }
    }
}
