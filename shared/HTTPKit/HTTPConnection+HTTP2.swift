import NIOCore
import NIOHPACK
import NIOHTTP1
import NIOHTTP2

/// HTTP/2: the connection carries streams, each of which is a connection of one request to the rest of this module.
///
/// WebSockets are not offered over it (RFC 8441): browsers open them over connections of their own then.
extension HTTPConnection {
    /// Streams of one connection at a time.
    private static let streamLimit = 100
    /// What a client may send before it is read: of a stream, and of all of a connection.
    private static let window = 256 * 1024

    /// The client has chosen HTTP/2 in its handshake.
    func beginHTTP2(_ context: ChannelHandlerContext) {
        var connection = NIOHTTP2Handler.ConnectionConfiguration()
        connection.initialSettings = [
            HTTP2Setting(parameter: .maxConcurrentStreams, value: Self.streamLimit),
            HTTP2Setting(parameter: .maxHeaderListSize, value: environment.limits.headBytes),
            HTTP2Setting(parameter: .initialWindowSize, value: Self.window),
        ]
        connection.targetWindowSize = 4 * Self.window
        var stream = NIOHTTP2Handler.StreamConfiguration()
        stream.targetWindowSize = Self.window
        stream.outboundBufferSizeHighWatermark = 64 * 1024
        stream.outboundBufferSizeLowWatermark = 32 * 1024
        let handler = NIOHTTP2Handler(
            mode: .server, eventLoop: eventLoop, connectionConfiguration: connection, streamConfiguration: stream
        ) { [weak self] channel in
            channel.eventLoop.makeCompletedFuture {
                guard let self, self.isActive else { throw ChannelError.ioOnClosedChannel }
                let one = HTTPConnection(stream: channel, of: self)
                try channel.pipeline.syncOperations.addHandlers([HTTP2RequestReader(), one])
                self.streamBegan(one)
            }
        }
        guard let tls else { return context.close(promise: nil) }
        mode = .multiplexed
        do {
            let pipeline = context.pipeline.syncOperations
            try pipeline.addHandler(ConnectionFrames(), position: .after(tls))
            try pipeline.addHandler(handler, position: .after(tls))
        } catch {
            context.close(promise: nil)
        }
    }

    private convenience init(stream channel: any Channel, of parent: HTTPConnection) {
        self.init(channel: channel, environment: parent.environment, tls: parent.tls, decoder: nil, parent: parent)
    }

    private func streamBegan(_ stream: HTTPConnection) {
        streamCount += 1
        lastActivity = .now()
        environment.registry.addStream(stream)
        if isDraining { stream.isDraining = true }
    }

    func streamEnded() {
        streamCount -= 1
        lastActivity = .now()
        if isDraining, streamCount == 0 { closeMultiplexed() }
    }

    /// Takes no more streams, and closes once the present ones have ended.
    func drainMultiplexed() {
        let farewell = HTTP2Frame(
            streamID: .rootStream, payload: .goAway(lastStreamID: .maxID, errorCode: .noError, opaqueData: nil))
        channel.writeAndFlush(farewell, promise: nil)
        if streamCount == 0 { closeMultiplexed() }
    }

    private func closeMultiplexed() {
        mode = .closing
        // After what the streams have written in this round.
        eventLoop.execute { [channel] in channel.close(promise: nil) }
    }

    // MARK: Answers of a stream

    /// Sends a head; with `isEnd` it is the whole answer.
    func writeHead(_ response: HTTPResponse, length: Int?, isEnd: Bool, _ context: ChannelHandlerContext) {
        var headers = HPACKHeaders()
        headers.reserveCapacity(response.headers.count + 3)
        headers.add(name: ":status", value: String(response.status))
        for (name, value) in ResponseEncoding.sendable(response.headers) {
            headers.add(name: name.lowercased(), value: value)
        }
        if !headers.contains(name: "date") { headers.add(name: "date", value: HTTPDate.now) }
        if let length { headers.add(name: "content-length", value: String(length)) }
        let frame = HTTP2Frame.FramePayload.headers(.init(headers: headers, endStream: isEnd))
        context.write(HTTP2Writer.wrap(frame), promise: nil)
    }

