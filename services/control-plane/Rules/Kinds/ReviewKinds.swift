import KubeModel

extension BuiltinKinds {
    static let selfSubjectReviews = ResourceType(
        "authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview", isNamespaced: false)
    static let localSubjectAccessReviews = ResourceType(
        "authorization.k8s.io", "v1", "localsubjectaccessreviews", "LocalSubjectAccessReview")
    static let selfSubjectAccessReviews = ResourceType(
        "authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", isNamespaced: false)
    static let selfSubjectRulesReviews = ResourceType(
        "authorization.k8s.io", "v1", "selfsubjectrulesreviews", "SelfSubjectRulesReview", isNamespaced: false)

    /// Questions to the server: they are answered, not stored.
    static let reviews: [KindDefinition] = [
        kind(
            .tokenReviews, isCreateOnly: true,
            validate: { object, _, issues in
                if object.value(at: "spec", "token")?.string?.isEmpty ?? true { issues.required("spec.token") }
            }),
        kind(selfSubjectReviews, isCreateOnly: true),
        kind(localSubjectAccessReviews, isCreateOnly: true, validate: access(isSelf: false)),
        kind(selfSubjectAccessReviews, isCreateOnly: true, validate: access(isSelf: true)),
        kind(selfSubjectRulesReviews, isCreateOnly: true),
        kind(.subjectAccessReviews, isCreateOnly: true, validate: access(isSelf: false)),
    ]

    private static func access(isSelf: Bool) -> @Sendable (JSON, JSON?, inout Issues) -> Void {
        { object, _, issues in
            let spec = object["spec"] ?? [:]
            let isResource = spec.has("resourceAttributes")
            let isPath = spec.has("nonResourceAttributes")
            if isResource, isPath {
                issues.invalid(
                    "spec.nonResourceAttributes", spec["nonResourceAttributes"],
                    "cannot be specified in combination with resourceAttributes")
            }
            if !isResource, !isPath {
                issues.invalid(
                    "spec.resourceAttributes", spec["nonResourceAttributes"] ?? .null,
                    "exactly one of nonResourceAttributes or resourceAttributes must be specified")
            }
            if !isSelf, spec.text("user").isEmpty, spec.list("groups").isEmpty {
                issues.invalid("spec.user", "", "at least one of user or group must be specified")
            }
        }
    }
}
