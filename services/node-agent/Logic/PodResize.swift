import KubeModel

/// What goes on with resources that were changed while the pod runs.
struct PodResize: Sendable, Equatable {
    /// Why the node cannot give them: yet, or ever.
    var pending: Shortage?
    /// True from when the node has agreed until all running containers have what they were promised.
    var isInProgress = false
    /// Why the last try failed.
    var error: String?

    /// What Events about a resize tell: the wanted resources of all containers.
    static func summary(_ pod: PodSpec, error: String? = nil) -> String {
        func list(_ containers: [ContainerSpec]) -> JSON {
            .array(
                containers.map { container in
                    ["name": .string(container.name), "resources": container.json["resources"] ?? [:]]
                })
        }
        var json: JSON = [:]
        if !pod.initial.isEmpty { json["initContainers"] = list(pod.initial) }
        json["containers"] = list(pod.main)
        json["generation"] = .int(pod.object.metadata["generation"]?.int ?? 0)
        if let error { json["error"] = .string(error) }
        return json.text
    }

    /// What a resource amounts to for all containers together, init containers that end counted as the scheduler does.
    static func request(_ resource: String, of containers: [(kind: ContainerSpec.Kind, resources: JSON?)]) -> Double {
        var sum = 0.0
        var largest = 0.0
        for container in containers {
            let spec = ContainerSpec(json: ["resources": container.resources ?? [:]], kind: container.kind)
            let amount = spec.request(resource) ?? spec.limit(resource) ?? 0
            if container.kind == .initial { largest = max(largest, sum + amount) } else { sum += amount }
        }
        return max(sum, largest)
    }

    /// What a pod of this node was promised, of CPUs as a count and of memory in bytes; what it asks for where nothing
    /// was promised yet.
    static func promised(_ pod: PodSpec) -> [String: Double] {
        var promised: [String: JSON] = [:]
        for key in ["initContainerStatuses", "containerStatuses"] {
            for status in pod.object.status[key]?.array ?? [] {
                guard let name = status["name"]?.string, let requests = status["allocatedResources"] else { continue }
                promised[name] = ["requests": requests]
            }
        }
        return requests(of: (pod.initial + pod.main).map { ($0.kind, promised[$0.name] ?? $0.json["resources"]) })
    }

    /// CPUs and bytes of memory that containers ask for together, for one pod.
    static func requests(of containers: [(kind: ContainerSpec.Kind, resources: JSON?)]) -> [String: Double] {
        ["cpu": request("cpu", of: containers), "memory": request("memory", of: containers), "pods": 1]
    }

    /// A resource that the node has too little of.
    struct Shortage: Sendable, Equatable {
        let resource: String
        /// CPUs in thousandths, memory in bytes.
        let requested, used, capacity: Int
        /// True when the whole node would not be enough.
        var isForGood: Bool { requested > capacity }
        /// A kubelet's words.
        var message: String {
            "Node didn't have enough resource: \(resource), requested: \(requested), used: \(used), capacity: \(capacity)"
        }
        /// A kubelet's words and reason where a pod that runs wants more.
        var ofResize: (reason: String, message: String) {
            isForGood
                ? (
                    "Infeasible",
                    "Node didn't have enough capacity: \(resource), requested: \(requested), capacity: \(capacity)"
                )
                : ("Deferred", message)
        }
    }

    /// What requests lack beside those of the other pods; nil when they fit.
    ///
    /// - Parameters:
    ///   - wanted: what the pod asks for by now.
    ///   - before: what it was promised; what does not grow is never refused.
    ///   - others: what all others were promised.
    ///   - capacity: what the node has.
    /// - Returns: the shortage.
    static func shortage(
        wanted: [String: Double], before: [String: Double], others: [String: Double], capacity: [String: Double]
    ) -> Shortage? {
        for resource in ["pods", "cpu", "memory"] {
            guard let has = capacity[resource], let requested = wanted[resource], requested > before[resource] ?? 0
            else { continue }
            let used = others[resource] ?? 0
            guard requested + used > has else { continue }
            let scale = resource == "cpu" ? 1000.0 : 1
            func whole(_ amount: Double) -> Int { Int(ResourceQuantity.whole(amount * scale)) }
            return Shortage(
                resource: resource, requested: whole(requested), used: whole(used), capacity: whole(has))
        }
        return nil
    }

    /// The values for `crun update`. A limit that is there cannot be taken away, so what is not named stays.
    static func update(_ container: ContainerSpec) -> JSON {
        var resources = ContainerBundle.resources(
            cpuRequest: container.request("cpu") ?? container.limit("cpu"), cpuLimit: container.limit("cpu"),
            memoryLimit: container.limit("memory"))
        resources["devices"] = nil
        resources["pids"] = nil
        return resources
    }
}
