import Certificates
import Foundation
import Identity

/// The keys of a control plane, in `<data>/pki`: made at the first start, read at later ones.
struct KeyFiles: Sendable {
    let authority: CertificateAuthority
    let server: IssuedCertificatePair
    let signer: TokenSigner
    /// The authority that extension servers believe about users whom a proxy names. Its key was thrown away: this server
    /// proxies to none, so nobody may name users to them.
    let proxyAuthorityPEM: String

    /// A certificate and its key as text.
    struct IssuedCertificatePair: Sendable {
        let certificatePEM: String
        let keyPEM: String
    }

    /// A server certificate is made anew this long before it expires.
    private static let renewal = 30 * 86_400

    init(directory: String, names: [String], addresses: [String]) throws {
        try PrivateFile.makeDirectory(directory)
        let path = { (name: String) in "\(directory)/\(name)" }
        if let certificate = try PrivateFile.read(path("ca.crt")), let key = try PrivateFile.read(path("ca.key")) {
            authority = try CertificateAuthority(certificatePEM: certificate, keyPEM: key)
        } else {
            authority = try CertificateAuthority.create(commonName: "martlet")
            try PrivateFile.write(authority.keyPEM, to: path("ca.key"))
            try PrivateFile.write(authority.certificatePEM, to: path("ca.crt"))
        }
        if let known = try PrivateFile.read(path("front-proxy-ca.crt")) {
            proxyAuthorityPEM = known
        } else {
            proxyAuthorityPEM = try CertificateAuthority.create(commonName: "martlet-front-proxy").certificatePEM
            try PrivateFile.write(proxyAuthorityPEM, to: path("front-proxy-ca.crt"))
        }
        server = try Self.serverCertificate(authority, path, names: names, addresses: addresses)
        let keyPEM: String
        if let known = try PrivateFile.read(path("service-accounts.key")) {
            keyPEM = known
        } else {
            keyPEM = try TokenSigner.generateKeyPEM()
            try PrivateFile.write(keyPEM, to: path("service-accounts.key"))
        }
        signer = try TokenSigner(privateKeyPEM: keyPEM, keyID: try TokenSigner.keyID(ofPrivateKeyPEM: keyPEM))
    }

    private static func serverCertificate(
        _ authority: CertificateAuthority, _ path: (String) -> String, names: [String], addresses: [String]
    ) throws -> IssuedCertificatePair {
        let wanted = (names + addresses).joined(separator: "\n")
        if let certificate = try PrivateFile.read(path("server.crt")),
            let key = try PrivateFile.read(path("server.key")),
            try PrivateFile.read(path("server.names")) == wanted,
            try CertificateValidity(pem: certificate).secondsLeft > renewal
        {
            return IssuedCertificatePair(certificatePEM: certificate, keyPEM: key)
        }
        let issued = try authority.issue(
            CertificateRequest(
                commonName: "kube-apiserver", dnsNames: names, ipAddresses: addresses, usages: [.server],
                lifetime: .seconds(365 * 86_400)))
        try PrivateFile.write(issued.keyPEM, to: path("server.key"))
        try PrivateFile.write(issued.certificatePEM, to: path("server.crt"))
        try PrivateFile.write(wanted, to: path("server.names"))
        return IssuedCertificatePair(certificatePEM: issued.certificatePEM, keyPEM: issued.keyPEM)
    }
}

/// Files that only their owner may read.
enum PrivateFile {
    /// The text of a file, nil when there is none.
    static func read(_ path: String) throws -> String? {
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        do {
            return try String(contentsOfFile: path, encoding: .utf8)
        } catch {
            throw ControlPlaneError("\(path) cannot be read")
        }
    }

    /// Writes a file so that a reader sees the old text or the new one, and nobody else sees either.
    static func write(_ text: String, to path: String) throws {
        let temporary = "\(path).\(UUID().uuidString)"
        guard
            FileManager.default.createFile(
                atPath: temporary, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600])
        else { throw ControlPlaneError("\(path) cannot be written") }
        guard rename(temporary, path) == 0 else {
            let reason = String(cString: strerror(errno))
            unlink(temporary)
            throw ControlPlaneError("\(path) cannot be written: \(reason)")
        }
    }

    static func makeDirectory(_ path: String) throws {
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw ControlPlaneError("the folder \(path) cannot be made: \(error.localizedDescription)")
        }
    }
}