    func writeData(_ bytes: ByteBuffer, isEnd: Bool, _ context: ChannelHandlerContext) {
        let frame = HTTP2Frame.FramePayload.data(.init(data: .byteBuffer(bytes), endStream: isEnd))
        context.write(HTTP2Writer.wrap(frame), promise: nil)
    }
}

/// Keeps frames that are about the whole connection from the handlers of HTTP/1.1, which stand behind it and see no bytes any
/// more, only how the connection fares.
private final class ConnectionFrames: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A stream's errors end the stream.
        if !(error is NIOHTTP2Errors.StreamError) { context.close(promise: nil) }
    }
}

/// Wraps frames for handlers that also write bytes.
private final class HTTP2Writer: ChannelOutboundHandler {
    typealias OutboundIn = Never
    typealias OutboundOut = HTTP2Frame.FramePayload

    static func wrap(_ frame: HTTP2Frame.FramePayload) -> NIOAny { HTTP2Writer().wrapOutboundOut(frame) }
}

/// Makes the parts of an HTTP/1.1 request of a stream's frames, for everything behind it. What could become another request
/// when it is written down as HTTP/1.1 is refused.
final class HTTP2RequestReader: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias InboundOut = HTTPServerRequestPart

    private var hasHead = false
    private var isEnded = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .headers(let frame):
            if hasHead {  // trailers: nobody here wants them
                if frame.endStream { end(context) }
                return
            }
            hasHead = true
            guard let head = Self.head(frame.headers, hasBody: !frame.endStream) else {
                return context.close(promise: nil)
            }
            context.fireChannelRead(wrapInboundOut(.head(head)))
            if frame.endStream { end(context) }
        case .data(let frame):
            guard case .byteBuffer(let bytes) = frame.data else { return }
            if bytes.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(.body(bytes))) }
            if frame.endStream { end(context) }
        default: break
        }
    }

    private func end(_ context: ChannelHandlerContext) {
        guard !isEnded else { return }
        isEnded = true
        context.fireChannelRead(wrapInboundOut(.end(nil)))
    }

    /// Nil for a head that has no meaning in HTTP/1.1, or more than one.
    static func head(_ fields: HPACKHeaders, hasBody: Bool) -> HTTPRequestHead? {
        var method: String?
        var path: String?
        var authority: String?
        var headers = HTTPHeaders()
        headers.reserveCapacity(fields.count)
        var cookies: [String] = []
        for (name, value, _) in fields {
            guard value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 }) else { return nil }
            switch name {
            case ":method": method = value
            case ":path": path = value
            case ":authority": authority = value
            case ":scheme": break
            case "host":
                guard authority == nil || authority == value else { return nil }
                authority = value
            case "cookie": cookies.append(value)
            case "connection", "transfer-encoding", "upgrade", "keep-alive", "proxy-connection", "http2-settings":
                return nil
            default:
                guard !name.isEmpty, name.utf8.allSatisfy({ PlainHead.isToken($0) || $0 == UInt8(ascii: "_") }) else {
                    return nil
                }
                headers.add(name: name, value: value)
            }
        }
        guard let method, !method.isEmpty, method.utf8.allSatisfy(PlainHead.isToken), let path, let authority else {
            return nil
        }
        headers.add(name: "host", value: authority)
        // Clients may cut it into pieces, to compress them better (RFC 9113, 8.2.3).
        if !cookies.isEmpty { headers.add(name: "cookie", value: cookies.joined(separator: "; ")) }
        if hasBody, !headers.contains(name: "content-length") {
            headers.add(name: "transfer-encoding", value: "chunked")  // of unknown length
        }
        return HTTPRequestHead(
            version: .http1_1, method: HTTPMethod(rawValue: method), uri: path, headers: headers)
    }
}
