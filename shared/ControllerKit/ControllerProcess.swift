public import HTTPKit
public import KubeClient
public import Logging
public import ServiceLifecycle
import UnixSignals

/// What the process of every controller does besides its work: health and metrics, signals, the end.
public enum ControllerProcess {
    /// Runs a controller until SIGTERM or SIGINT.
    ///
    /// - Parameters:
    ///   - controller: the work.
    ///   - addresses: where `/healthz`, `/readyz` and `/metrics` are answered, as `host:port`; an empty host is every
    ///     address.
    ///   - metrics: what `/metrics` shows.
    ///   - transport: closed at the end.
    ///   - logger: for all of it.
    /// - Throws: ``ListenAddress/Problem``, or what ended the controller.
    public static func run(
        _ controller: any Service, addresses: [String], metrics: Metrics, transport: HTTPKubeTransport, logger: Logger
    ) async throws {
        var routes = Router(logger: logger)
        OperationsRoutes(metrics: metrics).register(on: &routes)
        let router = routes
        let servers = try Set(addresses).sorted().map { text in
            let address = try ListenAddress(text)
            return HTTPServer(listener: .tcp(host: address.host, port: address.port), logger: logger) {
                await router($0)
            }
        }
        let group = ServiceGroup(
            services: servers + [controller], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        do {
            try await group.run()
        } catch {
            try? await transport.shutdown()  // the error that ended us is the one to tell
            throw error
        }
        try await transport.shutdown()
    }
}

/// `host:port` as flags have it; an empty host is every address.
public struct ListenAddress: Equatable, Sendable {
    /// Why a text is no address.
    public struct Problem: Error, Equatable, CustomStringConvertible {
        /// The sentence.
        public let description: String
    }

    /// Address or name to listen on.
    public let host: String
    /// TCP port; 0 takes a free one.
    public let port: Int

    /// Reads `:8080`, `127.0.0.1:8080` or `[::1]:8080`.
    public init(_ text: String) throws(Problem) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65535).contains(port)
        else { throw Problem(description: "\"\(text)\" is not an address like :8080 or 127.0.0.1:8080") }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        self.host = host.isEmpty ? "0.0.0.0" : String(host)
        self.port = port
    }
}
