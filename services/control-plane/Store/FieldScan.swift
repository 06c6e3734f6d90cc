/// Finds values in the compact JSON text that the store writes, without reading all of it into a tree.
///
/// The text is valid JSON without white space. Anything else is not followed beyond its end, and finds nothing.
struct FieldScan {
    private let bytes: UnsafeBufferPointer<UInt8>
    private var position = 0

    private init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    /// The place of the value at a path of keys, nil where there is none.
    static func range(of path: [String], in text: [UInt8]) -> Range<Int>? {
        text.withUnsafeBufferPointer { bytes in
            var scan = FieldScan(bytes)
            for key in path { guard scan.enter(key) else { return nil } }
            let start = scan.position
            return scan.skipValue() ? start..<scan.position : nil
        }
    }

    /// The places of the values of `key` in the objects of the array at a path.
    static func ranges(of key: String, inArrayAt path: [String], in text: [UInt8]) -> [Range<Int>] {
        text.withUnsafeBufferPointer { bytes in
            var scan = FieldScan(bytes)
            for key in path { guard scan.enter(key) else { return [] } }
            guard scan.take(UInt8(ascii: "[")) else { return [] }
            var found: [Range<Int>] = []
            while true {
                var element = scan
                if element.enter(key) {
                    let start = element.position
                    if element.skipValue() { found.append(start..<element.position) }
                }
                guard scan.skipValue(), scan.take(UInt8(ascii: ",")) else { return found }
            }
        }
    }

    /// Steps from the beginning of an object to the value of a key.
    private mutating func enter(_ key: String) -> Bool {
        guard take(UInt8(ascii: "{")) else { return false }
        let wanted = key.utf8
        while position < bytes.count, bytes[position] == UInt8(ascii: "\"") {
            let start = position + 1
            guard skipString(), take(UInt8(ascii: ":")) else { return false }
            let name = bytes[start..<position - 2]
            if name.count == wanted.count, name.elementsEqual(wanted) { return true }
            guard skipValue(), take(UInt8(ascii: ",")) else { return false }
        }
        return false
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    private mutating func skipString() -> Bool {
        position += 1
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            if byte == UInt8(ascii: "\"") { return true }
            if byte == UInt8(ascii: "\\") { position += 1 }
        }
        return false
    }

    private mutating func skipValue() -> Bool {
        var depth = 0
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\""):
                guard skipString() else { return false }
                if depth == 0 { return true }
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                position += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                if depth == 0 { return true }  // the end of a number, true, false or null
                depth -= 1
                position += 1
                if depth == 0 { return true }
            case UInt8(ascii: ",") where depth == 0: return true
            default: position += 1
            }
        }
        return depth == 0
    }
}
