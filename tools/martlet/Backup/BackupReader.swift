import ClusterStore
import Foundation
import KubeModel

/// Reads a backup file from its beginning to its end, and believes nothing that it has not checked.
final class BackupReader {
    /// What comes next.
    enum Part {
        case entry(BackupEntry)
        case data(ArraySlice<UInt8>)
    }

    let manifest: BackupManifest
    private let path: String
    private let handle: FileHandle
    private var offset: Int
    private var chain = ChecksumChain()

    /// Opens a file and reads what it is about.
    init(path: String) throws {
        self.path = path
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw Complaint("\(path) cannot be read: \(String(cString: strerror(errno)))")
        }
        self.handle = handle
        let header = [UInt8](try handle.read(upToCount: BackupFormat.headerSize) ?? Data())
        guard header.count == BackupFormat.headerSize, header.starts(with: BackupFormat.magic) else {
            throw Complaint("\(path) is not a backup of Martlet")
        }
        let version: UInt32 = BackupFormat.number(header[8..<12])
        guard version <= BackupFormat.version else {
            throw Complaint(
                "\(path) was written by a newer Martlet (format \(version), this one reads up to "
                    + "\(BackupFormat.version)). Use that version.")
        }
        offset = BackupFormat.headerSize
        guard version == BackupFormat.version, header[12..<16].allSatisfy({ $0 == 0 }) else {
            throw Self.damage(path, 8, "its header is not one that was ever written")
        }
        let start = offset
        let (kind, payload, checksum) = try Self.block(handle, path, &offset)
        guard kind == .manifest, let manifest = (try? JSON(parsing: payload)).flatMap(BackupManifest.init) else {
            throw Self.damage(path, start, "it does not begin with its manifest")
        }
        chain.add(checksum)
        self.manifest = manifest
    }

    private static func damage(_ path: String, _ offset: Int, _ what: String) -> Complaint {
        Complaint("\(path) is damaged at byte \(offset): \(what). Nothing was restored.")
    }

    /// The next part, nil after the end.
    func next() throws -> Part? {
        let start = offset
        let (kind, payload, checksum) = try Self.block(handle, path, &offset)
        switch kind {
        case .data:
            chain.add(checksum)
            return .data(payload)
        case .entry:
            chain.add(checksum)
            guard let entry = (try? JSON(parsing: payload)).flatMap(BackupEntry.init) else {
                throw Self.damage(path, start, "an entry is none")
            }
            return .entry(entry)
        case .end:
            let end = try? JSON(parsing: payload)
            guard end?["blocks"]?.int == Int64(chain.count), end?["checksum"]?.string == String(chain.value, radix: 16)
            else { throw Self.damage(path, start, "blocks are missing or not in their order") }
            guard try handle.read(upToCount: 1)?.isEmpty ?? true else {
                throw Self.damage(path, offset, "something follows its end")
            }
            return nil
        case .manifest: throw Self.damage(path, start, "it has a second manifest")
        }
    }

    private static func block(
        _ handle: FileHandle, _ path: String, _ offset: inout Int
    ) throws -> (BackupFormat.Kind, ArraySlice<UInt8>, UInt64) {
        let head = [UInt8](try handle.read(upToCount: 5) ?? Data())
        guard head.count == 5 else { throw damage(path, offset, "the file ends too early") }
        let size = Int(BackupFormat.number(head[1..<5]) as UInt32)
        guard size <= BackupFormat.maximumBlock else { throw damage(path, offset, "a block has an impossible size") }
        let rest = [UInt8](try handle.read(upToCount: size + 8) ?? Data())
        guard rest.count == size + 8 else { throw damage(path, offset, "the file ends too early") }
        let checksum: UInt64 = BackupFormat.number(rest[size...])
        guard (head + rest[..<size]).withUnsafeBytes(Checksum.of) == checksum else {
            throw damage(path, offset, "a block does not match its checksum")
        }
        guard let kind = BackupFormat.Kind(rawValue: head[0]) else {
            throw damage(path, offset, "a block of kind \(head[0]) is unknown")
        }
        offset += 5 + size + 8
        return (kind, rest[..<size], checksum)
    }
}
