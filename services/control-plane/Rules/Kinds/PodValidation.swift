import KubeModel

/// What a Pod spec may say; field paths and words are those of the Kubernetes API server.
struct PodValidation {
    private(set) var issues = Issues()

    /// Finds what is wrong with a Pod spec at `path`.
    static func check(_ spec: JSON?, at path: String) -> [FieldIssue] {
        var validation = PodValidation()
        validation.spec(spec ?? [:], path)
        return validation.issues.all
    }

    private mutating func spec(_ spec: JSON, _ path: String) {
        let volumes = volumes(spec.list("volumes"), "\(path).volumes")
        if spec.list("containers").isEmpty { issues.required("\(path).containers") }
        var names: Set<String> = []
        let isOnHost = spec["hostNetwork"]?.bool ?? false
        for list in ["containers", "initContainers", "ephemeralContainers"] {
            for (index, container) in spec.list(list).enumerated() {
                let place = "\(path).\(list)[\(index)]"
                self.container(container, place, kind: list, volumes: volumes, isOnHost: isOnHost)
                let name = container.text("name")
                if !name.isEmpty, !names.insert(name).inserted { issues.duplicate("\(place).name", .string(name)) }
            }
        }
        issues.oneOf(
            "\(path).restartPolicy", spec["restartPolicy"], ["Always", "OnFailure", "Never"], isRequired: true)
        issues.oneOf(
            "\(path).dnsPolicy", spec["dnsPolicy"], ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"],
            isRequired: true)
        if spec.text("dnsPolicy") == "None", spec.value(at: "dnsConfig", "nameservers")?.array?.isEmpty ?? true {
            issues.required(
                "\(path).dnsConfig.nameservers", "must provide at least one DNS nameserver when `dnsPolicy` is None")
        }
        issues.notNegative("\(path).terminationGracePeriodSeconds", spec["terminationGracePeriodSeconds"])
        if let deadline = spec["activeDeadlineSeconds"]?.int, !(1...Int64(Int32.max)).contains(deadline) {
            issues.invalid(
                "\(path).activeDeadlineSeconds", .int(deadline), "must be between 1 and 2147483647, inclusive")
        }
        issues.add(MetadataRules.labels(spec["nodeSelector"], "\(path).nodeSelector"))
        name("\(path).nodeName", spec.text("nodeName"), NameRules.subdomain)
        name("\(path).serviceAccountName", spec.text("serviceAccountName"), NameRules.subdomain)
        name("\(path).hostname", spec.text("hostname"), NameRules.label)
        name("\(path).subdomain", spec.text("subdomain"), NameRules.label)
        name("\(path).priorityClassName", spec.text("priorityClassName"), NameRules.subdomain)
        name("\(path).runtimeClassName", spec.text("runtimeClassName"), NameRules.subdomain)
        for (index, toleration) in spec.list("tolerations").enumerated() {
            self.toleration(toleration, "\(path).tolerations[\(index)]")
        }
        for (index, constraint) in spec.list("topologySpreadConstraints").enumerated() {
            spread(constraint, "\(path).topologySpreadConstraints[\(index)]")
        }
        for (index, alias) in spec.list("hostAliases").enumerated() where !isAddress(alias.text("ip")) {
            issues.invalid(
                "\(path).hostAliases[\(index)].ip", alias["ip"] ?? "",
                "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")
        }
        security(spec["securityContext"] ?? [:], "\(path).securityContext")
        affinity(spec["affinity"] ?? [:], "\(path).affinity")
    }

    private func isAddress(_ text: String) -> Bool { NetworkRules.isAddress(text) }

    private mutating func name(_ field: String, _ text: String, _ rule: (String) -> [String]) {
        if !text.isEmpty { issues.invalid(field, text, rule(text)) }
    }

    // MARK: Containers

