/// One question and the records of an answer (RFC 1035), as far as a cluster's names need them.
struct DNSQuestion: Sendable, Equatable {
    /// Labels joined by dots, lower case, without the last dot.
    var name: String
    var type: UInt16
    var `class`: UInt16
}

enum DNSType {
    static let a: UInt16 = 1
    static let cname: UInt16 = 5
    static let soa: UInt16 = 6
    static let ptr: UInt16 = 12
    static let aaaa: UInt16 = 28
    static let srv: UInt16 = 33
    static let any: UInt16 = 255
}

/// A record of an answer.
struct DNSRecord: Sendable, Equatable {
    enum Value: Sendable, Equatable {
        case address(Address4)
        case name(String)  // CNAME, PTR by type
        case service(priority: UInt16, weight: UInt16, port: UInt16, target: String)
    }
    var name: String
    var type: UInt16
    var value: Value
}

/// Reads queries and writes answers.
enum DNSMessage {
    /// The first question of a query; nil when the bytes are no query.
    static func question(_ bytes: [UInt8]) -> DNSQuestion? {
        guard bytes.count >= 17, bytes[2] & 0x80 == 0, bytes[2] & 0x78 == 0, bytes[4] == 0, bytes[5] == 1 else {
            return nil
        }
        var labels: [String] = []
        var at = 12
        var length = 0
        while at < bytes.count {
            let size = Int(bytes[at])
            at += 1
            if size == 0 { break }
            length += size + 1
            guard size < 64, length < 256, at + size <= bytes.count else { return nil }
            labels.append(
                String(decoding: bytes[at..<at + size].map { (65...90).contains($0) ? $0 + 32 : $0 }, as: UTF8.self))
            at += size
        }
        guard at + 4 <= bytes.count else { return nil }
        return DNSQuestion(
            name: labels.joined(separator: "."), type: UInt16(bytes[at]) << 8 | UInt16(bytes[at + 1]),
            class: UInt16(bytes[at + 2]) << 8 | UInt16(bytes[at + 3]))
    }

    /// Where the question section of a query ends.
    private static func endOfQuestion(_ query: [UInt8]) -> Int {
        var at = 12
        while at < query.count, query[at] != 0 { at += Int(query[at]) + 1 }
        return min(query.count, at + 5)
    }

    /// An answer to a query; `zone` is the name of the authority given when there is nothing to answer.
    static func answer(
        to query: [UInt8], records: [DNSRecord], additional: [DNSRecord] = [], exists: Bool, zone: String, limit: Int
    ) -> [UInt8] {
        let question = endOfQuestion(query)
        var message = Array(query[..<question])
        message[2] = 0x84 | (query[2] & 0x01)
        message[3] = 0x80 | (exists ? 0 : 3)
        for index in 6..<12 { message[index] = 0 }
        var written = 0
        var isTruncated = false
        for record in records {
            let bytes = encode(record)
            if message.count + bytes.count > limit {
                isTruncated = true
                break
            }
            message += bytes
            written += 1
        }
        message[6] = UInt8(written >> 8)
        message[7] = UInt8(written & 255)
        if records.isEmpty {
            let authority = encodeAuthority(zone)
            message += authority
            message[9] = 1
        }
        var extra = 0
        for record in additional where !isTruncated {
            let bytes = encode(record)
            if message.count + bytes.count > limit { break }
            message += bytes
            extra += 1
        }
        message[11] = UInt8(extra & 255)
        if isTruncated { message[2] |= 0x02 }
        return message
    }

    /// An answer that only carries a code: 2 server failure, 4 not implemented, 5 refused.
    static func failure(to query: [UInt8], code: UInt8) -> [UInt8] {
        guard query.count >= 12 else { return [] }
        var message = Array(query[..<endOfQuestion(query)])
        message[2] = 0x80 | (query[2] & 0x79)
        message[3] = 0x80 | code
        for index in 6..<12 { message[index] = 0 }
        return message
    }

    /// A recursive query for a name.
    static func query(id: UInt16, name: String, type: UInt16) -> [UInt8] {
        big(id) + [1, 0, 0, 1, 0, 0, 0, 0, 0, 0] + encode(name: name) + big(type) + [0, 1]
    }

    /// The addresses in the answer section of a message; aliases are passed over.
    static func addresses(in message: [UInt8]) -> [Address4] {
        guard message.count >= 12 else { return [] }
        var at = endOfQuestion(message)
        var found: [Address4] = []
        for _ in 0..<(Int(message[6]) << 8 | Int(message[7])) {
            while at < message.count, message[at] != 0, message[at] < 0xC0 { at += Int(message[at]) + 1 }
            guard at < message.count else { break }
            at += message[at] >= 0xC0 ? 2 : 1
            guard at + 10 <= message.count else { break }
            let type = UInt16(message[at]) << 8 | UInt16(message[at + 1])
            let size = Int(message[at + 8]) << 8 | Int(message[at + 9])
            at += 10
            guard at + size <= message.count else { break }
            if type == DNSType.a, size == 4 {
                found.append(Address4(value: message[at..<at + 4].reduce(0) { $0 << 8 | UInt32($1) }))
            }
            at += size
        }
        return found
    }

    private static func encode(_ record: DNSRecord) -> [UInt8] {
        let value: [UInt8]
        switch record.value {
        case .address(let address): value = address.bytes
        case .name(let name): value = encode(name: name)
        case .service(let priority, let weight, let port, let target):
            value = big(priority) + big(weight) + big(port) + encode(name: target)
        }
        // Five seconds: endpoints come and go.
        return encode(name: record.name) + big(record.type) + [0, 1, 0, 0, 0, 5] + big(UInt16(value.count)) + value
    }

    private static func encodeAuthority(_ zone: String) -> [UInt8] {
        let numbers: [UInt32] = [1, 7200, 1800, 86400, 5]
        let value =
            encode(name: "ns.dns.\(zone)") + encode(name: "hostmaster.\(zone)")
            + numbers.flatMap { number in [24, 16, 8, 0].map { UInt8(number >> UInt32($0) & 255) } }
        return encode(name: zone) + big(DNSType.soa) + [0, 1, 0, 0, 0, 5] + big(UInt16(value.count)) + value
    }

    static func encode(name: String) -> [UInt8] {
        var bytes: [UInt8] = []
        for label in name.split(separator: ".") {
            let part = Array(label.utf8.prefix(63))
            bytes.append(UInt8(part.count))
            bytes += part
        }
        return bytes + [0]
    }

    private static func big(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 255)] }
}
