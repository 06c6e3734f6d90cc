/// Reads the members of a tar archive in order: ustar, pax and GNU forms.
struct TarReader {
    /// What a member is.
    enum Kind: Equatable { case file, hardLink, symbolicLink, folder, pipe, device }

    /// One member, without its content.
    struct Member {
        var name: String
        var kind: Kind
        var target: String
        var size: Int64
        var mode: UInt32
        var uid: UInt32
        var gid: UInt32
        /// Time of the last change, seconds and nanoseconds.
        var changed: (seconds: Int, nanoseconds: Int)
        /// Extended attributes by name.
        var attributes: [String: [UInt8]]
    }

    /// Fills the buffer with the next bytes; the number read is smaller only at the end.
    typealias Source = (UnsafeMutableRawBufferPointer) throws -> Int

    private let source: Source
    private var remaining: Int64 = 0
    private var padding = 0
    private var global: [String: [UInt8]] = [:]
    private var globalSize: Int64 = 0

    /// The longest headers in a row that describe one member, bytes.
    private static let longestHeaders: Int64 = 4 << 20
    /// All headers that describe all members that follow, bytes.
    private static let longestGlobal: Int64 = 256 << 10

    init(_ source: @escaping Source) { self.source = source }

    /// The next member, nil at the end; content of the last one that was not read is skipped.
    ///
    /// - Throws: ``ImageError`` when the archive is broken.
    mutating func next() throws -> Member? {
        try skip()
        var extended = global
        var longName: String?
        var longTarget: String?
        var headers: Int64 = 0
        while true {
            guard let header = try block() else { return nil }
            guard let size = Self.number(header[124..<136]), size >= 0, Self.isSumRight(header) else {
                throw ImageError("a layer is no valid tar archive")
            }
            let type = header[156]
            headers += 512 + size
            guard headers <= Self.longestHeaders || !"xgLK".utf8.contains(type) else {
                throw ImageError("a layer has headers that are too long")
            }
            switch type {
            case UInt8(ascii: "x"):
                extended.merge(try records(size)) { _, new in new }
            case UInt8(ascii: "g"):
                globalSize += size
                guard globalSize <= Self.longestGlobal else {
                    throw ImageError("a layer has headers that are too long")
                }
                global.merge(try records(size)) { _, new in new }
                extended = global
            case UInt8(ascii: "L"): longName = Self.text(try content(size)[...])
            case UInt8(ascii: "K"): longTarget = Self.text(try content(size)[...])
            default:
                return try member(header, type, size, extended, longName, longTarget)
            }
        }
    }

