import HTTPKit
import KubeModel
import NIOCore

/// The streams of a process over SPDY: the client opens one for each direction, and one for the result.
struct SPDYProcess: Sendable {
    let request: ProcessRequest
    /// Version of the streams, `v4.channel.k8s.io`.
    let `protocol`: String
    /// A connection of frames to the node agent, which does not read yet.
    let node: any Channel

    /// The names that the client gives to its streams, and what they are.
    private static let names: [String: StreamFrame.Stream] = [
        "stdin": .input, "stdout": .output, "stderr": .errors, "error": .result, "resize": .size,
    ]

    /// Streams that a client has to open before anything is sent. A client that never tells a size opens none for it.
    private var expected: Set<StreamFrame.Stream> {
        var all: Set<StreamFrame.Stream> = [.result]
        if request.hasInput { all.insert(.input) }
        if request.hasOutput { all.insert(.output) }
        if request.hasErrors { all.insert(.errors) }
        if request.hasTerminal { all.insert(.size) }
        return all
    }

    /// Carries bytes until the process has ended or one side is gone.
    func serve(_ bytes: NIOAsyncChannel<ByteBuffer, ByteBuffer>) async throws {
        let frames = try await node.eventLoop.submit { [node] in try NIOAsyncChannel.frames(on: node) }.get()
        try await bytes.executeThenClose { inbound, outbound in
            try await frames.executeThenClose { fromNode, toNode in
                let (ready, opened) = AsyncStream.makeStream(of: [StreamFrame.Stream: UInt32].self)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        defer { opened.finish() }
                        try await receive(inbound, outbound, toNode, opened)
                    }
                    group.addTask { try await send(fromNode, outbound, ready) }
                    // The first to end ends the other.
                    try await group.next()
                    group.cancelAll()
                }
            }
        }
    }

    /// Accepts streams, tells `opened` once all are there, and passes on what the client sends.
    private func receive(
        _ inbound: NIOAsyncChannelInboundStream<ByteBuffer>, _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>,
        _ toNode: NIOAsyncChannelOutboundWriter<StreamFrame>,
        _ opened: AsyncStream<[StreamFrame.Stream: UInt32]>.Continuation
    ) async throws {
        var reader = SPDY.Reader()
        var streams: [UInt32: StreamFrame.Stream] = [:]
        let expected = expected
        // Sizes come as pieces of JSON that need not keep to the frames.
        var sizes = ByteBuffer()
        func end(_ stream: StreamFrame.Stream?) async throws {
            guard stream == .input else { return }
            try await toNode.write(StreamFrame(.end, ByteBuffer(bytes: [StreamFrame.Stream.input.rawValue])))
        }
        for try await chunk in inbound {
            reader.append(chunk)
            while let frame = try reader.next() {
                switch frame {
                case .open(let number, let headers, let isLast):
                    try await outbound.write(SPDY.accept(number, isFirst: streams.isEmpty))
                    guard let stream = Self.names[headers["streamtype"] ?? ""], streams.count < 8 else {
                        try await outbound.write(SPDY.reset(number))
                        break
                    }
                    streams[number] = stream
                    if expected.isSubset(of: Set(streams.values)) {
                        opened.yield(
                            Dictionary(streams.map { ($0.value, $0.key) }, uniquingKeysWith: { first, _ in first }))
                        opened.finish()
                    }
                    if isLast { try await end(stream) }
                case .data(let number, let bytes, let isLast):
                    switch streams[number] {
                    case .input:
                        for piece in bytes.pieces(of: StreamFrame.limit) where piece.readableBytes > 0 {
                            try await toNode.write(StreamFrame(.input, piece))
                        }
                    case .size:
                        sizes.writeImmutableBuffer(bytes)
                        while let end = sizes.readableBytesView.firstIndex(of: UInt8(ascii: "}")),
                            let size = sizes.readSlice(length: end - sizes.readerIndex + 1)
                        {
                            try await toNode.write(StreamFrame(.size, size))
                        }
                    default: break
                    }
                    if isLast { try await end(streams[number]) }
                case .reset(let number): try await end(streams.removeValue(forKey: number))
                case .ping(let number): try await outbound.write(SPDY.pong(number))
                case .goAway, .other: break
                }
            }
        }
    }

    /// Sends what the process writes, then how it ended.
    private func send(
        _ fromNode: NIOAsyncChannelInboundStream<StreamFrame>, _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>,
        _ ready: AsyncStream<[StreamFrame.Stream: UInt32]>
    ) async throws {
        guard let streams = await ready.first(where: { _ in true }) else { return }
        try await NodeConnection.begin(node)
        for try await frame in fromNode {
            guard let number = streams[frame.stream] else { continue }
            guard frame.stream == .result else {
                for piece in frame.bytes.pieces(of: 1 << 16) { try await outbound.write(SPDY.data(number, piece)) }
                continue
            }
            let result = ChannelProtocol(name: `protocol`).result(frame.bytes)
            for stream in [StreamFrame.Stream.output, .errors] {
                if let number = streams[stream] { try await outbound.write(SPDY.data(number, isLast: true)) }
            }
            try await outbound.write(SPDY.data(number, result, isLast: true))
            break
        }
        try await outbound.write(SPDY.goAway)
    }
}
