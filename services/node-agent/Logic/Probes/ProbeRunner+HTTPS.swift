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

    /// `GET` over TLS.
    static func getSecurely(_ target: HTTPTarget, _ headers: [(String, String)], _ timeout: Duration) async
        -> HTTPProbeAnswer
    {
        let url = target.url
        var request = HTTPClientRequest(url: url)
        request.headers = HTTPHeaders(headers)
        if !request.headers.contains(name: "user-agent") { request.headers.add(name: "User-Agent", value: agent) }
        if !request.headers.contains(name: "accept") { request.headers.add(name: "Accept", value: "*/*") }
        request.headers.replaceOrAdd(name: "Connection", value: "close")
        do {
            let answer = try await secure.execute(request, timeout: TimeAmount(timeout))
            return .answered(status: Int(answer.status.code), location: answer.headers.first(name: "location"))
        } catch let error as HTTPClientError where error == .deadlineExceeded || error == .connectTimeout {
            return .failed("Get \"\(url)\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)")
        } catch {
            return .failed("Get \"\(url)\": \(describe(error))")
        }
    }
}