    /// Reads more of the content of the last member; 0 at its end.
    mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let wanted = Int(min(Int64(buffer.count), remaining))
        guard wanted > 0, let base = buffer.baseAddress else { return 0 }
        let part = UnsafeMutableRawBufferPointer(start: base, count: wanted)
        guard try source(part) == wanted else { throw ImageError("a layer ends too early") }
        remaining -= Int64(wanted)
        return wanted
    }

    private mutating func member(
        _ header: [UInt8], _ type: UInt8, _ size: Int64, _ extended: [String: [UInt8]], _ longName: String?,
        _ longTarget: String?
    ) throws -> Member {
        func pax(_ key: String) -> String? { extended[key].map { String(decoding: $0, as: UTF8.self) } }
        func id(_ key: String, _ field: Range<Int>) throws -> UInt32 {
            let value = pax(key).map { Int64($0) } ?? Self.number(header[field])
            guard let value, let number = UInt32(exactly: value) else {
                throw ImageError("a layer has a member with an owner that is no number")
            }
            return number
        }
        var name = Self.text(header[0..<100])
        // The prefix is one of POSIX archives; GNU's older form keeps other things there.
        let prefix = Self.text(header[345..<500])
        if header[257..<263].elementsEqual([0x75, 0x73, 0x74, 0x61, 0x72, 0]), !prefix.isEmpty {
            name = "\(prefix)/\(name)"
        }
        name = pax("path") ?? longName ?? name
        let size = pax("size").flatMap { Int64($0) } ?? size
        guard size >= 0, !extended.keys.contains(where: { $0.hasPrefix("GNU.sparse.") }) else {
            throw ImageError("a layer has a sparse file, which is not supported: \(name)")
        }
        let kind: Kind
        switch type {
        case 0, UInt8(ascii: "0"), UInt8(ascii: "7"): kind = name.hasSuffix("/") ? .folder : .file
        case UInt8(ascii: "1"): kind = .hardLink
        case UInt8(ascii: "2"): kind = .symbolicLink
        case UInt8(ascii: "3"), UInt8(ascii: "4"): kind = .device
        case UInt8(ascii: "5"): kind = .folder
        case UInt8(ascii: "6"): kind = .pipe
        default: throw ImageError("a layer has a member of an unknown kind: \(name)")
        }
        // Links may tell the size of what they lead to; it does not follow.
        remaining = kind == .hardLink || kind == .symbolicLink ? 0 : size
        padding = Int((512 - remaining % 512) % 512)
        var attributes: [String: [UInt8]] = [:]
        for (key, value) in extended where key.hasPrefix("SCHILY.xattr.") {
            attributes[String(key.dropFirst("SCHILY.xattr.".count))] = value
        }
        let parts = (pax("mtime") ?? "").split(separator: ".")
        let fraction = parts.count > 1 ? String((parts[1] + "000000000").prefix(9)) : "0"
        return Member(
            name: name, kind: kind,
            target: pax("linkpath") ?? longTarget ?? Self.text(header[157..<257]), size: remaining,
            mode: UInt32(truncatingIfNeeded: Self.number(header[100..<108]) ?? 0) & 0o7777,
            uid: try id("uid", 108..<116), gid: try id("gid", 116..<124),
            changed: (
                parts.first.flatMap { Int($0) } ?? Int(Self.number(header[136..<148]) ?? 0), Int(fraction) ?? 0
            ), attributes: attributes)
    }

    private mutating func skip() throws {
        var scratch = [UInt8](repeating: 0, count: 65536)
        while remaining > 0 {
            _ = try scratch.withUnsafeMutableBytes { try read(into: $0) }
        }
        if padding > 0 {
            let wanted = padding
            padding = 0
            let got = try scratch.withUnsafeMutableBytes {
                try source(UnsafeMutableRawBufferPointer(rebasing: $0[..<wanted]))
            }
            guard got == wanted else { throw ImageError("a layer ends too early") }
        }
    }

    /// The next header; nil at the end of the archive, which zeros announce.
    private func block() throws -> [UInt8]? {
        var block = [UInt8](repeating: 0, count: 512)
        let size = try block.withUnsafeMutableBytes { try source($0) }
        if size == 0 { return nil }
        guard size == 512 else { throw ImageError("a layer ends too early") }
        return block.allSatisfy { $0 == 0 } ? nil : block
    }

    private mutating func content(_ size: Int64) throws -> [UInt8] {
        guard size <= 1 << 20 else { throw ImageError("a layer has a name that is too long") }
        var bytes = [UInt8](repeating: 0, count: Int(size))
        (remaining, padding) = (size, Int((512 - size % 512) % 512))
        _ = try bytes.withUnsafeMutableBytes { try read(into: $0) }
        try skip()
        return bytes
    }

    /// `LENGTH KEY=VALUE\n`, repeated.
    private mutating func records(_ size: Int64) throws -> [String: [UInt8]] {
        var rest = try content(size)[...]
        var records: [String: [UInt8]] = [:]
        while !rest.isEmpty {
            guard let space = rest.firstIndex(of: 0x20),
                let length = Int(String(decoding: rest[..<space], as: UTF8.self)), length <= rest.count,
                length > space - rest.startIndex + 2, case let end = rest.startIndex + length, rest[end - 1] == 0x0A,
                let equals = rest[space..<(end - 1)].firstIndex(of: 0x3D)
            else { throw ImageError("a layer has a broken header") }
            records[String(decoding: rest[(space + 1)..<equals], as: UTF8.self)] = Array(rest[(equals + 1)..<(end - 1)])
            rest = rest[end...]
        }
        return records
    }

    private static func text(_ field: ArraySlice<UInt8>) -> String {
        String(decoding: field.prefix { $0 != 0 }, as: UTF8.self)
    }

    /// Octal digits, or a binary number when the first bit is set.
    static func number(_ field: ArraySlice<UInt8>) -> Int64? {
        guard let first = field.first else { return nil }
        if first & 0x80 != 0 {
            var value: Int64 = first & 0x40 != 0 ? -1 : 0
            for (index, byte) in field.enumerated() {
                let bits = index == 0 ? Int64(byte & 0x3F) : Int64(byte)
                guard value >> 54 == 0 || value >> 54 == -1 else { return nil }
                value = value << (index == 0 ? 6 : 8) | bits
            }
            return value
        }
        var value: Int64 = 0
        for byte in field where byte != 0 && byte != 0x20 {
            guard (0x30...0x37).contains(byte), value >> 58 == 0 else { return nil }
            value = value << 3 | Int64(byte - 0x30)
        }
        return value
    }

    private static func isSumRight(_ header: [UInt8]) -> Bool {
        let sum = header.enumerated().reduce(Int64(0)) {
            $0 + Int64((148..<156).contains($1.offset) ? 0x20 : $1.element)
        }
        return number(header[148..<156]) == sum
    }
}
