import ControllerKit
import KubeModel

/// What becomes of a new Pod when PodDefaults are added to it: the Pod, and where two of them want different things.
///
/// Everything has the identity that Kubernetes gives it: variables, volumes, containers and pull secrets their name,
/// mounts their path, tolerations key, operator, value and effect together. What is there already in the same form is
/// no conflict. Variables, mounts, command and arguments go to the Pod's own containers, not to init containers or to
/// what is added.
struct PodDefaultMerge {
    private(set) var pod: JSON
    /// One sentence for each; with any, the Pod is not to be changed at all.
    private(set) var conflicts: [String] = []
    /// Which PodDefault brought an item.
    private var origins: [String: String] = [:]

    /// Adds PodDefaults, in the order of their names.
    init(_ podDefaults: [KubeObject], to pod: JSON) {
        self.pod = pod
        let sorted = podDefaults.sorted { $0.name < $1.name }
        for podDefault in sorted { extendContainers(podDefault) }
        for podDefault in sorted { extendPod(podDefault) }
        for podDefault in sorted { extendMetadata(podDefault) }
        setServiceAccount(sorted)
    }

    // MARK: Lists

    private enum ListOf: String {
        case env = "variable", envFrom = "source of variables", volumeMounts = "mount", volumes = "volume"
        case tolerations = "toleration", imagePullSecrets = "pull secret", initContainers = "init container"
        case containers = "container"

        func key(_ item: JSON) -> String {
            func text(_ name: String) -> String { item[name]?.string ?? "" }
            switch self {
            case .volumeMounts:
                var path = text("mountPath")
                while path.count > 1, path.hasSuffix("/") { path.removeLast() }
                return path
            case .tolerations:
                let comparison = item["operator"]?.string ?? "Equal"
                return "\(text("key")) \(comparison) \(text("value")) \(text("effect"))"
            case .envFrom: return item.text
            default: return text("name")
            }
        }

        /// True when a Pod's item, with what the server filled in, says what is wanted.
        func isSame(_ existing: JSON, _ wanted: JSON) -> Bool {
            guard MergeDifference.contains(existing, wanted) else { return false }
            guard self == .env else { return true }
            return (existing["value"]?.string ?? "") == (wanted["value"]?.string ?? "")
                && (existing["valueFrom"] == nil) == (wanted["valueFrom"] == nil)
        }
    }

    private mutating func merge(
        _ items: [JSON], into list: [JSON], of kind: ListOf, place: String, from source: String
    ) -> [JSON] {
        var list = list
        for item in items {
            let key = kind.key(item)
            let id = "\(place)/\(kind)/\(key)"
            guard let existing = list.first(where: { kind.key($0) == key }) else {
                list.append(item)
                origins[id] = source
                continue
            }
            let origin = origins[id]
            guard origin == nil ? !kind.isSame(existing, item) : existing != item else { continue }
            conflict("\(kind.rawValue) '\(key)'", place: place, source, origin)
        }
        return list
    }

    private mutating func conflict(_ what: String, place: String, _ source: String, _ origin: String?) {
        let other = origin.map { "PodDefault \($0)" } ?? "the Pod itself"
        let message = "\(what) of \(place) is not the same in PodDefault \(source) and in \(other)"
        if !conflicts.contains(message) { conflicts.append(message) }
    }

    // MARK: Parts

    private mutating func extendContainers(_ podDefault: KubeObject) {
        let spec = podDefault.spec
        var containers = pod.value(at: "spec", "containers")?.array ?? []
        for (index, container) in containers.enumerated() {
            let place = "container \(container["name"]?.string ?? "")"
            for (field, kind) in [("env", ListOf.env), ("envFrom", .envFrom), ("volumeMounts", .volumeMounts)] {
                guard let items = spec[field]?.array, !items.isEmpty else { continue }
                containers[index][field] = .array(
                    merge(
                        items, into: containers[index][field]?.array ?? [], of: kind, place: place,
                        from: podDefault.name))
            }
            guard container["name"]?.string != "istio-proxy" else { continue }
            for field in ["command", "args"] {
                guard let wanted = spec[field], !(wanted.array ?? []).isEmpty else { continue }
                let id = "\(place)/\(field)"
                if let origin = origins[id] {
                    if containers[index][field] != wanted { conflict(field, place: place, podDefault.name, origin) }
                } else if (containers[index][field]?.array ?? []).isEmpty {
                    containers[index][field] = wanted
                    origins[id] = podDefault.name
                }
            }
        }
        if !containers.isEmpty { pod.set(.array(containers), at: "spec", "containers") }
    }

