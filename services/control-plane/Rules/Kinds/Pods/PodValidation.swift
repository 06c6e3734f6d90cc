import KubeModel

/// What a Pod spec may say; field paths and words are those of the Kubernetes API server.
struct PodValidation {
    var issues = Issues()
    /// True for Pods, false for templates of Pods.
    let isPod: Bool
    /// Name of the Pod; empty for templates.
    let podName: String
    let gracePeriod: Int64?
    let restartPolicy: String
    /// Operating system that the Pod wants; empty when it does not say.
    let system: String
    /// False when the Pod has users of its own.
    let usesHostUsers: Bool
    /// Names of the resource claims.
    let claims: Set<String>
    /// Volumes without mistakes, by name.
    var volumes: [String: JSON] = [:]

    /// Finds what is wrong with a Pod spec at `path`.
    static func check(_ spec: JSON?, at path: String, podName: String = "", isPod: Bool = false) -> [FieldIssue] {
        var validation = PodValidation(spec ?? [:], podName: podName, isPod: isPod)
        validation.check(spec ?? [:], path)
        return validation.issues.all
    }

    private init(_ spec: JSON, podName: String, isPod: Bool) {
        self.isPod = isPod
        self.podName = podName
        gracePeriod = spec["terminationGracePeriodSeconds"]?.int
        restartPolicy = spec.text("restartPolicy")
        system = spec["os"]?.text("name") ?? ""
        usesHostUsers = spec["hostUsers"]?.bool ?? true
        claims = Set(spec.list("resourceClaims").map { $0.text("name") }.filter { !$0.isEmpty })
    }

    private mutating func check(_ spec: JSON, _ path: String) {
        if gracePeriod == nil { issues.required("\(path).terminationGracePeriodSeconds") }
        volumes(spec.list("volumes"), "\(path).volumes")
        resourceClaims(spec.list("resourceClaims"), "\(path).resourceClaims")
        containers(spec, path)
        initContainers(spec, path)
        ephemeralContainers(spec, path)
        resources(spec, "\(path).resources")
        hostPorts(spec, path)
        issues.supported(
            "\(path).restartPolicy", spec["restartPolicy"], ["Always", "OnFailure", "Never"], isRequired: true)
        issues.supported(
            "\(path).dnsPolicy", spec["dnsPolicy"], ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"],
            isRequired: true)
        issues.add(MetadataRules.labels(spec["nodeSelector"], "\(path).nodeSelector"))
        podSecurity(spec, path)
        affinity(spec["affinity"] ?? [:], "\(path).affinity")
        dns(spec, "\(path).dnsConfig")
        gates(spec, path)
        spread(spec.list("topologySpreadConstraints"), "\(path).topologySpreadConstraints")
        hostProcess(spec, path)
        hostUsers(spec, path)
        names(spec, path)
        tolerations(spec.list("tolerations"), "\(path).tolerations")
        hostAliases(spec.list("hostAliases"), "\(path).hostAliases")
        if let policy = spec["preemptionPolicy"], !policy.isNull {
            issues.supported(
                "\(path).preemptionPolicy", policy, ["PreemptLowerPriority", "Never"], isRequired: true)
        }
        if let overhead = spec["overhead"]?.object, !overhead.isEmpty {
            ResourceRules.check(["limits": .object(overhead)], "\(path).overhead", &issues)
        }
        operatingSystem(spec, path)
        files(spec, path)
    }

    private mutating func names(_ spec: JSON, _ path: String) {
        if let name = spec["hostnameOverride"]?.string {
            let field = "\(path).hostnameOverride"
            if spec["setHostnameAsFQDN"]?.bool == true {
                issues.forbidden(field, "may not be specified when setHostnameAsFQDN is true")
            }
            if spec["hostNetwork"]?.bool == true {
                issues.forbidden(field, "may not be specified when hostNetwork is true")
            }
            if name.utf8.count > 64 { issues.tooLong(field, 64) }
            issues.invalid(field, name, NameRules.subdomain(name))
        }
        issues.name("\(path).serviceAccountName", spec.text("serviceAccountName"), NameRules.subdomain)
        issues.name("\(path).nodeName", spec.text("nodeName"), NameRules.subdomain)
        issues.range("\(path).activeDeadlineSeconds", spec["activeDeadlineSeconds"], 1...Int64(Int32.max))
        issues.name("\(path).hostname", spec.text("hostname"), NameRules.label)
        issues.name("\(path).subdomain", spec.text("subdomain"), NameRules.label)
        issues.name("\(path).priorityClassName", spec.text("priorityClassName"), NameRules.subdomain)
        if let name = spec["runtimeClassName"]?.string {
            issues.invalid("\(path).runtimeClassName", name, NameRules.subdomain(name))
        }
    }

    private mutating func gates(_ spec: JSON, _ path: String) {
        for (index, gate) in spec.list("readinessGates").enumerated() {
            let type = gate.text("conditionType")
            issues.invalid("\(path).readinessGates[\(index)].conditionType", type, NameRules.qualifiedName(type))
        }
        var seen: Set<String> = []
        for (index, gate) in spec.list("schedulingGates").enumerated() {
            let name = gate.text("name")
            let field = "\(path).schedulingGates[\(index)]"
            issues.invalid(field, name, NameRules.qualifiedName(name))
            if !seen.insert(name).inserted { issues.duplicate(field, .string(name)) }
        }
    }

    private mutating func resourceClaims(_ claims: [JSON], _ path: String) {
        var seen: Set<String> = []
        for (index, claim) in claims.enumerated() {
            let field = "\(path)[\(index)]"
            let name = claim.text("name")
            if name.isEmpty {
                issues.required("\(field).name")
            } else if !seen.insert(name).inserted {
                issues.duplicate("\(field).name", .string(name))
            } else {
                issues.invalid("\(field).name", name, NameRules.label(name))
            }
            let given = ["resourceClaimName", "resourceClaimTemplateName"].filter { claim.has($0) }
            if given.count > 1 {
                issues.invalid(
                    field, claim,
                    "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified")
            } else if given.isEmpty {
                issues.invalid(
                    field, claim, "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`")
            }
            for key in given {
                issues.invalid("\(field).\(key)", claim.text(key), NameRules.subdomain(claim.text(key)))
            }
        }
    }

    /// Every container of a spec with its path, as rules that hold for all of them see them.
    static func allContainers(_ spec: JSON, _ path: String) -> [(path: String, container: JSON)] {
        ["initContainers", "containers", "ephemeralContainers"].flatMap { list in
            spec.list(list).enumerated().map { ("\(path).\(list)[\($0)]", $1) }
        }
    }
}
