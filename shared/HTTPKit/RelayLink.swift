public import NIOCore
import NIOHTTP1

/// Passes whole exchanges on as bytes, without a task and without taking messages apart, where it knows enough to.
public protocol RequestRelay: Sendable {
    /// Takes a request without body, or leaves it to the server's handler. On the connection's event loop, and without
    /// ending the exchange before it returns.
    ///
    /// - Returns: what is told about the client from now on; nil when the request is left.
    func begin(_ head: PlainHead, _ bytes: ByteBuffer, on link: RelayLink) -> (any RelayedExchange)?
}

/// An exchange that a ``RequestRelay`` took. It is told on the connection's event loop.
public protocol RelayedExchange: AnyObject {
    /// The client takes more again.
    func goOn()
    /// The client is gone, or the server stops: nothing can be written any more.
    func end()
}

/// The client's side of exchanges that a relay takes: stands before everything that reads HTTP, and lets through what is
/// none of the relay's business.
///
/// Unchecked, because the compiler cannot see it: everything here is touched on the channel's event loop only.
public final class RelayLink: ChannelDuplexHandler, RemovableChannelHandler, @unchecked Sendable {
    public typealias InboundIn = ByteBuffer
    public typealias InboundOut = ByteBuffer
    public typealias OutboundIn = ByteBuffer
    public typealias OutboundOut = ByteBuffer

    /// Who has the bytes. `ordinary`: the server's handler, and so many bytes of a request are still to come. `unknown`: the
    /// handler, for good, since nobody here knows where requests begin.
    private enum Course {
        case idle
        case relayed
        case ordinary(left: Int)
        case unknown
    }

    private let relay: any RequestRelay
    private let channel: any Channel
    private var connection: HTTPConnection?
    private var context: ChannelHandlerContext?
    private var course = Course.idle
    private var head = PlainHead()
    private var exchange: (any RelayedExchange)?
    /// The request that is being answered, or the beginning of one.
    private var bytes = ByteBuffer()
    /// What came behind it.
    private var held = CircularBuffer<ByteBuffer>(initialCapacity: 1)
    private var isReadPending = false
    /// What the relay wants to know again at the connection's next request; nothing once there will be none.
    public var memory: AnyObject? {
        get { kept }
        set { kept = context == nil ? nil : newValue }
    }
    private var kept: AnyObject?

    init(_ relay: any RequestRelay, channel: any Channel, connection: HTTPConnection) {
        (self.relay, self.channel, self.connection) = (relay, channel, connection)
    }

    var isBusy: Bool { exchange != nil }

    // MARK: For the relay

    /// The loop that the connection lives on.
    public var eventLoop: any EventLoop { channel.eventLoop }
    /// False when memory would grow by writing more.
    public var isWritable: Bool { channel.isWritable }
    /// The head of the request that is being answered.
    public var request: ByteBuffer { bytes }
    /// True when somebody looks at the answer, as far as the request tells.
    public var wantsPage: Bool {
        bytes.withUnsafeReadableBytes { raw in
            head.fields.contains { field in
                PlainHead.isEqual(raw, field.name, "accept")
                    && String(decoding: raw[field.value], as: UTF8.self).contains("text/html")
            }
        }
    }
    /// A number for a request that brought no id.
    public static func nextNumber() -> UInt64 { RequestNumbers.next() }
    /// The present time as a `Date` field has it.
    public static var date: String { HTTPDate.now }

    /// Sends bytes of the answer with the next flush.
    public func write(_ bytes: ByteBuffer) { context?.write(wrapOutboundOut(bytes), promise: nil) }

    /// Sends a piece of a body in chunks with the next flush.
    public func writeChunk(_ bytes: ByteBuffer) {
        var buffer = channel.allocator.buffer(capacity: 24 + (bytes.readableBytes <= 16_384 ? bytes.readableBytes : 0))
        ResponseEncoding.chunkHead(bytes.readableBytes, into: &buffer)
        if bytes.readableBytes <= 16_384 {
            buffer.writeImmutableBuffer(bytes)
            buffer.writeStaticString("\r\n")
            write(buffer)
        } else {
            write(buffer)
            write(bytes)
            write(ByteBuffer(staticString: "\r\n"))
        }
    }

    /// Ends a body in chunks.
    public func writeLastChunk() { write(ByteBuffer(staticString: "0\r\n\r\n")) }