    private mutating func container(
        _ container: JSON, _ path: String, kind: String, volumes: [String: Bool], isOnHost: Bool
    ) {
        let name = container.text("name")
        if name.isEmpty {
            issues.required("\(path).name")
        } else {
            issues.invalid("\(path).name", name, NameRules.label(name))
        }
        let image = container.text("image")
        if image.isEmpty {
            issues.required("\(path).image")
        } else if image.first?.isWhitespace == true || image.last?.isWhitespace == true {
            issues.invalid("\(path).image", .string(image), "must not have leading or trailing whitespace")
        }
        issues.oneOf("\(path).imagePullPolicy", container["imagePullPolicy"], ["Always", "IfNotPresent", "Never"])
        issues.oneOf(
            "\(path).terminationMessagePolicy", container["terminationMessagePolicy"],
            ["File", "FallbackToLogsOnError"])
        ports(container.list("ports"), "\(path).ports", isOnHost: isOnHost)
        for (index, variable) in container.list("env").enumerated() { environment(variable, "\(path).env[\(index)]") }
        for (index, source) in container.list("envFrom").enumerated() {
            environmentSource(source, "\(path).envFrom[\(index)]")
        }
        mounts(container.list("volumeMounts"), "\(path).volumeMounts", volumes)
        for (index, device) in container.list("volumeDevices").enumerated() where device.text("devicePath").isEmpty {
            issues.required("\(path).volumeDevices[\(index)].devicePath")
        }
        ResourceRules.check(container["resources"] ?? [:], "\(path).resources", &issues)
        let isInit = kind == "initContainers"
        let isSidecar = isInit && container.text("restartPolicy") == "Always"
        if isInit {
            issues.oneOf("\(path).restartPolicy", container["restartPolicy"], ["Always"])
        } else if container.has("restartPolicy") {
            issues.forbidden("\(path).restartPolicy", "may not be set for non-init containers")
        }
        for field in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] where container.has(field) {
            if isInit, !isSidecar {
                issues.forbidden("\(path).\(field)", "may not be set for init containers without restartPolicy=Always")
            } else if kind == "ephemeralContainers" {
                issues.forbidden("\(path).\(field)", "cannot be set for an Ephemeral Container")
            } else if field == "lifecycle" {
                for hook in ["postStart", "preStop"] {
                    if let action = container.value(at: field, hook) { handler(action, "\(path).\(field).\(hook)") }
                }
            } else {
                probe(container[field] ?? [:], "\(path).\(field)", name: field)
            }
        }
        let context = container["securityContext"] ?? [:]
        security(context, "\(path).securityContext")
        if context["privileged"]?.bool == true, context["allowPrivilegeEscalation"]?.bool == false {
            issues.invalid(
                "\(path).securityContext", context,
                "cannot set `allowPrivilegeEscalation` to false and `privileged` to true")
        }
    }

    private mutating func security(_ context: JSON, _ path: String) {
        for field in ["runAsUser", "runAsGroup", "fsGroup"] {
            if let id = context[field]?.int, !(0...Int64(Int32.max)).contains(id) {
                issues.invalid("\(path).\(field)", .int(id), "must be between 0 and 2147483647, inclusive")
            }
        }
        if let profile = context["seccompProfile"] {
            issues.oneOf(
                "\(path).seccompProfile.type", profile["type"], ["Localhost", "RuntimeDefault", "Unconfined"],
                isRequired: true)
        }
    }

    private mutating func ports(_ ports: [JSON], _ path: String, isOnHost: Bool) {
        var names: Set<String> = []
        for (index, port) in ports.enumerated() {
            let place = "\(path)[\(index)]"
            let name = port.text("name")
            if !name.isEmpty {
                issues.invalid("\(place).name", name, NameRules.portName(name))
                if !names.insert(name).inserted { issues.duplicate("\(place).name", .string(name)) }
            }
            if let number = port["containerPort"]?.int, number != 0 {
                for problem in NameRules.port(number) {
                    issues.invalid("\(place).containerPort", .int(number), problem)
                }
            } else {
                issues.required("\(place).containerPort")
            }
            if let host = port["hostPort"]?.int, host != 0 {
                for problem in NameRules.port(host) { issues.invalid("\(place).hostPort", .int(host), problem) }
                if isOnHost, host != port["containerPort"]?.int {
                    issues.invalid(
                        "\(place).containerPort", port["containerPort"],
                        "must match `hostPort` when `hostNetwork` is true")
                }
            }
            issues.oneOf("\(place).protocol", port["protocol"], ["TCP", "UDP", "SCTP"], isRequired: true)
        }
    }

    private mutating func environment(_ variable: JSON, _ path: String) {
        let name = variable.text("name")
        if name.isEmpty {
            issues.required("\(path).name")
        } else {
            issues.invalid("\(path).name", name, NameRules.environmentName(name))
        }
        guard let source = variable["valueFrom"], !source.isNull else { return }
        let kinds = ["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef"].filter { source.has($0) }
        let place = "\(path).valueFrom"
        if !variable.text("value").isEmpty, !kinds.isEmpty {
            issues.invalid(place, "", "may not be specified when `value` is not empty")
        }
        if kinds.isEmpty {
            issues.invalid(
                place, "", "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`")
        } else if kinds.count > 1 {
            issues.invalid(place, "", "may not have more than one field specified at a time")
        }
        if let field = source["fieldRef"] { fieldReference(field, "\(place).fieldRef", Self.environmentFields) }
        for kind in ["configMapKeyRef", "secretKeyRef"] {
            guard let reference = source[kind] else { continue }
            if reference.text("name").isEmpty { issues.required("\(place).\(kind).name") }
            let key = reference.text("key")
            if key.isEmpty {
                issues.required("\(place).\(kind).key")
            } else {
                issues.invalid("\(place).\(kind).key", key, NameRules.configKey(key))
            }
        }
        if let reference = source["resourceFieldRef"], reference.text("resource").isEmpty {
            issues.required("\(place).resourceFieldRef.resource")
        }
    }

    private static let environmentFields = [
        "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
        "status.hostIP",
        "status.hostIPs", "status.podIP", "status.podIPs",
    ]
    private static let volumeFields = [
        "metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid",
    ]

    private mutating func fieldReference(_ reference: JSON, _ path: String, _ allowed: [String]) {
        let field = reference.text("fieldPath")
        if field.isEmpty {
            issues.required("\(path).fieldPath")
            return
        }
        for map in ["metadata.labels", "metadata.annotations"] where field.hasPrefix(map + "['") {
            guard field.hasSuffix("']") else { break }
            return
        }
        issues.oneOf("\(path).fieldPath", .string(field), allowed)
    }

    private mutating func environmentSource(_ source: JSON, _ path: String) {
        let kinds = ["configMapRef", "secretRef"].filter { source.has($0) }
        if kinds.isEmpty { issues.invalid(path, "", "must specify one of: `configMapRef` or `secretRef`") }
        if kinds.count > 1 { issues.invalid(path, "", "may not have more than one field specified at a time") }
        for kind in kinds where source[kind]?.text("name").isEmpty ?? true { issues.required("\(path).\(kind).name") }
    }

    private mutating func mounts(_ mounts: [JSON], _ path: String, _ volumes: [String: Bool]) {
        var paths: Set<String> = []
        for (index, mount) in mounts.enumerated() {
            let place = "\(path)[\(index)]"
            let name = mount.text("name")
            if name.isEmpty {
                issues.required("\(place).name")
            } else if volumes[name] == nil {
                issues.add(FieldIssue(field: "\(place).name", reason: .notFound, value: .string(name)))
            }
            let target = mount.text("mountPath")
            if target.isEmpty {
                issues.required("\(place).mountPath")
            } else if !paths.insert(target).inserted {
                issues.invalid("\(place).mountPath", .string(target), "must be unique")
            }
            relative(mount.text("subPath"), "\(place).subPath")
            relative(mount.text("subPathExpr"), "\(place).subPathExpr")
            if mount.has("subPath"), mount.has("subPathExpr") {
                issues.invalid(
                    "\(place).subPathExpr", mount["subPathExpr"], "subPathExpr and subPath are mutually exclusive")
            }
        }
    }

    private mutating func relative(_ text: String, _ field: String) {
        if text.hasPrefix("/") { issues.invalid(field, .string(text), "must be a relative path") }
        if text.split(separator: "/").contains("..") { issues.invalid(field, .string(text), "must not contain '..'") }
    }

    // MARK: Probes and hooks

    private mutating func probe(_ probe: JSON, _ path: String, name: String) {
        handler(probe, path)
        for field in ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"]
        {
            issues.notNegative("\(path).\(field)", probe[field])
        }
        if name != "readinessProbe", let threshold = probe["successThreshold"]?.int, threshold != 1 {
            issues.invalid("\(path).successThreshold", .int(threshold), "must be 1")
        }
        if let grace = probe["terminationGracePeriodSeconds"]?.int, grace <= 0 {
            issues.invalid("\(path).terminationGracePeriodSeconds", .int(grace), "must be greater than 0")
        }
    }

    private mutating func handler(_ handler: JSON, _ path: String) {
        let kinds = ["exec", "httpGet", "tcpSocket", "grpc", "sleep"].filter { handler.has($0) }
        if kinds.isEmpty { issues.required(path, "must specify a handler type") }
        for kind in kinds.dropFirst() {
            issues.forbidden("\(path).\(kind)", "may not specify more than 1 handler type")
        }
        guard let kind = kinds.first, let action = handler[kind] else { return }
        switch kind {
        case "exec":
            if action.list("command").isEmpty { issues.required("\(path).exec.command") }
        case "httpGet":
            if action.text("path").isEmpty { issues.required("\(path).httpGet.path") }
            port(action["port"], "\(path).httpGet.port")
            issues.oneOf("\(path).httpGet.scheme", action["scheme"], ["HTTP", "HTTPS"])
        case "tcpSocket": port(action["port"], "\(path).tcpSocket.port")
        case "grpc": port(action["port"], "\(path).grpc.port")
        default: break
        }
    }

    private mutating func port(_ port: JSON?, _ field: String) {
        switch port {
        case .int(let number):
            for problem in NameRules.port(number) { issues.invalid(field, .int(number), problem) }
        case .string(let name): issues.invalid(field, name, NameRules.portName(name))
        default: issues.invalid(field, 0, "must be between 1 and 65535, inclusive")
        }
    }

    // MARK: Volumes

    /// Checks the volumes and answers their names.
    private mutating func volumes(_ volumes: [JSON], _ path: String) -> [String: Bool] {
        var names: [String: Bool] = [:]
        for (index, volume) in volumes.enumerated() {
            let place = "\(path)[\(index)]"
            let name = volume.text("name")
            if name.isEmpty {
                issues.required("\(place).name")
            } else {
                issues.invalid("\(place).name", name, NameRules.label(name))
                if names[name] != nil { issues.duplicate("\(place).name", .string(name)) }
                names[name] = true
            }
            let sources = volume.object?.filter { $0.key != "name" && !$0.value.isNull } ?? []
            if sources.isEmpty { issues.required(place, "must specify a volume type") }
            for source in sources.dropFirst() {
                issues.forbidden("\(place).\(source.key)", "may not specify more than 1 volume type")
            }
            if let source = sources.first { self.source(source.key, source.value, "\(place).\(source.key)") }
        }
        return names
    }

    private mutating func source(_ kind: String, _ source: JSON, _ path: String) {
        switch kind {
        case "hostPath":
            let target = source.text("path")
            if target.isEmpty { issues.required("\(path).path") }
            if target.split(separator: "/").contains("..") {
                issues.invalid("\(path).path", .string(target), "must not contain '..'")
            }
            issues.oneOf(
                "\(path).type", source["type"],
                ["BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"])
        case "emptyDir":
            if let size = Quantity(source["sizeLimit"]), size < .zero {
                issues.forbidden("\(path).sizeLimit", "SizeLimit field must be a valid resource quantity")
            }
            issues.oneOf("\(path).medium", source["medium"], ["Memory", "HugePages"])
        case "secret":
            if source.text("secretName").isEmpty { issues.required("\(path).secretName") }
            mode(source["defaultMode"], "\(path).defaultMode")
            items(source.list("items"), "\(path).items")
        case "configMap":
            if source.text("name").isEmpty { issues.required("\(path).name") }
            mode(source["defaultMode"], "\(path).defaultMode")
            items(source.list("items"), "\(path).items")
        case "persistentVolumeClaim":
            if source.text("claimName").isEmpty { issues.required("\(path).claimName") }
        case "nfs":
            if source.text("server").isEmpty { issues.required("\(path).server") }
            if source.text("path").isEmpty { issues.required("\(path).path") }
        case "downwardAPI": downward(source.list("items"), "\(path).items")
        case "projected": projected(source, path)
        default: break
        }
    }

    private mutating func projected(_ source: JSON, _ path: String) {
        mode(source["defaultMode"], "\(path).defaultMode")
        for (index, part) in source.list("sources").enumerated() {
            let place = "\(path).sources[\(index)]"
            for kind in ["secret", "configMap"] {
                guard let projection = part[kind] else { continue }
                if projection.text("name").isEmpty { issues.required("\(place).\(kind).name") }
                items(projection.list("items"), "\(place).\(kind).items")
            }
            if let projection = part["downwardAPI"] { downward(projection.list("items"), "\(place).downwardAPI.items") }
            if let token = part["serviceAccountToken"] {
                if token.text("path").isEmpty { issues.required("\(place).serviceAccountToken.path") }
                if let seconds = token["expirationSeconds"]?.int, seconds < 600 {
                    issues.invalid(
                        "\(place).serviceAccountToken.expirationSeconds", .int(seconds),
                        "may not specify a duration less than 10 minutes")
                }
            }
        }
    }

    private mutating func mode(_ mode: JSON?, _ field: String) {
        if let number = mode?.int, !(0...0o777).contains(number) {
            issues.invalid(field, .int(number), "must be a number between 0 and 0777 (octal), both inclusive")
        }
    }

    private mutating func items(_ items: [JSON], _ path: String) {
        for (index, item) in items.enumerated() {
            if item.text("key").isEmpty { issues.required("\(path)[\(index)].key") }
            if item.text("path").isEmpty { issues.required("\(path)[\(index)].path") }
            relative(item.text("path"), "\(path)[\(index)].path")
            mode(item["mode"], "\(path)[\(index)].mode")
        }
    }

    private mutating func downward(_ items: [JSON], _ path: String) {
        for (index, item) in items.enumerated() {
            if item.text("path").isEmpty { issues.required("\(path)[\(index)].path") }
            relative(item.text("path"), "\(path)[\(index)].path")
            if let field = item["fieldRef"] { fieldReference(field, "\(path)[\(index)].fieldRef", Self.volumeFields) }
        }
    }

    // MARK: Scheduling

    private mutating func toleration(_ toleration: JSON, _ path: String) {
        let key = toleration.text("key")
        if !key.isEmpty { issues.invalid("\(path).key", key, NameRules.qualifiedName(key)) }
        issues.oneOf("\(path).operator", toleration["operator"], ["Equal", "Exists"])
        if key.isEmpty, toleration.text("operator") != "Exists" {
            issues.invalid(
                "\(path).operator", toleration["operator"] ?? "",
                "operator must be Exists when `key` is empty, which means \"match all values and all keys\"")
        }
        if toleration.text("operator") == "Exists", !toleration.text("value").isEmpty {
            issues.invalid("\(path).operator", toleration["value"], "value must be empty when `operator` is 'Exists'")
        }
        issues.oneOf("\(path).effect", toleration["effect"], ["NoSchedule", "PreferNoSchedule", "NoExecute"])
        if toleration.has("tolerationSeconds"), toleration.text("effect") != "NoExecute" {
            issues.invalid(
                "\(path).effect", toleration["effect"] ?? "",
                "effect must be 'NoExecute' when `tolerationSeconds` is set")
        }
    }

    private mutating func spread(_ constraint: JSON, _ path: String) {
        if (constraint["maxSkew"]?.int ?? 0) <= 0 {
            issues.invalid("\(path).maxSkew", constraint["maxSkew"] ?? 0, "must be greater than zero")
        }
        if constraint.text("topologyKey").isEmpty { issues.required("\(path).topologyKey", "can not be empty") }
        issues.oneOf(
            "\(path).whenUnsatisfiable", constraint["whenUnsatisfiable"], ["DoNotSchedule", "ScheduleAnyway"],
            isRequired: true)
        SelectorRules.check(constraint["labelSelector"], "\(path).labelSelector", &issues)
    }

    private mutating func affinity(_ affinity: JSON, _ path: String) {
        let required = "requiredDuringSchedulingIgnoredDuringExecution"
        let preferred = "preferredDuringSchedulingIgnoredDuringExecution"
        if let node = affinity.value(at: "nodeAffinity", required), node.list("nodeSelectorTerms").isEmpty {
            issues.required(
                "\(path).nodeAffinity.\(required).nodeSelectorTerms", "must have at least one node selector term")
        }
        for kind in ["podAffinity", "podAntiAffinity"] {
            guard let rules = affinity[kind] else { continue }
            let terms =
                rules.list(required).enumerated().map { ($1, "\(path).\(kind).\(required)[\($0)]") }
                + rules.list(preferred).enumerated().map {
                    ($1["podAffinityTerm"] ?? [:], "\(path).\(kind).\(preferred)[\($0)].podAffinityTerm")
                }
            for (term, place) in terms {
                if term.text("topologyKey").isEmpty { issues.required("\(place).topologyKey", "can not be empty") }
                SelectorRules.check(term["labelSelector"], "\(place).labelSelector", &issues)
            }
        }
        for kind in ["nodeAffinity", "podAffinity", "podAntiAffinity"] {
            for (index, term) in (affinity[kind]?.list(preferred) ?? []).enumerated() {
                let weight = term["weight"]?.int ?? 0
                if !(1...100).contains(weight) {
                    issues.invalid(
                        "\(path).\(kind).\(preferred)[\(index)].weight", .int(weight), "must be in the range 1-100")
                }
            }
        }
    }
}
