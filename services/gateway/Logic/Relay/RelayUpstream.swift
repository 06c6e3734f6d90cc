import HTTPKit
import KubeModel
import NIOCore
import NIOHTTP1
import NIOPosix

/// One connection to a notebook's server for exchanges that are passed on as bytes, one at a time.
///
/// Unchecked, because the compiler cannot see it: everything here is touched on the event loop only, on which the client's
/// connection lives too.
final class RelayUpstream: ChannelDuplexHandler, RelayedExchange, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// What of the answer comes next. `untilClose`: its body ends with the connection.
    private enum Phase {
        case idle
        case head
        case length(Int)
        case chunks(ChunkReader)
        case untilClose
    }

    /// Bodies up to this length are sent together with their head.
    private static let copyLimit = 16 * 1024

    private let place: RelayPlace
    private var context: ChannelHandlerContext?
    private var link: RelayLink?
    private var passage: Passage?
    private var phase = Phase.idle
    private var head = PlainHead()
    /// The request as the notebook gets it; kept, so that the next one need not find memory.
    private var request = ByteBuffer()
    private var answer = ByteBuffer()
    /// The beginning of an answer's head.
    private var early = ByteBuffer()
    private var isHead = false
    private var status = 0
    /// Bytes of the body that were passed on.
    private var sent = 0
    /// Of the request.
    private var id = ByteBuffer()
    private var isReusable = false
    private var isReadPending = false
    private var isUnflushed = false
    private var isGone = false
    /// While the request is being written.
    private var isBeginning = false
    private var isFailed = false
    private var isAsking = false
    /// Since when the answer is waited for, or the connection is idle.
    private var since = NIODeadline.now()

    init(_ place: RelayPlace) { self.place = place }

    var isOpen: Bool { context?.channel.isActive ?? false }

    // MARK: Asking

    /// Writes a request, which ``begin(_:_:isHead:)`` sends; nil when it is not to be sent.
    func compose(_ body: (inout ByteBuffer) -> RelayedRequest.Written?) -> RelayedRequest.Written? {
        request.clear()
        guard let written = body(&request) else { return nil }
        id.clear()
        if let place = request.viewBytes(at: written.id.lowerBound, length: written.id.count) { id.writeBytes(place) }
        return written
    }

    /// Sends what was composed, over a new connection where there is none.
    ///
    /// - Returns: false when that failed at once: the request is left to the proxy.
    func begin(_ link: RelayLink, _ passage: Passage, isHead: Bool) -> Bool {
        isBeginning = true
        defer { isBeginning = false }
        (self.link, self.passage, self.isHead) = (link, passage, isHead)
        (status, sent) = (0, 0)
        phase = .head
        since = .now()
        if let context {
            context.writeAndFlush(wrapOutboundOut(request), promise: nil)
        } else {
            connect()
        }
        return self.link === link
    }

    private func connect() {
        ClientBootstrap(group: place.loop.eventLoop)
            .connectTimeout(place.loop.connectTimeout)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.maxMessagesPerRead, value: 4)
            .channelOption(
                .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 1024, initial: 4096, maximum: 131_072)
            )
            .channelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(self) }
            }
            .connect(to: place.address)
            .whenFailure { [self] _ in leaveToProxy() }  // which knows what to say about it
    }

    func channelActive(context: ChannelHandlerContext) {
        self.context = context
        place.opened(self)
        if isGone { return context.close(promise: nil) }
        context.writeAndFlush(wrapOutboundOut(request), promise: nil)
        context.fireChannelActive()
    }

    // MARK: Answering

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let link else { return context.close(promise: nil) }  // nobody asked
        // No answer yet: what comes while the request is being written is the farewell of a kept connection.
        if isBeginning { return leaveToProxy() }
        var bytes = unwrapInboundIn(data)
        if case .head = phase, !readHead(&bytes, link) { return }
        readBody(&bytes, link)
    }

    /// False until the head is whole and its first bytes are on their way.
    private func readHead(_ bytes: inout ByteBuffer, _ link: RelayLink) -> Bool {
        if early.readableBytes > 0 {
            early.writeBuffer(&bytes)
            bytes = early
            early = ByteBuffer()
        }
        while true {
            guard let length = bytes.withUnsafeReadableBytes({ head.readResponse($0) }) else {
                if head.isBroken || bytes.readableBytes > 64 * 1024 {
                    leaveToProxy()
                } else {
                    early = bytes
                }
                return false
            }
            let status = bytes.withUnsafeReadableBytes { PlainHead.number($0, head.start) } ?? 0
            if status != 101, (100...199).contains(status) {
                bytes.moveReaderIndex(forwardBy: length)
                continue
            }
            answer.clear()
            let next = bytes.withUnsafeReadableBytes { raw in
                RelayedAnswer.write(head, raw, status: status, isHead: isHead, passage: passage, id: id, into: &answer)
            }
            guard let next else {
                leaveToProxy()
                return false
            }
            isReusable = next.isReusable
            if let passage { place.loop.counts.count(status, of: passage.workspace.kind) }
            self.status = status
            switch next.framing {
            case .none: phase = .length(0)
            case .length(let length): phase = .length(length)
            case .chunks: phase = .chunks(ChunkReader())
            case .untilClose: phase = .untilClose
            }
            bytes.moveReaderIndex(forwardBy: length)
            if case .length(let length) = phase, length <= Self.copyLimit, length <= bytes.readableBytes {
                answer.writeImmutableBuffer(bytes.readSlice(length: length) ?? ByteBuffer())
                sent = length
                phase = .length(0)
            }
            link.write(answer)
            isUnflushed = true
            return true
        }
    }

    private func readBody(_ bytes: inout ByteBuffer, _ link: RelayLink) {
        switch phase {
        case .length(let left):
            if left > 0, let piece = bytes.readSlice(length: min(left, bytes.readableBytes)), piece.readableBytes > 0 {
                phase = .length(left - piece.readableBytes)
                sent += piece.readableBytes
                link.write(piece)
                isUnflushed = true
                guard left == piece.readableBytes else { return }
            }
            if case .length(0) = phase { finish(hasMore: bytes.readableBytes > 0) }
        case .chunks(var reader):
            phase = .idle
            while true {
                switch reader.next(&bytes) {
                case .data(let piece):
                    sent += piece.readableBytes
                    link.writeChunk(piece)
                    isUnflushed = true
                    continue
                case .needsMore: phase = .chunks(reader)
                case .end:
                    link.writeLastChunk()
                    finish(hasMore: bytes.readableBytes > 0)
                case .broken: breakOff()
                }
                return
            }
        case .untilClose:
            guard bytes.readableBytes > 0 else { return }
            sent += bytes.readableBytes
            link.writeChunk(bytes)
            isUnflushed = true
        case .idle, .head: break
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        guard isUnflushed else { return }
        isUnflushed = false
        link?.flush()
    }

    /// The answer is whole: the connection may serve again, and the client may ask again.
    private func finish(hasMore: Bool) {
        let link = letGo(isWhole: true)
        isUnflushed = false
        if !isReusable || hasMore || !place.put(self) { context?.close(promise: nil) }
        link?.finish()
    }

    /// Nothing of an answer was sent: the request can be asked again, by somebody who knows more.
    private func leaveToProxy() {
        let link = letGo(isWhole: false)
        isGone = true
        context?.close(promise: nil)
        link?.memory = nil
        link?.giveBack()
    }

    /// The exchange is over, as far as this connection goes; one that was answered is written down.
    @discardableResult
    private func letGo(isWhole: Bool) -> RelayLink? {
        let link = self.link
        if let passage {
            passage.account.leave()
            if status > 0, let log = place.loop.accessLog, let link {
                log.write(link.request, passage, id: id, status: status, since, bytes: sent, isWhole: isWhole)
            }
        }
        (self.link, passage, phase) = (nil, nil, .idle)
        since = .now()
        return link
    }

    private func breakOff() {
        let link = letGo(isWhole: false)
        context?.close(promise: nil)
        link?.abort()
    }

    // MARK: Back-pressure and ends

    func read(context: ChannelHandlerContext) {
        if link?.isWritable ?? true { context.read() } else { isReadPending = true }
    }

    func goOn() {
        guard isReadPending else { return }
        isReadPending = false
        context?.read()
    }

    func end() {
        letGo(isWhole: false)
        isGone = true
        context?.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        place.closed(self)
        self.context = nil
        guard link != nil else { return context.fireChannelInactive() }
        switch phase {
        case .head where early.readableBytes == 0: leaveToProxy()
        case .untilClose where !isFailed:
            link?.writeLastChunk()
            finish(hasMore: true)
        default: breakOff()
        }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        isFailed = true
        context.close(promise: nil)
    }

    func closeIfIdle() { if link == nil { context?.close(promise: nil) } }

    /// An answer that takes long ends when its visitor may not be there any more.
    private func askAgain(_ now: NIODeadline) {
        guard now - since > .seconds(1), !isAsking, let passage else { return }
        isAsking = true
        // Outside of any group, for it belongs to the exchange: it ends by itself, and does nothing when that is over.
        Task(executorPreference: EventLoopExecutor(place.loop.eventLoop)) { [self] in
            let mayStay = await passage.mayStay()
            place.loop.eventLoop.execute { [self] in
                isAsking = false
                if !mayStay, self.passage === passage { breakOff() }
            }
        }
    }

    /// Gives up an answer that does not begin, and a connection that nobody uses.
    func check(now: NIODeadline, idleTimeout: TimeAmount, _ responseTimeout: TimeAmount) {
        guard let link else {
            if now - since > idleTimeout { context?.close(promise: nil) }
            return
        }
        guard case .head = phase else { return askAgain(now) }
        guard now - since > responseTimeout else { return }
        status = 504
        let workspace = passage?.workspace
        letGo(isWhole: true)
        context?.close(promise: nil)
        if let workspace {
            place.loop.counts.count(504, of: workspace.kind)
            let pages = FailurePages(workspace: workspace)
            link.answer(pages.answer(.silent(responseTimeout.nanoseconds / 1_000_000_000), isPage: link.wantsPage))
        }
    }
}
