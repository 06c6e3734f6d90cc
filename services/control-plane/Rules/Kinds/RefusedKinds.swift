import KubeModel

/// Kinds that clients want to list and watch, and that nobody here acts upon: there are never any objects. Creating one
/// is refused, because a request that nobody answers would be a false promise.
extension BuiltinKinds {
    static let refused: [KindDefinition] = [
        refused(
            ResourceType(
                "certificates.k8s.io", "v1", "certificatesigningrequests", "CertificateSigningRequest",
                isNamespaced: false),
            root: "CertificateSigningRequest", short: ["csr"], hasStatus: true, subresources: ["approval"],
            field: "spec.signerName", reason: "this server has no signer of certificates")
    ]

    private static func refused(
        _ type: ResourceType, root: String, short: [String] = [], categories: [String] = [], hasStatus: Bool = false,
        subresources: [String] = [], field: String, reason: String
    ) -> KindDefinition {
        kind(
            type, root: root, short: short, categories: categories, hasStatus: hasStatus, subresources: subresources,
            validate: { _, _, issues in issues.forbidden(field, reason) })
    }
}
