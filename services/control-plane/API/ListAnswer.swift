import ClusterRules
import ClusterStore
import KubeModel
import NIOCore

/// A list as JSON, put together from the bytes that are stored.
struct ListAnswer: Sendable {
    let kind: ServedKind
    let objects: [StoredObject]
    /// `metadata` of the list.
    let metadata: JSON

    /// Lists up to this many bytes are answered in one piece, with their length ahead; longer ones go out piece by piece,
    /// so that no list is held twice in memory.
    private static let pieceSize = 256 * 1024

    var answer: APIAnswer {
        size <= Self.pieceSize
            ? whole : APIAnswer(body: .stream { write in try await send(to: write) }, isLongDocument: true)
    }

    /// In one piece, however long it is.
    var whole: APIAnswer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(size)
        begin(&buffer)
        for position in objects.indices { append(position, to: &buffer) }
        buffer.writeStaticString("]}")
        return APIAnswer(body: .bytes(buffer))
    }

    private var size: Int { objects.reduce(512) { $0 + $1.bytes.count + 1 } }

    private func send(to write: ChunkWriter) async throws {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(Self.pieceSize)
        begin(&buffer)
        for position in objects.indices {
            if buffer.readableBytes + objects[position].bytes.count > Self.pieceSize {
                try await write(buffer)
                // What was encrypted or sent is no longer held by anyone, and the same memory is used again.
                buffer.clear()
            }
            append(position, to: &buffer)
        }
        buffer.writeStaticString("]}")
        try await write(buffer)
    }

    private func begin(_ buffer: inout ByteBuffer) {
        buffer.writeString("{\"kind\":\"\(kind.listKind)\",\"apiVersion\":\"\(kind.type.apiVersion)\",\"metadata\":")
        buffer.writeBytes(metadata.bytes)
        buffer.writeStaticString(",\"items\":[")
    }

    private func append(_ position: Int, to buffer: inout ByteBuffer) {
        if position > 0 { buffer.writeInteger(UInt8(ascii: ",")) }
        kind.writeItem(objects[position], into: &buffer)
    }
}
