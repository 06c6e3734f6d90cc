import NIOCore
import NIOHTTP1
import Synchronization

/// Answers whose bytes come one after another.
extension HTTPConnection {
    /// Chunks up to this size are copied into one buffer with their frame; larger ones are passed on as they are.
    private static let copyLimit = 16 * 1024

    /// Writes the head; false when there is nothing to follow.
    func beginStream(_ response: HTTPResponse) -> Bool {
        guard isActive, let context, var exchange else {
            response.onEnd?(0, false)
            return false
        }
        exchange.onEnd = response.onEnd
        let isHTTP10 = exchange.head.version.minor == 0
        if parent != nil { return beginStreamFrames(response, exchange, context) }
        var framing: ResponseEncoding.Framing = isHTTP10 ? .untilClose : .chunked
        if let length = ResponseEncoding.declaredLength(response.headers) { framing = .length(length) }
        if response.status == 204 || response.status == 304 { framing = .none }
        if framing == .untilClose { exchange.isKeepAlive = false }
        var buffer = context.channel.allocator.buffer(capacity: 512)
        ResponseEncoding.head(
            response, framing: framing, keepAlive: exchange.isKeepAlive, isHTTP10: isHTTP10, into: &buffer)
        if exchange.head.method == .HEAD { framing = .none }
        exchange.framing = framing
        streamFailure = nil
        if case .length(let length) = framing { exchange.remaining = length }
        exchange.head.headers = HTTPHeaders()
        self.exchange = exchange
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
        return framing != .none
    }

    /// The same on a stream of HTTP/2, whose frames tell where a body ends.
    private func beginStreamFrames(
        _ response: HTTPResponse, _ exchange: Exchange, _ context: ChannelHandlerContext
    ) -> Bool {
        var exchange = exchange
        let length = ResponseEncoding.declaredLength(response.headers)
        let hasBody = response.status != 204 && response.status != 304
        exchange.framing = !hasBody || exchange.head.method == .HEAD ? .none : length.map { .length($0) } ?? .untilClose
        exchange.remaining = length ?? 0
        exchange.head.headers = HTTPHeaders()
        streamFailure = nil
        self.exchange = exchange
        if exchange.framing == .none { tellEnd(isWhole: true) }  // the stream ends with its head
        writeHead(response, length: hasBody ? length : nil, isEnd: exchange.framing == .none, context)
        context.flush()
        return exchange.framing != .none
    }

    /// Writes a chunk without waiting; false when the peer should be waited for before the next one.
    func offerChunk(_ bytes: ByteBuffer) throws -> Bool {
        if eventLoop.inEventLoop { return try send(bytes) }
        eventLoop.execute { [self] in
            do { _ = try send(bytes) } catch { streamFailure = error }
        }
        return false
    }

    /// Returns when the peer takes more; ends at once when its task is cancelled.
    func drained() async throws {
        let held = HeldWrite()
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                onLoop { [self] in wait(continuation, held) }
            }
        } onCancel: {
            held.isCancelled.store(true, ordering: .sequentiallyConsistent)
            onLoop { [self] in
                // A connection streams one answer at a time: whoever is held up here belongs to the same task.
                let writers = self.writers
                self.writers = []
                for writer in writers { writer.resume(throwing: CancellationError()) }
            }
        }
    }

    /// Writes a chunk; true when the channel takes more at once.
    private func send(_ bytes: ByteBuffer) throws -> Bool {
        guard isActive, let context, let exchange else { throw ChannelError.ioOnClosedChannel }
        self.exchange?.sent += bytes.readableBytes
        if parent != nil {
            if case .length = exchange.framing {
                guard bytes.readableBytes <= exchange.remaining else { throw HTTPStreamError.tooLong }
                self.exchange?.remaining -= bytes.readableBytes
            }
            writeData(bytes, isEnd: false, context)
            context.flush()
            return context.channel.isWritable
        }
        switch exchange.framing {
        case .chunked:
            let isCopied = bytes.readableBytes <= Self.copyLimit
            var buffer = context.channel.allocator.buffer(capacity: 20 + (isCopied ? bytes.readableBytes : 0))
            ResponseEncoding.chunkHead(bytes.readableBytes, into: &buffer)
            if isCopied {
                buffer.writeImmutableBuffer(bytes)
                buffer.writeStaticString("\r\n")
                context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
            } else {
                context.write(wrapOutboundOut(buffer), promise: nil)
                context.write(wrapOutboundOut(bytes), promise: nil)
                context.writeAndFlush(wrapOutboundOut(ByteBuffer(staticString: "\r\n")), promise: nil)
            }
        case .length:
            guard bytes.readableBytes <= exchange.remaining else { throw HTTPStreamError.tooLong }
            self.exchange?.remaining -= bytes.readableBytes
            context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
        case .untilClose: context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
        case .none: break
        }
        return context.channel.isWritable
    }

    private func wait(_ continuation: CheckedContinuation<Void, any Error>, _ held: HeldWrite) {
        guard isActive else { return continuation.resume(throwing: ChannelError.ioOnClosedChannel) }
        if let streamFailure { return continuation.resume(throwing: streamFailure) }
        if held.isCancelled.load(ordering: .sequentiallyConsistent) {
            return continuation.resume(throwing: CancellationError())
        }
        if channel.isWritable { return continuation.resume() }
        writers.append(continuation)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if parent != nil { lastActivity = .now() }
        if context.channel.isWritable, !writers.isEmpty {
            let writers = self.writers
            self.writers = []
            for writer in writers { writer.resume() }
        }
        context.fireChannelWritabilityChanged()
        if context.channel.isWritable, task == nil { follower?.goOn() }
    }

    /// Keeps who goes on with the stream once its task has ended.
    func follow(with follower: any HTTPStreamFollower) {
        onLoop { [self] in
            if isActive { self.follower = follower } else { follower.end() }
        }
    }

    /// The task of a stream has ended: the stream ends, or somebody goes on with it.
    func endTask() {
        guard let follower else { return endStream() }
        // One that ended before it ever waited is not kept by who started it, either.
        runCount += 1
        task = nil
        follower.goOn()
    }

    /// The follower has come to its end.
    func finishFollowing(isWhole: Bool) {
        onLoop { [self] in
            guard follower != nil else { return }
            follower = nil
            if isWhole { endStream() } else { abort() }
        }
    }

    func endStream() {
        guard isActive, let context, let exchange else { return }
        if parent != nil, exchange.framing != .none {
            if case .length = exchange.framing, exchange.remaining > 0 { return abort() }
            tellEnd(isWhole: true)
            writeData(ByteBuffer(), isEnd: true, context)
            context.flush()
            return finishExchange()
        }
        switch exchange.framing {
        case .chunked: context.writeAndFlush(wrapOutboundOut(ByteBuffer(staticString: "0\r\n\r\n")), promise: nil)
        case .length where exchange.remaining > 0: return abort()
        default: break
        }
        finishExchange()
    }
}

/// A write that may have to wait for the peer.
private final class HeldWrite: Sendable {
    let isCancelled = Atomic(false)
}

/// Why a body broke off.
enum HTTPStreamError: Error {
    /// More bytes than announced.
    case tooLong
    /// The handler answered without reading all of it.
    case abandoned
}
