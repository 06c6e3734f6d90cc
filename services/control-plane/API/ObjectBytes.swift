import ClusterRules
import ClusterStore
import Glibc
import KubeModel
import NIOCore

/// Ways to send stored bytes without reading them.
///
/// Every object is written with `kind` and `apiVersion` first, so that the version can be exchanged, and both can be
/// left out, by looking at the first bytes only.
extension ServedKind {
    /// Puts `kind` and `apiVersion` of the stored version in front.
    func normalized(_ json: JSON) -> JSON {
        let json = definition.storedAs == nil ? json : definition.toStored(json)
        var ordered: JSONObject = [
            "kind": .string((definition.storedAs ?? type).kind), "apiVersion": .string(storageAPIVersion),
        ]
        for (key, value) in json.object ?? [:] where key != "kind" && key != "apiVersion" { ordered[key] = value }
        return .object(ordered)
    }

    /// Where the part after `apiVersion` begins in stored bytes; nil when they do not begin as ours do.
    private func tail(of bytes: [UInt8]) -> Int? {
        if bytes.starts(withBytes: typePrefix) { return typePrefix.count }
        guard bytes.starts(with: prefix) else { return nil }
        return bytes[prefix.count...].firstIndex(of: UInt8(ascii: "\"")).map { $0 + 1 }
    }

    /// Appends an object in this kind's version.
    func write(_ object: StoredObject, into buffer: inout ByteBuffer) {
        let bytes = object.bytes
        if definition.storedAs != nil, let tree = try? tree(object) {
            buffer.writeBytes(tree.bytes)
        } else if !isCustom || bytes.starts(withBytes: typePrefix) {
            buffer.writeBytes(bytes)
        } else if let tail = tail(of: bytes) {
            buffer.writeBytes(typePrefix)
            buffer.writeBytes(bytes[tail...])
        } else {
            buffer.writeBytes(bytes)
        }
    }

    /// Appends an object as an item of a list: built-in kinds leave out what the list says already.
    func writeItem(_ object: StoredObject, into buffer: inout ByteBuffer) {
        let bytes = object.bytes
        guard !isCustom, definition.storedAs == nil, let tail = tail(of: bytes), tail < bytes.count,
            bytes[tail] == UInt8(ascii: ",")
        else {
            write(object, into: &buffer)
            return
        }
        buffer.writeInteger(UInt8(ascii: "{"))
        buffer.writeBytes(bytes[(tail + 1)...])
    }

    /// The tree of a stored object in this kind's version.
    func tree(_ object: StoredObject) throws -> JSON {
        var json = try object.json()
        if definition.storedAs != nil { return definition.fromStored(json) }
        if isCustom { json["apiVersion"] = .string(type.apiVersion) }
        return json
    }

    /// An object as the whole body of an answer.
    func answer(_ object: StoredObject, status: Int = 200) -> APIAnswer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(object.bytes.count + 64)
        write(object, into: &buffer)
        return APIAnswer(status: status, body: .bytes(buffer))
    }
}

extension [UInt8] {
    /// True when the bytes begin with others.
    fileprivate func starts(withBytes prefix: [UInt8]) -> Bool {
        withUnsafeBytes { bytes in
            prefix.withUnsafeBytes { prefix in
                guard bytes.count >= prefix.count, let left = bytes.baseAddress, let right = prefix.baseAddress else {
                    return prefix.isEmpty
                }
                return memcmp(left, right, prefix.count) == 0
            }
        }
    }
}
