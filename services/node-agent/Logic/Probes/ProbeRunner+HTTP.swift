import Foundation
import NIOCore
import NIOPosix

/// Where an HTTP probe asks.
struct HTTPTarget: Sendable, Equatable {
    var host: String
    var port: Int
    var path: String
    var isTLS: Bool

    var url: String {
        "\(isTLS ? "https" : "http")://\(host):\(port)\(path.hasPrefix("/") ? path : "/" + path)"
    }

    /// Where a `Location` leads from here; nil when it is none of HTTP.
    func following(_ location: String) -> HTTPTarget? {
        guard let target = URL(string: location, relativeTo: URL(string: url))?.absoluteURL, let host = target.host,
            let scheme = target.scheme?.lowercased(), scheme == "http" || scheme == "https"
        else { return nil }
        var path = target.path.isEmpty ? "/" : target.path(percentEncoded: true)
        if let query = target.query(percentEncoded: true) { path += "?\(query)" }
        return HTTPTarget(
            host: host, port: target.port ?? (scheme == "https" ? 443 : 80), path: path, isTLS: scheme == "https")
    }
}

/// What came back from an HTTP probe.
enum HTTPProbeAnswer: Sendable, Equatable {
    case answered(status: Int, location: String?)
    /// No answer, and why.
    case failed(String)
}

extension ProbeRunner {
    /// Asks, and follows redirects within the host, as kubelets do. One to elsewhere is healthy, with a warning.
    ///
    /// - Returns: nil when the status is one of success or redirection, else what is wrong.
    func fetch(_ target: HTTPTarget, _ headers: [(String, String)], _ timeout: Duration) async -> String? {
        var target = target
        for _ in 0...10 {
            let answer =
                target.isTLS
                ? await Self.getSecurely(target, headers, timeout) : await Self.get(target, headers, timeout)
            switch answer {
            case .failed(let why): return why
            case .answered(let status, let location):
                guard (300..<400).contains(status), let location, let next = target.following(location) else {
                    return (200..<400).contains(status) ? nil : "HTTP probe failed with statuscode: \(status)"
                }
                guard next.host == target.host else {
                    await warn("the answer is a redirect to \(next.url), which is not followed")
                    return nil
                }
                target = next
            }
        }
        return "Get \"\(target.url)\": stopped after 10 redirects"
    }

    /// `GET` in plain text.
    static func get(_ target: HTTPTarget, _ headers: [(String, String)], _ timeout: Duration) async -> HTTPProbeAnswer {
        let (host, port) = (target.host, target.port)
        var request = "GET \(target.path.isEmpty ? "/" : target.path) HTTP/1.1\r\n"
        var headers = headers.filter { !$0.0.contains("\n") && !$0.1.contains("\n") }
        if !headers.contains(where: { $0.0.lowercased() == "host" }) { headers.append(("Host", "\(host):\(port)")) }
        if !headers.contains(where: { $0.0.lowercased() == "user-agent" }) { headers.append(("User-Agent", agent)) }
        headers += [("Accept", "*/*"), ("Connection", "close")]
        for (name, value) in headers { request += "\(name): \(value)\r\n" }
        request += "\r\n"
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let promise = loop.makePromise(of: HTTPProbeAnswer.self)
        let deadline = loop.scheduleTask(in: TimeAmount(timeout)) {
            promise.fail(NodeError("context deadline exceeded (Client.Timeout exceeded while awaiting headers)"))
        }
        let connected = ClientBootstrap(group: loop).connectTimeout(TimeAmount(timeout)).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(AnswerHead(promise))
            }
        }.connect(host: host, port: port)
        let text = request
        connected.whenSuccess { channel in
            promise.futureResult.whenComplete { _ in channel.close(promise: nil) }
            channel.writeAndFlush(ByteBuffer(string: text), promise: nil)
        }
        connected.whenFailure { promise.fail(NodeError("dial tcp \(host):\(port): \(describe($0))")) }
        promise.futureResult.whenComplete { _ in deadline.cancel() }
        do {
            return try await promise.futureResult.get()
        } catch {
            return .failed("Get \"\(target.url)\": \(describe(error))")
        }
    }
}

/// Reads the head of an HTTP answer as far as a probe needs it.
private final class AnswerHead: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let promise: EventLoopPromise<HTTPProbeAnswer>
    private var head: [UInt8] = []
    private static let limit = 16 << 10

    init(_ promise: EventLoopPromise<HTTPProbeAnswer>) { self.promise = promise }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard head.count < Self.limit else { return }
        head += unwrapInboundIn(data).readableBytesView
        let text = String(decoding: head.prefix(Self.limit), as: UTF8.self)
        let isWhole = text.contains("\r\n\r\n") || text.contains("\n\n") || head.count >= Self.limit
        let lines = text.split(omittingEmptySubsequences: false) { $0.isNewline }
        let words = (lines.first ?? "").split(separator: " ")
        guard "HTTP/1.".hasPrefix(text.prefix(7)), lines.count < 2 || words.count > 1 else {
            promise.fail(NodeError("malformed HTTP response"))
            return
        }
        guard lines.count > 1 else {
            if isWhole { promise.fail(NodeError("malformed HTTP response")) }
            return
        }
        guard let status = Int(words[1].prefix(3)) else {
            promise.fail(NodeError("malformed HTTP response"))
            return
        }
        // Only a redirect has to tell more.
        guard (300..<400).contains(status) else {
            promise.succeed(.answered(status: status, location: nil))
            return
        }
        guard isWhole else { return }
        let field = "location:"
        let location = lines.prefix { !$0.isEmpty }.first { $0.lowercased().hasPrefix(field) }?.dropFirst(field.count)
        promise.succeed(.answered(status: status, location: location.map { $0.trimmed() }))
    }

    func channelInactive(context: ChannelHandlerContext) { promise.fail(ChannelError.eof) }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { promise.fail(error) }
}
