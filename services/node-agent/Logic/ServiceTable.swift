import KubeModel

/// The Services of the cluster as the network needs them, computed from the objects of the API.
struct ServiceTable: Sendable, Equatable {
    /// One port of one Service with its endpoints.
    struct Port: Sendable, Equatable {
        var name: String
        var number: Int
        var `protocol`: String
        var backends: [ServiceRules.Backend]
        /// Of TCP or UDP.
        var nodePort: NodePort?
    }

    /// One endpoint, for names of headless Services.
    struct Endpoint: Sendable, Equatable {
        var address: Address4
        var hostname: String?
        var isReady: Bool
    }

    /// One Service.
    struct Entry: Sendable, Equatable {
        var namespace: String
        var name: String
        var clusterAddress: Address4?
        var isHeadless: Bool
        var externalName: String?
        var ports: [Port]
        var endpoints: [Endpoint]
        var affinitySeconds: Int
    }

    var entries: [Entry] = []

    init() {}

    /// Joins Services with their EndpointSlices, or with their Endpoints where there are no slices.
    init(services: [KubeObject], slices: [KubeObject], endpoints: [KubeObject]) {
        var slicesOf: [String: [KubeObject]] = [:]
        for slice in slices {
            guard let service = slice.labels["kubernetes.io/service-name"] else { continue }
            slicesOf["\(slice.namespace ?? "")/\(service)", default: []].append(slice)
        }
        var endpointsOf: [String: KubeObject] = [:]
        for object in endpoints { endpointsOf["\(object.namespace ?? "")/\(object.name)"] = object }
        for service in services {
            let key = "\(service.namespace ?? "")/\(service.name)"
            let spec = service.spec
            let publishes = spec["publishNotReadyAddresses"]?.bool ?? false
            let cluster = spec["clusterIP"]?.string ?? ""
            var entry = Entry(
                namespace: service.namespace ?? "", name: service.name, clusterAddress: Address4(cluster),
                isHeadless: cluster == "None", externalName: nil, ports: [], endpoints: [], affinitySeconds: 0)
            if spec["type"]?.string == "ExternalName" { entry.externalName = spec["externalName"]?.string }
            if spec["sessionAffinity"]?.string == "ClientIP" {
                entry.affinitySeconds = Int(
                    spec.value(at: "sessionAffinityConfig", "clientIP", "timeoutSeconds")?.int ?? 10800)
            }
            let found: Found =
                slicesOf[key].map { Self.backends(slices: $0, publishes: publishes) }
                ?? endpointsOf[key].map { Self.backends(endpoints: $0, publishes: publishes) } ?? (
                    ports: [:], endpoints: []
                )
            entry.endpoints = found.endpoints
            for port in spec["ports"]?.array ?? [] {
                let name = port["name"]?.string ?? ""
                let kind = port["protocol"]?.string ?? "TCP"
                let backends = (found.ports["\(name)/\(kind)"] ?? []).reduce(into: [ServiceRules.Backend]()) {
                    if !$0.contains($1) { $0.append($1) }
                }
                // One that the type does not have is left over from another type.
                let nodePort =
                    [.string("NodePort"), .string("LoadBalancer")].contains(spec["type"])
                    ? port["nodePort"]?.int ?? 0 : 0
                entry.ports.append(
                    Port(
                        name: name, number: Int(port["port"]?.int ?? 0), protocol: kind, backends: backends.sorted(),
                        nodePort: nodePort > 0 && ["TCP", "UDP"].contains(kind)
                            ? NodePort(protocol: kind.lowercased(), number: Int(nodePort)) : nil))
            }
            entries.append(entry)
        }
    }

    private typealias Found = (ports: [String: [ServiceRules.Backend]], endpoints: [Endpoint])

    private static func backends(slices: [KubeObject], publishes: Bool) -> Found {
        var found: Found = ([:], [])
        for slice in slices where slice["addressType"]?.string ?? "IPv4" == "IPv4" {
            for endpoint in slice["endpoints"]?.array ?? [] {
                let isReady = endpoint.value(at: "conditions", "ready")?.bool ?? true
                guard let text = endpoint["addresses"]?[0]?.string, let address = Address4(text) else { continue }
                found.endpoints.append(
                    Endpoint(address: address, hostname: endpoint["hostname"]?.string, isReady: isReady || publishes))
                guard isReady || publishes else { continue }
                for port in slice["ports"]?.array ?? [] {
                    guard let number = port["port"]?.int else { continue }
                    let key = "\(port["name"]?.string ?? "")/\(port["protocol"]?.string ?? "TCP")"
                    found.ports[key, default: []].append(.init(address: address, port: Int(number)))
                }
            }
        }
        return found
    }

    private static func backends(endpoints: KubeObject, publishes: Bool) -> Found {
        var found: Found = ([:], [])
        for subset in endpoints["subsets"]?.array ?? [] {
            let groups = [(subset["addresses"], true), (subset["notReadyAddresses"], publishes)]
            for (list, isReady) in groups {
                for item in list?.array ?? [] {
                    guard let text = item["ip"]?.string, let address = Address4(text) else { continue }
                    found.endpoints.append(
                        Endpoint(address: address, hostname: item["hostname"]?.string, isReady: isReady))
                    guard isReady else { continue }
                    for port in subset["ports"]?.array ?? [] {
                        guard let number = port["port"]?.int else { continue }
                        let key = "\(port["name"]?.string ?? "")/\(port["protocol"]?.string ?? "TCP")"
                        found.ports[key, default: []].append(.init(address: address, port: Int(number)))
                    }
                }
            }
        }
        return found
    }

    /// `KUBERNETES_SERVICE_HOST` and its like for a pod: the API's Service, and the Services of the pod's namespace.
    func variables(namespace: String, withLinks: Bool) -> [(name: String, value: String)] {
        var variables: [(String, String)] = []
        for entry in entries {
            guard let address = entry.clusterAddress, let first = entry.ports.first else { continue }
            let isAPI = entry.namespace == "default" && entry.name == "kubernetes"
            guard isAPI || (withLinks && entry.namespace == namespace) else { continue }
            let prefix = String(entry.name.uppercased().map { $0 == "-" || $0 == "." ? "_" : $0 })
            variables.append(("\(prefix)_SERVICE_HOST", "\(address)"))
            variables.append(("\(prefix)_SERVICE_PORT", "\(first.number)"))
            for port in entry.ports where !port.name.isEmpty {
                let name = String(port.name.uppercased().map { $0 == "-" ? "_" : $0 })
                variables.append(("\(prefix)_SERVICE_PORT_\(name)", "\(port.number)"))
            }
            let kind = first.protocol.lowercased()
            variables.append(("\(prefix)_PORT", "\(kind)://\(address):\(first.number)"))
            for port in entry.ports {
                let base = "\(prefix)_PORT_\(port.number)_\(port.protocol)"
                variables.append((base, "\(port.protocol.lowercased())://\(address):\(port.number)"))
                variables.append(("\(base)_PROTO", port.protocol.lowercased()))
                variables.append(("\(base)_PORT", "\(port.number)"))
                variables.append(("\(base)_ADDR", "\(address)"))
            }
        }
        return variables
    }
}
