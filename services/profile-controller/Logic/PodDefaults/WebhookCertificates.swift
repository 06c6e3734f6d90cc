import Certificates
import Foundation
import Identity
import KubeClient
import KubeModel

/// What the webhook serves with, and what the API server needs to trust and find it.
struct WebhookCertificate: Sendable, Equatable {
    /// Whom the API server is to trust, PEM; two authorities while one replaces the other.
    let authoritiesPEM: String
    let certificatePEM: String
    let keyPEM: String
    /// The last part of the webhook's path: only those who can read the webhook's configuration can ask it.
    let pathSecret: String
}

/// Keeps the webhook's certificate in a Secret, so that all replicas have the same, and renews it in time.
struct WebhookCertificates: Sendable {
    static let secretName = "profile-controller-webhook"
    static let namesAnnotation = "martlet.dev/certificate-names"
    private static let day = 86_400
    /// Lifetime of a certificate, and how much of it is left when the next one is made.
    private static let certificateDays = (90, 30)
    private static let authorityDaysLeft = 180

    let client: KubeClient
    let namespace: String
    let dnsNames: [String]
    let ipAddresses: [String]

    /// The certificate of the Secret, made or renewed where that is due.
    ///
    /// - Throws: what the API server says.
    func current() async throws -> WebhookCertificate {
        let existing = try await client.find(.secrets, Self.secretName, namespace: namespace)
        let data = decoded(existing)
        if let existing, let sound = soundCertificate(existing, data) { return sound }
        var secret =
            existing
            ?? KubeObject(
                apiVersion: "v1", kind: "Secret", name: Self.secretName, namespace: namespace)
        let made = try renewed(data)
        secret["type"] = "kubernetes.io/tls"
        secret["data"] = nil
        secret["stringData"] = JSON(made)
        secret.json.set(.string(names), at: "metadata", "annotations", Self.namesAnnotation)
        do {
            if existing == nil {
                _ = try await client.create(.secrets, secret)
            } else {
                _ = try await client.update(.secrets, secret)
            }
        } catch let error as APIError where error.code == 409 {
            return try await current()  // another replica was faster
        }
        return Self.certificate(made)
    }

    private var names: String { (dnsNames + ipAddresses).joined(separator: ",") }

    private func decoded(_ secret: KubeObject?) -> [String: String] {
        (secret?["data"]?.stringMap ?? [:]).compactMapValues { text in
            Data(base64Encoded: text).map { String(decoding: $0, as: UTF8.self) }
        }
    }

    private func soundCertificate(_ secret: KubeObject, _ data: [String: String]) -> WebhookCertificate? {
        let made = Self.certificate(data)
        guard secret.annotations[Self.namesAnnotation] == names, !made.pathSecret.isEmpty, !made.keyPEM.isEmpty,
            isLongValid(made.certificatePEM, days: Self.certificateDays.1),
            isLongValid(made.authoritiesPEM, days: Self.authorityDaysLeft)
        else { return nil }
        return made
    }

    private func isLongValid(_ pem: String, days: Int) -> Bool {
        ((try? CertificateValidity(pem: pem))?.secondsLeft ?? 0) > days * Self.day
    }

    /// The data of the Secret with a new certificate, and with a new authority when the old one ends soon.
    func renewed(_ data: [String: String]) throws -> [String: String] {
        var data = data
        var authorities = data["ca.crt"] ?? ""
        let authority: CertificateAuthority
        // The newest authority stands first in the file; reading takes that one.
        if isLongValid(authorities, days: Self.authorityDaysLeft),
            let kept = try? CertificateAuthority(certificatePEM: authorities, keyPEM: data["ca.key"] ?? "")
        {
            authority = kept
        } else {
            authority = try CertificateAuthority.create(commonName: "profile-controller-webhook")
            // Certificates of the old authority are in use until all replicas have read the new one.
            let end = "-----END CERTIFICATE-----\n"
            let old = authorities.range(of: end).map { String(authorities[..<$0.upperBound]) } ?? ""
            authorities = authority.certificatePEM + old
        }
        let issued = try authority.issue(
            CertificateRequest(
                commonName: dnsNames.first ?? "profile-controller", dnsNames: dnsNames, ipAddresses: ipAddresses,
                usages: [.server], lifetime: .seconds(Self.certificateDays.0 * Self.day)))
        data["ca.crt"] = authorities
        data["ca.key"] = authority.keyPEM
        data["tls.crt"] = issued.certificatePEM
        data["tls.key"] = issued.keyPEM
        data["path"] = data["path"] ?? Base64URL.encode(Secrets.random(18))
        return data
    }

    private static func certificate(_ data: [String: String]) -> WebhookCertificate {
        WebhookCertificate(
            authoritiesPEM: data["ca.crt"] ?? "", certificatePEM: data["tls.crt"] ?? "",
            keyPEM: data["tls.key"] ?? "", pathSecret: data["path"] ?? "")
    }
}
