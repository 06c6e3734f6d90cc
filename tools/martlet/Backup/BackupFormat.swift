import ClusterStore
import Foundation
import KubeModel

/// How a backup file is made up.
///
///     magic "MARTLETB" | version u32 | 0 u32 | blocks
///     block: kind u8 | size of the payload u32 | payload | XXH64 of kind, size and payload u64
///
/// All numbers are little-endian. The first block is the manifest, the last one says how many blocks there are and what
/// their checksums come to, so that neither a missing block nor an exchanged one goes unnoticed. In between lie entries,
/// each followed by the data of its file.
enum BackupFormat {
    static let magic = Array("MARTLETB".utf8)
    /// Written and understood by this version.
    static let version: UInt32 = 1
    static let headerSize = 16
    /// Data blocks hold at most this much.
    static let blockSize = 1 << 20
    /// Longer blocks than this were not written by anyone.
    static let maximumBlock = 16 << 20

    enum Kind: UInt8 {
        case manifest = 1
        case entry = 2
        case data = 3
        case end = 4
    }

    /// Name of the entry that holds all objects.
    static let storeEntry = "store/objects"

    static func bytes<Number: FixedWidthInteger>(of number: Number) -> [UInt8] {
        withUnsafeBytes(of: number.littleEndian) { Array($0) }
    }

    static func number<Number: FixedWidthInteger>(_ bytes: ArraySlice<UInt8>) -> Number {
        bytes.reversed().reduce(0) { $0 << 8 | Number($1) }
    }
}

/// The checksums of all blocks so far, as one.
struct ChecksumChain {
    private(set) var value: UInt64 = 0
    private(set) var count = 0

    mutating func add(_ checksum: UInt64) {
        let both = BackupFormat.bytes(of: value) + BackupFormat.bytes(of: checksum)
        value = both.withUnsafeBytes(Checksum.of)
        count += 1
    }
}

/// What a backup is about: its first block.
struct BackupManifest {
    /// When it was made, RFC 3339.
    let created: String
    /// Version of Martlet that made it.
    let version: String
    /// The data directory it was made from.
    let dataDirectory: String
    /// Format of that directory.
    let dataFormat: Int64
    /// The revision of the objects, and how many they are.
    let revision: UInt64
    let objects: Int
    /// True when it holds the content of volumes.
    let hasVolumes: Bool

    /// What a backup never holds, for people.
    static let leftOut = [
        "environments and the package cache (built again when needed)", "logs and the audit log",
        "sessions (everyone signs in again)", "processes and scratch files of Pods",
    ]

    /// What this one does not hold.
    var missing: [String] { (hasVolumes ? [] : ["the content of volumes (--volumes takes it)"]) + Self.leftOut }

    var json: JSON {
        [
            "created": .string(created), "version": .string(version), "dataDir": .string(dataDirectory),
            "dataFormat": .int(dataFormat), "revision": .string(String(revision)), "objects": .int(Int64(objects)),
            "volumes": .bool(hasVolumes), "leavesOut": .array(missing.map(JSON.string)),
        ]
    }
}

extension BackupManifest {
    init?(_ json: JSON) {
        guard let created = json["created"]?.string, let version = json["version"]?.string,
            let directory = json["dataDir"]?.string, let format = json["dataFormat"]?.int,
            let revision = json["revision"]?.string.flatMap({ UInt64($0) }), let objects = json["objects"]?.int,
            let volumes = json["volumes"]?.bool
        else { return nil }
        self.init(
            created: created, version: version, dataDirectory: directory, dataFormat: format, revision: revision,
            objects: Int(objects), hasVolumes: volumes)
    }
}

/// One file, folder or link in a backup.
struct BackupEntry {
    enum Kind: String { case file, directory, link }

    /// Below the data directory, `pki/ca.key`.
    let path: String
    let kind: Kind
    /// Permissions, and owner by number.
    var mode: UInt32
    var user: UInt32
    var group: UInt32
    /// Seconds since 1970 of the last change of the content.
    var modified: Int64
    /// Where a link points.
    var target = ""

    var json: JSON {
        var json: JSON = [
            "path": .string(path), "kind": .string(kind.rawValue), "mode": .int(Int64(mode)), "user": .int(Int64(user)),
            "group": .int(Int64(group)), "modified": .int(modified),
        ]
        if kind == .link { json["target"] = .string(target) }
        return json
    }
}

extension BackupEntry {
    /// Nil for what is no entry, or one that would lead out of the data directory.
    init?(_ json: JSON) {
        guard let path = json["path"]?.string, let kind = json["kind"]?.string.flatMap(Kind.init),
            let mode = json["mode"]?.int.flatMap({ UInt32(exactly: $0) }), mode <= 0o7777,
            let user = json["user"]?.int.flatMap({ UInt32(exactly: $0) }),
            let group = json["group"]?.int.flatMap({ UInt32(exactly: $0) }), let modified = json["modified"]?.int,
            !path.contains("\0"),
            path.split(separator: "/", omittingEmptySubsequences: false).allSatisfy({ !["", ".", ".."].contains($0) })
        else { return nil }
        self.init(
            path: path, kind: kind, mode: mode, user: user, group: group, modified: modified,
            target: json["target"]?.string ?? "")
    }
}
