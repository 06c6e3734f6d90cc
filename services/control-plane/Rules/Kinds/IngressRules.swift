import KubeModel

/// Rules of Ingresses and their classes.
enum IngressRules {
    private static let classAnnotation = "kubernetes.io/ingress.class"

    @Sendable static func check(_ object: JSON, _ old: JSON?, _ issues: inout Issues) {
        let spec = object["spec"] ?? [:]
        let rules = spec.list("rules")
        if rules.isEmpty, !spec.has("defaultBackend") {
            issues.invalid("spec", spec["rules"] ?? .null, "either `defaultBackend` or `rules` must be specified")
        }
        if let backend = spec["defaultBackend"], !backend.isNull {
            check(backend: backend, "spec.defaultBackend", &issues)
        }
        for (index, rule) in rules.enumerated() { check(rule: rule, "spec.rules[\(index)]", &issues) }
        for (index, entry) in spec.list("tls").enumerated() {
            for (place, host) in entry.list("hosts").enumerated() {
                check(host: host.string ?? "", "spec.tls[\(index)].hosts[\(place)]", &issues)
            }
            issues.name("spec.tls[\(index)].secretName", entry.text("secretName"), NameRules.subdomain)
        }
        guard let name = spec["ingressClassName"]?.string else { return }
        issues.invalid("spec.ingressClassName", name, NameRules.subdomain(name))
        if old == nil, let wanted = object.value(at: "metadata", "annotations", classAnnotation)?.string, wanted != name
        {
            issues.invalid(
                "annotations.\(classAnnotation)", .string(wanted),
                "must match `ingressClassName` when both are specified")
        }
    }

    private static func check(host: String, _ field: String, _ issues: inout Issues) {
        guard host.contains("*") else { return issues.invalid(field, host, NameRules.subdomain(host)) }
        if !host.hasPrefix("*.") || !NameRules.subdomain(String(host.dropFirst(2))).isEmpty {
            issues.invalid(
                field, .string(host),
                "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', regex used for validation is '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
            )
        }
    }

    private static func check(rule: JSON, _ path: String, _ issues: inout Issues) {
        let host = rule.text("host")
        if !host.isEmpty {
            if NetworkRules.isAddress(host) {
                issues.invalid("\(path).host", .string(host), "must be a DNS name, not an IP address")
            }
            check(host: host, "\(path).host", &issues)
        }
        guard let http = rule["http"], !http.isNull else { return }
        if http.list("paths").isEmpty { issues.required("\(path).http.paths") }
        for (index, entry) in http.list("paths").enumerated() {
            check(path: entry, "\(path).http.paths[\(index)]", &issues)
        }
    }

    private static func check(path entry: JSON, _ field: String, _ issues: inout Issues) {
        guard let type = entry["pathType"]?.string else {
            return issues.required("\(field).pathType", "pathType must be specified")
        }
        let text = entry.text("path")
        func refuse(_ detail: String) { issues.invalid("\(field).path", .string(text), detail) }
        switch type {
        case "Exact", "Prefix":
            if !text.hasPrefix("/") { refuse("must be an absolute path") }
            for part in ["//", "/./", "/../", "%2f", "%2F"] where text.contains(part) {
                refuse("must not contain '\(part)'")
            }
            for end in ["/..", "/."] where text.hasSuffix(end) { refuse("cannot end with '\(end)'") }
        case "ImplementationSpecific":
            if !text.isEmpty, !text.hasPrefix("/") { refuse("must be an absolute path") }
        default:
            issues.supported("\(field).pathType", .string(type), ["Exact", "ImplementationSpecific", "Prefix"])
        }
        check(backend: entry["backend"] ?? [:], "\(field).backend", &issues)
    }

    private static func check(backend: JSON, _ path: String, _ issues: inout Issues) {
        let resource = backend["resource"].flatMap { $0.isNull ? nil : $0 }
        let service = backend["service"].flatMap { $0.isNull ? nil : $0 }
        if resource != nil, service != nil {
            return issues.invalid(path, "", "cannot set both resource and service backends")
        }
        if let resource { return reference(resource, "\(path).resource", &issues) }
        guard let service else { return issues.invalid(path, "", "resource or service backend is required") }
        issues.requiredName("\(path).service.name", service.text("name"), NameRules.label)
        let port = service["port"] ?? [:]
        let (name, number) = (port.text("name"), port["number"]?.int ?? 0)
        if !name.isEmpty, number != 0 {
            issues.invalid(path, "", "cannot set both port name & port number")
        } else if !name.isEmpty {
            issues.invalid("\(path).service.port.name", name, NameRules.portName(name))
        } else if number != 0 {
            for problem in NameRules.port(number) {
                issues.invalid("\(path).service.port.number", .int(number), problem)
            }
        } else {
            issues.required(path, "port name or number is required")
        }
    }

    private static func reference(_ target: JSON, _ path: String, _ issues: inout Issues) {
        if let group = target["apiGroup"]?.string {
            issues.invalid("\(path).apiGroup", group, NameRules.subdomain(group))
        }
        for field in ["kind", "name"] {
            issues.requiredName("\(path).\(field)", target.text(field), NameRules.pathSegment)
        }
    }

    @Sendable static func checkStatus(_ object: JSON, _ old: JSON, _ issues: inout Issues) {
        func entries(_ object: JSON) -> [JSON] { object.value(at: "status", "loadBalancer")?.list("ingress") ?? [] }
        let kept = Set(entries(old).map { $0.text("ip") })
        for (index, entry) in entries(object).enumerated() {
            let place = "status.loadBalancer.ingress[\(index)]"
            let (address, host) = (entry.text("ip"), entry.text("hostname"))
            if !address.isEmpty, !kept.contains(address) {
                NetworkRules.checkAddress(address, "\(place).ip", &issues)
            }
            guard !host.isEmpty else { continue }
            issues.invalid("\(place).hostname", host, NameRules.subdomain(host))
            if NetworkRules.isAddress(host) {
                issues.invalid("\(place).hostname", .string(host), "must be a DNS name, not an IP address")
            }
        }
    }

    @Sendable static func checkClass(_ object: JSON, _ old: JSON?, _ issues: inout Issues) {
        let controller = object.value(at: "spec", "controller")?.string ?? ""
        if controller.utf8.count > 250 { issues.tooLong("spec.controller", 250) }
        issues.requiredName("spec.controller", controller, NameRules.domainPrefixedPath)
        if let old { issues.immutable("spec.controller", .string(controller), old.value(at: "spec", "controller")) }
        guard let parameters = object.value(at: "spec", "parameters"), !parameters.isNull else { return }
        reference(parameters, "spec.parameters", &issues)
        let scope = parameters["scope"]?.string
        let namespace = parameters["namespace"]?.string
        switch scope {
        case nil: issues.required("spec.parameters.scope")
        case "Namespace":
            guard let namespace else {
                return issues.required(
                    "spec.parameters.namespace", "`parameters.scope` is set to 'Namespace'")
            }
            issues.invalid("spec.parameters.namespace", namespace, NameRules.label(namespace))
        case "Cluster":
            if namespace != nil {
                issues.forbidden("spec.parameters.namespace", "`parameters.scope` is set to 'Cluster'")
            }
        default: issues.supported("spec.parameters.scope", parameters["scope"], ["Cluster", "Namespace"])
        }
    }
}
