import ClusterRules
import KubeModel

/// Fills in and checks what the LimitRanges of a namespace say of Pods, their containers and claims.
struct LimitRangeStep: AdmissionStep {
    private static let annotation = "kubernetes.io/limit-ranger"
    let cluster: Cluster

    /// The limits of each LimitRange; nothing for requests that are none of their business.
    private func ranges(_ request: AdmissionRequest) async throws -> [[JSON]] {
        guard !request.kind.isCustom, request.old?.value(at: "metadata", "deletionTimestamp")?.string == nil else {
            return []
        }
        switch (request.kind.type.kind, request.subresource, request.operation) {
        case ("Pod", "", .create), ("Pod", "resize", .update), ("PersistentVolumeClaim", "", .create),
            ("PersistentVolumeClaim", "", .update):
            return try await cluster.objects("limitranges", namespace: request.namespace)
                .map { $0.value(at: "spec", "limits")?.array ?? [] }
        default: return []
        }
    }

    func admit(_ request: inout AdmissionRequest) async throws {
        guard request.kind.type.kind == "Pod" else { return }
        for limits in try await ranges(request) {
            let limits = limits.filter { $0["type"] == "Container" }
            var notes: [String] = []
            for (list, noun) in [("containers", "container"), ("initContainers", "init container")] {
                guard let containers = request.object.value(at: "spec", list)?.array else { continue }
                let filled = containers.map { Self.filled($0, limits, noun, &notes) }
                request.object.set(.array(filled), at: "spec", list)
            }
            guard !notes.isEmpty else { continue }
            let text = "LimitRanger plugin set: \(notes.joined(separator: "; "))"
            request.object.set(.string(text), at: "metadata", "annotations", Self.annotation)
        }
    }

    /// A container with what it does not say itself; notes say what was set.
    private static func filled(_ container: JSON, _ limits: [JSON], _ noun: String, _ notes: inout [String]) -> JSON {
        var container = container
        for (field, source, word) in [("requests", "defaultRequest", "request"), ("limits", "default", "limit")] {
            var names: [String] = []
            for limit in limits.reversed() {
                for (resource, amount) in limit[source]?.object ?? [:]
                where container.value(at: "resources", field, resource) == nil {
                    container.set(amount, at: "resources", field, resource)
                    names.append(resource)
                }
            }
            guard !names.isEmpty else { continue }
            let list = names.sorted().joined(separator: ", ")
            notes.append("\(list) \(word) for \(noun) \(container["name"]?.string ?? "")")
        }
        return container
    }

    func validate(_ request: AdmissionRequest) async throws {
        for limits in try await ranges(request) {
            var problems: [String] = []
            for limit in limits { check(request.object, isPod: request.kind.type.kind == "Pod", limit, &problems) }
            guard !problems.isEmpty else { continue }
            var seen: Set<String> = []
            let texts = problems.filter { seen.insert($0).inserted }
            let text = texts.count == 1 ? texts[0] : "[\(texts.joined(separator: ", "))]"
            throw request.kind.forbidden(request.name, text)
        }
    }

    private func check(_ object: JSON, isPod: Bool, _ limit: JSON, _ problems: inout [String]) {
        let spec = object["spec"] ?? [:]
        switch limit["type"]?.string {
        case "Container" where isPod:
            for container in (spec["containers"]?.array ?? []) + (spec["initContainers"]?.array ?? []) {
                let resources = container["resources"] ?? [:]
                ResourceBounds(
                    type: "Container", requests: .init(amounts: resources["requests"]),
                    limits: .init(amounts: resources["limits"])
                ).check(limit, &problems)
            }
        case "Pod" where isPod:
            ResourceBounds(
                type: "Pod", requests: PodQuality.total(of: spec, "requests", hasOverhead: false),
                limits: PodQuality.total(of: spec, "limits", hasOverhead: false)
            ).check(limit, &problems)
        case "PersistentVolumeClaim" where !isPod:
            ResourceBounds(
                type: "PersistentVolumeClaim", requests: .init(amounts: spec.value(at: "resources", "requests")),
                limits: nil
            ).check(limit, &problems)
        default: break
        }
    }
}
