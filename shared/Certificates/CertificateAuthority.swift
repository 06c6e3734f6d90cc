import COpenSSL

/// What a certificate is wanted for.
public struct CertificateRequest: Sendable {
    /// What the owner may do with a certificate.
    public enum Usage: Hashable, Sendable { case server, client }

    /// CN of the subject: the user name of a client.
    public var commonName: String
    /// O of the subject: the groups of a client.
    public var organizations: [String]
    /// Host names of a server.
    public var dnsNames: [String]
    /// IP addresses of a server.
    public var ipAddresses: [String]
    /// What it may be used for.
    public var usages: Set<Usage>
    /// How long it is valid, from five minutes ago.
    public var lifetime: Duration

    /// Describes a wanted certificate.
    public init(
        commonName: String, organizations: [String] = [], dnsNames: [String] = [], ipAddresses: [String] = [],
        usages: Set<Usage>, lifetime: Duration = .seconds(365 * 86_400)
    ) {
        self.commonName = commonName
        self.organizations = organizations
        self.dnsNames = dnsNames
        self.ipAddresses = ipAddresses
        self.usages = usages
        self.lifetime = lifetime
    }
}

/// A certificate and its key.
public struct IssuedCertificate: Sendable {
    /// The certificate.
    public let certificatePEM: String
    /// Its private key, PKCS #8.
    public let keyPEM: String
}

/// Signs certificates with a key of its own (EC P-256, SHA-256).
public struct CertificateAuthority: Sendable {
    /// The authority's certificate: what clients trust.
    public let certificatePEM: String
    /// Its private key.
    public let keyPEM: String

    /// Takes up an authority made earlier.
    ///
    /// - Throws: ``CertificateError`` when one of the two cannot be read or they do not belong together.
    public init(certificatePEM: String, keyPEM: String) throws {
        let key = try PrivateKey(pem: keyPEM)
        let certificate = try X509Certificate(pem: certificatePEM)
        guard X509_check_private_key(certificate.handle, key.handle) == 1 else {
            throw CertificateError("the key is not the one of the certificate")
        }
        (self.certificatePEM, self.keyPEM) = (certificatePEM, keyPEM)
    }

    /// Makes a new authority, valid for ten years.
    public static func create(commonName: String) throws -> CertificateAuthority {
        let key = try PrivateKey.generate()
        let certificate = try X509Certificate()
        try prepare(certificate, lifetime: .seconds(3650 * 86_400))
        try addName(to: X509_get_subject_name(certificate.handle), commonName: commonName, organizations: [])
        X509_set_issuer_name(certificate.handle, X509_get_subject_name(certificate.handle))
        X509_set_pubkey(certificate.handle, key.handle)
        try add(NID_basic_constraints, "critical,CA:TRUE", to: certificate, issuer: certificate)
        try add(NID_key_usage, "critical,keyCertSign,cRLSign,digitalSignature", to: certificate, issuer: certificate)
        try add(NID_subject_key_identifier, "hash", to: certificate, issuer: certificate)
        guard X509_sign(certificate.handle, key.handle, EVP_sha256()) > 0 else {
            throw CertificateError("the certificate cannot be signed")
        }
        return try CertificateAuthority(certificatePEM: certificate.pem(), keyPEM: key.pem())
    }

