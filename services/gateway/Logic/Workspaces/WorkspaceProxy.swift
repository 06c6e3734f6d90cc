import ControllerKit
import HTTPKit
import KubeClient
import KubeModel
import Logging
import NIOCore
import NIOHTTP1
import Synchronization

/// `/notebook/{namespace}/{name}/...` and its like: passes requests on to the workspace's Pod, streaming both ways.
struct WorkspaceProxy: Sendable {
    let core: GatewayCore
    let pool: UpstreamPool
    let relay: WorkspaceRelay

    init(core: GatewayCore, relay: WorkspaceRelay) {
        (self.core, self.relay) = (core, relay)
        pool = UpstreamPool(connectTimeout: core.configuration.connectTimeout)
    }

    /// One request, with where it goes.
    private struct Route {
        let workspace: Workspace
        let target: String
        let headers: [String: String]
        /// What takes the prefix' place in the target.
        let rewrite: String?
        /// Whether the visitor may still be there, for connections that outlive the request.
        var mayStay: @Sendable () async -> Bool = { true }
    }

    /// A WebSocket's last frame before a stop: closed, 1001 (RFC 6455, 5.5.1 and 7.4.1). Browsers open a new one then.
    private static let goingAway = ByteBuffer(bytes: [0x88, 0x02, 0x03, 0xE9])

    /// How often open WebSockets are looked at: somebody may have signed out, or lost a role.
    private static let watchInterval = Duration.seconds(1)

    func answer(_ request: HTTPRequest) async throws -> HTTPResponse {
        guard let workspace = Workspace(path: request.path),
            request.path.hasPrefix(workspace.prefix) || request.path + "/" == workspace.prefix
        else {
            let noun = (Workspace.Kind.of(request.path) ?? .notebook).noun
            return Self.notFound(noun, "This is not the address of a \(noun).", ("All notebooks", "/"))
        }
        let kind = workspace.kind
        let marks = core.marks
        guard let identity = try await core.visitor(of: request, scope: .notebooks) else {
            return isPage(request)
                ? core.signInPage(request) : .error(APIError(.unauthorized, "No user detected."))
        }
        let isUpgrade = request.headers.contains(name: "upgrade")
        if isUpgrade || !["GET", "HEAD", "OPTIONS"].contains(request.method) {
            try core.requestGuard.checkOriginHeader(request)
            if let site = request.headers.first(name: "sec-fetch-site"), site == "cross-site" || site == "same-site" {
                throw APIError(.forbidden, "requests from other sites are not accepted")
            }
        }
        guard try await core.allows(identity, in: workspace) else {
            return isPage(request)
                ? WorkspacePages.notYours(workspace)
                : .error(
                    APIError(.forbidden, "you may not open the \(kind.noun) \(workspace.namespace)/\(workspace.name)"))
        }
        try await core.workspaces.waitUntilSynced(kind)
        guard let object = core.workspaces.object(of: workspace) else {
            return Self.notFound(
                kind.noun, "There is no \(kind.noun) \(workspace.name) in the namespace \(workspace.namespace).",
                workspace.all)
        }
        if !request.path.hasPrefix(workspace.prefix) {
            let query = request.rawQuery.isEmpty ? "" : "?" + request.rawQuery
            return HTTPResponse(status: 308, headers: ["location": workspace.prefix + query])
        }
        guard let address = core.workspaces.address(of: workspace) else {
            return await starting(object, workspace, request: request, identity: identity)
        }
        var route = Self.route(request, to: workspace, object)
        if isUpgrade {
            route.mayStay = mayStay(request, in: workspace)
        } else if route.headers.isEmpty {
            relay.remember(
                request, identity, in: workspace, rewrite: route.rewrite, address: address, marks: marks,
                mayStay: mayStay(request, in: workspace))
        }
        return await forward(
            request, route: route, identity: identity, to: address, isUpgrade: isUpgrade, object: object)
    }

    /// Asks again who it is, and what they may as often as roles change, and once a minute anyway.
    private func mayStay(_ request: HTTPRequest, in workspace: Workspace) -> @Sendable () async -> Bool {
        let seen = Mutex((changes: core.reviews.changeCount, askedAt: ContinuousClock.now))
        return { [core] in
            do {
                guard let identity = try await core.visitor(of: request, scope: .notebooks) else { return false }
                let changes = core.reviews.changeCount
                let isDue = seen.withLock { seen in
                    guard seen.changes != changes || seen.askedAt + .seconds(60) < .now else { return false }
                    seen = (changes, .now)
                    return true
                }
                guard isDue else { return true }
                return try await core.allows(identity, in: workspace)
            } catch {
                return (error as? APIError).map { $0.code >= 500 } ?? true  // nobody could be asked just now
            }
        }
    }

