import HTTPKit
import KubeModel
import NIOCore
import NIOPosix

/// Opens a connection to the node agent that turns into a stream.
enum NodeConnection {
    /// Asks for `path` and waits for the upgrade.
    ///
    /// - Parameters:
    ///   - path: path and query.
    ///   - socket: the node agent's unix socket.
    ///   - eventLoop: where the connection is to live.
    /// - Returns: the channel, which does not read by itself yet.
    /// - Throws: ``APIError``, the node agent's own where it refused.
    static func open(_ path: String, socket: String?, on eventLoop: any EventLoop) async throws -> any Channel {
        guard let socket else {
            throw APIError(.serviceUnavailable, "streams are the node agent's, and none is configured")
        }
        let promise = eventLoop.makePromise(of: Void.self)
        let channel: any Channel
        do {
            channel = try await ClientBootstrap(group: eventLoop)
                .channelOption(.allowRemoteHalfClosure, value: true)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(UpgradeAnswer(promise))
                    }
                }
                .connect(unixDomainSocketPath: socket).get()
        } catch {
            promise.fail(error)
            throw APIError(.internalError, "Internal error occurred: the node agent cannot be reached: \(error)")
        }
        let head =
            "POST \(path) HTTP/1.1\r\nHost: node-agent\r\nContent-Length: 0\r\nConnection: Upgrade\r\nUpgrade: \(StreamFrame.upgrade)\r\n\r\n"
        do {
            try await channel.writeAndFlush(ByteBuffer(string: head)).get()
            try await promise.futureResult.get()
            return channel
        } catch let error as APIError {
            channel.close(promise: nil)
            throw error
        } catch {
            promise.fail(error)
            channel.close(promise: nil)
            throw APIError(.internalError, "Internal error occurred: the node agent closed the connection: \(error)")
        }
    }

    /// Lets an opened connection read, once its handlers are in place; they get what came since the upgrade.
    static func begin(_ channel: any Channel) async throws {
        try await channel.eventLoop.flatSubmit {
            let pipeline = channel.pipeline.syncOperations
            do {
                return pipeline.removeHandler(context: try pipeline.context(handlerType: UpgradeAnswer.self))
            } catch {
                return channel.eventLoop.makeFailedFuture(error)
            }
        }.get()
        try await channel.setOption(.autoRead, value: true).get()
        channel.read()
    }

    /// `/exec/team/pod/main` with its query.
    static func path(_ segments: [String], _ query: [(name: String, value: String)] = []) -> String {
        let fields = query.map { "\($0.name.percentEncodedSegment)=\($0.value.percentEncodedSegment)" }
        return "/" + segments.map(\.percentEncodedSegment).joined(separator: "/")
            + (fields.isEmpty ? "" : "?" + fields.joined(separator: "&"))
    }
}

/// Reads the head of the answer, then leaves the pipeline; what came after the head is passed on.
///
/// Unchecked, because the compiler cannot see it: a handler's state is touched on its channel's event loop only.
private final class UpgradeAnswer: ChannelInboundHandler, RemovableChannelHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let promise: EventLoopPromise<Void>
    private var received = ByteBuffer()
    private var isRefused = false
    private var isOver = false
    private var isInputClosed = false
    /// Length of the body of a refusal.
    private var wanted = 0

    init(_ promise: EventLoopPromise<Void>) { self.promise = promise }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        received.writeBuffer(&bytes)
        guard !isOver, !isRefused else { return }
        let end = Array("\r\n\r\n".utf8)
        guard let view = received.readableBytesView.firstRange(of: end) else {
            if received.readableBytes > 64 * 1024 { context.close(promise: nil) }
            return
        }
        let head = String(decoding: received.readableBytesView[..<view.lowerBound], as: UTF8.self)
        received.moveReaderIndex(to: view.upperBound)
        guard head.hasPrefix("HTTP/1.1 101 ") else {
            isRefused = true  // the connection closes after the body, which says why
            let length = head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length:") }
                .flatMap { Int($0.split(separator: ":")[1].drop { $0 == " " }) }
            wanted = length ?? 0
            finishRefusal()
            return
        }
        isOver = true
        let promise = promise
        let channel = context.channel
        // Reading goes on once there is somebody to read.
        channel.setOption(.autoRead, value: false).whenComplete { _ in promise.succeed() }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if isRefused { finishRefusal() }
        context.fireChannelReadComplete()
    }

    private func finishRefusal() {
        guard received.readableBytes >= wanted, !isOver else { return }
        isOver = true
        let text = String(buffer: received)
        if let status = try? JSON(parsing: text), status["kind"]?.string == "Status" {
            promise.fail(APIError(status: status, code: status["code"]?.int.map(Int.init) ?? 500))
        } else {
            promise.fail(
                APIError(.internalError, "Internal error occurred: the node agent refused: \(text.prefix(200))"))
        }
    }

    func removeHandler(context: ChannelHandlerContext, removalToken: ChannelHandlerContext.RemovalToken) {
        if received.readableBytes > 0 {
            context.fireChannelRead(wrapInboundOut(received))
            context.fireChannelReadComplete()
            received.clear()
        }
        if isInputClosed { context.fireUserInboundEventTriggered(ChannelEvent.inputClosed) }
        context.leavePipeline(removalToken: removalToken)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed? = event as? ChannelEvent {
            if !isOver { promise.fail(ChannelError.eof) }
            isInputClosed = true  // for who comes after us
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if !isOver { promise.fail(ChannelError.eof) }
        isOver = true
        context.fireChannelInactive()
    }
}
