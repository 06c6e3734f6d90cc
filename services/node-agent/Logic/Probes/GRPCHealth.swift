import NIOCore
import NIOPosix

/// Asks the health service of gRPC (`grpc.health.v1.Health/Check`) over plain HTTP/2, with just as much of HTTP/2 as one
/// call needs (RFC 9113): a preface, a request of literal headers, and the frames of the answer.
enum GRPCHealth {
    /// nil when the server says `SERVING`, else what is wrong.
    static func check(host: String, port: Int, service: String, timeout: Duration) async -> String? {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let promise = loop.makePromise(of: String?.self)
        let deadline = loop.scheduleTask(in: TimeAmount(timeout)) {
            promise.succeed("timeout: health rpc did not complete within \(timeout.text)")
        }
        let connected = ClientBootstrap(group: loop).connectTimeout(TimeAmount(timeout)).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(GRPCAnswer(promise))
            }
        }.connect(host: host, port: port)
        connected.whenSuccess { channel in
            promise.futureResult.whenComplete { _ in channel.close(promise: nil) }
            channel.writeAndFlush(
                ByteBuffer(bytes: request(authority: "\(host):\(port)", service: service)), promise: nil)
        }
        connected.whenFailure { _ in
            promise.succeed(
                "timeout: failed to connect service \"\(host):\(port)\" within \(timeout.text): "
                    + "context deadline exceeded")
        }
        promise.futureResult.whenComplete { _ in deadline.cancel() }
        return (try? await promise.futureResult.get()) ?? nil
    }

    /// The bytes of the whole request.
    static func request(authority: String, service: String) -> [UInt8] {
        var block: [UInt8] = []
        let headers = [
            (":method", "POST"), (":scheme", "http"), (":path", "/grpc.health.v1.Health/Check"),
            (":authority", authority), ("content-type", "application/grpc"), ("te", "trailers"),
            ("user-agent", ProbeRunner.agent),
        ]
        // Literal fields, never indexed, without Huffman coding (RFC 7541, 6.2.3): lengths below 127 are one byte.
        for (name, value) in headers {
            let (name, value) = (Array(name.utf8.prefix(126)), Array(value.utf8.prefix(126)))
            block += [0x10, UInt8(name.count)] + name + [UInt8(value.count)] + value
        }
        let name = Array(service.utf8.prefix(120))
        let message = name.isEmpty ? [] : [0x0A, UInt8(name.count)] + name
        let data: [UInt8] = [0, 0, 0, 0, UInt8(message.count)] + message
        return Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + frame(.settings, 0, stream: 0, [])
            + frame(.headers, 0x4, stream: 1, block) + frame(.data, 0x1, stream: 1, data)
    }

    enum FrameType: UInt8 { case data = 0, headers = 1, reset = 3, settings = 4, ping = 6, goAway = 7 }

    static func frame(_ type: FrameType, _ flags: UInt8, stream: UInt32, _ payload: [UInt8]) -> [UInt8] {
        let size = payload.count
        return [
            UInt8(size >> 16 & 255), UInt8(size >> 8 & 255), UInt8(size & 255), type.rawValue, flags,
            UInt8(stream >> 24 & 127), UInt8(stream >> 16 & 255), UInt8(stream >> 8 & 255), UInt8(stream & 255),
        ] + payload
    }

    /// The verdict on a `HealthCheckResponse`: its field 1 is 1 when the service serves.
    static func verdict(_ message: ArraySlice<UInt8>) -> String? {
        var status: UInt8 = 0
        if message.count >= 2, message[message.startIndex] == 0x08 { status = message[message.startIndex + 1] }
        if status == 1 { return nil }
        let names = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"]
        let name = Int(status) < names.count ? names[Int(status)] : "\(status)"
        return "service unhealthy (responded with \"\(name)\")"
    }
}

/// Reads frames until the message of the answer, or its end, has come.
///
/// Unchecked, because the compiler cannot see it: a handler's state is touched on its channel's event loop only.
private final class GRPCAnswer: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    private let promise: EventLoopPromise<String?>
    private var bytes: [UInt8] = []
    private var data: [UInt8] = []

    init(_ promise: EventLoopPromise<String?>) { self.promise = promise }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        bytes += unwrapInboundIn(data).readableBytesView
        while bytes.count >= 9 {
            let size = Int(bytes[0]) << 16 | Int(bytes[1]) << 8 | Int(bytes[2])
            guard size <= 1 << 16 else { return fail("the server does not speak gRPC", context) }
            guard bytes.count >= 9 + size else { return }
            take(type: bytes[3], flags: bytes[4], payload: bytes[9..<9 + size], context)
            bytes.removeFirst(9 + size)
        }
    }

    private func take(type: UInt8, flags: UInt8, payload: ArraySlice<UInt8>, _ context: ChannelHandlerContext) {
        switch GRPCHealth.FrameType(rawValue: type) {
        case .settings where flags & 1 == 0:
            answer(GRPCHealth.frame(.settings, 1, stream: 0, []), context)
        case .ping where flags & 1 == 0: answer(GRPCHealth.frame(.ping, 1, stream: 0, Array(payload)), context)
        case .data:
            var payload = payload
            if flags & 8 != 0, let padding = payload.popFirst() { payload = payload.dropLast(Int(padding)) }
            data += payload
            let length = data.count >= 5 ? data[1..<5].reduce(0) { $0 << 8 | Int($1) } : 0
            if data.count >= 5, data.count >= 5 + length {
                return promise.succeed(GRPCHealth.verdict(data[5..<5 + length]))
            }
            if flags & 1 != 0 { fail("the server sent no answer", context) }
        case .headers where flags & 1 != 0:
            // Only trailers: the call failed. Their codes are compressed; what matters is that there is no answer.
            fail(
                "the server does not implement the grpc health protocol (grpc.health.v1.Health) for this service",
                context)
        case .reset, .goAway: fail("the server refused the call", context)
        default: break
        }
    }

    private func answer(_ frame: [UInt8], _ context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: frame)), promise: nil)
    }

    private func fail(_ reason: String, _ context: ChannelHandlerContext) {
        promise.succeed("error: health rpc failed: \(reason)")
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        promise.succeed("error: health rpc failed: the connection was closed")
    }
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        promise.succeed("error: health rpc failed: \(error)")
    }
}
