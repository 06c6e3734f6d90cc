import CZlib
import KubeModel
import NIOCore
import NIOHTTP1

/// The part of SPDY/3.1 that Kubernetes' clients use to carry several streams over one connection.
enum SPDY {
    /// What a peer sends.
    enum Frame: Equatable {
        case open(stream: UInt32, headers: [String: String], isLast: Bool)
        case data(stream: UInt32, ByteBuffer, isLast: Bool)
        case reset(stream: UInt32)
        case ping(UInt32)
        case goAway
        /// Of no concern to us: settings, windows, priorities.
        case other
    }

    /// What a peer sent that is no SPDY.
    struct Malformed: Error {}

    /// The most that one frame may hold.
    static let limit = 1 << 22

    /// Takes frames out of bytes as they come.
    struct Reader {
        private var buffer = ByteBuffer()
        private let headers = HeaderReader()

        mutating func append(_ bytes: ByteBuffer) { buffer.writeImmutableBuffer(bytes) }

        /// The next whole frame, nil when more bytes are needed.
        mutating func next() throws -> Frame? {
            guard let first: UInt32 = buffer.getInteger(at: buffer.readerIndex),
                let second: UInt32 = buffer.getInteger(at: buffer.readerIndex + 4)
            else { return nil }
            let (flags, length) = (second >> 24, Int(second & 0xff_ffff))
            guard length <= SPDY.limit else { throw Malformed() }
            guard buffer.readableBytes >= 8 + length else { return nil }
            buffer.moveReaderIndex(forwardBy: 8)
            guard var body = buffer.readSlice(length: length) else { throw Malformed() }
            if buffer.readableBytes == 0 { buffer.clear() } else { buffer.discardReadBytes() }
            let isLast = flags & 1 == 1
            guard first & 0x8000_0000 != 0 else { return .data(stream: first, body, isLast: isLast) }
            guard first >> 16 & 0x7fff == 3 else { throw Malformed() }
            switch first & 0xffff {
            case 1:
                guard let stream: UInt32 = body.readInteger(), body.readSlice(length: 6) != nil else {
                    throw Malformed()
                }
                return .open(stream: stream & 0x7fff_ffff, headers: try headers.read(body), isLast: isLast)
            case 3:
                guard let stream: UInt32 = body.readInteger() else { throw Malformed() }
                return .reset(stream: stream & 0x7fff_ffff)
            case 6:
                guard let number: UInt32 = body.readInteger() else { throw Malformed() }
                return .ping(number)
            case 7: return .goAway
            case 2, 8:
                // Headers share one compressed stream: none may be left out.
                guard body.readSlice(length: 4) != nil else { throw Malformed() }
                _ = try headers.read(body)
                return .other
            default: return .other
            }
        }
    }

    /// A piece of a stream.
    static func data(_ stream: UInt32, _ bytes: ByteBuffer = ByteBuffer(), isLast: Bool = false) -> ByteBuffer {
        var frame = ByteBuffer()
        frame.reserveCapacity(8 + bytes.readableBytes)
        frame.writeInteger(stream)
        frame.writeInteger((isLast ? 1 << 24 : 0) | UInt32(bytes.readableBytes))
        frame.writeImmutableBuffer(bytes)
        return frame
    }

    /// The end of a conversation: no more streams are taken.
    static var goAway: ByteBuffer { control(7, [0, 0]) }

    /// The answer to a ping.
    static func pong(_ number: UInt32) -> ByteBuffer { control(6, [number]) }

    /// Ends a stream at once.
    static func reset(_ stream: UInt32) -> ByteBuffer { control(3, [stream, 5]) }

    /// Accepts a stream, without headers. All accepted streams share a compressed stream, which `isFirst` begins; what is
    /// in it is stored as it is, for it is nothing but zeros; an empty block behind it makes the peer see it at once.
    static func accept(_ stream: UInt32, isFirst: Bool) -> ByteBuffer {
        let block: [UInt8] =
            (isFirst ? [0x78, 0x01] : []) + [0, 4, 0, 0xfb, 0xff, 0, 0, 0, 0] + [0, 0, 0, 0xff, 0xff]
        var frame = ByteBuffer()
        frame.writeMultipleIntegers(UInt32(0x8003_0002), UInt32(4 + block.count), stream)
        frame.writeBytes(block)
        return frame
    }

    private static func control(_ type: UInt32, _ words: [UInt32]) -> ByteBuffer {
        var frame = ByteBuffer()
        frame.writeMultipleIntegers(0x8003_0000 | type, UInt32(4 * words.count))
        for word in words { frame.writeInteger(word) }
        return frame
    }
}

extension SPDY {
    /// Versions of the streams of processes; the fourth tells the end as a `Status`.
    static let processProtocols = ["v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io"]
    /// Versions of the streams of ports.
    static let portProtocols = ["portforward.k8s.io"]

