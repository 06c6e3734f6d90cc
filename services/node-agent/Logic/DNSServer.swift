import Logging
import NIOCore
import NIOPosix

/// The name server of the pods: names of the cluster by itself, all others from the host's resolvers.
struct DNSServer: Sendable {
    let address: Address4
    let domain: String
    let services: ServiceNetwork
    let logger: Logger

    /// Serves UDP and TCP on port 53 of the bridge until cancelled.
    func run() async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        let udp: any Channel
        let tcp: any Channel
        do {
            udp = try await DatagramBootstrap(group: group)
                .channelOption(.socketOption(.so_reuseaddr), value: 1)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(DatagramNames(server: self))
                    }
                }
                .bind(host: "\(address)", port: 53).get()
            tcp = try await ServerBootstrap(group: group)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(StreamNames(server: self))
                    }
                }
                .bind(host: "\(address)", port: 53).get()
        } catch {
            throw NodeError("the name server cannot listen on \(address):53: \(error)")
        }
        await withTaskCancellationHandler {
            _ = try? await udp.closeFuture.get()
            _ = try? await tcp.closeFuture.get()
        } onCancel: {
            udp.close(promise: nil)
            tcp.close(promise: nil)
        }
    }

    /// The answer to a query; waits for the host's resolvers where needed.
    func answer(_ query: [UInt8], limit: Int, overTCP: Bool, on loop: any EventLoop) -> EventLoopFuture<[UInt8]> {
        guard let question = DNSMessage.question(query) else {
            return loop.makeSucceededFuture(DNSMessage.failure(to: query, code: 4))
        }
        let names = ClusterNames(domain: domain, table: services.table)
        switch names.answer(question) {
        case .elsewhere:
            return HostResolver.ask(query, overTCP: overTCP, on: loop).flatMapErrorThrowing { _ in
                DNSMessage.failure(to: query, code: 2)
            }
        case .records(let records, let additional):
            return loop.makeSucceededFuture(
                DNSMessage.answer(
                    to: query, records: records, additional: additional, exists: true, zone: domain, limit: limit))
        case .nothing:
            return loop.makeSucceededFuture(
                DNSMessage.answer(to: query, records: [], exists: true, zone: domain, limit: limit))
        case .unknown:
            return loop.makeSucceededFuture(
                DNSMessage.answer(to: query, records: [], exists: false, zone: domain, limit: limit))
        case .alias(let target):
            let alias = DNSRecord(name: question.name, type: DNSType.cname, value: .name(target))
            return resolve(target, names: names, on: loop).map { addresses in
                let wanted = question.type == DNSType.a || question.type == DNSType.any ? addresses : []
                let records = wanted.map { DNSRecord(name: target, type: DNSType.a, value: .address($0)) }
                return DNSMessage.answer(
                    to: query, records: [alias] + records, exists: true, zone: self.domain, limit: limit)
            }
        }
    }

    private func resolve(_ name: String, names: ClusterNames, on loop: any EventLoop) -> EventLoopFuture<[Address4]> {
        if case .records(let records, _) = names.answer(DNSQuestion(name: name, type: DNSType.a, class: 1)) {
            return loop.makeSucceededFuture(
                records.compactMap { if case .address(let address) = $0.value { address } else { nil } })
        }
        let query = DNSMessage.query(id: .random(in: 1...UInt16.max), name: name, type: DNSType.a)
        return HostResolver.ask(query, overTCP: false, on: loop)
            .map { DNSMessage.addresses(in: $0) }.flatMapErrorThrowing { _ in [] }
    }
}

/// Asks the resolvers of the host's `/etc/resolv.conf`, one after the other.
enum HostResolver {
    /// Addresses of the resolvers; read each time, because networks change.
    static func servers(_ text: String? = FileTools.text("/etc/resolv.conf")) -> [String] {
        (text ?? "").split(separator: "\n").compactMap { line in
            let words = line.split(whereSeparator: \.isWhitespace)
            return words.count >= 2 && words[0] == "nameserver" ? String(words[1]) : nil
        }
    }

    static func ask(_ query: [UInt8], overTCP: Bool, on loop: any EventLoop) -> EventLoopFuture<[UInt8]> {
        ask(query, servers()[...], overTCP: overTCP, on: loop)
    }

