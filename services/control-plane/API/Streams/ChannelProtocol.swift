import Foundation
import KubeModel
import NIOCore
import NIOWebSocket

/// How streams share a WebSocket: the first byte of a message is the number of its stream. Some protocols write the
/// number as a digit and the rest as base64, for clients that know texts only.
struct ChannelProtocol: Sendable {
    /// As the handshake names it; empty when the client named none.
    let name: String

    /// Those of processes. The fourth tells the end as a `Status`, the fifth lets one side of a stream end.
    static let ofProcesses = [
        "v5.channel.k8s.io", "v4.channel.k8s.io", "v4.base64.channel.k8s.io", "channel.k8s.io", "base64.channel.k8s.io",
    ]
    /// Those of ports, two streams a port.
    static let ofPorts = ["v4.channel.k8s.io", "v4.base64.channel.k8s.io"]
    /// Those of one stream from the server, without numbers.
    static let ofOneStream = ["binary.k8s.io", "base64.binary.k8s.io"]

    var isText: Bool { name.contains("base64") }
    /// True when the end of a process is told as a `Status`.
    var hasStatus: Bool { name.hasPrefix("v4.") || name.hasPrefix("v5.") }

    /// A message for a stream.
    func message(_ stream: UInt8, _ bytes: ByteBuffer) -> WebSocketFrame {
        var whole = ByteBuffer()
        whole.reserveCapacity(1 + bytes.readableBytes)
        guard isText else {
            whole.writeInteger(stream)
            whole.writeImmutableBuffer(bytes)
            return WebSocket.message(whole)
        }
        whole.writeString(String(stream))
        whole.writeString(Data(bytes.readableBytesView).base64EncodedString())
        return WebSocketFrame(fin: true, opcode: .text, data: whole)
    }

    /// The stream of a message and what is on it; nil for a message that is none of this protocol.
    func read(_ message: ByteBuffer) -> (stream: UInt8, bytes: ByteBuffer)? {
        var rest = message
        guard let first: UInt8 = rest.readInteger() else { return nil }
        guard isText else { return (first, rest) }
        guard first >= UInt8(ascii: "0"), first <= UInt8(ascii: "9"),
            let data = Data(base64Encoded: Data(rest.readableBytesView))
        else { return nil }
        return (first - UInt8(ascii: "0"), ByteBuffer(bytes: data))
    }

    /// What a client of the protocol gets for the end of a process; nothing when all is well and it wants no `Status`.
    func result(_ status: ByteBuffer) -> ByteBuffer {
        guard !hasStatus else { return status }
        let json = try? JSON(parsing: status.readableBytesView)
        return ByteBuffer(string: json?["status"] == "Success" ? "" : json?["message"]?.string ?? "")
    }
}
