import KubeModel

/// Names and amounts of resources.
enum ResourceRules {
    /// Whose requests and limits are looked at.
    enum Owner { case container, pod }

    /// Finds what is wrong with requests and limits; `claims` are the names of the Pod's resource claims.
    static func check(
        _ resources: JSON, _ path: String, owner: Owner = .container, claims: Set<String> = [], _ issues: inout Issues
    ) {
        let limits = resources["limits"]?.object ?? [:]
        let requests = resources["requests"]?.object ?? [:]
        for (name, amount) in limits {
            let field = "\(path).limits[\(name)]"
            checkName(name, field, owner, &issues)
            check(name, amount, field, &issues)
            checkPages(name, amount, field, &issues)
        }
        for (name, amount) in requests {
            let field = "\(path).requests[\(name)]"
            checkName(name, field, owner, &issues)
            check(name, amount, field, &issues)
            compare(name, amount, limits[name], path, &issues)
            checkPages(name, amount, field, &issues)
        }
        let names = Set(limits.keys + requests.keys)
        if names.contains(where: isHugePages), names.isDisjoint(with: ["cpu", "memory"]) {
            issues.forbidden(path, "HugePages require cpu or memory")
        }
        self.claims(resources.list("claims"), "\(path).claims", claims, &issues)
    }

    private static func compare(
        _ name: String, _ request: JSON, _ limit: JSON?, _ path: String, _ issues: inout Issues
    ) {
        guard let limit = Quantity(limit) else {
            if !isOvercommitAllowed(name) {
                issues.required("\(path).limits", "Limit must be set for non overcommitable resources")
            }
            return
        }
        guard let wanted = Quantity(request) else { return }
        if wanted != limit, !isOvercommitAllowed(name) {
            issues.invalid(
                "\(path).requests", .string(wanted.text), "must be equal to \(name) limit of \(limit.text)")
        } else if wanted > limit {
            issues.invalid(
                "\(path).requests", .string(wanted.text), "must be less than or equal to \(name) limit of \(limit.text)"
            )
        }
    }

    private static func checkName(_ name: String, _ field: String, _ owner: Owner, _ issues: inout Issues) {
        let before = issues.all.count
        checkName(name, field, &issues)
        switch owner {
        case .container:
            if !name.contains("/") {
                if !containerResources.contains(name), !isHugePages(name) {
                    issues.invalid(field, .string(name), "must be a standard resource for containers")
                }
            } else if !isNative(name), !isExtended(name) {
                issues.invalid(field, .string(name), "doesn't follow extended resource name standard")
            }
        case .pod:
            guard issues.all.count == before, !["cpu", "memory"].contains(name), !isHugePages(name) else { return }
            issues.notSupported(field, .string(name), ["cpu", "hugepages-", "memory"])
        }
    }

    /// A name is qualified, or one of the known ones.
    static func checkName(_ name: String, _ field: String, _ issues: inout Issues) {
        let problems = NameRules.qualifiedName(name)
        issues.invalid(field, name, problems)
        guard problems.isEmpty, !name.contains("/"), !isStandard(name) else { return }
        issues.invalid(field, .string(name), "must be a standard resource type or fully qualified")
    }

    /// The name of a resource that a LimitRange of a type bounds.
    static func checkLimited(_ name: String, type: String, _ field: String, _ issues: inout Issues) {
        if type == "Pod" || type == "Container" {
            checkName(name, field, .container, &issues)
        } else {
            checkName(name, field, &issues)
        }
    }

    /// An amount is not negative, and whole where things are counted.
    static func check(_ name: String, _ amount: JSON, _ field: String, _ issues: inout Issues) {
        guard let quantity = Quantity(amount) else { return }
        if quantity < .zero { issues.invalid(field, .string(quantity.text), "must be greater than or equal to 0") }
        if isCounted(name), quantity.nanos % 1_000_000_000 != 0 {
            issues.invalid(field, .string(quantity.text), "must be an integer")
        }
    }

    private static func checkPages(_ name: String, _ amount: JSON, _ field: String, _ issues: inout Issues) {
        guard isHugePages(name), let quantity = Quantity(amount) else { return }
        let size = Quantity(String(name.dropFirst("hugepages-".count)))
        if let size, size > .zero, size.nanos % 1_000_000_000 == 0, quantity.value % size.value == 0 { return }
        issues.invalid(
            field, .string(quantity.text), "\(quantity.text) is not positive integer multiple of \(name)")
    }

    private static func claims(_ claims: [JSON], _ path: String, _ known: Set<String>, _ issues: inout Issues) {
        var names: Set<String> = []
        for (index, claim) in claims.enumerated() {
            let field = "\(path)[\(index)]"
            let name = claim.text("name")
            let request = claim.text("request")
            guard !name.isEmpty else {
                issues.required(field)
                continue
            }
            if names.contains(name) {
                issues.duplicate(field, .string(name))
            } else {
                issues.name("\(field).request", request, NameRules.label)
                let key = request.isEmpty ? name : "\(name)/\(request)"
                if names.contains(key) {
                    issues.duplicate(field, .string(key))
                } else if request.isEmpty, names.contains(where: { $0.hasPrefix("\(name)/") }) {
                    issues.duplicate(field, .string(name))
                }
                names.insert(key)
            }
            guard !known.contains(name) else { continue }
            let list = known.isEmpty ? " which is empty" : ": \(known.sorted().joined(separator: ", "))"
            issues.notFound(field, name, "must be one of the names in pod.spec.resourceClaims\(list)")
        }
    }

    // MARK: Kinds of resources

    private static let containerResources: Set<String> = ["cpu", "memory", "ephemeral-storage"]

    private static let counted: Set<String> = [
        "pods", "resourcequotas", "services", "replicationcontrollers", "secrets", "configmaps",
        "persistentvolumeclaims", "services.nodeports", "services.loadbalancers",
    ]

    private static let measured: Set<String> = [
        "cpu", "memory", "ephemeral-storage", "requests.cpu", "requests.memory", "requests.ephemeral-storage",
        "limits.cpu", "limits.memory", "limits.ephemeral-storage", "requests.storage",
    ]

    /// `hugepages-2Mi`
    static func isHugePages(_ name: String) -> Bool { name.hasPrefix("hugepages-") }

    /// Resources of Kubernetes itself: those without a domain, and those of its own.
    static func isNative(_ name: String) -> Bool { !name.contains("/") || name.contains("kubernetes.io/") }

    /// `nvidia.com/gpu`: resources that device plugins bring.
    static func isExtended(_ name: String) -> Bool {
        !isNative(name) && !name.hasPrefix("requests.") && NameRules.qualifiedName("requests.\(name)").isEmpty
    }

    /// Resources of which more may be promised than there is.
    static func isOvercommitAllowed(_ name: String) -> Bool { isNative(name) && !isHugePages(name) }

    /// Resources that only come in whole numbers.
    static func isCounted(_ name: String) -> Bool { counted.contains(name) || isExtended(name) }

    /// Resources that a quota knows by a short name.
    static func isQuotaStandard(_ name: String) -> Bool {
        counted.contains(name) || measured.contains(name) || isHugePages(name) || name.hasPrefix("requests.hugepages-")
    }

    private static func isStandard(_ name: String) -> Bool { isQuotaStandard(name) || name == "storage" }
}
