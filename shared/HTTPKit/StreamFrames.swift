public import NIOCore

/// A piece of one of the streams that share the connection of an exec or attach between API server and node agent: a byte
/// for the stream, four for the length, then the bytes. The streams are numbered as Kubernetes does on WebSockets.
public struct StreamFrame: Sendable, Equatable {
    /// Which stream a piece belongs to.
    public enum Stream: UInt8, Sendable {
        /// To the process.
        case input = 0
        /// From the process.
        case output = 1
        /// From the process, its complaints.
        case errors = 2
        /// How it ended: a `Status`, once, last.
        case result = 3
        /// The size of the terminal: `{"Width": 80, "Height": 24}`.
        case size = 4
        /// A stream ends: one byte with its number.
        case end = 255
    }

    /// The stream.
    public let stream: Stream
    /// What is on it.
    public let bytes: ByteBuffer

    /// A piece of a stream.
    public init(_ stream: Stream, _ bytes: ByteBuffer) { (self.stream, self.bytes) = (stream, bytes) }

    /// The protocol's name in the `Upgrade` header.
    public static let upgrade = "martlet-streams"
    /// The most that one piece may hold.
    public static let limit = 1 << 20
}

/// Turns bytes into frames and frames into bytes.
public struct StreamFrameCodec: ByteToMessageDecoder, MessageToByteEncoder {
    public typealias InboundOut = StreamFrame
    public typealias OutboundIn = StreamFrame

    /// A frame that nobody of ours would send.
    public struct Malformed: Error {}

    /// Makes a codec for one direction.
    public init() {}

    public mutating func decode(context: ChannelHandlerContext, buffer: inout ByteBuffer) throws -> DecodingState {
        let start = buffer.readerIndex
        guard let number: UInt8 = buffer.getInteger(at: start), let length: UInt32 = buffer.getInteger(at: start + 1)
        else { return .needMoreData }
        guard let stream = StreamFrame.Stream(rawValue: number), length <= StreamFrame.limit else { throw Malformed() }
        guard buffer.readableBytes >= 5 + Int(length) else { return .needMoreData }
        buffer.moveReaderIndex(forwardBy: 5)
        let bytes = buffer.readSlice(length: Int(length)) ?? ByteBuffer()
        context.fireChannelRead(wrapInboundOut(StreamFrame(stream, bytes)))
        return .continue
    }

    public mutating func decodeLast(context: ChannelHandlerContext, buffer: inout ByteBuffer, seenEOF: Bool) throws
        -> DecodingState
    {
        // What is not whole by now never will be.
        try decode(context: context, buffer: &buffer)
    }

    public func encode(data: StreamFrame, out: inout ByteBuffer) {
        out.writeInteger(data.stream.rawValue)
        out.writeInteger(UInt32(data.bytes.readableBytes))
        out.writeImmutableBuffer(data.bytes)
    }
}

extension NIOAsyncChannel where Inbound == StreamFrame, Outbound == StreamFrame {
    /// Frames on a channel whose other handlers pass bytes; call it on the channel's event loop. The channel begins to
    /// read.
    public static func frames(on channel: any Channel) throws -> NIOAsyncChannel<StreamFrame, StreamFrame> {
        try channel.pipeline.syncOperations.addHandlers([
            ByteToMessageHandler(StreamFrameCodec()), MessageToByteHandler(StreamFrameCodec()),
        ])
        return try NIOAsyncChannel(wrappingChannelSynchronously: channel)
    }
}