    private static func route(_ request: HTTPRequest, to workspace: Workspace, _ object: KubeObject) -> Route {
        let rewrite = workspace.rewrite(object)
        let target = rewrite.map { $0 + request.target.dropFirst(workspace.prefix.utf8.count) } ?? request.target
        return Route(
            workspace: workspace, target: target, headers: workspace.fieldsSet(by: object), rewrite: rewrite)
    }

    // MARK: Passing on

    private func forward(
        _ request: HTTPRequest, route: Route, identity: UserIdentity, to address: SocketAddress, isUpgrade: Bool,
        object: KubeObject
    ) async -> HTTPResponse {
        var head = HTTPRequestHead(
            version: .http1_1, method: HTTPMethod(rawValue: request.method), uri: route.target,
            headers: ForwardedHeaders.toNotebook(
                request, identity: identity, core: core, prefix: route.workspace.prefix,
                setByNotebook: route.headers, isUpgrade: isUpgrade))
        let pages = FailurePages(workspace: route.workspace)
        let hasBody = request.body.buffered.map { $0.readableBytes > 0 } ?? true
        if let buffered = request.body.buffered {
            if buffered.readableBytes > 0 || ["POST", "PUT", "PATCH"].contains(request.method) {
                head.headers.replaceOrAdd(name: "content-length", value: String(buffered.readableBytes))
            }
        } else if let length = request.headers.first(name: "content-length") {
            head.headers.replaceOrAdd(name: "content-length", value: length)
        } else {
            head.headers.replaceOrAdd(name: "transfer-encoding", value: "chunked")
        }
        // What does something may have done it before the connection broke off (RFC 9110, 9.2.2).
        let mayRetry = !hasBody && ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"].contains(request.method)
        do {
            return try await exchange(head, request, route, address, mayRetry: mayRetry, isUpgrade: isUpgrade)
        } catch is CancellationError {
            return .error(APIError(.serviceUnavailable, "the request was given up"))
        } catch UpstreamError.timeout {
            return pages.answer(.silent(core.configuration.responseTimeout.components.seconds), isPage: isPage(request))
        } catch UpstreamError.connectTimeout {
            return pages.answer(
                .outOfReach(core.configuration.connectTimeout.components.seconds), isPage: isPage(request))
        } catch UpstreamError.refused {
            // Its Pod runs, its server does not listen yet (or any more).
            return await starting(object, route.workspace, request: request, identity: identity)
        } catch let error as APIError {
            return .error(error)
        } catch {
            core.logger.debug("a workspace failed", metadata: ["error": "\(error)", "path": "\(request.path)"])
            return pages.answer(.brokeOff, isPage: isPage(request))
        }
    }

    private func exchange(
        _ head: HTTPRequestHead, _ request: HTTPRequest, _ route: Route, _ address: SocketAddress, mayRetry: Bool,
        isUpgrade: Bool, fresh: Bool = false
    ) async throws -> HTTPResponse {
        let (connection, isFresh) = try await pool.connection(
            to: address, on: request.eventLoop, fresh: fresh || isUpgrade)
        let timeout = TimeAmount(core.configuration.responseTimeout)
        var upload: Upload?
        do {
            if let buffered = request.body.buffered {
                try await connection.send(head, body: buffered, isWhole: true, timeout: timeout)
            } else {
                // The body has as long as it takes; the time for the answer begins after it.
                try await connection.send(head, body: nil, isWhole: false, timeout: .hours(24 * 365))
                upload = Upload(request.body, to: connection, timeout: timeout)
            }
            return try await response(head, route, address, connection, upload)
        } catch {
            upload?.cancel()
            await pool.giveBack(connection, to: address, isReusable: false)
            // A kept connection may have been closed just as it was used; that is nobody's fault.
            guard !isFresh, mayRetry, !(error is UpstreamError), !Task.isCancelled else { throw error }
            return try await exchange(
                head, request, route, address, mayRetry: false, isUpgrade: isUpgrade, fresh: true)
        }
    }

