import ControllerKit
import Foundation
import HTTPKit
import Identity
import KubeClient
import KubeModel
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization

/// The admission webhook for Pods: serves it with a certificate of its own, and tells the API server where it is.
struct PodDefaultWebhook: Service {
    static let configurationName = "martlet-poddefaults"
    static let path = "/apply-poddefault"
    private static let type = ResourceType(
        "admissionregistration.k8s.io", "v1", "mutatingwebhookconfigurations", "MutatingWebhookConfiguration",
        isNamespaced: false)
    private static let bodyLimit = 8 << 20

    let client: KubeClient
    let settings: WebhookSettings
    let namespace: String
    let metrics: Metrics
    let logger: Logger

    /// Runs until cancelled or graceful shutdown.
    func run() async throws {
        let certificates = WebhookCertificates(
            client: client, namespace: namespace, dnsNames: settings.dnsNames(namespace: namespace),
            ipAddresses: settings.ipAddresses)
        let started = await cancelWhenGracefulShutdown { await first(certificates) }
        guard let (certificate, slot) = started else { return }
        let secret = PathSecret(certificate.pathSecret)
        let (ports, portSink) = AsyncStream.makeStream(of: Int.self)
        let server = HTTPServer(
            listener: .tcp(host: settings.host, port: settings.port), tls: try slot.context(), logger: logger,
            onListening: { portSink.yield($0) }, handler: handler(secret))
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask {
                await cancelWhenGracefulShutdown {
                    var iterator = ports.makeAsyncIterator()
                    guard let port = await iterator.next() else { return }
                    await keep(certificates, slot, secret, port: port)
                }
            }
            defer { group.cancelAll() }
            try await server.run()
        }
    }

    /// The certificate to begin with; nil when cancelled.
    private func first(_ certificates: WebhookCertificates) async -> (WebhookCertificate, CertificateSlot)? {
        var backoff = Backoff(limit: .seconds(10))
        while !Task.isCancelled {
            do {
                let certificate = try await certificates.current()
                let slot = try CertificateSlot(
                    certificatePEM: certificate.certificatePEM, keyPEM: certificate.keyPEM)
                return (certificate, slot)
            } catch {
                logger.warning("the webhook has no certificate yet", metadata: ["error": "\(error)"])
                guard (try? await Task.sleep(for: backoff.next())) != nil else { return nil }
            }
        }
        return nil
    }

    /// Serves the newest certificate and keeps the configuration as it should be: after each change of it, and every
    /// few minutes for the sake of the certificate.
    private func keep(
        _ certificates: WebhookCertificates, _ slot: CertificateSlot, _ secret: PathSecret, port: Int
    ) async {
        let configurations = WatchCache(
            client: client, type: Self.type, fieldSelector: "metadata.name=\(Self.configurationName)")
        let (news, sink) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        configurations.observe { _ in sink.yield() }
        sink.yield()
        await withDiscardingTaskGroup { group in
            group.addTask { try? await configurations.run() }  // ends by cancellation only
            group.addTask {
                while (try? await Task.sleep(for: .seconds(300))) != nil { sink.yield() }
                sink.finish()
            }
            for await _ in news {
                do {
                    let certificate = try await certificates.current()
                    secret.set(certificate.pathSecret)
                    try await publish(certificate, port: port)
                    try slot.set(certificatePEM: certificate.certificatePEM, keyPEM: certificate.keyPEM)
                } catch {
                    if Task.isCancelled { break }
                    logger.warning("the webhook's configuration is not current", metadata: ["error": "\(error)"])
                    group.addTask {
                        try? await Task.sleep(for: .seconds(2))
                        sink.yield()
                    }
                }
            }
            group.cancelAll()
        }
    }

    private func publish(_ certificate: WebhookCertificate, port: Int) async throws {
        let webhooks: JSON = [configuration(certificate, port: port)]
        guard let existing = try await client.find(Self.type, Self.configurationName) else {
            var object = KubeObject(
                apiVersion: Self.type.apiVersion, kind: Self.type.kind, name: Self.configurationName)
            object["webhooks"] = webhooks
            _ = try await client.create(Self.type, object)
            return
        }
        guard !MergeDifference.contains(existing["webhooks"] ?? .null, webhooks) else { return }
        _ = try await client.patch(Self.type, Self.configurationName, .merge(["webhooks": webhooks]))
        logger.info("the webhook's configuration was updated")
    }

    /// `Ignore`, and a few seconds only: while no replica answers, Pods start without their PodDefaults instead of not
    /// at all. Namespaces of no Profile are never asked about.
    func configuration(_ certificate: WebhookCertificate, port: Int) -> JSON {
        var address = settings.clientConfiguration(
            namespace: namespace, path: "\(Self.path)/\(certificate.pathSecret)", port: port)
        address["caBundle"] = .string(Data(certificate.authoritiesPEM.utf8).base64EncodedString())
        return [
            "name": "poddefaults.kubeflow.org", "clientConfig": address,
            "admissionReviewVersions": ["v1", "v1beta1"], "sideEffects": "None", "failurePolicy": "Ignore",
            "timeoutSeconds": 5, "reinvocationPolicy": "Never", "matchPolicy": "Equivalent",
            "namespaceSelector": ["matchLabels": ["app.kubernetes.io/part-of": "kubeflow-profile"]],
            "rules": [
                [
                    "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"],
                    "scope": "Namespaced",
                ]
            ],
        ]
    }

    private func handler(_ secret: PathSecret) -> @Sendable (HTTPRequest) async -> HTTPResponse {
        let routes = router(secret)
        return { await routes($0) }
    }

    /// All routes.
    func router(_ secret: PathSecret) -> Router {
        var router = Router(logger: logger)
        let review = PodDefaultReview(client: client)
        router.add("POST", "\(Self.path)/{secret}") { [metrics] request, values in
            guard secret.isRight(values["secret"]) else { throw APIError(.notFound, "there is nothing here") }
            let body = try await request.body.collect(upTo: Self.bodyLimit)
            let json: JSON
            do {
                json = try JSON(parsing: body.readableBytesView)
            } catch {
                throw APIError(.badRequest, "the body is not JSON: \(error)")
            }
            let answer = try await review.answer(json)
            let isAllowed = answer.value(at: "response", "allowed")?.bool ?? false
            metrics.count("poddefault_reviews_total", ["outcome": isAllowed ? "allowed" : "conflict"])
            return .json(answer)
        }
        router.add("GET", "/healthz") { _, _ in .text("ok") }
        return router
    }
}

/// The last part of the webhook's path, which changes when somebody removes the Secret.
final class PathSecret: Sendable {
    private let text: Mutex<String>

    init(_ text: String) { self.text = Mutex(text) }

    func set(_ new: String) { text.withLock { $0 = new } }

    func isRight(_ given: String) -> Bool {
        Secrets.areEqual(Array(given.utf8), Array(text.withLock { $0 }.utf8))
    }
}
