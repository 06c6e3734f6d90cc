import KubeModel

/// One container of a pod, as its spec describes it.
struct ContainerSpec: Sendable {
    /// When a container runs.
    enum Kind: Sendable, Equatable {
        /// To its end, before the others.
        case initial
        /// From its place among the init containers until the main containers have ended.
        case sidecar
        case main
        /// For looking into a running pod, once: `kubectl debug`.
        case ephemeral
    }

    let json: JSON
    let kind: Kind
    var name: String { json["name"]?.string ?? "" }
    var image: String { json["image"]?.string ?? "" }
    /// Field path in Events.
    var fieldPath: String {
        switch kind {
        case .main: "spec.containers{\(name)}"
        case .ephemeral: "spec.ephemeralContainers{\(name)}"
        case .initial, .sidecar: "spec.initContainers{\(name)}"
        }
    }

    /// The same container with other resources.
    func with(resources: JSON?) -> ContainerSpec {
        var json = json
        json["resources"] = resources
        return ContainerSpec(json: json, kind: kind)
    }

    /// Streams besides output, as the shim wants to know: `i` an input, `o` for one client only, `t` a terminal.
    var streams: String {
        [("stdin", "i"), ("stdinOnce", "o"), ("tty", "t")].filter { json[$0.0]?.bool == true }.map(\.1).joined()
    }

    func limit(_ resource: String) -> Double? { quantity("limits", resource) }
    func request(_ resource: String) -> Double? { quantity("requests", resource) }

    private func quantity(_ kind: String, _ resource: String) -> Double? {
        guard let value = json.value(at: "resources", kind, resource) else { return nil }
        return value.string.flatMap(ResourceQuantity.value) ?? value.double
    }
}

/// The parts of a Pod that the node agent reads.
struct PodSpec: Sendable {
    let object: KubeObject
    let initial: [ContainerSpec]
    let main: [ContainerSpec]
    let ephemeral: [ContainerSpec]

    init(_ object: KubeObject) {
        self.object = object
        initial = (object.spec["initContainers"]?.array ?? []).map {
            ContainerSpec(json: $0, kind: $0["restartPolicy"]?.string == "Always" ? .sidecar : .initial)
        }
        main = (object.spec["containers"]?.array ?? []).map { ContainerSpec(json: $0, kind: .main) }
        ephemeral = (object.spec["ephemeralContainers"]?.array ?? []).map { ContainerSpec(json: $0, kind: .ephemeral) }
    }

    var all: [ContainerSpec] { initial + main + ephemeral }
    var namespace: String { object.namespace ?? "default" }
    var name: String { object.name }
    var uid: String { object.uid }
    var restartPolicy: String { object.spec["restartPolicy"]?.string ?? "Always" }
    var graceSeconds: Int {
        Int(
            object.metadata["deletionGracePeriodSeconds"]?.int ?? object.spec["terminationGracePeriodSeconds"]?.int
                ?? 30)
    }
    var serviceAccount: String {
        object.spec["serviceAccountName"]?.string ?? object.spec["serviceAccount"]?.string ?? "default"
    }
    var hostname: String { String((object.spec["hostname"]?.string ?? name).prefix(63)) }

    /// The name that the kernel gives as that of the machine: the whole one in the cluster when the pod wants that.
    func kernelHostname(domain: String) -> String {
        guard object.spec["setHostnameAsFQDN"]?.bool == true, let subdomain = object.spec["subdomain"]?.string,
            !subdomain.isEmpty
        else { return hostname }
        return "\(hostname).\(subdomain).\(namespace).svc.\(domain)"
    }
    var fsGroup: UInt32? { object.spec.value(at: "securityContext", "fsGroup")?.int.flatMap(UInt32.init(exactly:)) }

    /// The user that all containers are to have, where the spec says so of each.
    var user: UInt32? {
        let whole = object.spec.value(at: "securityContext", "runAsUser")?.int
        let users = all.map { $0.json.value(at: "securityContext", "runAsUser")?.int ?? whole }
        guard let first = users.first, users.allSatisfy({ $0 == first }) else { return nil }
        return first.flatMap(UInt32.init(exactly:))
    }

    func container(_ name: String) -> ContainerSpec? { all.first { $0.name == name } }

    /// Whether a container that ended is started again.
    func restarts(_ container: ContainerSpec, afterCode code: Int) -> Bool {
        switch container.kind {
        case .sidecar: true
        case .ephemeral: false
        // Init containers of pods that always restart are repeated until they succeed.
        case .initial: restartPolicy != "Never" && code != 0
        case .main: restartPolicy == "Always" || (restartPolicy == "OnFailure" && code != 0)
        }
    }

    /// `Guaranteed`, `Burstable` or `BestEffort`.
    var qualityOfService: String {
        var hasAny = false
        var isGuaranteed = true
        for container in initial + main {
            for resource in ["cpu", "memory"] {
                let limit = container.limit(resource)
                let request = container.request(resource) ?? limit
                if (limit ?? 0) > 0 || (request ?? 0) > 0 { hasAny = true }
                if limit == nil || limit != request { isGuaranteed = false }
            }
        }
        return !hasAny ? "BestEffort" : isGuaranteed ? "Guaranteed" : "Burstable"
    }

    /// How soon the kernel ends a container when the machine has no memory left, 0 to 1000: first who asked for nothing, then
    /// who asked for little, as kubelets have it. Nil for who gets exactly what was asked for.
    func memoryScore(_ container: ContainerSpec, nodeMemory: Double) -> Int? {
        switch qualityOfService {
        case "Guaranteed": return nil
        case "BestEffort": return 1000
        default:
            guard nodeMemory > 0 else { return 999 }
            let share = (container.request("memory") ?? container.limit("memory") ?? 0) / nodeMemory
            return min(999, max(2, 1000 - Int(1000 * share)))
        }
    }

