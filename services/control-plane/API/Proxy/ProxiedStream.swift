import HTTPKit
import KubeModel
import Logging
import NIOCore
import NIOPosix
import NIOSSL

/// A proxied connection that turns into something else than HTTP: bytes are passed on as they come, both ways.
struct ProxiedStream: Sendable {
    let request: ProxiedRequest
    let target: ProxyTarget
    let logger: Logger

    private typealias Bytes = NIOAsyncChannel<ByteBuffer, ByteBuffer>

    /// The answer that takes the client's connection over.
    var answer: APIAnswer {
        APIAnswer(
            status: 101,
            body: .takeOver { client in
                let (other, first): (Bytes, ByteBuffer)
                do {
                    (other, first) = try await connect(on: client.eventLoop)
                } catch {
                    let problem = APIServer.reason(error, target)
                    return try await Upgrade.refuse(
                        client, APIError(.unknown, "error dialing backend: \(problem)", code: 500))
                }
                do {
                    try await join(client, other, first)
                } catch {
                    logger.debug("a proxied stream broke off", metadata: ["error": "\(error)"])
                }
            })
    }

    /// Connects and sends the head of the request.
    private func connect(on eventLoop: any EventLoop) async throws -> (Bytes, ByteBuffer) {
        let isTLS = target.isTLS
        let bootstrap = ClientBootstrap(group: eventLoop).connectTimeout(.seconds(30))
            .channelOption(.allowRemoteHalfClosure, value: true)
        let initialize: @Sendable (any Channel) -> EventLoopFuture<Bytes> = { channel in
            channel.eventLoop.makeCompletedFuture {
                if isTLS {
                    var tls = TLSConfiguration.makeClientConfiguration()
                    tls.certificateVerification = .none
                    try channel.pipeline.syncOperations.addHandler(
                        NIOSSLClientHandler(context: NIOSSLContext(configuration: tls), serverHostname: nil))
                }
                return try Bytes(
                    wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
            }
        }
        let channel =
            switch target.place {
            case .address(let ip, let port):
                try await bootstrap.connect(host: ip, port: port, channelInitializer: initialize)
            case .socket(let path):
                try await bootstrap.connect(unixDomainSocketPath: path, channelInitializer: initialize)
            }
        var head = ByteBuffer(string: "\(request.method) \(request.target) HTTP/1.1\r\n")
        for (name, value) in request.headers { head.writeString("\(name): \(value)\r\n") }
        head.writeString("\r\n")
        return (channel, head)
    }

    /// Passes bytes on until one side has ended.
    private func join(_ client: any Channel, _ other: Bytes, _ head: ByteBuffer) async throws {
        let own = try await client.eventLoop.submit {
            try Bytes(wrappingChannelSynchronously: client, configuration: .init(isOutboundHalfClosureEnabled: true))
        }.get()
        try await client.setOption(.autoRead, value: true).get()
        client.read()
        try await own.executeThenClose { fromClient, toClient in
            try await other.executeThenClose { fromOther, toOther in
                try await toOther.write(head)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { for try await bytes in fromClient { try await toOther.write(bytes) } }
                    group.addTask { for try await bytes in fromOther { try await toClient.write(bytes) } }
                    // The first to end ends the other.
                    try await group.next()
                    group.cancelAll()
                }
            }
        }
    }
}