    /// Sends what was written.
    public func flush() { context?.flush() }

    /// The answer has come to its end. The next request may come on this connection, unless it `isLast`.
    public func finish(isLast: Bool = false) {
        guard exchange != nil else { return }
        context?.flush()
        exchange = nil
        course = .idle
        bytes = ByteBuffer()
        connection?.lastActivity = .now()
        if isLast || connection?.isDraining ?? true {
            connection?.closeWhenWritten()
        } else if !held.isEmpty {
            takeHeld()
        }
    }

    /// The request is left to the server's handler after all; nothing of an answer was sent.
    public func giveBack() {
        guard exchange != nil else { return }
        exchange = nil
        pass(bytes, left: 0)
        takeHeld()
    }

    /// Answers with something that is in memory.
    public func answer(_ response: HTTPResponse) {
        guard exchange != nil, case .bytes(let content) = response.body else { return }
        var buffer = channel.allocator.buffer(capacity: 512 + content.readableBytes)
        ResponseEncoding.head(
            response, framing: .length(content.readableBytes), keepAlive: true, isHTTP10: false, into: &buffer)
        let isHead = bytes.readableBytesView.starts(with: "HEAD ".utf8)
        if !isHead { buffer.writeImmutableBuffer(content) }
        write(buffer)
        finish()
    }

    /// Cuts the connection, so that the client notices that the answer broke off.
    public func abort() { channel.close(promise: nil) }

    // MARK: Between client and handler

    public func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    public func handlerRemoved(context: ChannelHandlerContext) {
        leave()
        self.context = nil
        connection = nil
    }

    public func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch course {
        case .idle: look(unwrapInboundIn(data))
        case .relayed: held.append(unwrapInboundIn(data))
        case .ordinary(let left):
            let count = unwrapInboundIn(data).readableBytes
            course = count <= left ? .ordinary(left: left - count) : .unknown
            context.fireChannelRead(data)
        case .unknown: context.fireChannelRead(data)
        }
    }

    /// Looks at the beginning of a request.
    private func look(_ new: ByteBuffer) {
        let isFirst = bytes.readableBytes == 0
        if isFirst { bytes = new } else { bytes.writeImmutableBuffer(new) }
        let finding = bytes.withUnsafeReadableBytes { head.readRequest($0) }
        switch finding {
        // Its first bytes only: a head has to come in time.
        case .partial: if isFirst { connection?.lastActivity = .now() }
        case .plain(let length) where length == bytes.readableBytes:
            course = .relayed
            if let connection, connection.mode == .http, !connection.isDraining,
                let exchange = relay.begin(head, bytes, on: self)
            {
                self.exchange = exchange
            } else {
                pass(bytes, left: 0)
            }
        case .withBody(let headLength, let bodyLength) where bytes.readableBytes <= headLength + bodyLength:
            pass(bytes, left: headLength + bodyLength - bytes.readableBytes)
        default:
            course = .unknown
            let all = bytes
            bytes = ByteBuffer()
            context?.fireChannelRead(wrapInboundOut(all))
        }
    }

    private func pass(_ request: ByteBuffer, left: Int) {
        course = .ordinary(left: left)
        bytes = ByteBuffer()
        context?.fireChannelRead(wrapInboundOut(request))
    }

    /// The server's handler has answered; a request that came whole has nothing behind it.
    func ordinaryEnded() {
        guard case .ordinary(left: 0) = course, let connection, connection.mode == .http, connection.waiting.isEmpty
        else {
            return
        }
        course = .idle
    }

    private func takeHeld() {
        while let next = held.popFirst() {
            if case .idle = course {
                look(next)
            } else if case .relayed = course {
                held.prepend(next)
                return
            } else {
                course = .unknown
                context?.fireChannelRead(wrapInboundOut(next))
            }
        }
        if isReadPending {
            isReadPending = false
            context?.read()
        }
    }

    public func read(context: ChannelHandlerContext) {
        if held.isEmpty { context.read() } else { isReadPending = true }
    }

    public func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { exchange?.goOn() }
        context.fireChannelWritabilityChanged()
    }

    public func channelInactive(context: ChannelHandlerContext) {
        leave()
        context.fireChannelInactive()
    }

    private func leave() {
        let exchange = self.exchange
        self.exchange = nil
        exchange?.end()
        memory = nil
    }
}
