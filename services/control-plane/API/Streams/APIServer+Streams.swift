import HTTPKit
import KubeModel
import Logging
import NIOCore
import NIOWebSocket

extension APIServer {
    /// `pods/exec` and `pods/attach`: carries the streams of a process between the client, over a WebSocket or SPDY, and
    /// the node agent.
    func streams(_ request: APIRequest, _ context: RequestContext, pod: JSON) async throws -> APIAnswer {
        let isWebSocket = WebSocket.isWanted(request)
        guard isWebSocket || SPDY.isWanted(request) else { throw Self.upgradeMissing }
        let container = try containerName(pod, context.query["container"] ?? "")
        let process = try ProcessRequest(context, container: container)
        let socket = configuration.nodeSocket
        let logger = logger
        let name =
            isWebSocket
            ? try WebSocket.choose(request, from: ChannelProtocol.ofProcesses)
            : try SPDY.choose(request, from: SPDY.processProtocols)
        return APIAnswer(
            status: 101,
            body: .takeOver { channel in
                let node: any Channel
                do {
                    node = try await NodeConnection.open(process.path, socket: socket, on: channel.eventLoop)
                } catch let error as APIError {
                    return try await Upgrade.refuse(channel, error)
                }
                do {
                    if isWebSocket {
                        let messages = try await WebSocket.accept(channel, request, protocol: name)
                        let frames = try await node.eventLoop.submit { try NIOAsyncChannel.frames(on: node) }.get()
                        try await NodeConnection.begin(node)
                        try await Self.join(messages, frames, ChannelProtocol(name: name), process)
                    } else {
                        let bytes = try await SPDY.accept(channel, protocol: name)
                        try await SPDYProcess(request: process, protocol: name, node: node).serve(bytes)
                    }
                } catch {
                    logger.debug("a stream broke off", metadata: ["path": "\(request.path)", "error": "\(error)"])
                }
                node.close(promise: nil)
            })
    }

    static let upgradeMissing = APIError(.badRequest, "Upgrade request required")

    /// Passes messages on, both ways, until the process has ended or one side is gone.
    private static func join(
        _ messages: WebSocket.Messages, _ frames: NIOAsyncChannel<StreamFrame, StreamFrame>,
        _ channels: ChannelProtocol, _ process: ProcessRequest
    ) async throws {
        try await messages.executeThenClose { inbound, outbound in
            try await frames.executeThenClose { fromNode, toNode in
                // Tells the client that the streams are there.
                try await outbound.write(channels.message(StreamFrame.Stream.output.rawValue, ByteBuffer()))
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        try await inbound.forEachMessage(pong: outbound) { message in
                            guard let (number, bytes) = channels.read(message),
                                let stream = StreamFrame.Stream(rawValue: number)
                            else { return }
                            switch stream {
                            case .input, .size, .end:
                                for piece in bytes.pieces(of: StreamFrame.limit) {
                                    try await toNode.write(StreamFrame(stream, piece))
                                }
                            default: break
                            }
                        }
                    }
                    group.addTask {
                        for try await frame in fromNode where process.wants(frame.stream) {
                            let isResult = frame.stream == .result
                            let bytes = isResult ? channels.result(frame.bytes) : frame.bytes
                            try await outbound.write(channels.message(frame.stream.rawValue, bytes))
                            if isResult { break }
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

/// What happens on a channel that was taken over before it speaks another protocol.
enum Upgrade {
    /// Answers with an error as if nobody had taken the channel over.
    static func refuse(_ channel: any Channel, _ error: APIError) async throws {
        let body = error.status.bytes
        var answer = ByteBuffer(
            string:
                "HTTP/1.1 \(error.code) \(error.reason.rawValue)\r\nContent-Type: application/json\r\nContent-Length: \(body.count)\r\nConnection: close\r\n\r\n"
        )
        answer.writeBytes(body)
        try await channel.writeAndFlush(answer).get()
    }
}

extension ByteBuffer {
    /// The bytes in pieces of a limited length; one empty piece of an empty buffer.
    func pieces(of limit: Int) -> [ByteBuffer] {
        guard readableBytes > limit else { return [self] }
        var rest = self
        var pieces: [ByteBuffer] = []
        while rest.readableBytes > 0, let piece = rest.readSlice(length: Swift.min(limit, rest.readableBytes)) {
            pieces.append(piece)
        }
        return pieces
    }
}
