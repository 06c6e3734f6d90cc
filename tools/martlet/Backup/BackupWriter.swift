import ClusterStore
import Foundation
import KubeModel

/// Writes a backup file: under another name until all of it is on the disk, for its owner only.
final class BackupWriter {
    private let path: String
    private let temporary: String
    private let descriptor: Int32
    private var chain = ChecksumChain()
    private var isFinished = false
    /// Bytes written so far.
    private(set) var size = 0

    init(path: String) throws {
        self.path = path
        temporary = "\(path).unfinished-\(getpid())"
        descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw Self.failure(temporary) }
        try write(
            BackupFormat.magic + BackupFormat.bytes(of: BackupFormat.version) + BackupFormat.bytes(of: UInt32(0)))
    }

    deinit {
        close(descriptor)
        if !isFinished { unlink(temporary) }
    }

    private static func failure(_ path: String) -> Complaint {
        Complaint("\(path) cannot be written: \(String(cString: strerror(errno)))")
    }

    func add(_ kind: BackupFormat.Kind, _ payload: some Collection<UInt8>) throws {
        var block = [kind.rawValue]
        block.reserveCapacity(payload.count + 13)
        block += BackupFormat.bytes(of: UInt32(payload.count))
        block += payload
        let checksum = block.withUnsafeBytes(Checksum.of)
        chain.add(checksum)
        block += BackupFormat.bytes(of: checksum)
        try write(block)
    }

    /// Adds a file with bytes that are at hand.
    func add(_ entry: BackupEntry, content: [UInt8] = []) throws {
        try add(.entry, entry.json.bytes)
        var rest = content[...]
        while !rest.isEmpty {
            try add(.data, rest.prefix(BackupFormat.blockSize))
            rest = rest.dropFirst(BackupFormat.blockSize)
        }
    }

    /// Writes the last block, and gives the file its name once it is on the disk.
    func finish() throws {
        let end: JSON = ["blocks": .int(Int64(chain.count)), "checksum": .string(String(chain.value, radix: 16))]
        try add(.end, end.bytes)
        guard fsync(descriptor) == 0 else { throw Self.failure(temporary) }
        guard rename(temporary, path) == 0 else { throw Self.failure(path) }
        isFinished = true
        try FileTree.sync((path as NSString).deletingLastPathComponent)
    }

    private func write(_ bytes: [UInt8]) throws {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                Foundation.write(descriptor, buffer.baseAddress.map { $0 + written }, buffer.count - written)
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw Self.failure(temporary) }
            written += count
        }
        size += bytes.count
    }
}
