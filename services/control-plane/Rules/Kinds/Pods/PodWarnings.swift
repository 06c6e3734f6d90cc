import KubeModel

/// What the writer of a Pod or of a template is told although it is accepted.
struct PodWarnings {
    static func of(_ pod: JSON, _ old: JSON?, _ subresource: String) -> [String] {
        if subresource == "status" {
            return ["podIPs", "hostIPs"].flatMap { list in
                (pod["status"]?.list(list) ?? []).enumerated().flatMap { index, entry in
                    NetworkRules.warnings(entry.text("ip"), "status.\(list)[\(index)].ip")
                }
            }
        }
        guard old == nil, subresource.isEmpty else { return [] }
        return ofName(pod, "the Pod's hostname") + appArmor(pod)
            + PodWarnings(pod["spec"] ?? [:], pod["metadata"] ?? [:], "").found
    }

    static func ofTemplate(_ template: JSON?, _ path: String) -> [String] {
        PodWarnings(template?["spec"] ?? [:], template?["metadata"] ?? [:], "\(path).").found
    }

    /// Names that cannot be host names.
    static func ofName(_ object: JSON, _ use: String) -> [String] {
        let problems = NameRules.label(object.value(at: "metadata", "name")?.string ?? "")
        guard !problems.isEmpty else { return [] }
        let list = problems.joined(separator: " ")
        return [
            "metadata.name: this is used in \(use), which can result in surprising behavior; a DNS label is recommended: [\(list)]"
        ]
    }

    private static func appArmor(_ pod: JSON) -> [String] {
        let annotations = pod.value(at: "metadata", "annotations")?.stringMap ?? [:]
        return PodValidation.allContainers(pod["spec"] ?? [:], "spec").compactMap { _, container in
            let key = PodPreparation.appArmorPrefix + container.text("name")
            guard annotations[key] != nil else { return nil }
            return "metadata.annotations[\(key)]: deprecated since v1.30; use the \"appArmorProfile\" field instead"
        }
    }

    private(set) var found: [String] = []
    private let path: String

    private init(_ spec: JSON, _ metadata: JSON, _ path: String) {
        self.path = path
        labels(spec)
        annotations(spec, metadata)
        volumes(spec.list("volumes"))
        repeated(spec.list("hostAliases"), "ip", "hostAliases")
        repeated(spec.list("imagePullSecrets"), "name", "imagePullSecrets")
        for (index, secret) in spec.list("imagePullSecrets").enumerated() where secret.text("name").isEmpty {
            found.append("\(path)spec.imagePullSecrets[\(index)].name: invalid empty name \"\"")
        }
        fractions(spec["overhead"], "\(path)spec.overhead")
        containers(spec, metadata)
        ports(spec)
        if let seconds = spec["terminationGracePeriodSeconds"]?.int, seconds < 0 {
            found.append(
                "\(path)spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1"
            )
        }
        selectors(spec)
        for (index, server) in (spec["dnsConfig"]?.list("nameservers") ?? []).enumerated() {
            found += NetworkRules.warnings(server.string ?? "", "\(path)spec.dnsConfig.nameservers[\(index)]")
        }
        for (index, alias) in spec.list("hostAliases").enumerated() {
            found += NetworkRules.warnings(alias.text("ip"), "\(path)spec.hostAliases[\(index)].ip")
        }
    }

    // MARK: Labels of nodes

    static let deprecatedLabels: [String: String] = [
        "beta.kubernetes.io/arch": "deprecated since v1.14; use \"kubernetes.io/arch\" instead",
        "beta.kubernetes.io/os": "deprecated since v1.14; use \"kubernetes.io/os\" instead",
        "failure-domain.beta.kubernetes.io/region":
            "deprecated since v1.17; use \"topology.kubernetes.io/region\" instead",
        "failure-domain.beta.kubernetes.io/zone": "deprecated since v1.17; use \"topology.kubernetes.io/zone\" instead",
        "beta.kubernetes.io/instance-type":
            "deprecated since v1.17; use \"node.kubernetes.io/instance-type\" instead",
        "app.kubernetes.io/created-by": "deprecated since v1.9",
        "scheduler.alpha.kubernetes.io/preferAvoidPods":
            "deprecated since v1.22; use Taints and Tolerations instead",
        "node-role.kubernetes.io/master": "use \"node-role.kubernetes.io/control-plane\" instead",
    ]

