public import KubeModel

/// What a Pod asks for altogether.
enum PodResources {
    /// The sum over the containers of `requests` or `limits`.
    ///
    /// Init containers run one after another, before the others but beside the sidecars that were started until then;
    /// the most that is needed at one time counts.
    static func containers(of spec: JSON, _ field: String) -> [String: Quantity] {
        var running: [String: Quantity] = [:]
        for container in spec.list("containers") { add(container, field, to: &running) }
        var sidecars: [String: Quantity] = [:]
        var starting: [String: Quantity] = [:]
        for container in spec.list("initContainers") {
            var now = sidecars
            add(container, field, to: &now)
            if container.text("restartPolicy") == "Always" {
                add(container, field, to: &running)
                sidecars = now
            }
            starting.merge(now) { max($0, $1) }
        }
        return running.merging(starting) { max($0, $1) }
    }

    /// What the Pod asks for: what it says for itself, else what its containers do, and its overhead.
    static func total(of spec: JSON, _ field: String, hasOverhead: Bool = true) -> [String: Quantity] {
        var total = containers(of: spec, field)
        for (name, amount) in spec.value(at: "resources", field)?.object ?? [:]
        where name == "cpu" || name == "memory" || ResourceRules.isHugePages(name) {
            if let amount = Quantity(amount) { total[name] = amount }
        }
        for (name, amount) in hasOverhead ? spec["overhead"]?.object ?? [:] : [:] {
            // Limits that are not there stay unlimited.
            guard let amount = Quantity(amount), field == "requests" || (total[name] ?? .zero) > .zero else { continue }
            total[name, default: .zero] += amount
        }
        return total
    }

    private static func add(_ container: JSON, _ field: String, to sums: inout [String: Quantity]) {
        for (name, amount) in container.value(at: "resources", field)?.object ?? [:] {
            if let amount = Quantity(amount) { sums[name] = sums[name].map { $0 + amount } ?? amount }
        }
    }

    /// `Guaranteed`, `Burstable` or `BestEffort`, by requests and limits of cpu and memory.
    static func qosClass(_ spec: JSON) -> String {
        let owners: [JSON]
        if let own = spec["resources"], !own.isNull {
            owners = [own]
        } else {
            owners = (spec.list("containers") + spec.list("initContainers")).map { $0["resources"] ?? [:] }
        }
        var requests: [String: Quantity] = [:]
        var limits: [String: Quantity] = [:]
        var isGuaranteed = true
        for resources in owners {
            var limited = 0
            for name in ["cpu", "memory"] {
                if let amount = Quantity(resources.value(at: "requests", name)), amount > .zero {
                    requests[name, default: .zero] += amount
                }
                if let amount = Quantity(resources.value(at: "limits", name)), amount > .zero {
                    limits[name, default: .zero] += amount
                    limited += 1
                }
            }
            if limited < 2 { isGuaranteed = false }
        }
        if requests.isEmpty, limits.isEmpty { return "BestEffort" }
        return isGuaranteed && requests == limits ? "Guaranteed" : "Burstable"
    }
}

/// Amounts of Pods, for admission.
public enum PodQuality {
    /// `Guaranteed`, `Burstable` or `BestEffort`, by requests and limits of cpu and memory.
    public static func name(of spec: JSON) -> String { PodResources.qosClass(spec) }

    /// What a Pod asks for altogether.
    ///
    /// - Parameters:
    ///   - spec: the spec of the Pod.
    ///   - field: `requests` or `limits`.
    ///   - hasOverhead: true to count what running the Pod costs besides.
    /// - Returns: the amount of each resource.
    public static func total(of spec: JSON, _ field: String, hasOverhead: Bool = true) -> [String: Quantity] {
        PodResources.total(of: spec, field, hasOverhead: hasOverhead)
    }
}
