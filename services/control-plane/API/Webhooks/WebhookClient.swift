import AsyncHTTPClient
import Foundation
import KubeModel
import NIOCore
import NIOHTTP1
import NIOSSL
import Synchronization

/// Calls webhooks over HTTPS. Connections are kept; redirects are not followed.
final class WebhookClient: Sendable {
    /// Why a webhook gave no answer that can be used.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    static let shared = WebhookClient()
    private static let answerLimit = 3 << 20

    /// A client for every place that the name of a Service stands for; the empty name has the one for URLs.
    private let clients = Mutex<[String: HTTPClient]>([:])

    private func client(name: String, place: String) -> HTTPClient {
        clients.withLock { clients in
            let key = "\(name) \(place)"
            if let known = clients[key] { return known }
            var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
            configuration.timeout.connect = .seconds(10)
            // Nobody who listens is an answer, too.
            configuration.connectionPool.retryConnectionEstablishment = false
            // The certificate is for the Service's name, the connection goes to where the Service is.
            if !name.isEmpty { configuration.dnsOverride = [name: place] }
            let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
            clients[key] = client
            return client
        }
    }

    /// Sends a review.
    ///
    /// - Parameters:
    ///   - review: the AdmissionReview.
    ///   - url: where to, `https://host:port/path`.
    ///   - host: the name that the certificate must have, when the URL holds an address.
    ///   - place: the address behind the host of a Service; nil takes the host itself.
    ///   - authorities: certificates (PEM) that may have signed the webhook's; nil takes the system's.
    ///   - timeoutSeconds: when to give up.
    /// - Returns: the answer's body.
    /// - Throws: why there was no usable answer.
    func post(
        _ review: JSON, to url: String, host: String = "", place: String? = nil, authorities: [UInt8]?,
        timeoutSeconds: Int
    ) async throws -> JSON {
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        request.headers.add(name: "content-type", value: "application/json")
        request.headers.add(name: "accept", value: "application/json")
        request.headers.add(name: "user-agent", value: "kube-apiserver-admission")
        request.body = .bytes(ByteBuffer(bytes: review.bytes))
        if let authorities {
            var tls = TLSConfiguration.makeClientConfiguration()
            tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(authorities))
            request.tlsConfiguration = tls
        }
        let client = client(name: place == nil ? "" : host, place: place ?? "")
        let answer = try await client.execute(request, deadline: .now() + .seconds(Int64(timeoutSeconds)))
        let body = try await answer.body.collect(upTo: Self.answerLimit)
        guard answer.status.code == 200 else {
            throw Failure(description: "the server answered \(answer.status.code)")
        }
        do throws(JSONError) {
            return try JSON.parse(body.readableBytesView) { _ in }
        } catch {
            throw Failure(description: "the answer is not valid JSON: \(error)")
        }
    }
}
