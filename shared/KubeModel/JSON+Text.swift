/// Why a text is not JSON, and where.
public struct JSONError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Line, counted from 1.
    public let line: Int
    /// Column in characters, counted from 1.
    public let column: Int
    /// What is wrong, in one sentence.
    public let message: String

    /// Makes an error.
    public init(line: Int, column: Int, message: String) {
        (self.line, self.column, self.message) = (line, column, message)
    }

    /// `line 3, column 14: expected a value`
    public var description: String { "line \(line), column \(column): \(message)" }
}

extension JSON {
    /// How deep arrays and objects may be nested in a text.
    public static let maximumDepth = 200

    /// Reads a JSON text of UTF-8 bytes. Of equal keys in one object the last one wins.
    public init(parsing bytes: [UInt8]) throws(JSONError) {
        self = try Self.parse(bytes)
    }

    /// Reads a JSON text of UTF-8 bytes that lie in any collection, such as a slice or a buffer of the network.
    public init(parsing bytes: some Collection<UInt8>) throws(JSONError) {
        self = try Self.parse(bytes)
    }

    /// Reads a JSON text.
    public init(parsing text: String) throws(JSONError) {
        self = try Self.parse(text.utf8)
    }

    /// Reads a JSON text without some of its members, which cost no more than being passed over.
    ///
    /// - Parameters:
    ///   - bytes: the text.
    ///   - leftOut: the keys of those members by the depth of their objects: those of the outermost object at 1. Only
    ///     the brackets and strings of their values are looked at.
    /// - Throws: ``JSONError`` where the rest is not JSON.
    public init(parsing bytes: [UInt8], leavingOut leftOut: [[String]]) throws(JSONError) {
        self = try bytes.withUnsafeBytes { buffer in
            Result { () throws(JSONError) in try Self.parse(buffer, onDuplicateKey: nil, leavingOut: leftOut) }
        }.get()
    }

    /// Reads a JSON text of UTF-8 bytes.
    public init(parsing buffer: UnsafeRawBufferPointer) throws(JSONError) {
        self = try Self.parse(buffer, onDuplicateKey: nil)
    }

    /// Reads a JSON text and adds the path of every key that came twice in one object (`spec.containers[0].name`) to
    /// `duplicates`.
    public init(parsing bytes: some Collection<UInt8>, duplicates: inout [String]) throws(JSONError) {
        var found: [String] = []
        self = try Self.parse(bytes) { found.append($0) }
        duplicates += found
    }

    /// Reads a JSON text of UTF-8 bytes.
    ///
    /// - Parameters:
    ///   - bytes: the text, without a byte order mark.
    ///   - onDuplicateKey: told the path of every key that came again in its object; the last one wins.
    /// - Returns: the value.
    /// - Throws: ``JSONError`` where the text is not RFC 8259 JSON, or nested deeper than ``maximumDepth``.
    public static func parse(
        _ bytes: some Collection<UInt8>, onDuplicateKey: ((String) -> Void)? = nil
    ) throws(JSONError) -> JSON {
        let fast = bytes.withContiguousStorageIfAvailable { buffer in
            Result { () throws(JSONError) in
                try parse(UnsafeRawBufferPointer(buffer), onDuplicateKey: onDuplicateKey)
            }
        }
        if let fast { return try fast.get() }
        return try Array(bytes).withUnsafeBytes { buffer in
            Result { () throws(JSONError) in try parse(buffer, onDuplicateKey: onDuplicateKey) }
        }.get()
    }

    /// Reads a JSON text of UTF-8 bytes.
    ///
    /// - Parameters:
    ///   - buffer: the text, without a byte order mark.
    ///   - onDuplicateKey: told the path of every key that came again in its object; the last one wins.
    /// - Returns: the value.
    /// - Throws: ``JSONError`` where the text is not RFC 8259 JSON, or nested deeper than ``maximumDepth``.
    public static func parse(
        _ buffer: UnsafeRawBufferPointer, onDuplicateKey: ((String) -> Void)?
    ) throws(JSONError) -> JSON {
        try parse(buffer, onDuplicateKey: onDuplicateKey, leavingOut: [])
    }

    private static func parse(
        _ buffer: UnsafeRawBufferPointer, onDuplicateKey: ((String) -> Void)?, leavingOut leftOut: [[String]]
    ) throws(JSONError) -> JSON {
        guard let base = buffer.baseAddress, buffer.count > 0 else {
            throw JSONError(line: 1, column: 1, message: "the text is empty")
        }
        let start = base.assumingMemoryBound(to: UInt8.self)
        var parser = JSONParser(
            start: start, count: buffer.count, reportsDuplicates: onDuplicateKey != nil, leftOut: leftOut)
        do throws(JSONParser.Failure) {
            let value = try parser.document()
            if let onDuplicateKey { for path in parser.duplicates { onDuplicateKey(path) } }
            return value
        } catch {
            throw error.located(in: UnsafeRawBufferPointer(buffer))
        }
    }

    /// The value as compact JSON text in UTF-8.
    public var bytes: [UInt8] {
        var bytes: [UInt8] = []
        write(into: &bytes)
        return bytes
    }

    /// The value as compact JSON text.
    public var text: String {
        var writer = JSONWriter()
        writer.write(self)
        return String(decoding: writer.written, as: UTF8.self)
    }

    /// Appends the value as compact JSON text in UTF-8. Numbers that JSON cannot hold (NaN, infinity) become `null`.
    public func write(into bytes: inout [UInt8]) {
        var writer = JSONWriter()
        writer.write(self)
        bytes.append(contentsOf: writer.written)
    }

    /// Gives the value as compact JSON text in UTF-8 to `body` without copying it once more.
    public func withBytes<Answer>(_ body: (UnsafeRawBufferPointer) throws -> Answer) rethrows -> Answer {
        var writer = JSONWriter()
        writer.write(self)
        return try body(UnsafeRawBufferPointer(writer.written))
    }
}
