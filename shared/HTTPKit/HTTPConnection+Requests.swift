import NIOCore
import NIOHTTP1
import NIOTLS

/// Reading: what comes from the peer, up to the start of the handler.
extension HTTPConnection {
    func read(context: ChannelHandlerContext) {
        switch mode {
        case .http where isBodyPaused || !waiting.isEmpty: isReadPending = true
        case .held where decoder != nil: break
        case .held: beginRaw(context)
        default: context.read()
        }
    }

    func resumeReading() {
        guard isReadPending, isActive, !isBodyPaused, waiting.isEmpty else { return }
        isReadPending = false
        context?.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch mode {
        case .http:
            let part = unwrapInboundIn(data)
            if exchange?.isReceived == true || isTakingWaiting { waiting.append(part) } else { receive(part) }
        case .discarding:
            lastActivity = .now()
            // All of the refused body has come: nothing is left that could be met by a reset.
            if case .end = unwrapInboundIn(data) { channel.close(promise: nil) }
        case .closing: break
        case .held: leftOver.append(Self.rawBytes(data))
        case .raw: context.fireChannelRead(data)
        case .multiplexed: break
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if mode == .raw { context.fireChannelReadComplete() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if mode == .held, case ChannelEvent.inputClosed? = event as? ChannelEvent {
            isInputClosed = true  // told after the bytes that came before it
            return
        }
        if case TLSUserEvent.handshakeCompleted(negotiatedProtocol: "h2")? = event as? TLSUserEvent, parent == nil {
            return beginHTTP2(context)
        }
        context.fireUserInboundEventTriggered(event)
    }

    /// Goes on with requests that came behind one that is answered now. A loop, since an answer that is ready at once
    /// comes back to here from within: many requests in one read must not nest.
    func takeWaiting() {
        guard !isTakingWaiting else { return }
        isTakingWaiting = true
        while mode == .http, exchange?.isReceived != true, let part = waiting.popFirst() { receive(part) }
        isTakingWaiting = false
        resumeReading()
    }

    private func receive(_ part: HTTPServerRequestPart) {
        switch part {
        case .head(let head): begin(head)
        case .body(let bytes):
            lastActivity = .now()
            if exchange?.source != nil {
                if exchange?.source?.push(bytes) == false { isBodyPaused = true }
            } else if exchange?.collected == nil {
                exchange?.collected = bytes
            } else {
                exchange?.collected?.writeImmutableBuffer(bytes)
            }
        case .end:
            guard exchange != nil else { return }
            exchange?.isReceived = true
            if let source = exchange?.source { source.finish() } else { start() }
        }
    }

    private func begin(_ head: HTTPRequestHead) {
        lastActivity = .now()
        exchangeCount += 1
        let length: RequestRules.BodyLength
        switch RequestRules.judge(head) {
        case .refused(let status, let message):
            exchange = Exchange(number: exchangeCount, head: head, declaredLength: nil, isKeepAlive: false)
            return refuse(status, message)
        case .accepted(let accepted): length = accepted
        }
        let declared: Int? = if case .bytes(let bytes) = length { bytes } else { nil }
        // After an upgrade request the decoder stops; without a takeover nothing more can be read.
        let isUpgrade = head.headers.contains(name: "upgrade")
        var exchange = Exchange(
            number: exchangeCount, head: head, declaredLength: declared,
            isKeepAlive: head.isKeepAlive && !isDraining && !isUpgrade)
        exchange.continueWanted =
            length != .none && head.version.minor >= 1
            && head.headers.first(name: "expect")?.lowercased() == "100-continue"
        if length == .chunked || (declared ?? 0) > Self.aggregationLimit || exchange.continueWanted {
            exchange.source = BodySource(
                declaredLength: declared,
                onStart: { [weak self] in self?.bodyWanted() },
                onDemand: { [weak self] in self?.bodyDemanded() })
            self.exchange = exchange
            start()
        } else {
            self.exchange = exchange
        }
    }

    private func bodyWanted() {
        onLoop { [self] in
            guard exchange?.continueWanted == true, isActive, parent == nil else { return }
            exchange?.continueWanted = false
            let answer = ByteBuffer(staticString: "HTTP/1.1 100 Continue\r\n\r\n")
            context?.writeAndFlush(wrapOutboundOut(answer), promise: nil)
        }
    }

    private func bodyDemanded() {
        onLoop { [self] in
            isBodyPaused = false
            resumeReading()
        }
    }
}