    /// Makes a key and signs a certificate for it.
    public func issue(_ request: CertificateRequest) throws -> IssuedCertificate {
        let authorityKey = try PrivateKey(pem: keyPEM)
        let authority = try X509Certificate(pem: certificatePEM)
        let key = try PrivateKey.generate()
        let certificate = try X509Certificate()
        try Self.prepare(certificate, lifetime: request.lifetime)
        try Self.addName(
            to: X509_get_subject_name(certificate.handle), commonName: request.commonName,
            organizations: request.organizations)
        X509_set_issuer_name(certificate.handle, X509_get_subject_name(authority.handle))
        X509_set_pubkey(certificate.handle, key.handle)
        try Self.add(NID_basic_constraints, "critical,CA:FALSE", to: certificate, issuer: authority)
        try Self.add(NID_key_usage, "critical,digitalSignature", to: certificate, issuer: authority)
        let usages = [
            request.usages.contains(.server) ? "serverAuth" : nil,
            request.usages.contains(.client) ? "clientAuth" : nil,
        ].compactMap { $0 }
        if !usages.isEmpty {
            try Self.add(NID_ext_key_usage, usages.joined(separator: ","), to: certificate, issuer: authority)
        }
        try Self.add(NID_authority_key_identifier, "keyid", to: certificate, issuer: authority)
        let names = try request.dnsNames.map { "DNS:" + (try Self.checked($0)) }
        let addresses = try request.ipAddresses.map { "IP:" + (try Self.checked($0)) }
        if !(names + addresses).isEmpty {
            try Self.add(
                NID_subject_alt_name, (names + addresses).joined(separator: ","), to: certificate, issuer: authority)
        }
        guard X509_sign(certificate.handle, authorityKey.handle, EVP_sha256()) > 0 else {
            throw CertificateError("the certificate cannot be signed")
        }
        return IssuedCertificate(certificatePEM: try certificate.pem(), keyPEM: try key.pem())
    }

    /// Version 3, a random serial number, and the time it is valid.
    private static func prepare(_ certificate: borrowing X509Certificate, lifetime: Duration) throws {
        X509_set_version(certificate.handle, 2)
        let serial = BN_new()
        defer { BN_free(serial) }
        guard BN_rand(serial, 126, 0, 0) == 1,
            BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(certificate.handle)) != nil
        else { throw CertificateError("no random serial number") }
        X509_gmtime_adj(X509_getm_notBefore(certificate.handle), -300)
        X509_gmtime_adj(X509_getm_notAfter(certificate.handle), Int(lifetime.components.seconds))
    }

    private static func addName(to name: OpaquePointer?, commonName: String, organizations: [String]) throws {
        for (field, value) in organizations.map({ ("O", $0) }) + [("CN", commonName)] {
            guard !value.isEmpty, value.utf8.count <= 253, !value.utf8.contains(0) else {
                throw CertificateError("'\(value)' is not possible in a certificate's subject")
            }
            // Names of service accounts may be longer than the 64 characters that X.520 allows; Kubernetes writes them
            // all the same, so the check of the length is left out by adding the entry as an object.
            let nid = field == "O" ? NID_organizationName : NID_commonName
            let isAdded = Array(value.utf8).withUnsafeBufferPointer { bytes -> Bool in
                guard let text = ASN1_STRING_type_new(V_ASN1_UTF8STRING) else { return false }
                defer { ASN1_STRING_free(text) }
                guard ASN1_STRING_set(text, bytes.baseAddress, Int32(bytes.count)) == 1,
                    let entry = X509_NAME_ENTRY_create_by_NID(
                        nil, nid, V_ASN1_UTF8STRING, ASN1_STRING_get0_data(text), ASN1_STRING_length(text))
                else { return false }
                defer { X509_NAME_ENTRY_free(entry) }
                return X509_NAME_add_entry(name, entry, -1, 0) == 1
            }
            guard isAdded else { throw CertificateError("'\(value)' is not possible in a certificate's subject") }
        }
    }

    private static func add(
        _ nid: Int32, _ value: String, to certificate: borrowing X509Certificate, issuer: borrowing X509Certificate
    ) throws {
        guard martlet_add_extension(issuer.handle, certificate.handle, nid, value) == 1 else {
            throw CertificateError("the extension '\(value)' is not possible")
        }
    }

    /// Names become part of OpenSSL's configuration text, so nothing but letters, digits and `-.:*` may be in them.
    private static func checked(_ name: String) throws -> String {
        let isFine = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: ":"),
                UInt8(ascii: "*"):
                true
            default: false
            }
        }
        guard isFine, !name.isEmpty else { throw CertificateError("'\(name)' is no host name or address") }
        return name
    }
}
