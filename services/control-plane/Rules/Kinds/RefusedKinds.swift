import KubeModel

/// Kinds that clients want to list and watch, and that nobody here acts upon: there are never any objects. Creating one
/// is refused, because a rule that is stored and not enforced, or a request that nobody answers, would be a false promise.
extension BuiltinKinds {
    static let refused: [KindDefinition] = [
        refused(
            ResourceType(
                "certificates.k8s.io", "v1", "certificatesigningrequests", "CertificateSigningRequest",
                isNamespaced: false),
            root: "CertificateSigningRequest", short: ["csr"], hasStatus: true, subresources: ["approval"],
            field: "spec.signerName", reason: "this server has no signer of certificates"),
        refused(
            ResourceType(
                "admissionregistration.k8s.io", "v1", "validatingadmissionpolicies", "ValidatingAdmissionPolicy",
                isNamespaced: false),
            root: "admissionregistration/v1.ValidatingAdmissionPolicy", categories: ["api-extensions"], hasStatus: true,
            field: "spec", reason: notEnforced),
        refused(
            ResourceType(
                "admissionregistration.k8s.io", "v1", "validatingadmissionpolicybindings",
                "ValidatingAdmissionPolicyBinding", isNamespaced: false),
            root: "admissionregistration/v1.ValidatingAdmissionPolicyBinding", categories: ["api-extensions"],
            field: "spec", reason: notEnforced),
    ]

    private static let notEnforced = "this server does not enforce admission policies; use a webhook"

    private static func refused(
        _ type: ResourceType, root: String, short: [String] = [], categories: [String] = [], hasStatus: Bool = false,
        subresources: [String] = [], field: String, reason: String
    ) -> KindDefinition {
        kind(
            type, root: root, short: short, categories: categories, hasStatus: hasStatus, subresources: subresources,
            validate: { _, _, issues in issues.forbidden(field, reason) })
    }
}
