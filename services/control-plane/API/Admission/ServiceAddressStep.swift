import ClusterRules
import KubeModel

/// A range of IPv4 addresses.
struct AddressRange: Sendable {
    let base: UInt32
    let bits: Int

    init(cidr: String) throws(APIError) {
        let parts = cidr.split(separator: "/")
        guard parts.count == 2, let address = Self.parse(String(parts[0])), let bits = Int(parts[1]),
            (8...30).contains(bits)
        else { throw APIError(.badRequest, "'\(cidr)' is no IPv4 range such as 10.96.0.0/20") }
        self.bits = bits
        base = address & ~UInt32((1 << (32 - UInt32(bits))) - 1)
    }

    var size: UInt32 { 1 << (32 - UInt32(bits)) }
    func address(_ offset: UInt32) -> String { Self.format(base + offset) }
    func offset(of address: String) -> UInt32? {
        guard let number = Self.parse(address), number >= base, number - base < size else { return nil }
        return number - base
    }

    static func parse(_ text: String) -> UInt32? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var number: UInt32 = 0
        for part in parts {
            guard let byte = UInt8(part), String(byte) == part else { return nil }
            number = number << 8 | UInt32(byte)
        }
        return number
    }

    static func format(_ number: UInt32) -> String {
        [24, 16, 8, 0].map { String(number >> UInt32($0) & 255) }.joined(separator: ".")
    }
}

/// Gives Services their addresses and node ports. What is taken is read from the stored Services each time, so nothing
/// can leak; a lock keeps two Services from taking the same.
struct ServiceAddressStep: AdmissionStep {
    static let nodePorts: ClosedRange<Int64> = 30000...32767
    let cluster: Cluster
    let range: AddressRange

    init(cluster: Cluster, cidr: String) throws {
        self.cluster = cluster
        range = try AddressRange(cidr: cidr)
    }

    func locks(for request: AdmissionRequest) async throws -> [String] {
        request.isFor("Service") && request.operation != .delete ? ["services"] : []
    }

    func admit(_ request: inout AdmissionRequest) async throws {
        guard request.isFor("Service") else { return }
        let problems = ServiceFamilies.prepare(&request.object, old: request.old)
        guard problems.isEmpty else { throw request.kind.invalid(request.name, problems) }
        var spec = request.object["spec"] ?? [:]
        let type = spec["type"]?.string ?? "ClusterIP"
        let others = try await cluster.objects("services", namespace: nil).filter {
            $0.value(at: "metadata", "uid") != request.object.value(at: "metadata", "uid")
        }
        if type != "ExternalName" { try assignAddress(&spec, request, others) }
        try assignPorts(&spec, type: type, request, others)
        request.object["spec"] = spec
    }

    private func assignAddress(_ spec: inout JSON, _ request: AdmissionRequest, _ others: [JSON]) throws {
        var wanted = spec["clusterIP"]?.string ?? ""
        guard wanted != "None" else { return }
        let before = request.old?.value(at: "spec", "clusterIP")?.string ?? ""
        if !before.isEmpty, before != "None" { return }  // a change of it is refused by the rules of the kind
        if !wanted.isEmpty {
            let taken = others.contains { $0.value(at: "spec", "clusterIP")?.string == wanted }
            let problem: String? =
                range.offset(of: wanted) == nil
                ? "the provided network does not match the current range"
                : taken ? "provided IP is already allocated" : nil
            if let problem {
                throw request.kind.invalid(
                    request.name,
                    [
                        FieldIssue(
                            field: "spec.clusterIPs", reason: .invalid, value: .array([.string(wanted)]),
                            detail: "failed to allocate IP \(wanted): \(problem)")
                    ])
            }
        }
        if wanted.isEmpty {
            let taken = Set(others.compactMap { $0.value(at: "spec", "clusterIP")?.string.flatMap(range.offset(of:)) })
            // The first addresses are left to those who ask for one by number, such as DNS.
            let first = min(16, range.size / 4)
            let offsets = Array(first..<(range.size - 1)) + Array(2..<max(first, 2))
            guard let free = offsets.first(where: { !taken.contains($0) }) else {
                throw APIError(.internalError, "failed to allocate a serviceIP: range is full")
            }
            wanted = range.address(free)
        }
        spec["clusterIP"] = .string(wanted)
        spec["clusterIPs"] = [.string(wanted)]
    }

    private func assignPorts(_ spec: inout JSON, type: String, _ request: AdmissionRequest, _ others: [JSON]) throws {
        guard var ports = spec["ports"]?.array, ["NodePort", "LoadBalancer"].contains(type) else { return }
        let needsNodePorts = type == "NodePort" || spec["allocateLoadBalancerNodePorts"]?.bool != false
        var taken = Set(
            others.flatMap { $0.value(at: "spec", "ports")?.array ?? [] }.compactMap { $0["nodePort"]?.int })
        taken.formUnion(others.compactMap { $0.value(at: "spec", "healthCheckNodePort")?.int })
        let own = Set((request.old?.value(at: "spec", "ports")?.array ?? []).compactMap { $0["nodePort"]?.int })
        // Ports of one number have one port of the node, whichever their protocols are.
        var shared: [Int64: Int64] = [:]
        for index in ports.indices {
            let number = ports[index]["port"]?.int ?? 0
            var port = ports[index]["nodePort"]?.int ?? 0
            if port == 0 {
                guard needsNodePorts else { continue }
                port = shared[number] ?? 0
            }
            if port != 0, shared[number] == port || own.contains(port) {
                shared[number] = port
                taken.insert(port)
                ports[index]["nodePort"] = .int(port)
                continue
            }
            if port != 0 {
                let isTaken = taken.contains(port)
                guard Self.nodePorts.contains(port), !isTaken else {
                    throw request.kind.invalid(
                        request.name,
                        [
                            FieldIssue(
                                field: "spec.ports[\(index)].nodePort", reason: .invalid, value: .int(port),
                                detail: isTaken
                                    ? "provided port is already allocated"
                                    : "provided port is not in the valid range. The range of valid ports is 30000-32767"
                            )
                        ])
                }
            } else {
                port = try freePort(taken)
            }
            shared[number] = port
            taken.insert(port)
            ports[index]["nodePort"] = .int(port)
        }
        spec["ports"] = .array(ports)
        guard type == "LoadBalancer", spec["externalTrafficPolicy"] == "Local",
            (spec["healthCheckNodePort"]?.int ?? 0) == 0
        else { return }
        spec["healthCheckNodePort"] = .int(try freePort(taken))
    }

    private func freePort(_ taken: Set<Int64>) throws -> Int64 {
        let start = Int64.random(in: Self.nodePorts)
        let all = Array(start...Self.nodePorts.upperBound) + Array(Self.nodePorts.lowerBound..<start)
        guard let free = all.first(where: { !taken.contains($0) }) else {
            throw APIError(.internalError, "failed to allocate a nodePort: range is full")
        }
        return free
    }
}

extension JSON {
    /// Changes a member of an element in place; nothing happens outside the bounds.
    subscript(index: Int, key: String) -> JSON? {
        get { self[index]?[key] }
        set {
            guard case .array(var items) = self, items.indices.contains(index) else { return }
            items[index][key] = newValue
            self = .array(items)
        }
    }
}
