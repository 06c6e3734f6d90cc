import HTTPKit
import KubeModel
import NIOCore
import NIOWebSocket
import Synchronization

/// One connection to each of some ports of a Pod, as channels of a WebSocket: twice the place of the port is its data,
/// the next one its errors. The first message on each is the port's number.
struct PortChannels: Sendable {
    let `protocol`: ChannelProtocol
    let ports: [UInt16]
    let node: PodPorts

    /// The ports of a request, `ports=80,81` or one by one.
    static func ports(_ query: Query) throws(APIError) -> [UInt16] {
        var ports: [UInt16] = []
        for text in (query.all("ports") + query.all("port")).flatMap({ $0.split(separator: ",") }) {
            guard let port = UInt16(text), port > 0 else {
                throw APIError(.badRequest, "unable to parse \"\(text)\" as a port")
            }
            ports.append(port)
        }
        guard !ports.isEmpty, ports.count <= 64 else {
            throw APIError(.badRequest, "query parameter \"ports\" is required")
        }
        return ports
    }

    /// Carries bytes until all ports have ended or the client is gone.
    func serve(_ messages: WebSocket.Messages, on eventLoop: any EventLoop) async throws {
        try await messages.executeThenClose { inbound, outbound in
            let connections = Mutex<[Int: any Channel]>([:])
            for (place, port) in ports.enumerated() {
                let number = ByteBuffer(bytes: [UInt8(truncatingIfNeeded: port), UInt8(port >> 8)])
                for channel in [2 * place, 2 * place + 1] {
                    try await outbound.write(`protocol`.message(UInt8(channel), number))
                }
                do {
                    let connection = try await node.open(String(port), on: eventLoop)
                    connections.withLock { $0[place] = connection }
                } catch let error as APIError {
                    try await outbound.write(
                        `protocol`.message(UInt8(2 * place + 1), ByteBuffer(string: error.message)))
                }
            }
            let opened = connections.withLock { $0 }
            defer { for connection in opened.values { connection.close(promise: nil) } }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try await inbound.forEachMessage(pong: outbound) { message in
                        guard let (channel, bytes) = `protocol`.read(message), channel % 2 == 0,
                            let connection = opened[Int(channel) / 2]
                        else { return }
                        // Who cannot write any more reads the end, too; that ends the connection.
                        try? await connection.writeAndFlush(bytes).get()
                    }
                }
                group.addTask {
                    await withDiscardingTaskGroup { ports in
                        for (place, connection) in opened {
                            ports.addTask {
                                await node.forEachPiece(of: connection) {
                                    try await outbound.write(`protocol`.message(UInt8(2 * place), $0))
                                }
                            }
                        }
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
