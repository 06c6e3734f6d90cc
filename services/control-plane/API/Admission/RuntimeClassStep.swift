import KubeModel

/// What a RuntimeClass asks of its Pods: overhead, node labels and tolerations come from the class.
struct RuntimeClassStep: AdmissionStep {
    let cluster: Cluster

    func admit(_ request: inout AdmissionRequest) async throws {
        guard request.creates("Pod") else { return }
        let found = try await runtimeClass(of: request)
        let given = request.object.value(at: "spec", "overhead")
        let overhead = found?.value(at: "overhead", "podFixed")
        if let overhead, !overhead.isNull {
            guard given?.isNull != false || Self.amounts(given) == Self.amounts(overhead) else {
                throw rejected(request, "Pod's Overhead doesn't match RuntimeClass's defined Overhead")
            }
            request.object.set(overhead, at: "spec", "overhead")
        } else if given?.object?.isEmpty == false {
            throw rejected(request, "Pod Overhead set without corresponding RuntimeClass defined Overhead")
        }
        guard let scheduling = found?["scheduling"] else { return }
        try addNodeLabels(scheduling["nodeSelector"]?.stringMap ?? [:], to: &request)
        var tolerations = request.object.value(at: "spec", "tolerations")?.array ?? []
        for toleration in scheduling["tolerations"]?.array ?? [] where !tolerations.contains(toleration) {
            tolerations.append(toleration)
        }
        if !tolerations.isEmpty { request.object.set(.array(tolerations), at: "spec", "tolerations") }
    }

    private func runtimeClass(of request: AdmissionRequest) async throws -> JSON? {
        guard let name = request.object.value(at: "spec", "runtimeClassName")?.string, !name.isEmpty else { return nil }
        guard let found = try await cluster.get("runtimeclasses.node.k8s.io", "", name) else {
            throw rejected(request, "RuntimeClass \"\(name)\" not found")
        }
        return found
    }

    private func addNodeLabels(_ wanted: [String: String], to request: inout AdmissionRequest) throws(APIError) {
        guard !wanted.isEmpty else { return }
        var selector = request.object.value(at: "spec", "nodeSelector") ?? [:]
        for (key, value) in wanted.sorted(by: { $0.key < $1.key }) {
            if let own = selector[key]?.string, own != value {
                throw request.kind.forbidden(
                    request.name,
                    "conflict: runtimeClass.scheduling.nodeSelector[\(key)] = \(value); "
                        + "pod.spec.nodeSelector[\(key)] = \(own)")
            }
            selector[key] = .string(value)
        }
        request.object.set(selector, at: "spec", "nodeSelector")
    }

    private func rejected(_ request: AdmissionRequest, _ reason: String) -> APIError {
        request.kind.forbidden(request.name, "pod rejected: \(reason)")
    }

    private static func amounts(_ resources: JSON?) -> [String: Quantity?] {
        (resources?.object ?? [:]).reduce(into: [:]) { $0[$1.key] = Quantity($1.value) }
    }
}
