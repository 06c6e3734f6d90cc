import KubeModel
import NIOCore
import NIOHTTP1

/// Answers whose bytes are all there, and what follows an answer.
extension HTTPConnection {
    func refuse(_ status: Int, _ message: String) {
        if exchange == nil {
            exchangeCount += 1
            exchange = Exchange(
                number: exchangeCount, head: HTTPRequestHead(version: .http1_1, method: .GET, uri: "/"),
                declaredLength: nil, isKeepAlive: false)
        }
        exchange?.isKeepAlive = false
        if let onRefusal = environment.onRefusal, let head = exchange?.head {
            onRefusal(
                RefusedRequest(
                    method: head.method.rawValue, target: head.uri, status: status, message: message,
                    address: channel.remoteAddress?.ipAddress))
        }
        answer(.error(APIError(.badRequest, message, code: status)))
    }

    func answer(_ response: HTTPResponse) {
        guard isActive, let context, var exchange else {
            response.onEnd?(0, false)
            return
        }
        exchange.onEnd = response.onEnd
        var content: ByteBuffer?
        if case .bytes(let bytes) = response.body { content = bytes }
        let length = content?.readableBytes ?? 0
        let isHead = exchange.head.method == .HEAD
        exchange.sent = isHead ? 0 : length
        if !exchange.isReceived { exchange.isKeepAlive = false }
        let framing: ResponseEncoding.Framing =
            if response.status == 204 || response.status == 304 || response.status < 200 { .none } else if isHead {
                .length(content == nil ? ResponseEncoding.declaredLength(response.headers) ?? 0 : length)
            } else {
                .length(length)
            }
        if parent != nil {
            self.exchange = exchange
            return answerStream(response, content, framing: framing, isHead: isHead, context)
        }
        let inline = length <= 16 * 1024 && !isHead && framing != .none ? length : 0
        var buffer = context.channel.allocator.buffer(capacity: 512 + inline)
        ResponseEncoding.head(
            response, framing: framing, keepAlive: exchange.isKeepAlive, isHTTP10: exchange.head.version.minor == 0,
            into: &buffer)
        self.exchange = exchange
        if let content, length > 0, !isHead, framing != .none {
            if inline > 0 {
                buffer.writeImmutableBuffer(content)
            } else {
                context.write(wrapOutboundOut(buffer), promise: nil)
                buffer = content
            }
        }
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
        finishExchange()
    }

    /// The same on a stream of HTTP/2.
    private func answerStream(
        _ response: HTTPResponse, _ content: ByteBuffer?, framing: ResponseEncoding.Framing, isHead: Bool,
        _ context: ChannelHandlerContext
    ) {
        var length: Int?
        if case .length(let number) = framing { length = number }
        let hasBody = !isHead && length ?? 0 > 0
        tellEnd(isWhole: true)  // the last frame may end the stream at once
        writeHead(response, length: length, isEnd: !hasBody, context)
        if hasBody, let content { writeData(content, isEnd: true, context) }
        context.flush()
        finishExchange()
    }

    /// The answer is on its way: the next request, or the end.
    func finishExchange() {
        guard let exchange else { return }
        tellEnd(isWhole: true)
        self.exchange = nil
        task = nil
        lastActivity = .now()
        isBodyPaused = false
        if parent != nil {
            // A stream has one request. Reset when the client would go on sending, so that it need not.
            if !exchange.isReceived { closeWhenWritten() }
            exchange.source?.finish(exchange.isReceived ? nil : HTTPStreamError.abandoned)
            return
        }
        if !exchange.isReceived {
            exchange.source?.finish(HTTPStreamError.abandoned)
            return discardRest()
        }
        guard exchange.isKeepAlive, !isDraining else { return closeWhenWritten() }
        takeWaiting()
        if self.exchange == nil { link?.ordinaryEnded() }
    }

    func abort() {
        guard isActive else { return }
        channel.close(promise: nil)
    }

    /// Closes once the peer has taken the whole answer: closing drops what the socket has not accepted yet. A peer that
    /// reads nothing is closed by the idle timeout.
    func closeWhenWritten() {
        guard isActive, let context else { return }
        mode = .closing
        waiting.removeAll()
        if parent != nil { return channel.close(promise: nil) }  // a stream's frames are with the connection already
        context.writeAndFlush(wrapOutboundOut(ByteBuffer())).whenComplete { [channel] _ in channel.close(promise: nil) }
    }

    /// The request was answered before its body had come: the peer must be able to read the answer, so its bytes are
    /// thrown away as long as they come, half a minute at most, instead of being met by a reset.
    private func discardRest() {
        mode = .discarding
        waiting.removeAll()
        if tls == nil { channel.close(mode: .output, promise: nil) }
        resumeReading()
        // Rare: bad requests and refused bodies only.
        eventLoop.scheduleTask(in: .seconds(30)) { [channel] in channel.close(promise: nil) }
    }
}