    /// True when the request wants to become SPDY.
    static func isWanted(_ request: APIRequest) -> Bool {
        request.headers[canonicalForm: "upgrade"].contains { $0.lowercased() == "spdy/3.1" }
    }

    /// The first of the versions that we know, in the client's order; clients that name none speak the oldest.
    static func choose(_ request: APIRequest, from known: [String]) throws(APIError) -> String {
        let wanted = request.headers[canonicalForm: "x-stream-protocol-version"].map(String.init)
        if wanted.isEmpty, let oldest = known.last { return oldest }
        guard let first = wanted.first(where: known.contains) else {
            throw APIError(
                .forbidden,
                "unable to upgrade: unable to negotiate protocol: client supports \(wanted), server accepts \(known)")
        }
        return first
    }

    /// Answers the handshake on a channel that was taken over.
    static func accept(_ channel: any Channel, protocol name: String) async throws
        -> NIOAsyncChannel<ByteBuffer, ByteBuffer>
    {
        let head =
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: \(name)\r\n\r\n"
        try await channel.writeAndFlush(ByteBuffer(string: head)).get()
        let bytes = try await channel.eventLoop.submit {
            try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
        }.get()
        try await channel.setOption(.autoRead, value: true).get()
        channel.read()
        return bytes
    }

    /// Decompresses blocks of headers, which share one stream of zlib and begin with a dictionary that both sides know.
    ///
    /// Unchecked, because zlib's state is a C structure: one connection's reader uses it, one call at a time.
    final class HeaderReader: @unchecked Sendable {
        /// Kept in memory of its own: zlib remembers where it is.
        private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        private let isReady: Bool

        init() {
            stream.initialize(to: z_stream())
            isReady = inflateInit_(stream, zlibVersion(), Int32(MemoryLayout<z_stream>.size)) == Z_OK
        }

        deinit {
            inflateEnd(stream)
            stream.deinitialize(count: 1)
            stream.deallocate()
        }

        /// Names (lower case) and values.
        func read(_ block: ByteBuffer) throws -> [String: String] {
            var plain = ByteBuffer(bytes: try inflated(Array(block.readableBytesView)))
            guard let count: UInt32 = plain.readInteger(), count <= 100 else { throw Malformed() }
            var headers: [String: String] = [:]
            for _ in 0..<count {
                guard let name = plain.readLengthPrefixedString(), let value = plain.readLengthPrefixedString() else {
                    throw Malformed()
                }
                headers[name.lowercased()] = value
            }
            return headers
        }

        private func inflated(_ block: [UInt8]) throws -> [UInt8] {
            guard isReady else { throw Malformed() }
            var input = block
            var plain: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 4096)
            return try input.withUnsafeMutableBufferPointer { input in
                stream.pointee.next_in = input.baseAddress
                stream.pointee.avail_in = UInt32(input.count)
                while true {
                    let (result, used) = chunk.withUnsafeMutableBufferPointer { output in
                        stream.pointee.next_out = output.baseAddress
                        stream.pointee.avail_out = UInt32(output.count)
                        let result = inflate(stream, Z_SYNC_FLUSH)
                        return (result, output.count - Int(stream.pointee.avail_out))
                    }
                    plain += chunk[..<used]
                    guard plain.count <= 64 * 1024 else { throw Malformed() }
                    switch result {
                    case Z_NEED_DICT:
                        let words = SPDY.dictionary
                        guard inflateSetDictionary(stream, words, UInt32(words.count)) == Z_OK else {
                            throw Malformed()
                        }
                    case Z_OK where stream.pointee.avail_in > 0 || used == chunk.count: break
                    case Z_OK, Z_BUF_ERROR, Z_STREAM_END: return plain
                    default: throw Malformed()
                    }
                }
            }
        }
    }

    /// The dictionary of SPDY/3: words with their lengths, then a text.
    static let dictionary: [UInt8] = {
        let words = """
            options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age \
            allow authorization cache-control connection content-base content-encoding content-language content-length \
            content-location content-md5 content-range content-type date etag expect expires from host if-match \
            if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma \
            proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade \
            user-agent vary via warning www-authenticate method get status 200_OK version HTTP/1.1 url public set-cookie \
            keep-alive origin
            """
        let text = """
            100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 \
            Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 \
            Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service UnavailableJan Feb Mar Apr \
            May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, \
            GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,\
            text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.
            """
        var bytes: [UInt8] = []
        for word in words.split(separator: " ") {
            let letters = word.utf8.map { $0 == UInt8(ascii: "_") ? UInt8(ascii: " ") : $0 }
            bytes += [0, 0, 0, UInt8(letters.count)] + letters
        }
        return bytes + text.utf8
    }()
}

extension ByteBuffer {
    fileprivate mutating func readLengthPrefixedString() -> String? {
        guard let length: UInt32 = readInteger(), length <= 64 * 1024 else { return nil }
        return readString(length: Int(length))
    }
}
