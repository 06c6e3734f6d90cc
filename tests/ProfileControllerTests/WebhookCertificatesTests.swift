import Certificates
import Foundation
import KubeModel
import TestSupport
import Testing

@testable import ProfileController

@Suite("Certificates of the webhook")
struct WebhookCertificatesTests {
    private func certificates(_ cluster: FakeCluster, name: String = "w.kubeflow.svc") -> WebhookCertificates {
        WebhookCertificates(client: cluster.client, namespace: "kubeflow", dnsNames: [name], ipAddresses: [])
    }

    private func secret(_ cluster: FakeCluster, _ data: [String: String], names: String = "w.kubeflow.svc") async throws
    {
        try await cluster.add(
            .secrets,
            [
                "metadata": [
                    "name": .string(WebhookCertificates.secretName), "namespace": "kubeflow",
                    "annotations": [WebhookCertificates.namesAnnotation: .string(names)],
                ],
                "data": JSON(data.mapValues { Data($0.utf8).base64EncodedString() }),
            ])
    }

    @Test("a sound certificate is kept, and all replicas have the same")
    func kept() async throws {
        let cluster = FakeCluster()
        let data = try certificates(cluster).renewed([:])
        try await secret(cluster, data)
        let first = try await certificates(cluster).current()
        #expect(first.certificatePEM == data["tls.crt"])
        #expect(try await certificates(cluster).current() == first)
        #expect(try CertificateValidity(pem: first.certificatePEM).secondsLeft > 80 * 86_400)
    }

    @Test("one that ends soon is renewed by the same authority, at the same path")
    func renewed() async throws {
        let cluster = FakeCluster()
        var data = try certificates(cluster).renewed([:])
        let authority = try CertificateAuthority(certificatePEM: data["ca.crt"] ?? "", keyPEM: data["ca.key"] ?? "")
        let old = try authority.issue(
            CertificateRequest(commonName: "w", usages: [.server], lifetime: .seconds(29 * 86_400)))
        (data["tls.crt"], data["tls.key"]) = (old.certificatePEM, old.keyPEM)
        try await secret(cluster, data)
        let now = try await certificates(cluster).current()
        #expect(now.certificatePEM != old.certificatePEM)
        #expect(now.authoritiesPEM == data["ca.crt"])
        #expect(now.pathSecret == data["path"])
    }

    @Test("another name needs another certificate")
    func otherName() async throws {
        let cluster = FakeCluster()
        let data = try certificates(cluster).renewed([:])
        try await secret(cluster, data, names: "elsewhere")
        #expect(try await certificates(cluster).current().certificatePEM != data["tls.crt"])
    }

    @Test("a lost authority is followed by a new one, and the old one is trusted for a while")
    func newAuthority() async throws {
        let cluster = FakeCluster()
        var data = try certificates(cluster).renewed([:])
        let old = data["ca.crt"] ?? ""
        data["ca.key"] = "lost"
        let renewed = try certificates(cluster).renewed(data)
        #expect(renewed["ca.crt"]?.hasSuffix(old) ?? false)
        #expect(renewed["ca.crt"] != old)
        #expect(throws: Never.self) {
            try CertificateAuthority(certificatePEM: renewed["ca.crt"] ?? "", keyPEM: renewed["ca.key"] ?? "")
        }
    }
}
