import Foundation
import KubeModel

/// What controllers ask of a Pod.
extension KubeObject {
    /// `status.phase`.
    var phase: String { status["phase"]?.string ?? "" }
    /// True once no container will run again.
    var isFinished: Bool { phase == "Succeeded" || phase == "Failed" }
    /// True while it counts as a replica: not finished and not going away.
    var isActive: Bool { !isFinished && !isBeingDeleted }
    /// True with the condition `Ready`.
    var isReady: Bool { status.isTrue("Ready") }
    /// True when running and ready.
    var isRunningAndReady: Bool { phase == "Running" && isReady }

    /// True when it has been ready for that long.
    func isAvailable(minReadySeconds: Int, at now: Date) -> Bool {
        guard isReady else { return false }
        guard minReadySeconds > 0 else { return true }
        guard let since = readySince else { return false }
        return since.addingTimeInterval(Double(minReadySeconds)) <= now
    }

    /// When it became ready.
    var readySince: Date? { Timestamp.date(status.condition("Ready")?["lastTransitionTime"]?.string) }

    /// How long until a ready Pod becomes available, nil when it is not waiting for that.
    func waitUntilAvailable(minReadySeconds: Int, at now: Date) -> Duration? {
        guard minReadySeconds > 0, isReady, let since = readySince else { return nil }
        let rest = since.addingTimeInterval(Double(minReadySeconds)).timeIntervalSince(now)
        return rest > 0 ? .seconds(rest + 0.05) : nil
    }

    /// Names of the claims that its volumes use; those of ephemeral volumes are named after Pod and volume.
    var claimNames: [String] {
        (spec["volumes"]?.array ?? []).compactMap { volume in
            if let claim = volume.value(at: "persistentVolumeClaim", "claimName")?.string { return claim }
            return volume["ephemeral"] == nil ? nil : "\(name)-\(volume["name"]?.string ?? "")"
        }
    }

    /// What the scheduler reserves: the larger of the sum of containers and each init container on top of the
    /// sidecars started before it, plus overhead.
    func resourceRequests(_ part: String = "requests") -> ResourceAmounts {
        let containers = (spec["containers"]?.array ?? []).map { Self.amounts($0.value(at: "resources", part)) }
        var sidecars: ResourceAmounts = [:]
        var starting: ResourceAmounts = [:]
        for container in spec["initContainers"]?.array ?? [] {
            let amounts = Self.amounts(container.value(at: "resources", part))
            if container["restartPolicy"]?.string == "Always" {
                sidecars = sidecars + amounts
                starting = starting.upper(sidecars)
            } else {
                starting = starting.upper(sidecars + amounts)
            }
        }
        var total = containers.reduce(sidecars, +).upper(starting)
        total = Self.amounts(spec.value(at: "resources", part)).merging(total) { pod, _ in pod }
        return part == "requests" || !total.isEmpty ? total + Self.amounts(spec["overhead"]) : total
    }

    static func amounts(_ json: JSON?) -> ResourceAmounts {
        var amounts: ResourceAmounts = [:]
        for (name, value) in json?.object ?? [:] {
            if let quantity = value.quantity { amounts[name] = quantity }
        }
        return amounts
    }

    /// The reference that makes this object, of the given type, the controller of another one.
    func controllerReference(_ type: ResourceType) -> JSON {
        [
            "apiVersion": .string(type.apiVersion), "kind": .string(type.kind), "name": .string(name),
            "uid": .string(uid), "controller": true, "blockOwnerDeletion": true,
        ]
    }

    /// A Pod from this object's template.
    func pod(fromTemplate template: JSON, type: ResourceType) -> KubeObject {
        var metadata: JSON = ["namespace": .string(namespace ?? "")]
        for key in ["labels", "annotations", "finalizers"] {
            if let value = template.value(at: "metadata", key) { metadata[key] = value }
        }
        metadata["ownerReferences"] = [controllerReference(type)]
        return KubeObject([
            "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"] ?? [:],
        ])
    }
}

extension JSON {
    /// A quantity, written as text or as a number.
    var quantity: Quantity? {
        switch self {
        case .string(let text): Quantity(text)
        case .int(let value): Quantity(whole: Int(value))
        case .double(let value): Quantity("\(value)")
        default: nil
        }
    }

    /// A number or a percentage of `total` (`25%`), rounded up or down.
    func scaled(of total: Int, roundUp: Bool) -> Int? {
        if let whole = int { return Int(whole) }
        guard let text = string, text.hasSuffix("%"), let percent = Int(text.dropLast()) else { return nil }
        let product = percent * total
        return roundUp ? (product + 99) / 100 : product / 100
    }
}
