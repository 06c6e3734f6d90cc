import KubeModel

extension PodValidation {
    mutating func environment(_ variables: [JSON], _ path: String) {
        for (index, variable) in variables.enumerated() {
            let place = "\(path)[\(index)]"
            issues.requiredName("\(place).name", variable.text("name"), NameRules.environmentName)
            if let source = variable["valueFrom"], !source.isNull {
                valueSource(source, "\(place).valueFrom", hasValue: !variable.text("value").isEmpty)
            }
        }
    }

    private mutating func valueSource(_ source: JSON, _ path: String, hasValue: Bool) {
        var count = 0
        if let field = source["fieldRef"], !field.isNull {
            count += 1
            fieldReference(field, "\(path).fieldRef", Self.environmentFields)
        }
        if let resource = source["resourceFieldRef"], !resource.isNull {
            count += 1
            resourceReference(resource, "\(path).resourceFieldRef", needsContainer: false)
        }
        for kind in ["configMapKeyRef", "secretKeyRef"] {
            guard let reference = source[kind], !reference.isNull else { continue }
            count += 1
            let name = reference.text("name")
            issues.invalid("\(path).\(kind).name", name, NameRules.subdomain(name))
            issues.requiredName("\(path).\(kind).key", reference.text("key"), NameRules.configKey)
        }
        if let file = source["fileKeyRef"], !file.isNull {
            count += 1
            let place = "\(path).fileKeyRef"
            issues.requiredName("\(place).key", file.text("key"), NameRules.environmentName)
            issues.requiredName("\(place).volumeName", file.text("volumeName"), NameRules.label)
            issues.requiredText(place, file, "path")
            issues.noBacksteps("\(place).path", file.text("path"))
        }
        if count == 0 {
            issues.invalid(
                path, "",
                "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
            )
        } else if hasValue {
            issues.invalid(path, "", "may not be specified when `value` is not empty")
        } else if count > 1 {
            issues.invalid(path, "", "may not have more than one field specified at a time")
        }
    }

    private static let environmentFields = [
        "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
        "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs",
    ]
    static let volumeFields = [
        "metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid",
    ]
    /// Fields that can be named at all, some of them nowhere of use.
    private static let knownFields: Set<String> = [
        "metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid",
        "spec.nodeName", "spec.restartPolicy", "spec.serviceAccountName", "spec.schedulerName", "status.phase",
        "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs",
    ]

    /// A field of the Pod; labels and annotations may be named one by one: `metadata.labels['app']`.
    mutating func fieldReference(_ reference: JSON, _ path: String, _ allowed: [String]) {
        if reference.text("apiVersion").isEmpty { return issues.required("\(path).apiVersion") }
        let field = reference.text("fieldPath")
        if field.isEmpty { return issues.required("\(path).fieldPath") }
        func unconvertible(_ reason: String) {
            issues.invalid("\(path).fieldPath", .string(field), "error converting fieldPath: \(reason)")
        }
        if reference.text("apiVersion") != "v1" {
            return unconvertible("unsupported pod version: \(reference.text("apiVersion"))")
        }
        if field.hasSuffix("']"), let start = field.firstRange(of: "['") {
            let map = field[..<start.lowerBound]
            let key = String(field[start.upperBound...].dropLast(2))
            switch map {
            case "metadata.annotations":
                issues.invalid(path, key.lowercased(), NameRules.qualifiedName(key.lowercased()))
            case "metadata.labels": issues.invalid(path, key, NameRules.qualifiedName(key))
            default: unconvertible("field label does not support subscript: \(field)")
            }
            return
        }
        let name = field == "spec.host" ? "spec.nodeName" : field
        guard Self.knownFields.contains(name) else { return unconvertible("field label not supported: \(field)") }
        if !allowed.contains(name) { issues.notSupported("\(path).fieldPath", .string(name), allowed) }
    }

    private static let resourceFields = [
        "limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage",
        "requests.memory",
    ]
    private static let divisors: Set<String> = [
        "1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei",
    ]

    /// A request or limit of a container.
    mutating func resourceReference(_ reference: JSON, _ path: String, needsContainer: Bool) {
        let resource = reference.text("resource")
        let isPages = resource.hasPrefix("limits.hugepages-") || resource.hasPrefix("requests.hugepages-")
        if needsContainer, reference.text("containerName").isEmpty {
            issues.required("\(path).containerName")
        } else if resource.isEmpty {
            issues.required("\(path).resource")
        } else if !Self.resourceFields.contains(resource), !isPages {
            issues.notSupported("\(path).resource", .string(resource), Self.resourceFields)
        }
        guard let divisor = Quantity(reference["divisor"]), divisor != .zero else { return }
        let rest = "1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei are supported with the"
        let problem: String?
        switch resource.split(separator: ".", maxSplits: 1).last {
        case "cpu" where !["1", "1m"].contains(divisor.text):
            problem = "only divisor's values 1m and 1 are supported with the cpu resource"
        case "memory" where !Self.divisors.contains(divisor.text):
            problem = "only divisor's values \(rest) memory resource"
        case "ephemeral-storage" where !Self.divisors.contains(divisor.text):
            problem = "only divisor's values \(rest) local ephemeral storage resource"
        default:
            problem =
                isPages && !Self.divisors.contains(divisor.text)
                ? "only divisor's values \(rest) hugepages resource" : nil
        }
        if let problem { issues.invalid("\(path).divisor", .string(resource), problem) }
    }

    mutating func environmentSources(_ sources: [JSON], _ path: String) {
        for (index, source) in sources.enumerated() {
            let place = "\(path)[\(index)]"
            issues.name("\(place).prefix", source.text("prefix"), NameRules.environmentName)
            let kinds = ["configMapRef", "secretRef"].filter { source.has($0) }
            for kind in kinds {
                issues.requiredName("\(place).\(kind).name", source[kind]?.text("name") ?? "") { name in
                    // The name may be a beginning, as one of a generated name.
                    NameRules.subdomain(name.hasSuffix("-") ? String(name.dropLast()) + "a" : name)
                }
            }
            if kinds.isEmpty { issues.invalid(path, "", "must specify one of: `configMapRef` or `secretRef`") }
            if kinds.count > 1 { issues.invalid(path, "", "may not have more than one field specified at a time") }
        }
    }

    /// Files that variables are read from lie in volumes of the Pod itself.
    mutating func files(_ spec: JSON, _ path: String) {
        let kinds = Dictionary(
            spec.list("volumes").map { ($0.text("name"), $0.has("emptyDir")) }, uniquingKeysWith: { $1 })
        for (place, container) in Self.allContainers(spec, path) {
            for (index, variable) in container.list("env").enumerated() {
                guard let file = variable.value(at: "valueFrom", "fileKeyRef"), !file.isNull else { continue }
                let field = "\(place).env[\(index)].valueFrom.fileKeyRef.volumeName"
                let name = file.text("volumeName")
                guard let isFolder = kinds[name] else {
                    issues.notFound(field, name)
                    continue
                }
                if !isFolder { issues.invalid(field, .string(name), "referenced volume must be of type emptyDir") }
            }
        }
    }
}
