import HTTPKit
import Identity
import KubeModel
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix

/// Passes requests of signed-in people on to a service of the platform, with a signed word on who is asking.
///
/// For REST interfaces with small bodies: they are held in memory whole.
struct ServiceProxy: Sendable {
    private static let bodyLimit = 3 << 20
    private static let answerLimit = 64 << 20
    private static let responseTimeout = TimeAmount.seconds(30)

    let core: GatewayCore
    let pool: UpstreamPool
    /// What the service is called, in tokens and messages.
    let name: String
    /// `host:port`
    let address: String

    /// - Throws: ``APIError`` when nobody is signed in, or a foreign page asks.
    func answer(_ request: HTTPRequest) async throws -> HTTPResponse {
        let caller = try await core.caller(of: request)
        let body = try await request.body.collect(upTo: Self.bodyLimit)
        var head = HTTPRequestHead(
            version: .http1_1, method: HTTPMethod(rawValue: request.method), uri: request.target,
            headers: try headers(request, caller.identity))
        if body.readableBytes > 0 || ["POST", "PUT", "PATCH"].contains(request.method) {
            head.headers.add(name: "content-length", value: String(body.readableBytes))
        }
        return try await pass(head, body, on: request.eventLoop)
    }

    private func pass(
        _ head: HTTPRequestHead, _ body: ByteBuffer, on eventLoop: any EventLoop
    ) async throws -> HTTPResponse {
        do {
            return try await exchange(head, body, on: eventLoop)
        } catch let error as APIError {
            throw error
        } catch is CancellationError {
            throw APIError(.serviceUnavailable, "the request was given up")
        } catch UpstreamError.timeout {
            throw APIError(.timeout, "\(name) does not answer in time")
        } catch {
            core.logger.warning("a service cannot be reached", metadata: ["service": "\(name)", "error": "\(error)"])
            throw APIError(.serviceUnavailable, "\(name) cannot be reached just now", retryAfterSeconds: 2)
        }
    }

    /// Asks the service on behalf of a caller: what came of it, and the answer's text.
    ///
    /// - Throws: ``APIError`` when the service cannot be reached.
    func ask(_ method: String, _ target: String, _ caller: Caller, _ body: JSON?) async throws -> (Int, String) {
        var request = HTTPRequestHead(
            version: .http1_1, method: HTTPMethod(rawValue: method), uri: target,
            headers: try headers(caller.request, caller.identity))
        let bytes = ByteBuffer(bytes: body?.bytes ?? [])
        request.headers.replaceOrAdd(name: "accept", value: "application/json")
        request.headers.replaceOrAdd(name: "content-type", value: "application/json")
        request.headers.replaceOrAdd(name: "content-length", value: String(bytes.readableBytes))
        let response = try await pass(request, bytes, on: caller.request.eventLoop)
        guard case .bytes(let answer) = response.body else { return (response.status, "") }
        return (response.status, String(buffer: answer))
    }

    private func headers(_ request: HTTPRequest, _ identity: UserIdentity) throws -> HTTPHeaders {
        var headers = HTTPHeaders()
        for field in ["accept", "content-type", "if-match", "if-none-match", "user-agent"] {
            if let value = request.headers.first(name: field) { headers.add(name: field, value: value) }
        }
        let caller = CallerIdentity(user: identity.user, groups: identity.groups)
        headers.add(
            name: "authorization", value: "Bearer " + (try core.serviceTokens.token(for: caller, audience: name)))
        // For people who read logs, and services that know no tokens; ours do not look at them.
        ForwardedHeaders.add(identity, to: &headers, core.configuration)
        headers.add(name: "host", value: address)
        headers.add(name: "x-request-id", value: request.id)
        headers.add(name: "x-forwarded-proto", value: core.isSecure(request) ? "https" : "http")
        if let address = core.address(of: request) { headers.add(name: "x-forwarded-for", value: address) }
        if let host = request.headers.first(name: "host") { headers.add(name: "x-forwarded-host", value: host) }
        return headers
    }

    private func exchange(
        _ head: HTTPRequestHead, _ body: ByteBuffer, on eventLoop: any EventLoop
    ) async throws -> HTTPResponse {
        let address = try await resolve()
        let (connection, _) = try await pool.connection(to: address, on: eventLoop, fresh: true)
        let response: HTTPResponse
        do {
            try await connection.send(head, body: body, isWhole: true, timeout: Self.responseTimeout)
            response = try await receive(connection)
        } catch {
            await pool.giveBack(connection, to: address, isReusable: false)
            throw error
        }
        await pool.giveBack(connection, to: address, isReusable: false)
        return response
    }

    private func receive(_ connection: UpstreamConnection) async throws -> HTTPResponse {
        guard case .head(let head) = try await connection.next() else { throw ChannelError.inputClosed }
        var response = HTTPResponse(status: Int(head.status.code))
        for field in ["content-type", "location", "allow", "etag", "retry-after", "warning"] {
            for value in head.headers[field] { response.headers.add(name: field, value: value) }
        }
        var whole = ByteBuffer()
        while case .body(var chunk) = try await connection.next() {
            guard whole.readableBytes + chunk.readableBytes <= Self.answerLimit else {
                throw APIError(.requestEntityTooLarge, "the answer of \(name) is too large", code: 502)
            }
            whole.writeBuffer(&chunk)
        }
        response.body = .bytes(whole)
        return response
    }

    /// Looking up a name blocks, so that happens on a thread for such things.
    private func resolve() async throws -> SocketAddress {
        guard let colon = address.lastIndex(of: ":"), let port = Int(address[address.index(after: colon)...]) else {
            throw UpstreamError.refused
        }
        let host = String(address[..<colon])
        if let literal = try? SocketAddress(ipAddress: host, port: port) { return literal }
        return try await NIOThreadPool.singleton.runIfActive {
            try SocketAddress.makeAddressResolvingHost(host, port: port)
        }
    }
}