    private func response(
        _ head: HTTPRequestHead, _ route: Route, _ address: SocketAddress, _ connection: UpstreamConnection,
        _ upload: Upload?
    ) async throws -> HTTPResponse {
        guard case .head(let answer) = try await connection.next() else { throw ChannelError.inputClosed }
        if answer.status == .switchingProtocols {
            guard head.headers.contains(name: "upgrade") else { throw ChannelError.inputClosed }
            pool.forget(connection)
            return HTTPResponse(
                status: 101,
                body: .takeOver { channel in
                    try await Self.join(channel, connection, answer, while: route.mayStay)
                })
        }
        var headers = ForwardedHeaders.fromNotebook(answer.headers, prefix: route.workspace.prefix)
        if !headers.contains(name: "content-security-policy") {
            headers.add(name: "content-security-policy", value: "frame-ancestors 'self'")
        }
        let isKeepAlive = answer.isKeepAlive
        let status = Int(answer.status.code)
        // The first part tells whether the whole answer is here already: then it is sent with its head.
        switch try await connection.next() {
        case .end:
            await finish(connection, address, isKeepAlive: isKeepAlive, upload)
            return HTTPResponse(status: status, headers: headers)
        case .body(let first):
            let length = answer.headers.first(name: "content-length").flatMap { Int($0) }
            if length == first.readableBytes, case .end = try await connection.next() {
                await finish(connection, address, isKeepAlive: isKeepAlive, upload)
                return HTTPResponse(status: status, headers: headers, body: .bytes(first))
            }
            return HTTPResponse(
                status: status, headers: headers,
                body: .stream { writer in
                    do {
                        try await writer.write(first)
                        while case .body(let bytes) = try await connection.next() { try await writer.write(bytes) }
                    } catch {
                        await finish(connection, address, isKeepAlive: false, upload)
                        throw error
                    }
                    await finish(connection, address, isKeepAlive: isKeepAlive, upload)
                })
        case .head: throw ChannelError.inputClosed
        }
    }

    /// The answer has ended. A body that was not sent to its end has no reader any more.
    private func finish(
        _ connection: UpstreamConnection, _ address: SocketAddress, isKeepAlive: Bool, _ upload: Upload?
    ) async {
        let isSent = upload?.isDone ?? true
        upload?.cancel()
        await pool.giveBack(connection, to: address, isReusable: isKeepAlive && isSent)
    }

    /// Both ends speak another protocol now (WebSocket): their bytes go through as they are.
    private static func join(
        _ channel: any Channel, _ connection: UpstreamConnection, _ answer: HTTPResponseHead,
        while mayStay: @escaping @Sendable () async -> Bool
    ) async throws {
        var head = ByteBuffer()
        head.writeString("HTTP/1.1 101 Switching Protocols\r\n")
        for (name, value) in answer.headers
        where !ForwardedHeaders.isForPlatformOnly(name) && !value.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) {
            head.writeString("\(name): \(value)\r\n")
        }
        head.writeStaticString("\r\n")
        let upstream = connection.channel
        do {
            try await channel.writeAndFlush(head).get()
            let isWebSocket = answer.headers.first(name: "upgrade")?.lowercased() == "websocket"
            let (near, far) = ChannelGlue.pair(farewell: isWebSocket ? goingAway : nil)
            try await connection.surrender(to: far)
            try await channel.pipeline.addHandler(near).get()
            try await upstream.setOption(.autoRead, value: true).get()
            try await channel.setOption(.autoRead, value: true).get()
            channel.read()
        } catch {
            upstream.close(promise: nil)
            throw error
        }
        await withTaskGroup { group in
            group.addTask {
                while (try? await Task.sleep(for: watchInterval)) != nil {
                    guard await mayStay() else { return channel.close(promise: nil) }
                }
            }
            await withTaskCancellationHandler {
                try? await channel.closeFuture.get()
            } onCancel: {
                channel.close(promise: nil)
            }
            group.cancelAll()
        }
        upstream.close(promise: nil)
    }

    // MARK: What a person sees meanwhile

    private func isPage(_ request: HTTPRequest) -> Bool {
        request.method == "GET" && request.headers["accept"].contains { $0.contains("text/html") }
    }

    private static func notFound(
        _ noun: String, _ line: String, _ link: (text: String, target: String)
    ) -> HTTPResponse {
        Pages.page(status: 404, title: "No such \(noun)", lines: [line], link: link)
    }

    private func starting(
        _ object: KubeObject, _ workspace: Workspace, request: HTTPRequest, identity: UserIdentity
    ) async -> HTTPResponse {
        let events = await core.workspaces.events(of: workspace, identity.client(core.client))
        let phase = NotebookPhase(
            of: core.workspaces.shown(object, of: workspace), events: events, kind: workspace.kind)
        guard isPage(request) else {
            var response = HTTPResponse.error(
                APIError(
                    .serviceUnavailable, "the \(workspace.kind.noun) does not run yet: \(phase.message)",
                    retryAfterSeconds: 2))
            response.headers.add(name: "cache-control", value: "no-store")
            return response
        }
        return StartingPage.page(workspace, phase, events: events, target: request.target)
    }
}
