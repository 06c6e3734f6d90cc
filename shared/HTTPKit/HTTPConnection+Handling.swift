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
            clientCertificateDER: try? tls?.peerCertificate?.toDERBytes(), isTLS: tls != nil,
            entrance: environment.entrance)
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
            peer: peer, body: body, eventLoop: eventLoop, link: link)
        // A task outside of a group: it is the connection's, which cancels it when the peer goes, and the server's
        // run() ends only after every connection has ended. On the event loop it begins at once, and a handler that
        // never waits has answered when this returns.
        run { [self] in await handle(request) }
    }

    /// Runs a part of the present exchange in a task of its own.
    private func run(_ work: @escaping @Sendable () async -> Void) {
        runCount += 1
        let (number, run) = (exchange?.number, runCount)
        let started: Task<Void, Never> =
            if let executor = environment.executor {
                Task.immediate(executorPreference: executor) { await work() }
            } else {
                Task { await work() }
            }
        if !isActive {
            started.cancel()
        } else if exchange?.number == number, runCount == run {  // or it has ended, or handed over, already
            task = started
        }
    }

    private func handle(_ request: HTTPRequest) async {
        let response = await environment.handler(request)
        switch response.body {
        case .empty, .bytes: onLoop { self.answer(response) }
        case .stream(let produce):
            // Streams may go on for hours: what it took to answer the request (its head, the stack of its task) goes.
            onLoop { [self] in
                guard beginStream(response) else { return endStream() }
                run { [self] in await stream(produce) }
            }
        case .takeOver where parent != nil:
            onLoop { self.refuse(501, "this is not possible over HTTP/2") }
        case .takeOver(let own):
            do {
                try await releaseChannel()
                try await own(channel)
            } catch {
                environment.logger.debug("a connection taken over failed", metadata: ["error": "\(error)"])
            }
            response.onEnd?(0, true)
            channel.close(promise: nil)
        }
    }

    private func stream(_ produce: @Sendable (HTTPBodyWriter) async throws -> Void) async {
        do {
            try await produce(HTTPBodyWriter(connection: self))
            onLoop { self.endTask() }
        } catch {
            if !(error is CancellationError) && !(error is ChannelError) {
                environment.logger.debug("a streamed response broke off", metadata: ["error": "\(error)"])
            }
            onLoop { self.abort() }
        }
    }
}
