import Certificates
import Testing

@Suite("Certificates")
struct CertificateTests {
    @Test("an authority can be taken up again and goes on signing")
    func persistence() throws {
        let made = try CertificateAuthority.create(commonName: "test")
        let again = try CertificateAuthority(certificatePEM: made.certificatePEM, keyPEM: made.keyPEM)
        let issued = try again.issue(
            .init(
                commonName: "system:serviceaccount:kubeflow:a-service-account-whose-name-is-rather-long-for-x520",
                organizations: ["system:masters"], dnsNames: ["localhost", "*.svc"],
                ipAddresses: ["127.0.0.1", "::1"], usages: [.server, .client], lifetime: .seconds(3600)))
        #expect(issued.certificatePEM.hasPrefix("-----BEGIN CERTIFICATE-----"))
        let left = try CertificateValidity(pem: issued.certificatePEM).secondsLeft
        #expect((3000...3600).contains(left))
        let years = try CertificateValidity(pem: made.certificatePEM).secondsLeft / 86_400
        #expect((3640...3650).contains(years))
    }

    @Test("a key of another certificate is refused")
    func mismatch() throws {
        let (one, two) = (
            try CertificateAuthority.create(commonName: "a"), try CertificateAuthority.create(commonName: "b")
        )
        #expect(throws: CertificateError.self) {
            try CertificateAuthority(certificatePEM: one.certificatePEM, keyPEM: two.keyPEM)
        }
        #expect(throws: CertificateError.self) { try CertificateAuthority(certificatePEM: "x", keyPEM: one.keyPEM) }
        #expect(throws: CertificateError.self) { try CertificateSubject(der: [1, 2, 3]) }
    }

    @Test("names cannot smuggle other names in", arguments: ["a,DNS:evil", "", "a b", "a\nb"])
    func injection(name: String) throws {
        let authority = try CertificateAuthority.create(commonName: "test")
        #expect(throws: CertificateError.self) {
            try authority.issue(.init(commonName: "a", dnsNames: [name], usages: [.server]))
        }
    }
}
