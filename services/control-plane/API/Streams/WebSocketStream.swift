import Foundation
import KubeModel
import NIOCore
import NIOWebSocket

/// Watches and logs over a WebSocket, for clients that cannot read an answer while it comes.
extension APIAnswer {
    /// The answer as messages, where it is a stream and the request wants a WebSocket. An event of a watch is a message.
    func asMessages(_ request: APIRequest) throws(APIError) -> APIAnswer {
        guard case .stream(let produce) = body, WebSocket.isWanted(request) else { return self }
        let isWatch = contentType.hasPrefix("application/json")
        let name = try WebSocket.choose(request, from: ChannelProtocol.ofOneStream)
        var copy = self
        copy.status = 101
        copy.body = .takeOver { channel in
            let messages = try await WebSocket.accept(channel, request, protocol: name)
            try await messages.executeThenClose { inbound, outbound in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await inbound.forEachMessage(pong: outbound) { _ in } }
                    group.addTask {
                        try await produce(
                            ChunkWriter { chunk in
                                let parts = isWatch ? chunk.lines : [chunk]
                                for part in parts {
                                    try await outbound.write(Self.message(part, isText: isWatch, protocol: name))
                                }
                            })
                        try await outbound.write(WebSocket.goodbye)
                    }
                    // The first to end ends the other.
                    try await group.next()
                    group.cancelAll()
                }
            }
        }
        return copy
    }

    private static func message(_ bytes: ByteBuffer, isText: Bool, protocol name: String) -> WebSocketFrame {
        if ChannelProtocol(name: name).isText {
            let text = Data(bytes.readableBytesView).base64EncodedString()
            return WebSocketFrame(fin: true, opcode: .text, data: ByteBuffer(string: text))
        }
        return WebSocketFrame(fin: true, opcode: isText ? .text : .binary, data: bytes)
    }
}

extension ByteBuffer {
    /// The lines without their ends; empty ones are left out.
    fileprivate var lines: [ByteBuffer] {
        readableBytesView.split(separator: UInt8(ascii: "\n")).map { ByteBuffer(bytes: $0) }
    }
}
