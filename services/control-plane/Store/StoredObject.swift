public import KubeModel

/// One version of one object: the JSON text that is served, and what the server asks most often about it.
public final class StoredObject: Sendable {
    /// Which object this is.
    public let key: ObjectKey
    /// The change that made this version; `metadata.resourceVersion` says the same.
    public let revision: UInt64
    /// The object as compact JSON in UTF-8, `metadata.resourceVersion` included.
    public let bytes: [UInt8]
    /// `metadata.uid`.
    public let uid: String
    /// `metadata.labels`.
    public let labels: [String: String]
    /// The uids in `metadata.ownerReferences`.
    public let owners: [String]
    /// The values of the fields that are indexed for this resource.
    public let fields: [IndexedField]

    /// Where the digits of the revision begin in `bytes`.
    let revisionOffset: Int

    init(
        key: ObjectKey, revision: UInt64, bytes: [UInt8], revisionOffset: Int, uid: String, labels: [String: String],
        owners: [String] = [], fields: [IndexedField] = []
    ) {
        (self.key, self.revision, self.bytes, self.revisionOffset) = (key, revision, bytes, revisionOffset)
        (self.uid, self.labels, self.owners, self.fields) = (uid, labels, owners, fields)
    }

    /// `key.path`: objects are ordered by it.
    var path: String { key.path }

    /// The object as a tree, read anew from `bytes` each time.
    public func json() throws -> JSON { try JSON(parsing: bytes) }

    /// The value at a path of keys, without reading the rest of the object; nil where there is none.
    public func value(at path: [String]) -> JSON? {
        FieldScan.range(of: path, in: bytes).flatMap { try? JSON(parsing: bytes[$0]) }
    }

    /// The same content as a version with another revision: the state in which a deletion is reported.
    func renumbered(_ revision: UInt64) -> StoredObject {
        var draft = bytes
        let digits = decimalDigits(of: self.revision).count
        draft.replaceSubrange(revisionOffset..<revisionOffset + digits, with: decimalDigits(of: revision))
        return StoredObject(
            key: key, revision: revision, bytes: draft, revisionOffset: revisionOffset, uid: uid, labels: labels,
            owners: owners, fields: fields)
    }
}

/// An object that is written but for its revision, which is only known under the lock of the store.
struct ObjectDraft: Sendable {
    private let bytes: [UInt8]
    private let revisionOffset: Int
    private let uid: String
    private let labels: [String: String]
    private let owners: [String]
    private let fields: [IndexedField]

    /// Writes `json` with a gap where the revision goes, at the end of `metadata`.
    init(_ json: JSON, indexing paths: [IndexedPath] = []) {
        var metadata = json["metadata"]?.object ?? [:]
        metadata["resourceVersion"] = nil
        uid = metadata["uid"]?.string ?? ""
        labels = metadata["labels"]?.stringMap ?? [:]
        owners = metadata["ownerReferences"]?.array?.compactMap { $0["uid"]?.string } ?? []
        fields = paths.map { $0.field(json.value(at: $0.keys)) }

        // Three pieces: what comes before metadata, metadata, and what comes behind it.
        var (before, behind) = (JSONObject(), JSONObject())
        var hasMetadata = false
        for (key, value) in json.object ?? [:] {
            if key == "metadata" {
                hasMetadata = true
            } else if hasMetadata {
                behind.append(key, value)
            } else {
                before.append(key, value)
            }
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(1536)
        JSON.object(before).write(into: &bytes)
        bytes.removeLast()
        bytes.append(contentsOf: (before.isEmpty ? #""metadata":"# : #","metadata":"#).utf8)
        revisionOffset = Self.write(metadata, into: &bytes)
        if behind.isEmpty {
            bytes.append(UInt8(ascii: "}"))
        } else {
            JSON.object(behind).withBytes { text in
                bytes.append(UInt8(ascii: ","))
                bytes.append(contentsOf: text.dropFirst())
            }
        }
        self.bytes = bytes
    }

    /// Writes the metadata and returns where in `bytes` the digits of the revision are missing.
    private static func write(_ metadata: JSONObject, into bytes: inout [UInt8]) -> Int {
        JSON.object(metadata).write(into: &bytes)
        bytes.removeLast()
        bytes.append(contentsOf: (metadata.isEmpty ? #""resourceVersion":""# : #","resourceVersion":""#).utf8)
        let offset = bytes.count
        bytes.append(contentsOf: #""}"#.utf8)
        return offset
    }

    /// The object with its revision filled in.
    func numbered(_ revision: UInt64, key: ObjectKey) -> StoredObject {
        let digits = decimalDigits(of: revision)
        let numbered = [UInt8](unsafeUninitializedCapacity: bytes.count + digits.count) { buffer, count in
            let gap = buffer.baseAddress.map { $0 + revisionOffset }
            _ = buffer.initialize(from: bytes[..<revisionOffset])
            _ = UnsafeMutableBufferPointer(start: gap, count: digits.count).initialize(from: digits)
            _ = UnsafeMutableBufferPointer(
                start: gap.map { $0 + digits.count }, count: bytes.count - revisionOffset
            ).initialize(from: bytes[revisionOffset...])
            count = bytes.count + digits.count
        }
        return StoredObject(
            key: key, revision: revision, bytes: numbered, revisionOffset: revisionOffset, uid: uid, labels: labels,
            owners: owners, fields: fields)
    }
}

/// `revision` as ASCII digits.
func decimalDigits(of revision: UInt64) -> [UInt8] { Array(String(revision).utf8) }
