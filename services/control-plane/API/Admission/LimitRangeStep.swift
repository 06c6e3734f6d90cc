import KubeModel

/// Fills in and checks what the LimitRanges of a namespace say.
struct LimitRangeStep: AdmissionStep {
    let cluster: Cluster

    private func limits(_ request: AdmissionRequest) async throws -> [JSON] {
        try await cluster.objects("limitranges", namespace: request.namespace)
            .flatMap { $0.value(at: "spec", "limits")?.array ?? [] }
    }

    func admit(_ request: inout AdmissionRequest) async throws {
        guard request.creates("Pod") else { return }
        let limits = try await limits(request).filter { $0["type"]?.string == "Container" }
        guard !limits.isEmpty else { return }
        for list in ["initContainers", "containers"] {
            guard let containers = request.object.value(at: "spec", list)?.array else { continue }
            let filled = containers.map { container -> JSON in
                var container = container
                for limit in limits {
                    for (field, source) in [("limits", "default"), ("requests", "defaultRequest")] {
                        for (resource, amount) in limit[source]?.object ?? [:]
                        where container.value(at: "resources", field, resource) == nil {
                            container.set(amount, at: "resources", field, resource)
                        }
                    }
                }
                // A limit without a request is a request too, as everywhere.
                for (resource, amount) in container.value(at: "resources", "limits")?.object ?? [:]
                where container.value(at: "resources", "requests", resource) == nil {
                    container.set(amount, at: "resources", "requests", resource)
                }
                return container
            }
            request.object.set(.array(filled), at: "spec", list)
        }
    }

    func validate(_ request: AdmissionRequest) async throws {
        guard request.subresource.isEmpty, request.isFor("Pod") || request.isFor("PersistentVolumeClaim"),
            request.operation == .create || request.isFor("PersistentVolumeClaim")
        else { return }
        var problems: [String] = []
        for limit in try await limits(request) {
            switch (limit["type"]?.string, request.kind.type.kind) {
            case ("Container", "Pod"):
                for container in request.object.value(at: "spec", "containers")?.array ?? [] {
                    check(container["resources"] ?? [:], limit, "Container", &problems)
                }
            case ("Pod", "Pod"): check(total(request.object), limit, "Pod", &problems)
            case ("PersistentVolumeClaim", "PersistentVolumeClaim"):
                let resources = request.object.value(at: "spec", "resources") ?? [:]
                check(["requests": resources["requests"] ?? [:]], limit, "PersistentVolumeClaim", &problems)
            default: break
            }
        }
        guard !problems.isEmpty else { return }
        let text = problems.count == 1 ? problems[0] : "[\(problems.joined(separator: ", "))]"
        throw request.kind.forbidden(request.name, text)
    }

    private func total(_ pod: JSON) -> JSON {
        var sums: [String: [String: Quantity]] = [:]
        for container in pod.value(at: "spec", "containers")?.array ?? [] {
            for field in ["requests", "limits"] {
                for (resource, amount) in container.value(at: "resources", field)?.object ?? [:] {
                    guard let amount = Quantity(amount) else { continue }
                    sums[field, default: [:]][resource, default: .zero] += amount
                }
            }
        }
        return JSON.object(
            sums.reduce(into: JSONObject()) { result, entry in
                result[entry.key] = .object(entry.value.reduce(into: JSONObject()) { $0[$1.key] = $1.value.json })
            })
    }

    private func check(_ resources: JSON, _ limit: JSON, _ type: String, _ problems: inout [String]) {
        for (resource, bound) in limit["min"]?.object ?? [:] {
            guard let minimum = Quantity(bound) else { continue }
            let amount = Quantity(resources.value(at: "requests", resource))
            guard let amount else {
                problems.append("minimum \(resource) usage per \(type) is \(minimum.text).  No request is specified")
                continue
            }
            if amount < minimum {
                problems.append(
                    "minimum \(resource) usage per \(type) is \(minimum.text), but request is \(amount.text)")
            }
        }
        for (resource, bound) in limit["max"]?.object ?? [:] {
            guard let maximum = Quantity(bound) else { continue }
            let isClaim = type == "PersistentVolumeClaim"
            let amount = Quantity(resources.value(at: isClaim ? "requests" : "limits", resource))
            guard let amount else {
                problems.append("maximum \(resource) usage per \(type) is \(maximum.text).  No limit is specified")
                continue
            }
            if maximum < amount {
                problems.append(
                    "maximum \(resource) usage per \(type) is \(maximum.text), but \(isClaim ? "request" : "limit") is \(amount.text)"
                )
            }
        }
    }
}
