/// An IPv4 address.
struct Address4: Hashable, Sendable, Comparable, CustomStringConvertible {
    let value: UInt32

    init(value: UInt32) { self.value = value }

    init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var value: UInt32 = 0
        for part in parts {
            guard part.count <= 3, part.allSatisfy(\.isASCII), let number = UInt8(part) else { return nil }
            value = value << 8 | UInt32(number)
        }
        self.value = value
    }

    var description: String { "\(value >> 24).\(value >> 16 & 255).\(value >> 8 & 255).\(value & 255)" }
    var bytes: [UInt8] { [24, 16, 8, 0].map { UInt8(value >> $0 & 255) } }
    var isLoopback: Bool { value >> 24 == 127 }
    /// True for addresses of groups, and for broadcast: no machine has one for itself.
    var isOfMany: Bool { value >> 28 >= 14 }

    static func < (left: Address4, right: Address4) -> Bool { left.value < right.value }
}

/// An IPv4 network, `10.244.7.0/24`.
struct Network4: Hashable, Sendable, CustomStringConvertible {
    let base: Address4
    let prefix: Int

    init?(_ text: String) {
        let parts = text.split(separator: "/")
        guard parts.count == 2, let address = Address4(parts[0]), let prefix = Int(parts[1]), (8...30).contains(prefix)
        else { return nil }
        self.prefix = prefix
        base = Address4(value: address.value & (UInt32.max << UInt32(32 - prefix)))
    }

    var description: String { "\(base)/\(prefix)" }
    /// The first usable address.
    var gateway: Address4 { Address4(value: base.value + 1) }
    /// How many addresses it has, with the first and last that nobody may use.
    var size: UInt32 { 1 << UInt32(32 - prefix) }

    func contains(_ address: Address4) -> Bool { address.value >= base.value && address.value - base.value < size }

    /// Of the bridge: one that its owner made up, which lasts as long as the network.
    var bridgeHardwareAddress: String {
        let digits = gateway.bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
        return "02:6d:" + digits.joined(separator: ":")
    }

    /// A name for the bridge of this network, the same every time and different for different networks.
    var bridgeName: String { "mb" + String(base.value, radix: 16) + String(prefix, radix: 36) }
}

/// The addresses of a pod network that are in use.
struct AddressPool: Sendable {
    let network: Network4
    private(set) var used: Set<Address4> = []
    private var next: UInt32 = 2

    init(_ network: Network4) { self.network = network }

    /// Marks an address of a pod that is known from before.
    mutating func reserve(_ address: Address4) { used.insert(address) }

    /// Takes an address; one that was just given back comes last.
    mutating func take() -> Address4? {
        for _ in 2..<network.size {
            if next >= network.size - 1 { next = 2 }
            let address = Address4(value: network.base.value + next)
            next += 1
            if used.insert(address).inserted { return address }
        }
        return nil
    }

    mutating func giveBack(_ address: Address4) { used.remove(address) }
}
