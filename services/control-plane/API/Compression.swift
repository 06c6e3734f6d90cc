import CZlib
import NIOCore

/// Packs a text piece by piece (gzip, RFC 1952).
///
/// Unchecked, because zlib's state is a C structure: one answer's writer uses it, one call at a time.
private final class GzipStream: @unchecked Sendable {
    struct Failure: Error { let code: Int32 }

    /// As the real server: most of the gain for little of the time.
    private static let level: Int32 = 1
    /// The largest window, and 16 for gzip's head and tail around it.
    private static let window: Int32 = 15 + 16

    /// Kept in memory of its own: zlib remembers where it is.
    private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)

    init() throws(Failure) {
        stream.initialize(to: z_stream())
        let code = deflateInit2_(
            stream, Self.level, Z_DEFLATED, Self.window, 8, Z_DEFAULT_STRATEGY, zlibVersion(),
            Int32(MemoryLayout<z_stream>.size))
        guard code == Z_OK else { throw Failure(code: code) }
    }

    deinit {
        deflateEnd(stream)
        stream.deinitialize(count: 1)
        stream.deallocate()
    }

    /// Takes a piece; answers what is ready, which may be nothing before the last piece.
    func pack(_ piece: ByteBuffer, isLast: Bool) throws(Failure) -> ByteBuffer {
        var packed = ByteBuffer()
        let flush = isLast ? Z_FINISH : Z_NO_FLUSH
        var code = Z_OK
        piece.withUnsafeReadableBytes { input in
            // zlib only reads there.
            let bytes = input.bindMemory(to: UInt8.self).baseAddress
            stream.pointee.next_in = bytes.map { UnsafeMutablePointer(mutating: $0) }
            stream.pointee.avail_in = UInt32(input.count)
            repeat {
                packed.writeWithUnsafeMutableBytes(minimumWritableBytes: max(512, input.count / 4)) { output in
                    stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
                    stream.pointee.avail_out = UInt32(output.count)
                    code = deflate(stream, flush)
                    return output.count - Int(stream.pointee.avail_out)
                }
                // Room that is left means that all was taken.
            } while code == Z_OK && stream.pointee.avail_out == 0
            stream.pointee.next_in = nil
        }
        guard code == (isLast ? Z_STREAM_END : Z_OK) || code == Z_BUF_ERROR && !isLast else {
            throw Failure(code: code)
        }
        return packed
    }
}

extension APIAnswer {
    /// Documents up to this many bytes are sent as they are: packing them would gain less than it takes.
    private static let shortest = 128 * 1024
    /// How much is packed before others get their turn.
    private static let pieceSize = 256 * 1024

    /// The answer packed, where it is one long document and the client takes gzip.
    func compressed(accept: String?) -> APIAnswer {
        guard let accept, Self.takesGzip(accept) else { return self }
        var copy = self
        switch body {
        case .bytes(let document):
            guard document.readableBytes > Self.shortest else { return self }
            copy.body = .stream { write in
                try await Self.pack(to: write) { write in
                    var rest = document
                    while let piece = rest.readSlice(length: min(Self.pieceSize, rest.readableBytes)),
                        piece.readableBytes > 0
                    {
                        try await write(piece)
                    }
                }
            }
        case .stream(let produce):
            guard isLongDocument else { return self }
            copy.body = .stream { write in try await Self.pack(to: write, produce) }
        case .takeOver: return self
        }
        copy.headers += [("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")]
        return copy
    }

    private static func takesGzip(_ accept: String) -> Bool {
        accept.split(separator: ",").contains { range in
            let parts = range.split(separator: ";").map { $0.filter { $0 != " " }.lowercased() }
            guard let name = parts.first, name == "gzip" || name == "*" else { return false }
            let quality = parts.dropFirst().first { $0.hasPrefix("q=") }.flatMap { Double($0.dropFirst(2)) }
            return quality ?? 1 > 0
        }
    }

    private static func pack(
        to write: ChunkWriter, _ produce: (ChunkWriter) async throws -> Void
    ) async throws {
        let gzip = try GzipStream()
        let packing = ChunkWriter(
            offer: { piece in
                let packed = try gzip.pack(piece, isLast: false)
                if packed.readableBytes > 0 { _ = try write.offer(packed) }
                return false
            },
            drained: {
                // Packing takes its time, and others wait for the same thread.
                await Task.yield()
                try await write.drained()
            })
        try await produce(packing)
        try await write(try gzip.pack(ByteBuffer(), isLast: true))
    }
}
