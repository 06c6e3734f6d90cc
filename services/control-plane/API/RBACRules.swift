import KubeModel

/// What somebody wants to do, as authorisation sees it.
struct AccessAttributes: Sendable, Equatable {
    var verb: String
    var group = ""
    var version = "*"
    var resource = ""
    var subresource = ""
    var namespace = ""
    var name = ""
    /// Path of a request that is about no resource; empty otherwise.
    var nonResourcePath = ""

    var isResource: Bool { nonResourcePath.isEmpty }
    var resourceAndSubresource: String { subresource.isEmpty ? resource : "\(resource)/\(subresource)" }

    init(
        verb: String, group: String = "", resource: String = "", subresource: String = "", namespace: String = "",
        name: String = "", nonResourcePath: String = ""
    ) {
        (self.verb, self.group, self.resource, self.subresource) = (verb, group, resource, subresource)
        (self.namespace, self.name, self.nonResourcePath) = (namespace, name, nonResourcePath)
    }

    init(_ info: RequestInfo) {
        self.init(verb: info.verb)
        guard info.isResource else {
            nonResourcePath = info.path
            return
        }
        (group, version, resource, subresource) = (info.group, info.version, info.resource, info.subresource)
        (namespace, name) = (info.namespace, info.authorizedName)
    }

    /// The sentence that tells a user what was refused.
    func refusal(of user: UserInfo) -> APIError {
        guard isResource else {
            return APIError(.forbidden, "forbidden: User \"\(user.name)\" cannot \(verb) path \"\(nonResourcePath)\"")
        }
        let qualified = group.isEmpty ? resource : "\(resource).\(group)"
        let place = namespace.isEmpty ? "at the cluster scope" : "in the namespace \"\(namespace)\""
        let subject = name.isEmpty ? qualified : "\(qualified) \"\(name)\""
        return APIError(
            .forbidden,
            "\(subject) is forbidden: User \"\(user.name)\" cannot \(verb) resource \"\(resourceAndSubresource)\" "
                + "in API group \"\(group)\" \(place)",
            kind: resource, group: group.isEmpty ? nil : group, name: name.isEmpty ? nil : name)
    }
}

/// `rules[]` of a Role or ClusterRole.
struct PolicyRule: Sendable, Equatable {
    var verbs: [String]
    var apiGroups: [String] = []
    var resources: [String] = []
    var resourceNames: [String] = []
    var nonResourceURLs: [String] = []

    init(verbs: [String]) { self.verbs = verbs }

    init(_ json: JSON) {
        func texts(_ key: String) -> [String] { json[key]?.array?.compactMap(\.string) ?? [] }
        verbs = texts("verbs")
        apiGroups = texts("apiGroups")
        resources = texts("resources")
        resourceNames = texts("resourceNames")
        nonResourceURLs = texts("nonResourceURLs")
    }

    var json: JSON {
        var json: JSON = ["verbs": .array(verbs.map(JSON.string))]
        func set(_ key: String, _ values: [String]) {
            if !values.isEmpty { json[key] = .array(values.map(JSON.string)) }
        }
        set("apiGroups", apiGroups)
        set("resources", resources)
        set("resourceNames", resourceNames)
        set("nonResourceURLs", nonResourceURLs)
        return json
    }

    func allows(_ attributes: AccessAttributes) -> Bool {
        guard verbs.contains("*") || verbs.contains(attributes.verb) else { return false }
        guard attributes.isResource else {
            return nonResourceURLs.contains { Self.pattern($0, matches: attributes.nonResourcePath) }
        }
        guard apiGroups.contains("*") || apiGroups.contains(attributes.group) else { return false }
        guard resources.contains(where: { matches($0, attributes) }) else { return false }
        return resourceNames.isEmpty || (!attributes.name.isEmpty && resourceNames.contains(attributes.name))
    }

    private func matches(_ resource: String, _ attributes: AccessAttributes) -> Bool {
        if resource == "*" { return true }
        if attributes.subresource.isEmpty { return resource == attributes.resource }
        if resource == attributes.resourceAndSubresource { return true }
        return resource.hasPrefix("*/") && resource.dropFirst(2) == attributes.subresource
    }

    /// `/healthz/*` matches everything that begins with `/healthz/`.
    static func pattern(_ pattern: String, matches path: String) -> Bool {
        if pattern == "*" || pattern == path { return true }
        return pattern.hasSuffix("*") && path.hasPrefix(pattern.dropLast())
    }

    /// The rule as rules of one verb, one group and one resource (or one path) each.
    func atoms() -> [PolicyRule] {
        var atoms: [PolicyRule] = []
        for verb in verbs {
            for group in apiGroups {
                for resource in resources {
                    for name in resourceNames.isEmpty ? [nil] : resourceNames.map(Optional.some) {
                        var atom = PolicyRule(verbs: [verb])
                        atom.apiGroups = [group]
                        atom.resources = [resource]
                        atom.resourceNames = name.map { [$0] } ?? []
                        atoms.append(atom)
                    }
                }
            }
            for path in nonResourceURLs {
                var atom = PolicyRule(verbs: [verb])
                atom.nonResourceURLs = [path]
                atoms.append(atom)
            }
        }
        return atoms
    }

    /// True when this rule grants everything that an atom grants.
    func covers(_ atom: PolicyRule) -> Bool {
        func has(_ mine: [String], _ wanted: [String]) -> Bool {
            mine.contains("*") || wanted.allSatisfy { mine.contains($0) }
        }
        guard has(verbs, atom.verbs) else { return false }
        if let path = atom.nonResourceURLs.first {
            return nonResourceURLs.contains { Self.pattern($0, matches: path) }
        }
        guard has(apiGroups, atom.apiGroups) else { return false }
        guard let wanted = atom.resources.first else { return false }
        let coversResource = resources.contains { mine in
            if mine == "*" || mine == wanted { return true }
            return mine.hasPrefix("*/") && wanted.hasSuffix(mine.dropFirst(1)) && wanted.contains("/")
        }
        guard coversResource else { return false }
        if resourceNames.isEmpty { return true }
        return !atom.resourceNames.isEmpty && atom.resourceNames.allSatisfy { resourceNames.contains($0) }
    }

    /// As messages show a rule.
    var summary: String {
        func list(_ values: [String]) -> String { "[" + values.map { "\"\($0)\"" }.joined(separator: ", ") + "]" }
        var parts: [String] = []
        if !apiGroups.isEmpty { parts.append("APIGroups:\(list(apiGroups))") }
        if !resources.isEmpty { parts.append("Resources:\(list(resources))") }
        if !resourceNames.isEmpty { parts.append("ResourceNames:\(list(resourceNames))") }
        if !nonResourceURLs.isEmpty { parts.append("NonResourceURLs:\(list(nonResourceURLs))") }
        parts.append("Verbs:\(list(verbs))")
        return "{" + parts.joined(separator: ", ") + "}"
    }
}