    private mutating func labels(_ spec: JSON) {
        for key in spec["nodeSelector"]?.object?.keys ?? [] {
            if let text = Self.deprecatedLabels[key] { found.append("\(path)spec.nodeSelector[\(key)]: \(text)") }
        }
        let node = spec.value(at: "affinity", "nodeAffinity") ?? .null
        let place = "\(path)spec.affinity.nodeAffinity"
        let required = "requiredDuringSchedulingIgnoredDuringExecution"
        for (index, term) in (node[required]?.list("nodeSelectorTerms") ?? []).enumerated() {
            found += Self.ofTerm(term, "\(place).\(required).nodeSelectorTerms[\(index)]", checksValues: false)
        }
        let preferred = "preferredDuringSchedulingIgnoredDuringExecution"
        for (index, term) in node.list(preferred).enumerated() {
            found += Self.ofTerm(
                term["preference"] ?? [:], "\(place).\(preferred)[\(index)].preference", checksValues: true)
        }
        for (index, constraint) in spec.list("topologySpreadConstraints").enumerated() {
            let field = "\(path)spec.topologySpreadConstraints[\(index)]"
            let key = constraint.text("topologyKey")
            if let text = Self.deprecatedLabels[key] { found.append("\(field).topologyKey: \(key) is \(text)") }
            if !constraint.has("labelSelector") {
                found.append("\(field).labelSelector: a null labelSelector results in matching no pod")
            }
        }
    }

    static func ofTerm(_ term: JSON, _ path: String, checksValues: Bool) -> [String] {
        var found: [String] = []
        for (index, part) in term.list("matchExpressions").enumerated() {
            let field = "\(path).matchExpressions[\(index)]"
            let key = part.text("key")
            if let text = deprecatedLabels[key] { found.append("\(field).key: \(key) is \(text)") }
            guard checksValues else { continue }
            for (position, value) in part.list("values").enumerated() {
                let text = value.string ?? ""
                found += NameRules.labelValue(text).map { "\(field).values[\(position)]: \(text) is invalid, \($0)" }
            }
        }
        return found
    }

    private mutating func annotations(_ spec: JSON, _ metadata: JSON) {
        let annotations = metadata["annotations"]?.object ?? [:]
        for (key, text) in [
            (
                "scheduler.alpha.kubernetes.io/critical-pod",
                "non-functional in v1.16+; use the \"priorityClassName\" field instead"
            ),
            ("security.alpha.kubernetes.io/sysctls", "non-functional in v1.11+; use the \"sysctls\" field instead"),
            (
                "security.alpha.kubernetes.io/unsafe-sysctls",
                "non-functional in v1.11+; use the \"sysctls\" field instead"
            ),
        ] where annotations[key] != nil {
            found.append("\(path)metadata.annotations[\(key)]: \(text)")
        }
    }

    // MARK: Volumes

    private static let deprecatedVolumes = [
        ("photonPersistentDisk", "photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+"),
        ("gitRepo", "gitRepo", "deprecated in v1.11, and disabled by default in v1.33+"),
        ("scaleIO", "scaleIO", "deprecated in v1.16, non-functional in v1.22+"),
        ("flocker", "flocker", "deprecated in v1.22, non-functional in v1.25+"),
        ("storageos", "storageOS", "deprecated in v1.22, non-functional in v1.25+"),
        ("quobyte", "quobyte", "deprecated in v1.22, non-functional in v1.25+"),
        ("glusterfs", "glusterfs", "deprecated in v1.25, non-functional in v1.26+"),
        ("cephfs", "cephfs", "deprecated in v1.28, non-functional in v1.31+"),
        ("rbd", "rbd", "deprecated in v1.28, non-functional in v1.31+"),
    ]

