import AsyncHTTPClient
import Foundation
import HTTPKit
import KubeModel
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

extension APIServer {
    /// HTML pages longer than this (bytes) go through with their links as they are.
    private static let pageLimit = 8 << 20

    /// `proxy` below Pods, Services and Nodes: passes the request of a client at `address` on to what the object stands for.
    func proxy(_ request: APIRequest, _ context: RequestContext, address: String) async throws -> APIAnswer {
        let (info, kind) = (context.info, context.kind)
        guard request.query["dryRun"] == nil else { throw APIError(.badRequest, "dryRun is not supported") }
        let isUpgrade = request.asksForUpgrade
        guard !isUpgrade || !request.hasBody else {
            throw APIError(.badRequest, "a request for another protocol must have no body")
        }
        let path =
            info.rest.isEmpty && request.path.utf8.last != UInt8(ascii: "/")
            ? "" : "/" + info.rest.joined(separator: "/")
        try await admitSubresource(
            context,
            object: ["kind": .string("\(kind.type.kind)ProxyOptions"), "apiVersion": "v1", "path": .string(path)],
            operation: .connect)
        let target = try await proxyTarget(info)
        let question = ProxiedRequest(request, info, address: address, isUpgrade: isUpgrade)
        if isUpgrade { return ProxiedStream(request: question, target: target, logger: logger).answer }
        if path.isEmpty, request.method == "GET" || request.method == "HEAD" {
            let query = request.rawQuery.isEmpty ? "" : "?\(request.rawQuery)"
            return APIAnswer(
                status: 301, contentType: "", headers: [("Location", "\(request.path)/\(query)")],
                body: .bytes(ByteBuffer()))
        }
        return try await pass(question, request, to: target)
    }

    private func pass(
        _ question: ProxiedRequest, _ request: APIRequest, to target: ProxyTarget
    ) async throws -> APIAnswer {
        var passed = HTTPClientRequest(url: target.url(question.target))
        passed.method = HTTPMethod(rawValue: question.method)
        passed.headers = question.headers
        passed.headers.remove(name: "content-length")
        if request.hasBody {
            let length = request.header("content-length").flatMap(Int64.init)
            passed.body = .stream(request.content, length: length.map { .known($0) } ?? .unknown)
        }
        let answer: HTTPClientResponse
        do {
            answer = try await Self.proxyClient.execute(passed, deadline: .distantFuture)
        } catch let error as CancellationError {
            throw error
        } catch {
            throw APIError(.serviceUnavailable, "error trying to reach service: \(Self.reason(error, target))")
        }
        return try await presented(answer, to: request, question, target)
    }

    private func presented(
        _ answer: HTTPClientResponse, to request: APIRequest, _ question: ProxiedRequest, _ target: ProxyTarget
    ) async throws -> APIAnswer {
        var headers = ProxiedRequest.cleaned(answer.headers)
        let links = ProxyLinks(
            prefix: question.prefix, target: target.authority, host: request.header("host") ?? "")
        var body = APIAnswer.Body.stream { write in for try await chunk in answer.body { try await write(chunk) } }
        let type = (headers.first(name: "content-type") ?? "").prefix { $0 != ";" }
        if let location = headers.first(name: "location") {
            headers.replaceOrAdd(name: "location", value: links.rewritten(location))
        } else if type.filter({ $0 != " " }) == "text/html", headers.first(name: "content-encoding") == nil,
            request.method != "HEAD"
        {
            headers.remove(name: "content-length")
            body = .stream { write in try await Self.write(pageOf: answer, with: links, to: write) }
        }
        let content = headers.first(name: "content-type") ?? ""
        headers.remove(name: "content-type")
        return APIAnswer(
            status: Int(answer.status.code), contentType: content, headers: headers.map { ($0, $1) }, body: body)
    }

    /// Writes a page with its links changed, or as it is when it is too long to be looked at.
    private static func write(
        pageOf answer: HTTPClientResponse, with links: ProxyLinks, to write: ChunkWriter
    ) async throws {
        var page = ByteBuffer()
        var isTooLong = false
        for try await var chunk in answer.body {
            if isTooLong {
                try await write(chunk)
                continue
            }
            page.writeBuffer(&chunk)
            isTooLong = page.readableBytes > pageLimit
            if isTooLong { try await write(page) }
        }
        if !isTooLong { try await write(ByteBuffer(bytes: links.rewritten(html: Array(page.readableBytesView)))) }
    }

    /// Reaches Pods and nodes. Their certificates are nobody's: what is behind an address is known by the address.
    private static let proxyClient: HTTPClient = {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.certificateVerification = .none
        var configuration = HTTPClient.Configuration(tlsConfiguration: tls, redirectConfiguration: .disallow)
        configuration.timeout.connect = .seconds(30)
        configuration.httpVersion = .http1Only
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    /// Why a target did not answer, in a few words.
    static func reason(_ error: any Error, _ target: ProxyTarget) -> String {
        let errors = (error as? NIOConnectionError)?.connectionErrors.map(\.error) ?? [error]
        let problem = errors.first ?? error
        if let failure = problem as? IOError {
            switch failure.errnoCode {
            case ECONNREFUSED: return "dial tcp \(target.place): connect: connection refused"
            case ECONNRESET: return "\(target.place): connection reset by peer"
            default: return "\(target.place): \(failure.description)"
            }
        }
        if case HTTPClientError.connectTimeout? = error as? HTTPClientError {
            return "dial tcp \(target.place): i/o timeout"
        }
        if problem is NIOSSLError || problem is BoringSSLError { return "\(target.place): no TLS is spoken there" }
        return "\(target.place): \(problem)"
    }
}

extension APIRequest {
    /// True when the client wants to go on in another protocol.
    fileprivate var asksForUpgrade: Bool {
        headers.contains(name: "upgrade")
            && headers[canonicalForm: "connection"].contains { $0.lowercased() == "upgrade" }
    }

    /// True when there is something to read behind the head.
    fileprivate var hasBody: Bool {
        headers.contains(name: "transfer-encoding") || (header("content-length") ?? "0") != "0"
    }

    /// The same request, with nothing asked in its query, and nothing said about the form of the answer.
    var bare: APIRequest {
        var headers = headers
        headers.remove(name: "accept")
        return APIRequest(
            method: method, path: path, query: Query(), headers: headers, content: content, body: body)
    }
}