    /// True when the pod's containers see each other's processes.
    var sharesProcesses: Bool { object.spec["shareProcessNamespace"]?.bool == true }
    /// True when the pod uses the network of the host.
    var isOnHostNetwork: Bool { object.spec["hostNetwork"]?.bool == true }

    /// The system that the pod is made for, when it is not this one.
    var foreignSystem: String? {
        let name = object.spec.value(at: "os", "name")?.string ?? ""
        return name.isEmpty || name == "linux" ? nil : name
    }

    /// What this node cannot give to a pod, in one sentence; nil when it can run.
    func refusal(allowsHostPath: Bool, allowsHostNetwork: Bool = false) -> String? {
        for field in ["hostPID", "hostIPC"] where object.spec[field]?.bool == true {
            return "\(field) is not offered on this node: pods are isolated from the host"
        }
        if isOnHostNetwork, !allowsHostNetwork {
            return "hostNetwork is refused on this node; start Martlet with --allow-host-network to permit it"
        }
        if let name = object.spec["runtimeClassName"]?.string {
            return "runtime class \"\(name)\" does not exist on this node"
        }
        for volume in object.spec["volumes"]?.array ?? [] where volume["hostPath"] != nil && !allowsHostPath {
            return
                "volume \"\(volume["name"]?.string ?? "")\" is a hostPath, which this node refuses; start Martlet with --allow-host-path to permit it"
        }
        for container in all {
            if container.json.value(at: "securityContext", "privileged")?.bool == true {
                return "container \"\(container.name)\" asks to be privileged, which this node refuses"
            }
        }
        return nil
    }
}

/// `$(NAME)` in command lines and values.
enum VariableExpansion {
    /// Replaces `$(NAME)` where NAME is known; `$$(NAME)` stands for itself, and unknown names stay as written.
    static func expand(_ text: String, _ values: [String: String]) -> String {
        guard text.contains("$") else { return text }
        let bytes = Array(text.utf8)
        var result: [UInt8] = []
        var at = 0
        while at < bytes.count {
            guard bytes[at] == UInt8(ascii: "$"), at + 1 < bytes.count else {
                result.append(bytes[at])
                at += 1
                continue
            }
            if bytes[at + 1] == UInt8(ascii: "$") {
                result.append(UInt8(ascii: "$"))
                at += 2
            } else if bytes[at + 1] == UInt8(ascii: "("),
                let end = bytes[(at + 2)...].firstIndex(of: UInt8(ascii: ")"))
            {
                let name = String(decoding: bytes[(at + 2)..<end], as: UTF8.self)
                result += values[name].map { Array($0.utf8) } ?? Array(bytes[at...end])
                at = end + 1
            } else {
                result.append(bytes[at])
                at += 1
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}

/// Fields of a pod and of its containers' resources, for the downward API.
enum DownwardAPI {
    /// The facts that are not in the object yet when a container starts.
    struct Facts: Sendable {
        var podAddress: String?
        var hostAddress: String
        var nodeName: String
        /// What the node offers: stands for limits that are not set.
        var nodeCPU: Double
        var nodeMemory: Double
    }

    /// The value of `fieldRef.fieldPath`; nil when there is no such field.
    static func field(_ path: String, of pod: PodSpec, _ facts: Facts) -> String? {
        let object = pod.object
        switch path {
        case "metadata.name": return object.name
        case "metadata.namespace": return pod.namespace
        case "metadata.uid": return object.uid
        case "metadata.labels": return lines(object.labels)
        case "metadata.annotations": return lines(object.annotations)
        case "spec.nodeName": return facts.nodeName
        case "spec.serviceAccountName": return pod.serviceAccount
        case "status.podIP", "status.podIPs": return facts.podAddress ?? ""
        case "status.hostIP", "status.hostIPs": return facts.hostAddress
        default: break
        }
        for (prefix, map) in [("metadata.labels['", object.labels), ("metadata.annotations['", object.annotations)]
        where path.hasPrefix(prefix) && path.hasSuffix("']") {
            return map[String(path.dropFirst(prefix.count).dropLast(2))] ?? ""
        }
        return nil
    }

    /// The value of a `resourceFieldRef`.
    static func resource(_ reference: JSON, of pod: PodSpec, in container: ContainerSpec?, _ facts: Facts) -> String? {
        let target = reference["containerName"]?.string.flatMap { pod.container($0) } ?? container
        guard let target, let name = reference["resource"]?.string else { return nil }
        let parts = name.split(separator: ".", maxSplits: 1).map(String.init)
        guard parts.count == 2 else { return nil }
        let whole: Double? = parts[1] == "cpu" ? facts.nodeCPU : parts[1] == "memory" ? facts.nodeMemory : nil
        let value = parts[0] == "limits" ? target.limit(parts[1]) ?? whole : target.request(parts[1]) ?? 0
        guard let value else { return nil }
        var divisor = reference["divisor"]?.string ?? reference["divisor"]?.int.map { "\($0)" } ?? "1"
        if divisor == "0" { divisor = "1" }
        return "\(ResourceQuantity.divided(value, by: divisor))"
    }

    private static func lines(_ map: [String: String]) -> String {
        map.keys.sorted().map { key in "\(key)=\(JSON.string(map[key] ?? "").text)" }.joined(separator: "\n")
    }
}
