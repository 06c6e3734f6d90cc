import HTTPKit
import KubeModel
import Logging
import NIOCore
import NIOHTTP1

/// A proxied request that asks for another protocol. Once the target agrees, bytes are passed on as they come, both ways;
/// before that nothing of the client's but the request reaches it, since more requests than the one that was allowed
/// could be in there.
struct ProxiedStream: Sendable {
    let request: ProxiedRequest
    let target: ProxyTarget
    let logger: Logger

    private typealias Bytes = NIOAsyncChannel<ByteBuffer, ByteBuffer>
    private typealias Answers = NIOAsyncChannel<ByteBuffer, HTTPServerResponsePart>

    /// The answer that takes the client's connection over.
    var answer: APIAnswer {
        APIAnswer(
            status: 101,
            body: .takeOver { client in
                let answer: UpgradeAnswer
                do {
                    let head = HTTPRequestHead(
                        version: .http1_1, method: HTTPMethod(rawValue: request.method), uri: request.target,
                        headers: request.headers)
                    answer = try await UpgradeAnswer.to(head, at: target, on: client.eventLoop, for: client)
                } catch {
                    let problem = APIServer.reason(error, target)
                    return try await Upgrade.refuse(
                        client, APIError(.unknown, "error dialing backend: \(problem)", code: 500))
                }
                do {
                    if answer.isAccepted {
                        try await join(client, answer)
                    } else {
                        try await pass(answer, to: client)
                    }
                } catch {
                    logger.debug("a proxied stream broke off", metadata: ["error": "\(error)"])
                }
                answer.channel.close(promise: nil)
            })
    }

    /// Hands on an answer that is no change of protocol; the client's connection ends with it.
    private func pass(_ answer: UpgradeAnswer, to client: any Channel) async throws {
        let own = try await client.eventLoop.submit {
            try client.pipeline.syncOperations.addHandler(HTTPResponseEncoder())
            return try Answers(wrappingChannelSynchronously: client)
        }.get()
        var head = HTTPResponseHead(
            version: .http1_1, status: answer.head.status, headers: ProxiedRequest.cleaned(answer.head.headers))
        head.headers.add(name: "Connection", value: "close")
        try await own.executeThenClose { _, toClient in
            try await toClient.write(.head(head))
            try await answer.forEachPart { part in
                switch part {
                case .head: return true
                case .body(let bytes):
                    try await toClient.write(.body(.byteBuffer(bytes)))
                    return true
                case .end:
                    try await client.writeAndFlush(HTTPServerResponsePart.end(nil)).get()
                    return false
                }
            }
        }
    }

    /// Passes bytes on until one side has ended, and what it said is on its way: closing drops what waits to be sent.
    private func join(_ client: any Channel, _ answer: UpgradeAnswer) async throws {
        let channel = answer.channel
        let (own, other) = try await client.eventLoop.submit {
            let configuration = Bytes.Configuration(isOutboundHalfClosureEnabled: true)
            return (
                try Bytes(wrappingChannelSynchronously: client, configuration: configuration),
                try Bytes(wrappingChannelSynchronously: channel, configuration: configuration)
            )
        }.get()
        var head = ByteBuffer(string: "HTTP/1.1 101 \(answer.head.status.reasonPhrase)\r\n")
        for (name, value) in answer.head.headers { head.writeString("\(name): \(value)\r\n") }
        head.writeString("\r\n")
        try await UpgradeAnswer.begin(channel)
        try await client.setOption(.autoRead, value: true).get()
        client.read()
        try await own.executeThenClose { fromClient, toClient in
            try await other.executeThenClose { fromOther, toOther in
                try await toClient.write(head)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        for try await bytes in fromClient { try await toOther.write(bytes) }
                        try await channel.writeAndFlush(ByteBuffer()).get()
                    }
                    group.addTask {
                        for try await bytes in fromOther { try await toClient.write(bytes) }
                        try await client.writeAndFlush(ByteBuffer()).get()
                    }
                    // The first to end ends the other.
                    try await group.next()
                    group.cancelAll()
                }
            }
        }
    }
}
