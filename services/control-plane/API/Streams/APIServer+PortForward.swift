import HTTPKit
import KubeModel
import Logging
import NIOCore
import NIOWebSocket

extension APIServer {
    /// SPDY inside of a WebSocket, as kubectl does since 1.31.
    private static let tunnel = "SPDY/3.1+portforward.k8s.io"

    /// `pods/portforward`: connections to ports of a Pod, over SPDY, SPDY inside of a WebSocket, or channels of one.
    func portForward(_ request: APIRequest, _ context: RequestContext, pod: JSON) async throws -> APIAnswer {
        let isWebSocket = WebSocket.isWanted(request)
        guard isWebSocket || SPDY.isWanted(request) else { throw Self.upgradeMissing }
        let name =
            isWebSocket
            ? try WebSocket.choose(request, from: [Self.tunnel] + ChannelProtocol.ofPorts)
            : try SPDY.choose(request, from: SPDY.portProtocols)
        guard let phase = pod.value(at: "status", "phase")?.string, phase == "Running" else {
            throw APIError(.badRequest, "unable to forward port because pod is not running")
        }
        let ports = PodPorts(
            segments: ["portForward", context.namespace, context.name], socket: configuration.nodeSocket, logger: logger
        )
        if isWebSocket, name != Self.tunnel {
            let channels = PortChannels(
                protocol: ChannelProtocol(name: name), ports: try PortChannels.ports(context.query), node: ports)
            return APIAnswer(
                status: 101,
                body: .takeOver { channel in
                    try await channels.serve(
                        try await WebSocket.accept(channel, request, protocol: name), on: channel.eventLoop)
                })
        }
        return APIAnswer(
            status: 101,
            body: .takeOver { channel in
                guard isWebSocket else {
                    let bytes = try await SPDY.accept(channel, protocol: name)
                    return try await bytes.executeThenClose { inbound, outbound in
                        try await ports.serve(
                            on: channel.eventLoop,
                            receive: { body in for try await chunk in inbound { try await body(chunk) } },
                            send: { try await outbound.write($0) })
                    }
                }
                let messages = try await WebSocket.accept(channel, request, protocol: name)
                try await messages.executeThenClose { inbound, outbound in
                    try await ports.serve(
                        on: channel.eventLoop,
                        receive: { body in try await inbound.forEachMessage(pong: outbound, body) },
                        send: { try await outbound.write(WebSocket.message($0)) })
                }
            })
    }
}

/// Connections to ports of one Pod, multiplexed by SPDY: for each a stream of data and one of errors.
struct PodPorts: Sendable {
    /// Path of the node agent, without the port.
    let segments: [String]
    let socket: String?
    let logger: Logger

    private struct Stream {
        let isData: Bool
        let request: String
        let port: String
        var connection: (any Channel)?
    }

    /// Serves a peer until it is gone.
    ///
    /// - Parameters:
    ///   - eventLoop: where connections live.
    ///   - receive: calls its argument with the peer's bytes as they come.
    ///   - send: sends bytes to the peer.
    /// - Throws: what ended the connection to the peer.
    func serve(
        on eventLoop: any EventLoop, receive: ((ByteBuffer) async throws -> Void) async throws -> Void,
        send: @escaping @Sendable (ByteBuffer) async throws -> Void
    ) async throws {
        try await withThrowingDiscardingTaskGroup { group in
            var reader = SPDY.Reader()
            var streams: [UInt32: Stream] = [:]
            var isFirst = true
            defer { for stream in streams.values { stream.connection?.close(promise: nil) } }
            try await receive { bytes in
                reader.append(bytes)
                while let frame = try reader.next() {
                    switch frame {
                    case .open(let number, let headers, let isLast):
                        try await send(SPDY.accept(number, isFirst: isFirst))
                        isFirst = false
                        var stream = Stream(
                            isData: headers["streamtype"] == "data", request: headers["requestid"] ?? "",
                            port: headers["port"] ?? "")
                        let errors = streams.first { !$0.value.isData && $0.value.request == stream.request }?.key
                        if stream.isData {
                            stream.connection = try await connect(stream.port, on: eventLoop, number, errors, send)
                            if let connection = stream.connection {
                                group.addTask { await carry(connection, number, errors, send) }
                                if isLast { connection.close(mode: .output, promise: nil) }
                            }
                        }
                        streams[number] = stream
                    case .data(let number, let bytes, let isLast):
                        guard let connection = streams[number]?.connection else { break }
                        // Who cannot write any more reads the end, too; that ends the stream.
                        if bytes.readableBytes > 0 { try? await connection.writeAndFlush(bytes).get() }
                        if isLast { connection.close(mode: .output, promise: nil) }
                    case .reset(let number):
                        streams.removeValue(forKey: number)?.connection?.close(promise: nil)
                    case .ping(let number): try await send(SPDY.pong(number))
                    case .goAway, .other: break
                    }
                }
            }
            group.cancelAll()
        }
    }

    /// Connects to a port.
    func open(_ port: String, on eventLoop: any EventLoop) async throws -> any Channel {
        try await NodeConnection.open(
            NodeConnection.path(segments, [("port", port)]), socket: socket, on: eventLoop)
    }

    /// Connects; nil when that failed and the peer was told why.
    private func connect(
        _ port: String, on eventLoop: any EventLoop, _ number: UInt32, _ errors: UInt32?,
        _ send: @Sendable (ByteBuffer) async throws -> Void
    ) async throws -> (any Channel)? {
        do {
            return try await open(port, on: eventLoop)
        } catch let error as APIError {
            if let errors { try await send(SPDY.data(errors, ByteBuffer(string: error.message), isLast: true)) }
            try await send(SPDY.data(number, isLast: true))
            return nil
        }
    }

    /// Sends what the Pod sends.
    private func carry(
        _ connection: any Channel, _ number: UInt32, _ errors: UInt32?,
        _ send: @Sendable (ByteBuffer) async throws -> Void
    ) async {
        await forEachPiece(of: connection) { try await send(SPDY.data(number, $0)) }
        if let errors { try? await send(SPDY.data(errors, isLast: true)) }
        try? await send(SPDY.data(number, isLast: true))
    }

    /// Calls `body` with all that comes from the Pod, until the end.
    func forEachPiece(of connection: any Channel, _ body: (ByteBuffer) async throws -> Void) async {
        do {
            let bytes = try await connection.eventLoop.submit {
                try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                    wrappingChannelSynchronously: connection, configuration: .init(isOutboundHalfClosureEnabled: true))
            }.get()
            try await NodeConnection.begin(connection)
            try await bytes.executeThenClose { inbound, outbound in
                for try await chunk in inbound {
                    for piece in chunk.pieces(of: 1 << 16) { try await body(piece) }
                }
                outbound.finish()
            }
        } catch {
            logger.debug("a forwarded connection broke off", metadata: ["error": "\(error)"])
        }
    }
}
