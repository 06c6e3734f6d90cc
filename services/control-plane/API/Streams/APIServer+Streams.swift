import HTTPKit
import KubeModel
import Logging
import NIOCore
import NIOWebSocket

extension APIServer {
    /// Protocols of exec and attach. The fifth adds that one side of a stream can end.
    private static let streamProtocols = ["v5.channel.k8s.io", "v4.channel.k8s.io"]

    /// `pods/exec` and `pods/attach`: carries the streams of a process between a WebSocket and the node agent.
    func streams(_ request: APIRequest, _ context: RequestContext, pod: JSON) async throws -> APIAnswer {
        guard WebSocket.isWanted(request) else { throw Self.upgradeMissing(context) }
        let name = try WebSocket.choose(request, from: Self.streamProtocols)
        let container = try containerName(pod, context.query["container"] ?? "")
        var fields = context.query.all("command").map { (name: "command", value: $0) }
        for flag in ["stdin", "tty"] where context.query.flag(flag) { fields.append((flag, "true")) }
        let path = NodeConnection.path([context.info.subresource, context.namespace, context.name, container], fields)
        guard let socket = configuration.nodeSocket else {
            throw APIError(.serviceUnavailable, "streams are the node agent's, and none is configured")
        }
        let logger = logger
        return APIAnswer(
            status: 101,
            body: .takeOver { channel in
                // A refusal is told on the WebSocket's error stream: the handshake has to come first on a taken channel.
                let messages = try await WebSocket.accept(channel, request, protocol: name)
                let node: any Channel
                do {
                    node = try await NodeConnection.open(path, socket: socket, on: channel.eventLoop)
                } catch let error as APIError {
                    return try await messages.executeThenClose { _, outbound in
                        try await outbound.write(Self.message(.result, ByteBuffer(bytes: error.status.bytes)))
                        try await outbound.write(WebSocket.goodbye)
                    }
                }
                do {
                    let frames = try await node.eventLoop.submit { try NIOAsyncChannel.frames(on: node) }.get()
                    try await NodeConnection.begin(node)
                    try await Self.join(messages, frames)
                } catch {
                    logger.debug("a stream broke off", metadata: ["path": "\(request.path)", "error": "\(error)"])
                    node.close(promise: nil)
                }
            })
    }

    static func upgradeMissing(_ context: RequestContext) -> APIError {
        APIError(
            .badRequest,
            "unable to upgrade: \(context.info.resourceAndSubresource) is offered over WebSockets; the request asked for no upgrade, or for another one"
        )
    }

    private static func message(_ stream: StreamFrame.Stream, _ bytes: ByteBuffer) -> WebSocketFrame {
        var whole = ByteBuffer()
        whole.reserveCapacity(1 + bytes.readableBytes)
        whole.writeInteger(stream.rawValue)
        whole.writeImmutableBuffer(bytes)
        return WebSocket.message(whole)
    }

    /// Passes messages on, both ways, until the process has ended or one side is gone.
    private static func join(_ messages: WebSocket.Messages, _ frames: NIOAsyncChannel<StreamFrame, StreamFrame>)
        async throws
    {
        try await messages.executeThenClose { inbound, outbound in
            try await frames.executeThenClose { fromNode, toNode in
                // Tells the client that the streams are there.
                try await outbound.write(message(.output, ByteBuffer()))
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        try await inbound.forEachMessage(pong: outbound) { message in
                            var bytes = message
                            guard let number: UInt8 = bytes.readInteger(),
                                let stream = StreamFrame.Stream(rawValue: number)
                            else { return }
                            switch stream {
                            case .input, .size, .end:
                                while let piece = bytes.readSlice(length: min(bytes.readableBytes, StreamFrame.limit)) {
                                    try await toNode.write(StreamFrame(stream, piece))
                                    if bytes.readableBytes == 0 { break }
                                }
                            default: break
                            }
                        }
                    }
                    group.addTask {
                        for try await frame in fromNode {
                            try await outbound.write(message(frame.stream, frame.bytes))
                            if frame.stream == .result { break }
                        }
                        try await outbound.write(WebSocket.goodbye)
                    }
                    // The first to end ends the other.
                    try await group.next()
                    group.cancelAll()
                }
            }
        }
    }
}