    private mutating func volumes(_ volumes: [JSON]) {
        for (index, volume) in volumes.enumerated() {
            for (kind, shown, text) in Self.deprecatedVolumes where volume.has(kind) {
                found.append("\(path)spec.volumes[\(index)].\(shown): \(text)")
            }
            if let spec = volume.value(at: "ephemeral", "volumeClaimTemplate", "spec") {
                found += ClaimRules.warnings(
                    spec, "\(path)spec.volumes[\(index)].ephemeral.volumeClaimTemplate.spec")
            }
        }
        for volume in volumes { overlaps(volume) }
    }

    /// Files of a volume that hide each other.
    private mutating func overlaps(_ volume: JSON) {
        let name = FieldIssue.quoted(volume.text("name"))
        func files(_ source: JSON, _ label: String) -> [(path: String, label: String)] {
            source.list("items").map { ($0.text("path"), label) }
        }
        if let map = volume["configMap"] {
            report(files(map, ""), "volume \(name) (ConfigMap \(FieldIssue.quoted(map.text("name"))))")
        }
        if let secret = volume["secret"] {
            report(files(secret, ""), "volume \(name) (Secret \(FieldIssue.quoted(secret.text("secretName"))))")
        }
        if let api = volume["downwardAPI"] { report(files(api, ""), "volume \(name) (DownwardAPI)") }
        guard let projected = volume["projected"], !projected.isNull else { return }
        var all: [(path: String, label: String)] = []
        for source in projected.list("sources") {
            if source.object?.isEmpty ?? true {
                found.append("volume \(name) (Projected) has no sources provided")
                continue
            }
            if let map = source["configMap"] { all += files(map, "ConfigMap \(FieldIssue.quoted(map.text("name")))") }
            if let secret = source["secret"] {
                all += files(secret, "Secret \(FieldIssue.quoted(secret.text("name")))")
            }
            if let api = source["downwardAPI"] { all += files(api, "DownwardAPI") }
            if let token = source["serviceAccountToken"] { all.append((token.text("path"), "ServiceAccountToken")) }
        }
        report(all, "volume \(name) (Projected)")
    }

    private mutating func report(_ files: [(path: String, label: String)], _ volume: String) {
        func shown(_ file: (path: String, label: String)) -> String {
            let path = FieldIssue.quoted(file.path)
            return file.label.isEmpty ? path : "\(path) (\(file.label))"
        }
        var seen: [(path: String, label: String)] = []
        for file in files {
            var trimmed = file
            while trimmed.path.hasSuffix("/") { trimmed.path.removeLast() }
            if !trimmed.path.isEmpty {
                for other in seen where !other.path.isEmpty {
                    guard
                        "\(other.path)/".hasPrefix("\(trimmed.path)/") || "\(trimmed.path)/".hasPrefix("\(other.path)/")
                    else { continue }
                    found.append("\(volume): overlapping paths: \(shown(trimmed)) with \(shown(other))")
                }
            }
            seen.append(trimmed)
        }
    }

    // MARK: Containers

    private mutating func repeated(_ entries: [JSON], _ key: String, _ list: String) {
        var seen: Set<String> = []
        for (index, entry) in entries.enumerated() where !seen.insert(entry.text(key)).inserted {
            found.append(
                "\(path)spec.\(list)[\(index)].\(key): duplicate \(key) \(FieldIssue.quoted(entry.text(key)))")
        }
    }

    private mutating func fractions(_ amounts: JSON?, _ field: String) {
        for name in ["memory", "ephemeral-storage"] {
            guard let amount = Quantity(amounts?[name]), amount.nanos % 1_000_000_000 != 0 else { continue }
            found.append(
                "\(field)[\(name)]: fractional byte value \(FieldIssue.quoted(amount.text)) is invalid, must be an integer"
            )
        }
    }

