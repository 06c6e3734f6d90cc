/// The functions of addresses and networks.
enum AddressFunctions {
    private static let ip = KubernetesTypes.ip
    private static let cidr = KubernetesTypes.cidr

    static func address(_ text: String) throws(EvaluationError) -> Address {
        let address: Address
        do throws(Address.Malformed) {
            address = try Address(text)
        } catch {
            throw EvaluationError(
                "IP Address \(QuotedText.go(text)) parse error during conversion from string: \(error.message)")
        }
        if text.contains("%") {
            throw EvaluationError("IP address \(QuotedText.go(text)) with zone value is not allowed")
        }
        if address.isMappedV4 {
            throw EvaluationError("IPv4-mapped IPv6 address \(QuotedText.go(text)) is not allowed")
        }
        return address
    }

    static let all: [Function] = [
        Function(
            "ip", [.global("string_to_ip", [.string], ip), .member("cidr_ip", [cidr], ip)],
            unary: { (value) throws(EvaluationError) in
                if case .string(let text) = value { return .object(AddressValue(address: try address(text))) }
                return .object(AddressValue(address: try unbox(value, NetworkValue.self).address))
            }),
        Function(
            "isIP", [.global("is_ip", [.string], .bool)],
            unary: { (value) throws(EvaluationError) in
                let text = try text(value)
                return .bool((try? address(text)) != nil)
            }),
        Function(
            "ip.isCanonical", [.global("ip_is_canonical", [.string], .bool)],
            unary: { (value) throws(EvaluationError) in
                let text = try text(value)
                return .bool(try address(text).text == text)
            }),
        Function(
            "family", [.member("ip_family", [ip], .int)],
            unary: { (value) throws(EvaluationError) in .int(try unbox(value, AddressValue.self).address.isV4 ? 4 : 6) }
        ),
        test("isUnspecified", "ip_is_unspecified", \.isUnspecified), test("isLoopback", "ip_is_loopback", \.isLoopback),
        test("isLinkLocalMulticast", "ip_is_link_local_multicast", \.isLinkLocalMulticast),
        test("isLinkLocalUnicast", "ip_is_link_local_unicast", \.isLinkLocalUnicast),
        test("isGlobalUnicast", "ip_is_global_unicast", \.isGlobalUnicast),
        Function(
            "string", [.global("ip_to_string", [ip], .string), .global("cidr_to_string", [cidr], .string)],
            unary: { (value) throws(EvaluationError) in
                guard case .object(let object) = value else { throw .noOverload }
                if let address = object as? AddressValue { return .string(address.address.text) }
                if let network = object as? NetworkValue { return .string(network.text) }
                throw .noOverload
            }),
        Function(
            "cidr", [.global("string_to_cidr", [.string], cidr)],
            unary: { (value) throws(EvaluationError) in .object(try NetworkValue(try text(value))) }),
        Function(
            "isCIDR", [.global("is_cidr", [.string], .bool)],
            unary: { (value) throws(EvaluationError) in
                let text = try text(value)
                return .bool((try? NetworkValue(text)) != nil)
            }),
        Function(
            "containsIP",
            [
                .member("cidr_contains_ip_string", [cidr, .string], .bool),
                .member("cidr_contains_ip_ip", [cidr, ip], .bool),
            ],
            binary: { (network, other) throws(EvaluationError) in
                let network = try unbox(network, NetworkValue.self)
                if case .string(let text) = other { return .bool(network.contains(try address(text))) }
                return .bool(network.contains(try unbox(other, AddressValue.self).address))
            }),
        Function(
            "containsCIDR",
            [
                .member("cidr_contains_cidr_string", [cidr, .string], .bool),
                .member("cidr_contains_cidr", [cidr, cidr], .bool),
            ],
            binary: { (network, other) throws(EvaluationError) in
                let network = try unbox(network, NetworkValue.self)
                let inner: NetworkValue
                if case .string(let text) = other {
                    inner = try NetworkValue(text)
                } else {
                    inner = try unbox(other)
                }
                return .bool(network.length <= inner.length && network.contains(inner.address))
            }),
        Function(
            "prefixLength", [.member("cidr_prefix_length", [cidr], .int)],
            unary: { (value) throws(EvaluationError) in .int(Int64(try unbox(value, NetworkValue.self).length)) }),
        Function(
            "masked", [.member("cidr_masked", [cidr], cidr)],
            unary: { (value) throws(EvaluationError) in
                let network: NetworkValue = try unbox(value)
                return .object(NetworkValue(address: network.address.masked(network.length), length: network.length))
            }),
    ]

    private static func test(
        _ name: String, _ id: String, _ test: @escaping @Sendable (Address) -> Bool
    ) -> Function {
        Function(
            name, [.member(id, [ip], .bool)],
            unary: { (value) throws(EvaluationError) in .bool(test(try unbox(value, AddressValue.self).address)) })
    }
}