    private mutating func extendPod(_ podDefault: KubeObject) {
        let lists: [(from: String, to: String, kind: ListOf)] = [
            ("volumes", "volumes", .volumes), ("tolerations", "tolerations", .tolerations),
            ("imagePullSecrets", "imagePullSecrets", .imagePullSecrets),
            ("initContainers", "initContainers", .initContainers), ("sidecars", "containers", .containers),
        ]
        for list in lists {
            guard let items = podDefault.spec[list.from]?.array, !items.isEmpty else { continue }
            let existing = pod.value(at: "spec", list.to)?.array ?? []
            let merged = merge(items, into: existing, of: list.kind, place: "the Pod", from: podDefault.name)
            pod.set(.array(merged), at: "spec", list.to)
        }
    }

    private mutating func extendMetadata(_ podDefault: KubeObject) {
        for field in ["labels", "annotations"] {
            for (key, value) in (podDefault.spec[field]?.stringMap ?? [:]).sorted(by: { $0.key < $1.key }) {
                let id = "metadata/\(field)/\(key)"
                let existing = pod.value(at: "metadata", field, key)
                if let existing, existing != .string(value) {
                    conflict("\(field.dropLast()) '\(key)'", place: "the Pod", podDefault.name, origins[id])
                } else if existing == nil {
                    pod.set(.string(value), at: "metadata", field, key)
                    origins[id] = podDefault.name
                }
            }
        }
        let marker = Self.markerPrefix + Self.shortened("poddefault-" + podDefault.name)
        pod.set(.string(podDefault.resourceVersion), at: "metadata", "annotations", marker)
    }

    /// Both replace what the Pod says; PodDefaults that disagree are a conflict.
    private mutating func setServiceAccount(_ podDefaults: [KubeObject]) {
        for field in ["serviceAccountName", "automountServiceAccountToken"] {
            var chosen: (value: JSON, origin: String)?
            for podDefault in podDefaults {
                guard let value = podDefault.spec[field], !value.isNull, value.string != "" else { continue }
                if let chosen, chosen.value != value {
                    conflict(field, place: "the Pod", podDefault.name, chosen.origin)
                } else {
                    chosen = (value, podDefault.name)
                }
            }
            guard let chosen else { continue }
            pod.set(chosen.value, at: "spec", field)
            if field == "serviceAccountName" { pod.set(nil, at: "spec", "serviceAccount") }
            if chosen.value == false { removeToken() }
        }
    }

    /// The server has already mounted the token by the time that webhooks are asked.
    private mutating func removeToken() {
        func isToken(_ item: JSON) -> Bool { item["name"]?.string?.hasPrefix("kube-api-access-") ?? false }
        guard let volumes = pod.value(at: "spec", "volumes")?.array, volumes.contains(where: isToken) else { return }
        pod.set(.array(volumes.filter { !isToken($0) }), at: "spec", "volumes")
        for field in ["containers", "initContainers"] {
            guard let containers = pod.value(at: "spec", field)?.array else { continue }
            let without = containers.map { container in
                var container = container
                if let mounts = container["volumeMounts"]?.array {
                    container["volumeMounts"] = .array(mounts.filter { !isToken($0) })
                }
                return container
            }
            pod.set(.array(without), at: "spec", field)
        }
    }

    // MARK: Marks

    static let markerPrefix = "poddefault.admission.kubeflow.org/"

    /// The name part of an annotation's key has at most 63 characters, names of objects have more.
    static func shortened(_ name: String) -> String {
        guard name.utf8.count > 63 else { return name }
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325  // FNV-1a
        for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return String(name.prefix(46)) + "-" + String(hash, radix: 16)
    }
}