    private static func ask(_ query: [UInt8], _ servers: ArraySlice<String>, overTCP: Bool, on loop: any EventLoop)
        -> EventLoopFuture<[UInt8]>
    {
        guard let server = servers.first else {
            return loop.makeFailedFuture(NodeError("no resolver of the host answered"))
        }
        let promise = loop.makePromise(of: [UInt8].self)
        let handler = AnswerHandler(query: query, promise: promise, isFramed: overTCP)
        let timeout = loop.scheduleTask(in: .seconds(3)) { promise.fail(NodeError("\(server) did not answer")) }
        let connected: EventLoopFuture<any Channel>
        if overTCP {
            connected = ClientBootstrap(group: loop).connectTimeout(.seconds(2)).channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(handler) }
            }.connect(host: server, port: 53)
        } else {
            connected = DatagramBootstrap(group: loop).channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(EnvelopeOpener())
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }.connect(host: server, port: 53)
        }
        connected.whenSuccess { channel in
            promise.futureResult.whenComplete { _ in channel.close(promise: nil) }
            var buffer = channel.allocator.buffer(capacity: query.count + 2)
            if overTCP { buffer.writeInteger(UInt16(query.count)) }
            buffer.writeBytes(query)
            channel.writeAndFlush(buffer, promise: nil)
        }
        connected.whenFailure { promise.fail($0) }
        promise.futureResult.whenComplete { _ in timeout.cancel() }
        return promise.futureResult.flatMapError { error in
            let rest = servers.dropFirst()
            return rest.isEmpty ? loop.makeFailedFuture(error) : ask(query, rest, overTCP: overTCP, on: loop)
        }
    }
}

/// Takes the one answer with the id of the query. All state belongs to the channel's event loop, which is also the
/// loop that makes the handler.
private final class AnswerHandler: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    private let query: [UInt8]
    private let promise: EventLoopPromise<[UInt8]>
    private let isFramed: Bool
    private var received: [UInt8] = []

    init(query: [UInt8], promise: EventLoopPromise<[UInt8]>, isFramed: Bool) {
        (self.query, self.promise, self.isFramed) = (query, promise, isFramed)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        received += Array(unwrapInboundIn(data).readableBytesView)
        if isFramed {
            guard received.count >= 2 else { return }
            let size = Int(received[0]) << 8 | Int(received[1])
            guard received.count >= size + 2 else { return }
            received = Array(received[2..<size + 2])
        }
        defer { received = [] }
        guard received.count >= 12, received[0] == query[0], received[1] == query[1] else { return }
        promise.succeed(received)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        promise.fail(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { promise.fail(ChannelError.eof) }
}

/// Takes datagrams out of their envelopes.
private final class EnvelopeOpener: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    typealias InboundOut = ByteBuffer
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        context.fireChannelRead(wrapInboundOut(unwrapInboundIn(data).data))
    }
}

/// Queries by UDP.
private final class DatagramNames: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    let server: DNSServer
    init(server: DNSServer) { self.server = server }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = unwrapInboundIn(data)
        let channel = context.channel
        let query = Array(envelope.data.readableBytesView)
        guard query.count >= 12, query.count <= 4096 else { return }
        server.answer(query, limit: 1232, overTCP: false, on: context.eventLoop).whenSuccess { answer in
            guard !answer.isEmpty else { return }
            let reply = AddressedEnvelope(remoteAddress: envelope.remoteAddress, data: ByteBuffer(bytes: answer))
            channel.writeAndFlush(reply, promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {}
}

/// Queries by TCP, each with its length ahead.
private final class StreamNames: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    let server: DNSServer
    private var received = ByteBuffer()
    init(server: DNSServer) { self.server = server }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var part = unwrapInboundIn(data)
        received.writeBuffer(&part)
        let channel = context.channel
        while let size = received.getInteger(at: received.readerIndex, as: UInt16.self),
            received.readableBytes >= Int(size) + 2
        {
            received.moveReaderIndex(forwardBy: 2)
            guard let query = received.readBytes(length: Int(size)), query.count >= 12 else {
                context.close(promise: nil)
                return
            }
            server.answer(query, limit: 65535, overTCP: true, on: context.eventLoop).whenSuccess { answer in
                var buffer = ByteBuffer()
                buffer.writeInteger(UInt16(answer.count))
                buffer.writeBytes(answer)
                channel.writeAndFlush(buffer, promise: nil)
            }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
