import KubeModel

/// Which addresses a Service has: from its selector and ports, and the Pods.
struct EndpointsPlan: Sendable {
    let service: KubeObject
    let pods: [KubeObject]
    /// The node of a Pod, nil when there is none.
    var node: @Sendable (String) -> KubeObject? = { _ in nil }

    /// What one EndpointSlice is to hold.
    struct Slice: Sendable, Equatable {
        var addressType: String
        var ports: [JSON]
        var endpoints: [JSON]
    }

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

    /// Families of the Service's addresses, `IPv4` or `IPv6`.
    private var families: [String] {
        if let families = service.spec["ipFamilies"]?.array?.compactMap(\.string), !families.isEmpty { return families }
        return [service.spec["clusterIP"]?.string?.contains(":") == true ? "IPv6" : "IPv4"]
    }

    /// Pods with an address of a family that have not ended.
    private func backends(_ family: String) -> [Backend] {
        pods.compactMap { pod in
            guard !pod.isFinished, let address = Self.address(of: pod, family) else { return nil }
            return Backend(
                pod: pod, address: address, isReady: pod.isReady, isTerminating: pod.isBeingDeleted,
                ports: ports(for: pod))
        }.sorted { $0.address < $1.address }
    }

    private static func address(of pod: KubeObject, _ family: String) -> String? {
        var addresses = (pod.status["podIPs"]?.array ?? []).compactMap { $0["ip"]?.string }
        if addresses.isEmpty, let address = pod.status["podIP"]?.string, !address.isEmpty { addresses = [address] }
        return addresses.first { $0.contains(":") == (family == "IPv6") }
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

    /// `subsets` of the Endpoints: addresses grouped by the ports they serve. Nil while a Pod has an address but no node,
    /// which Endpoints cannot say.
    func subsets() -> [JSON]? {
        let backends = backends(families.first ?? "IPv4").filter { publishesNotReady || !$0.isTerminating }
        guard backends.allSatisfy({ !($0.pod.spec["nodeName"]?.string ?? "").isEmpty }) else { return nil }
        return subsets(backends)
    }

    private func subsets(_ backends: [Backend]) -> [JSON] {
        var groups: [(ports: [JSON], ready: [JSON], notReady: [JSON])] = []
        for backend in backends {
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

    /// The EndpointSlices: at most 100 endpoints in each. There is always one of each family, so that a Service without
    /// Pods is told from one that nobody has looked at.
    func slices() -> [Slice] {
        families.flatMap { family -> [Slice] in
            var slices: [Slice] = []
            for backend in backends(family) {
                let node = backend.pod.spec["nodeName"]?.string.flatMap(node)
                // Of a Pod whose node is gone nobody knows whether it still runs.
                guard node != nil || publishesNotReady else { continue }
                let endpoint = endpoint(backend, node)
                if let index = slices.firstIndex(where: { $0.ports == backend.ports && $0.endpoints.count < 100 }) {
                    slices[index].endpoints.append(endpoint)
                } else {
                    slices.append(Slice(addressType: family, ports: backend.ports, endpoints: [endpoint]))
                }
            }
            return slices.isEmpty ? [Slice(addressType: family, ports: [], endpoints: [])] : slices
        }
    }

    private func endpoint(_ backend: Backend, _ node: KubeObject?) -> JSON {
        var endpoint: JSON = [
            "addresses": [.string(backend.address)],
            "conditions": [
                "ready": .bool(publishesNotReady || (backend.isReady && !backend.isTerminating)),
                "serving": .bool(backend.isReady), "terminating": .bool(backend.isTerminating),
            ],
        ]
        endpoint["hostname"] = hostname(backend.pod)
        endpoint["nodeName"] = backend.pod.spec["nodeName"]
        endpoint["targetRef"] = reference(backend.pod)
        if let zone = node?.labels["topology.kubernetes.io/zone"], !zone.isEmpty { endpoint["zone"] = .string(zone) }
        return endpoint
    }

    /// The slices that mirror Endpoints which somebody else wrote, by family of the addresses.
    static func mirrored(_ endpoints: KubeObject) -> [Slice] {
        (endpoints["subsets"]?.array ?? []).flatMap { subset -> [Slice] in
            ["IPv4", "IPv6"].compactMap { family in
                func map(_ key: String, isReady: Bool) -> [JSON] {
                    (subset[key]?.array ?? []).filter {
                        ($0["ip"]?.string?.contains(":") == true) == (family == "IPv6")
                    }
                    .map { address in
                        var endpoint: JSON = [
                            "addresses": [address["ip"] ?? ""], "conditions": ["ready": .bool(isReady)],
                        ]
                        for key in ["hostname", "nodeName", "targetRef"] { endpoint[key] = address[key] }
                        return endpoint
                    }
                }
                let found = map("addresses", isReady: true) + map("notReadyAddresses", isReady: false)
                guard !found.isEmpty else { return nil }
                return Slice(addressType: family, ports: subset["ports"]?.array ?? [], endpoints: found)
            }
        }
    }
}
