import Logging
import NIOCore
import NIOHTTP1
import NIOSSL

/// Running the handler.
extension HTTPConnection {
    private var peer: Peer {
        if let cachedPeer { return cachedPeer }
        let peer = Peer(
            address: channel.remoteAddress?.ipAddress,
            clientCertificateDER: try? tls?.peerCertificate?.toDERBytes(), isTLS: tls != nil)
        cachedPeer = peer
        return peer
    }

    /// Starts the handler for the request whose head, or all of it if it is small, has come.
    func start() {
        guard let exchange else { return }
        let body: HTTPBody =
            if let source = exchange.source { HTTPBody(storage: .stream(source)) } else {
                exchange.collected.map(HTTPBody.bytes) ?? .empty
            }
        let request = HTTPRequest(
            method: exchange.head.method.rawValue, target: exchange.head.uri, headers: exchange.head.headers,
            peer: peer, body: body, eventLoop: eventLoop)
        // A task outside of a group: it is the connection's, which cancels it when the peer goes, and the server's
        // run() ends only after every connection has ended. On the event loop it begins at once, and a handler that
        // never waits has answered when this returns.
        let started: Task<Void, Never> =
            if let executor = environment.executor {
                Task.immediate(executorPreference: executor) { [self] in await handle(request) }
            } else {
                Task { [self] in await handle(request) }
            }
        if !isActive {
            started.cancel()
        } else if self.exchange?.number == exchange.number {
            task = started
        }
    }

    private func handle(_ request: HTTPRequest) async {
        let response = await environment.handler(request)
        switch response.body {
        case .empty, .bytes: onLoop { self.answer(response) }
        case .stream(let produce):
            let isHead = request.method == "HEAD"
            do {
                let goesOn = try await eventLoopValue { self.beginStream(response) }
                if goesOn, !isHead {
                    try await produce(HTTPBodyWriter(connection: self))
                }
                onLoop { self.endStream() }
            } catch {
                if !(error is CancellationError) && !(error is ChannelError) {
                    environment.logger.debug("a streamed response broke off", metadata: ["error": "\(error)"])
                }
                onLoop { self.abort() }
            }
        case .takeOver(let own):
            do {
                try await releaseChannel()
                try await own(channel)
            } catch {
                environment.logger.debug("a connection taken over failed", metadata: ["error": "\(error)"])
            }
            channel.close(promise: nil)
        }
    }

    private func eventLoopValue<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async throws -> Value {
        if eventLoop.inEventLoop { return body() }
        return try await withCheckedThrowingContinuation { continuation in
            eventLoop.execute { continuation.resume(returning: body()) }
        }
    }
}
