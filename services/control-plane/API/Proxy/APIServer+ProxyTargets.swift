import ClusterRules
import KubeModel
import NIOCore
import NIOPosix

extension APIServer {
    private static let kubeletPort = 10250
    /// Addresses of a node in the order in which they are tried.
    private static let addressTypes = ["InternalIP", "ExternalIP", "Hostname", "InternalDNS", "ExternalDNS"]

    /// Finds out where a request to a `proxy` subresource goes.
    ///
    /// - Throws: ``APIError`` when the object is not there, has no place that could be reached, or one that is not for
    ///   clients: addresses of this machine itself and of its link.
    func proxyTarget(_ info: RequestInfo) async throws -> ProxyTarget {
        let kind = String(info.resource.dropLast())
        guard let name = ProxyName(info.name) else {
            throw APIError(.badRequest, "invalid \(kind) request \"\(info.name)\"")
        }
        switch info.resource {
        case "pods": return try await podTarget(name, info)
        case "services": return try await serviceTarget(name, info)
        default: return try await nodeTarget(name)
        }
    }

    private func stored(_ resource: String, _ namespace: String, _ name: String, as kind: String) async throws -> JSON {
        guard let object = try await cluster.get(resource, namespace, name) else {
            throw APIError(.notFound, "\(kind) \"\(name)\" not found", kind: kind, name: name)
        }
        return object
    }

    private func podTarget(_ name: ProxyName, _ info: RequestInfo) async throws -> ProxyTarget {
        let pod = try await stored("pods", info.namespace, name.name, as: "pods")
        var port = name.port
        if port.isEmpty {
            let first = (pod.value(at: "spec", "containers")?.array ?? []).lazy
                .compactMap { $0["ports"]?.array?.first?["containerPort"]?.int }.first
            port = first.map(String.init) ?? ""
        }
        let ip =
            pod.value(at: "status", "podIP")?.string ?? pod.value(at: "status", "podIPs")?.array?.first?["ip"]?.string
        return try Self.target(name.scheme, try Self.reachable(ip ?? ""), port)
    }

    private func serviceTarget(_ name: ProxyName, _ info: RequestInfo) async throws -> ProxyTarget {
        var portName = name.port
        if let number = Int64(name.port) {
            let service = try await stored("services", info.namespace, name.name, as: "services")
            let ports = service.value(at: "spec", "ports")?.array ?? []
            guard let port = ports.first(where: { $0["port"]?.int == number }) else {
                throw APIError(
                    .serviceUnavailable, "no service port \(number) found for service \"\(name.name)\"")
            }
            portName = port["name"]?.string ?? ""
        }
        let endpoints = try await stored("endpoints", info.namespace, name.name, as: "services")
        let subsets = endpoints["subsets"]?.array ?? []
        guard !subsets.isEmpty else {
            throw APIError(.serviceUnavailable, "no endpoints available for service \"\(name.name)\"")
        }
        for subset in subsets.shuffled() {
            guard
                let port = (subset["ports"]?.array ?? []).first(where: { ($0["name"]?.string ?? "") == portName }),
                let number = port["port"]?.int
            else { continue }
            for address in (subset["addresses"]?.array ?? []).shuffled() {
                guard let ip = address["ip"]?.string, try await isPod(address, ip, of: info.namespace) else { continue }
                return try Self.target(name.scheme, ip, String(number))
            }
        }
        throw APIError(.serviceUnavailable, "no endpoints available for service \"\(info.name)\"")
    }

    /// True when an address of a Service belongs to the Pod of the Service's namespace that it names. Nothing else is
    /// reached through a Service: who may write Endpoints would get to the Pods of others.
    private func isPod(_ address: JSON, _ ip: String, of namespace: String) async throws -> Bool {
        guard let reference = address["targetRef"], reference["kind"]?.string == "Pod",
            reference["namespace"]?.string == namespace,
            let pod = try await cluster.get("pods", namespace, reference["name"]?.string ?? "")
        else { return false }
        let addresses =
            [pod.value(at: "status", "podIP")?.string]
            + (pod.value(at: "status", "podIPs")?.array ?? []).map { $0["ip"]?.string }
        return addresses.contains(ip) && (try? Self.reachable(ip)) != nil
    }

    private func nodeTarget(_ name: ProxyName) async throws -> ProxyTarget {
        let node = try await stored("nodes", "", name.name, as: "nodes")
        let announced = node.value(at: "status", "daemonEndpoints", "kubeletEndpoint", "Port")?.int ?? 0
        let port = announced > 0 ? Int(announced) : Self.kubeletPort
        let isAgent = name.port.isEmpty || name.port == String(port)
        if isAgent, let socket = configuration.nodeSocket { return ProxyTarget(isTLS: false, place: .socket(socket)) }
        let addresses = node.value(at: "status", "addresses")?.array ?? []
        let chosen = Self.addressTypes.lazy
            .compactMap { type in addresses.first { $0["type"]?.string == type }?["address"]?.string }.first
        guard let chosen else {
            let known = addresses.map { "{\($0["type"]?.string ?? "") \($0["address"]?.string ?? "")}" }
            throw APIError(
                .unknown,
                "no preferred addresses found; known addresses: [\(known.joined(separator: " "))]", code: 500)
        }
        let ip = try Self.reachable(try await Self.resolved(chosen))
        return try Self.target(isAgent ? "https" : name.scheme, ip, isAgent ? String(port) : name.port)
    }

    /// The address behind a name.
    private static func resolved(_ host: String) async throws -> String {
        if IPAddress(host) != nil { return host }
        let address = try? await NIOThreadPool.singleton.runIfActive {
            try SocketAddress.makeAddressResolvingHost(host, port: 0).ipAddress
        }
        guard let address = address ?? nil else { throw APIError(.badRequest, "lookup \(host): no such host") }
        return address
    }

    /// The address, if clients may be led to it: not this machine itself, its link, or many at once.
    static func reachable(_ ip: String) throws(APIError) -> String {
        guard let address = IPAddress(ip), !address.hasLeadingZeros, !address.isUnspecified, !address.isLoopback,
            !address.isLinkLocal, !address.isMulticast, !address.isBroadcast
        else { throw APIError(.badRequest, "address not allowed") }
        return ip
    }

    private static func target(_ scheme: String, _ ip: String, _ port: String) throws(APIError) -> ProxyTarget {
        let isTLS = scheme == "https"
        if port.isEmpty { return ProxyTarget(isTLS: isTLS, place: .address(ip, port: isTLS ? 443 : 80)) }
        guard let number = Int(port), (1...65535).contains(number) else {
            throw APIError(.serviceUnavailable, "error trying to reach service: \"\(port)\" is no port")
        }
        return ProxyTarget(isTLS: isTLS, place: .address(ip, port: number))
    }
}