    private mutating func containers(_ spec: JSON, _ metadata: JSON) {
        let annotations = metadata["annotations"]?.object ?? [:]
        let seccomp = "seccomp.security.alpha.kubernetes.io/pod"
        if annotations[seccomp] != nil, spec.value(at: "securityContext", "seccompProfile") == nil {
            found.append(
                "\(path)metadata.annotations[\(seccomp)]: non-functional in v1.27+; use the \"seccompProfile\" field instead"
            )
        }
        for (place, container) in PodValidation.allContainers(spec, "\(path)spec") {
            let name = container.text("name")
            let context = container["securityContext"] ?? [:]
            let key = "container.seccomp.security.alpha.kubernetes.io/\(name)"
            if annotations[key] != nil, !context.has("seccompProfile") {
                found.append(
                    "\(path)metadata.annotations[\(key)]: non-functional in v1.27+; use the \"seccompProfile\" field instead"
                )
            }
            let armor = PodPreparation.appArmorPrefix + name
            if !path.isEmpty, annotations[armor] != nil, !context.has("appArmorProfile") {
                found.append(
                    "\(path)metadata.annotations[\(armor)]: deprecated since v1.30; use the \"appArmorProfile\" field instead"
                )
            }
            for field in ["limits", "requests"] {
                fractions(container.value(at: "resources", field), "\(place).resources.\(field)")
            }
            hidden(container.list("env"), "\(place).env")
        }
    }

    private mutating func hidden(_ variables: [JSON], _ field: String) {
        var seen: Set<String> = []
        for (index, variable) in variables.enumerated() {
            let name = variable.text("name")
            let value = variable.text("value")
            guard !seen.insert(name).inserted else { continue }
            let reference = "$(\(name))"
            if variable.has("valueFrom") || value == reference || !value.contains(reference) {
                found.append(
                    "\(field)[\(index)]: hides previous definition of \(FieldIssue.quoted(name)), which may be dropped when using apply"
                )
            }
        }
    }

    private mutating func ports(_ spec: JSON) {
        var known: [String: [(field: String, ip: String, host: Int64)]] = [:]
        var names: [String: String] = [:]
        var named: [String] = []
        for (place, container) in PodValidation.allContainers(spec, "\(path)spec") {
            for (index, port) in container.list("ports").enumerated() {
                let field = "\(place).ports[\(index)]"
                let (ip, host) = (port.text("hostIP"), port["hostPort"]?.int ?? 0)
                if !ip.isEmpty, host == 0 {
                    let number = port["containerPort"]?.int ?? 0
                    found.append(
                        "\(field): hostIP set without hostPort: {Name:\(port.text("name")) HostPort:0 ContainerPort:\(number) Protocol:\(port.text("protocol")) HostIP:\(ip)}"
                    )
                }
                let key = "\(port["containerPort"]?.int ?? 0)/\(port.text("protocol"))"
                for other in known[key] ?? [] {
                    if ip == other.ip, host == other.host {
                        found.append("\(field): duplicate port definition with \(other.field)")
                    } else if host == 0 || other.host == 0 {
                        found.append("\(field): overlapping port definition with \(other.field)")
                    } else if host == other.host, ip.isEmpty != other.ip.isEmpty {
                        found.append("\(field): dangerously ambiguous port definition with \(other.field)")
                    }
                }
                known[key, default: []].append((field, ip, host))
                let name = port.text("name")
                guard !name.isEmpty else { continue }
                if let other = names[name] {
                    named.append(
                        "\(field): duplicate port name \(FieldIssue.quoted(name)) with \(other), services and probes that select ports by name will use \(other)"
                    )
                } else {
                    names[name] = field
                }
            }
        }
        found += named
    }

    private mutating func selectors(_ spec: JSON) {
        let text = "a null labelSelector results in matching no pod"
        for kind in ["podAffinity", "podAntiAffinity"] {
            let rules = spec.value(at: "affinity", kind) ?? .null
            let place = "\(path)spec.affinity.\(kind)"
            let required = "requiredDuringSchedulingIgnoredDuringExecution"
            for (index, term) in rules.list(required).enumerated() where !term.has("labelSelector") {
                found.append("\(place).\(required)[\(index)].labelSelector: \(text)")
            }
            let preferred = "preferredDuringSchedulingIgnoredDuringExecution"
            for (index, term) in rules.list(preferred).enumerated()
            where term["podAffinityTerm"]?.has("labelSelector") != true {
                found.append("\(place).\(preferred)[\(index)].podAffinityTerm.labelSelector: \(text)")
            }
        }
    }
}
