import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOSSL

extension ProbeRunner {
    /// Probes trust whatever certificate they meet, as kubelets do: they ask whether a server lives, not who it is.
    private static let secure: HTTPClient = {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.certificateVerification = .none
        var configuration = HTTPClient.Configuration(tlsConfiguration: tls, redirectConfiguration: .disallow)
        configuration.connectionPool.idleTimeout = .milliseconds(1)
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    /// `GET` over TLS; nil when the answer's status is one of success or redirection.
    static func getSecurely(
        host: String, port: Int, path: String, headers: [(String, String)], timeout: Duration
    ) async -> String? {
        let url = "https://\(host):\(port)\(path.hasPrefix("/") ? path : "/" + path)"
        var request = HTTPClientRequest(url: url)
        request.headers = HTTPHeaders(headers)
        if !request.headers.contains(name: "user-agent") { request.headers.add(name: "User-Agent", value: agent) }
        if !request.headers.contains(name: "accept") { request.headers.add(name: "Accept", value: "*/*") }
        request.headers.replaceOrAdd(name: "Connection", value: "close")
        do {
            let answer = try await secure.execute(request, timeout: TimeAmount(timeout))
            let status = Int(answer.status.code)
            return (200..<400).contains(status) ? nil : "HTTP probe failed with statuscode: \(status)"
        } catch let error as HTTPClientError where error == .deadlineExceeded || error == .connectTimeout {
            return "Get \"\(url)\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        } catch {
            return "Get \"\(url)\": \(describe(error))"
        }
    }
}
