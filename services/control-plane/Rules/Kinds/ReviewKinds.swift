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
        kind(ResourceType("", "v1", "bindings", "Binding"), isCreateOnly: true),
        kind(.tokenReviews, isCreateOnly: true), kind(selfSubjectReviews, isCreateOnly: true),
        kind(localSubjectAccessReviews, isCreateOnly: true, validate: AccessReviewRules.local),
        kind(selfSubjectAccessReviews, isCreateOnly: true, validate: AccessReviewRules.own),
        kind(selfSubjectRulesReviews, isCreateOnly: true),
        kind(.subjectAccessReviews, isCreateOnly: true, validate: AccessReviewRules.anyone),
    ]
}

/// Rules of the questions who may do what.
enum AccessReviewRules {
    @Sendable static func anyone(_ review: JSON, _ old: JSON?, _ issues: inout Issues) {
        check(review, hasUser: true, &issues)
        metadata(review, except: [], &issues)
    }

    @Sendable static func own(_ review: JSON, _ old: JSON?, _ issues: inout Issues) {
        check(review, hasUser: false, &issues)
        metadata(review, except: [], &issues)
    }

    @Sendable static func local(_ review: JSON, _ old: JSON?, _ issues: inout Issues) {
        check(review, hasUser: true, &issues)
        metadata(review, except: ["namespace"], &issues)
        let spec = review["spec"] ?? [:]
        if let resource = spec["resourceAttributes"], !resource.isNull,
            resource.text("namespace") != review.value(at: "metadata", "namespace")?.string ?? ""
        {
            issues.invalid(
                "spec.resourceAttributes.namespace", .string(resource.text("namespace")),
                "must match metadata.namespace")
        }
        if spec.has("nonResourceAttributes") {
            issues.invalid(
                "spec.nonResourceAttributes", spec["nonResourceAttributes"], "disallowed on this kind of request")
        }
    }

    private static func metadata(_ review: JSON, except allowed: Set<String>, _ issues: inout Issues) {
        let metadata = review["metadata"]?.object ?? [:]
        let isEmpty = metadata.allSatisfy { key, value in
            key == "managedFields" || allowed.contains(key) || value.isNull || value.object?.isEmpty == true
        }
        if isEmpty { return }
        issues.invalid(
            "metadata", .object(metadata), allowed.isEmpty ? "must be empty" : "must be empty except for namespace")
    }

    private static func check(_ review: JSON, hasUser: Bool, _ issues: inout Issues) {
        let spec = review["spec"] ?? [:]
        let isResource = spec.has("resourceAttributes")
        let isPath = spec.has("nonResourceAttributes")
        if isResource, isPath {
            issues.invalid(
                "spec.nonResourceAttributes", spec["nonResourceAttributes"],
                "cannot be specified in combination with resourceAttributes")
        }
        if !isResource, !isPath {
            issues.invalid(
                "spec.resourceAttributes", .null,
                "exactly one of nonResourceAttributes or resourceAttributes must be specified")
        }
        if hasUser, spec.text("user").isEmpty, spec.list("groups").isEmpty {
            issues.invalid("spec.user", "", "at least one of user or group must be specified")
        }
        for field in ["fieldSelector", "labelSelector"] {
            selector(
                spec.value(at: "resourceAttributes", field), "spec.resourceAttributes.\(field)",
                isLabel: field == "labelSelector", &issues)
        }
    }

    private static func selector(_ selector: JSON?, _ path: String, isLabel: Bool, _ issues: inout Issues) {
        guard let selector, !selector.isNull else { return }
        let raw = selector.text("rawSelector")
        let requirements = selector.list("requirements")
        if !raw.isEmpty, !requirements.isEmpty {
            issues.invalid(
                "\(path).rawSelector", .string(raw), "may not specified at the same time as requirements")
        }
        if raw.isEmpty, requirements.isEmpty {
            issues.required(
                "\(path).requirements", "when \(path) is specified, requirements or rawSelector is required")
        }
        for (index, requirement) in requirements.enumerated() {
            let place = "\(path).requirements[\(index)]"
            let values = requirement.list("values")
            switch requirement.text("operator") {
            case "In", "NotIn":
                if values.isEmpty {
                    issues.required("\(place).values", "must be specified when `operator` is 'In' or 'NotIn'")
                }
            case "Exists", "DoesNotExist":
                if !values.isEmpty {
                    issues.forbidden(
                        "\(place).values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
                }
            default: break  // Operators of the future are let through.
            }
            let key = requirement.text("key")
            if !isLabel {
                if key.isEmpty { issues.required("\(place).key", "must be specified") }
                continue
            }
            issues.invalid("\(place).key", key, NameRules.qualifiedName(key))
            for (position, value) in values.enumerated() {
                let text = value.string ?? ""
                issues.invalid("\(place).values[\(position)]", text, NameRules.labelValue(text))
            }
        }
    }
}
