import KubeModel

/// Which addresses a Service has: from its selector and ports, and the Pods.
struct EndpointsPlan: Sendable {
    let service: KubeObject
    let pods: [KubeObject]

    /// One Pod behind the Service.
    private struct Backend {
        let pod: KubeObject
        let address: String
        let isReady: Bool
        let isTerminating: Bool
        let ports: [JSON]
    }

    private var publishesNotReady: Bool { service.spec["publishNotReadyAddresses"]?.bool ?? false }
    private var isHeadless: Bool { service.spec["clusterIP"]?.string == "None" }

    /// Pods with an address that have not ended.
    private func backends() -> [Backend] {
        pods.compactMap { pod in
            guard let address = pod.status["podIP"]?.string, !address.isEmpty, !pod.isFinished else { return nil }
            return Backend(
                pod: pod, address: address, isReady: pod.isReady, isTerminating: pod.isBeingDeleted,
                ports: ports(for: pod))
        }.sorted { $0.address < $1.address }
    }

    /// The Service's ports as this Pod serves them; a named target port is looked up in its containers, and left out
    /// where the Pod has no such port.
    private func ports(for pod: KubeObject) -> [JSON] {
        (service.spec["ports"]?.array ?? []).compactMap { port in
            let transport = port["protocol"]?.string ?? "TCP"
            guard let number = Self.targetPort(port, transport, pod) else { return nil }
            var endpoint: JSON = [:]
            if let name = port["name"]?.string, !name.isEmpty { endpoint["name"] = .string(name) }
            endpoint["port"] = .int(number)
            endpoint["protocol"] = .string(transport)
            endpoint["appProtocol"] = port["appProtocol"]
            return endpoint
        }
    }

    private static func targetPort(_ port: JSON, _ transport: String, _ pod: KubeObject) -> Int64? {
        guard let target = port["targetPort"], target != 0 else { return port["port"]?.int }
        if let number = target.int { return number }
        // Sidecars are init containers that stay.
        let sidecars = (pod.spec["initContainers"]?.array ?? []).filter { $0["restartPolicy"]?.string == "Always" }
        for container in (pod.spec["containers"]?.array ?? []) + sidecars {
            for candidate in container["ports"]?.array ?? []
            where candidate["name"]?.string == target.string && candidate["protocol"]?.string ?? "TCP" == transport {
                return candidate["containerPort"]?.int
            }
        }
        return nil
    }

    private func reference(_ pod: KubeObject) -> JSON {
        ["kind": "Pod", "namespace": .string(pod.namespace ?? ""), "name": .string(pod.name), "uid": .string(pod.uid)]
    }

    /// The name under which a headless Service publishes a Pod.
    private func hostname(_ pod: KubeObject) -> JSON? {
        guard let name = pod.spec["hostname"]?.string, !name.isEmpty, pod.spec["subdomain"]?.string == service.name
        else { return nil }
        return .string(name)
    }

    /// `subsets` of the Endpoints: addresses grouped by the ports they serve.
    func subsets() -> [JSON] {
        var groups: [(ports: [JSON], ready: [JSON], notReady: [JSON])] = []
        for backend in backends() where publishesNotReady || !backend.isTerminating {
            let ports = isHeadless && (service.spec["ports"]?.array ?? []).isEmpty ? [] : backend.ports
            if ports.isEmpty, !isHeadless { continue }
            var address: JSON = ["ip": .string(backend.address)]
            address["hostname"] = hostname(backend.pod)
            address["nodeName"] = backend.pod.spec["nodeName"]
            address["targetRef"] = reference(backend.pod)
            let index: Int
            if let known = groups.firstIndex(where: { $0.ports == ports }) {
                index = known
            } else {
                groups.append((ports, [], []))
                index = groups.count - 1
            }
            if backend.isReady || publishesNotReady {
                groups[index].ready.append(address)
            } else {
                groups[index].notReady.append(address)
            }
        }
        return groups.map { group in
            var subset: JSON = [:]
            if !group.ready.isEmpty { subset["addresses"] = .array(group.ready) }
            if !group.notReady.isEmpty { subset["notReadyAddresses"] = .array(group.notReady) }
            if !group.ports.isEmpty { subset["ports"] = .array(group.ports) }
            return subset
        }
    }

    /// Contents of the EndpointSlices: `ports` and `endpoints`, at most 100 endpoints in each. There is always one, so
    /// that a Service without Pods is told from one that nobody has looked at.
    func slices() -> [(ports: [JSON], endpoints: [JSON])] {
        var groups: [(ports: [JSON], endpoints: [JSON])] = []
        for backend in backends() {
            let isServing = backend.isReady
            var endpoint: JSON = [
                "addresses": [.string(backend.address)],
                "conditions": [
                    "ready": .bool(publishesNotReady || (isServing && !backend.isTerminating)),
                    "serving": .bool(publishesNotReady || isServing), "terminating": .bool(backend.isTerminating),
                ],
            ]
            endpoint["hostname"] = hostname(backend.pod)
            endpoint["nodeName"] = backend.pod.spec["nodeName"]
            endpoint["targetRef"] = reference(backend.pod)
            if let index = groups.firstIndex(where: { $0.ports == backend.ports && $0.endpoints.count < 100 }) {
                groups[index].endpoints.append(endpoint)
            } else {
                groups.append((backend.ports, [endpoint]))
            }
        }
        return groups.isEmpty ? [([], [])] : groups
    }

    /// The slices that mirror Endpoints which somebody else wrote.
    static func mirrored(_ endpoints: KubeObject) -> [(ports: [JSON], endpoints: [JSON])] {
        (endpoints["subsets"]?.array ?? []).map { subset in
            func map(_ key: String, isReady: Bool) -> [JSON] {
                (subset[key]?.array ?? []).map { address in
                    var endpoint: JSON = [
                        "addresses": [address["ip"] ?? ""], "conditions": ["ready": .bool(isReady)],
                    ]
                    for key in ["hostname", "nodeName", "targetRef"] { endpoint[key] = address[key] }
                    return endpoint
                }
            }
            return (
                subset["ports"]?.array ?? [], map("addresses", isReady: true) + map("notReadyAddresses", isReady: false)
            )
        }
    }
}
