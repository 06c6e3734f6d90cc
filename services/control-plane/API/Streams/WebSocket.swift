import KubeModel
import NIOCore
import NIOHTTP1
import NIOWebSocket

/// The server's side of a WebSocket: the handshake, and messages as an async channel.
enum WebSocket {
    typealias Messages = NIOAsyncChannel<WebSocketFrame, WebSocketFrame>

    /// True when the request wants to become a WebSocket.
    static func isWanted(_ request: APIRequest) -> Bool {
        request.headers[canonicalForm: "upgrade"].contains { $0.lowercased() == "websocket" }
    }

    /// The first of the protocols that we know, in the client's order; empty when the client names none.
    static func choose(_ request: APIRequest, from known: [String]) throws(APIError) -> String {
        let wanted = request.headers[canonicalForm: "sec-websocket-protocol"].map(String.init)
        if wanted.isEmpty { return "" }
        guard let first = wanted.first(where: known.contains) else {
            throw APIError(
                .badRequest,
                "unable to upgrade: none of the protocols \(wanted) is known, only \(known.joined(separator: ", "))")
        }
        return first
    }

    /// Answers the handshake on a channel that was taken over; messages come in whole.
    static func accept(_ channel: any Channel, _ request: APIRequest, protocol name: String) async throws -> Messages {
        let upgrader = NIOWebSocketServerUpgrader(
            shouldUpgrade: { channel, _ in
                channel.eventLoop.makeSucceededFuture(name.isEmpty ? [:] : ["sec-websocket-protocol": name])
            },
            upgradePipelineHandler: { channel, _ in channel.eventLoop.makeSucceededVoidFuture() })
        let question = HTTPRequestHead(version: .http1_1, method: .GET, uri: request.path, headers: request.headers)
        let fields: HTTPHeaders
        do {
            fields = try await channel.eventLoop.flatSubmit {
                upgrader.buildUpgradeResponse(
                    channel: channel, upgradeRequest: question, initialResponseHeaders: [:])
            }.get()
        } catch {
            try await channel.writeAndFlush(
                ByteBuffer(string: "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
            ).get()
            throw error
        }
        var head = "HTTP/1.1 101 Switching Protocols\r\n"
        var seen: Set<String> = []
        for (name, value) in fields where seen.insert(name.lowercased()).inserted { head += "\(name): \(value)\r\n" }
        try await channel.writeAndFlush(ByteBuffer(string: head + "\r\n")).get()
        let messages = try await channel.eventLoop.submit {
            try channel.pipeline.syncOperations.addHandlers([
                WebSocketFrameEncoder(), ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: 1 << 20)),
                NIOWebSocketFrameAggregator(
                    minNonFinalFragmentSize: 0, maxAccumulatedFrameCount: 4096, maxAccumulatedFrameSize: 1 << 22),
            ])
            return try Messages(wrappingChannelSynchronously: channel)
        }.get()
        try await channel.setOption(.autoRead, value: true).get()
        channel.read()
        return messages
    }

    /// A binary message.
    static func message(_ bytes: ByteBuffer) -> WebSocketFrame {
        WebSocketFrame(fin: true, opcode: .binary, data: bytes)
    }

    /// The friendly end of a conversation.
    static var goodbye: WebSocketFrame {
        var bytes = ByteBuffer()
        bytes.write(webSocketErrorCode: .normalClosure)
        return WebSocketFrame(fin: true, opcode: .connectionClose, data: bytes)
    }
}

extension NIOAsyncChannelInboundStream where Inbound == WebSocketFrame {
    /// Calls `body` for each message until the peer says goodbye or is gone; answers pings.
    func forEachMessage(
        pong: NIOAsyncChannelOutboundWriter<WebSocketFrame>, _ body: (ByteBuffer) async throws -> Void
    ) async throws {
        for try await frame in self {
            switch frame.opcode {
            case .binary, .text: try await body(frame.unmaskedData)
            case .ping: try await pong.write(WebSocketFrame(fin: true, opcode: .pong, data: frame.unmaskedData))
            case .connectionClose: return
            default: break
            }
        }
    }
}
