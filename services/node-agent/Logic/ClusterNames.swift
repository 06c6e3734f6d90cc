/// Answers names below the cluster's domain from the table of Services.
struct ClusterNames: Sendable {
    let domain: String
    let table: ServiceTable

    /// What a question gets.
    enum Answer: Sendable, Equatable {
        /// Not a name of the cluster: ask the host's resolvers.
        case elsewhere
        case records([DNSRecord], additional: [DNSRecord])
        /// The name exists, but not with this type.
        case nothing
        case unknown
        /// The name stands for another one outside of the cluster.
        case alias(String)
    }

    func answer(_ question: DNSQuestion) -> Answer {
        if question.name.hasSuffix(".in-addr.arpa") { return reverse(question) }
        guard question.name == domain || question.name.hasSuffix("." + domain) else { return .elsewhere }
        let labels = question.name.dropLast(domain.count).split(separator: ".").map(String.init)
        guard let kind = labels.last else { return .nothing }
        if kind == "pod" { return pod(question, labels) }
        guard kind == "svc" else { return .unknown }
        guard labels.count >= 3 else {
            // `svc.cluster.local` and `NAMESPACE.svc.cluster.local` exist without records.
            if labels.count == 1 || table.entries.contains(where: { $0.namespace == labels[0] }) { return .nothing }
            return .unknown
        }
        let namespace = labels[labels.count - 2]
        let name = labels[labels.count - 3]
        guard let entry = table.entries.first(where: { $0.namespace == namespace && $0.name == name }) else {
            return .unknown
        }
        let rest = Array(labels.dropLast(3))
        if rest.isEmpty { return service(question, entry) }
        if rest.count == 2, rest[0].hasPrefix("_"), rest[1].hasPrefix("_") {
            return portOf(question, entry, port: String(rest[0].dropFirst()), kind: String(rest[1].dropFirst()))
        }
        guard rest.count == 1 else { return .unknown }
        let found = entry.endpoints.filter { $0.isReady && ($0.hostname ?? Self.hostname($0.address)) == rest[0] }
        return addresses(question, found.map(\.address))
    }

    private func service(_ question: DNSQuestion, _ entry: ServiceTable.Entry) -> Answer {
        if let external = entry.externalName {
            if let address = Address4(external) { return addresses(question, [address]) }
            return .alias(external)
        }
        if let address = entry.clusterAddress {
            if question.type == DNSType.srv { return everyPort(question, entry) }
            return addresses(question, [address])
        }
        if question.type == DNSType.srv { return everyPort(question, entry) }
        return addresses(question, entry.endpoints.filter(\.isReady).map(\.address))
    }

    private func addresses(_ question: DNSQuestion, _ found: [Address4]) -> Answer {
        guard !found.isEmpty else { return .unknown }
        guard question.type == DNSType.a || question.type == DNSType.any else { return .nothing }
        let records = found.shuffled().map { DNSRecord(name: question.name, type: DNSType.a, value: .address($0)) }
        return .records(records, additional: [])
    }

    private func everyPort(_ question: DNSQuestion, _ entry: ServiceTable.Entry) -> Answer {
        ports(question, entry, entry.ports.filter { !$0.name.isEmpty })
    }

    private func portOf(_ question: DNSQuestion, _ entry: ServiceTable.Entry, port: String, kind: String) -> Answer {
        let found = entry.ports.filter { $0.name == port && $0.protocol.lowercased() == kind }
        guard !found.isEmpty else { return .unknown }
        guard question.type == DNSType.srv || question.type == DNSType.any else { return .nothing }
        return ports(question, entry, found)
    }

    private func ports(_ question: DNSQuestion, _ entry: ServiceTable.Entry, _ ports: [ServiceTable.Port]) -> Answer {
        var records: [DNSRecord] = []
        var additional: [DNSRecord] = []
        let base = "\(entry.name).\(entry.namespace).svc.\(domain)"
        func add(_ port: Int, _ target: String, _ address: Address4) {
            records.append(
                DNSRecord(
                    name: question.name, type: DNSType.srv,
                    value: .service(priority: 0, weight: 100, port: UInt16(clamping: port), target: target)))
            additional.append(DNSRecord(name: target, type: DNSType.a, value: .address(address)))
        }
        for port in ports {
            if let address = entry.clusterAddress {
                add(port.number, base, address)
                continue
            }
            for endpoint in entry.endpoints where endpoint.isReady {
                let backend = port.backends.first { $0.address == endpoint.address }
                let name = endpoint.hostname ?? Self.hostname(endpoint.address)
                add(backend?.port ?? port.number, "\(name).\(base)", endpoint.address)
            }
        }
        return records.isEmpty ? .unknown : .records(records, additional: additional)
    }

    /// `10-244-0-7.NAMESPACE.pod.cluster.local`.
    private func pod(_ question: DNSQuestion, _ labels: [String]) -> Answer {
        guard labels.count == 3, let address = Address4(labels[0].map { $0 == "-" ? "." : String($0) }.joined()) else {
            return labels.count < 3 ? .nothing : .unknown
        }
        return addresses(question, [address])
    }

    private func reverse(_ question: DNSQuestion) -> Answer {
        let parts = question.name.dropLast(".in-addr.arpa".count).split(separator: ".").reversed()
        guard let address = Address4(parts.joined(separator: ".")) else { return .elsewhere }
        for entry in table.entries {
            let base = "\(entry.name).\(entry.namespace).svc.\(domain)"
            var target: String?
            if entry.clusterAddress == address { target = base }
            if entry.isHeadless, let endpoint = entry.endpoints.first(where: { $0.address == address }) {
                target = "\(endpoint.hostname ?? Self.hostname(address)).\(base)"
            }
            if let target {
                guard question.type == DNSType.ptr || question.type == DNSType.any else { return .nothing }
                return .records(
                    [DNSRecord(name: question.name, type: DNSType.ptr, value: .name(target))], additional: [])
            }
        }
        return .elsewhere
    }

    static func hostname(_ address: Address4) -> String {
        address.description.split(separator: ".").joined(separator: "-")
    }
}
