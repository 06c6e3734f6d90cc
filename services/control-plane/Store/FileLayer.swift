import Glibc
import Synchronization

/// A call to the operating system that failed.
struct FileFailure: Error, CustomStringConvertible {
    let operation: FileOperation
    let path: String
    let code: Int32

    init(_ operation: FileOperation, _ path: String, code: Int32 = errno) {
        (self.operation, self.path, self.code) = (operation, path, code)
    }

    var isOutOfSpace: Bool { code == ENOSPC || code == EDQUOT }

    /// `cannot write /data/store/log-1: No space left on device`
    var description: String { "cannot \(operation.rawValue) \(path): \(String(cString: strerror(code)))" }
}

/// What the store does with files, for messages and for tests that let one of them fail.
enum FileOperation: String, Sendable {
    case open, read, create, fill, write, sync, truncate, rename, remove
    case makeDirectory = "make the directory"
    case lock
}

/// Something that was done to the disk; what a crash may undo of it is for tests to know.
enum FileStep: Sendable {
    case create(String)
    case fill(String, size: Int)
    case write(String, offset: Int, [UInt8])
    case sync(String)
    case truncate(String, size: Int)
    case rename(String, to: String)
    case remove(String)
    case syncDirectory(String)
}

/// The way to the disk. Tests put a failure into it and watch what is done; there is no other difference.
struct FileLayer: Sendable {
    /// An error number to fail with instead of doing the operation, or nil.
    var failure: @Sendable (FileOperation, String) -> Int32? = { _, _ in nil }
    /// Told of every step that was done, in order.
    var observer: (@Sendable (FileStep) -> Void)?

    func note(_ step: @autoclosure () -> FileStep) {
        if let observer { observer(step()) }
    }

    func check(_ operation: FileOperation, _ path: String) throws(FileFailure) {
        if let code = failure(operation, path) { throw FileFailure(operation, path, code: code) }
    }

    func rename(_ old: String, to new: String) throws(FileFailure) {
        try check(.rename, old)
        guard Glibc.rename(old, new) == 0 else { throw FileFailure(.rename, old) }
        note(.rename(old, to: new))
    }

    func remove(_ path: String) throws(FileFailure) {
        try check(.remove, path)
        guard unlink(path) == 0 || errno == ENOENT else { throw FileFailure(.remove, path) }
        note(.remove(path))
    }

    /// Makes renames and removals in a directory durable.
    func syncDirectory(_ path: String) throws(FileFailure) {
        try check(.sync, path)
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileFailure(.open, path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw FileFailure(.sync, path) }
        note(.syncDirectory(path))
    }
}

/// A file that is open for writing; closed when it goes away.
///
/// Sendable because it is only a number: writes name their place, there is no position to share.
final class WritableFile: Sendable {
    private let name: Mutex<String>
    private let layer: FileLayer
    private let descriptor: Int32

    private static let fillStep = 512 << 10

    /// Makes a new file that only its owner may read.
    init(creating path: String, layer: FileLayer) throws(FileFailure) {
        name = Mutex(path)
        self.layer = layer
        try layer.check(.create, path)
        descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileFailure(.create, path) }
        layer.note(.create(path))
    }

    /// Opens a file that exists.
    init(opening path: String, layer: FileLayer) throws(FileFailure) {
        name = Mutex(path)
        self.layer = layer
        try layer.check(.open, path)
        descriptor = Glibc.open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileFailure(.open, path) }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    var path: String { name.withLock { $0 } }

    func rename(to new: String) throws(FileFailure) {
        try layer.rename(path, to: new)
        name.withLock { $0 = new }
    }

    /// Fills a new file with zeros, so that later writes into it change no metadata and `sync` is one flush.
    func fill(_ size: Int) throws(FileFailure) {
        try layer.check(.fill, path)
        // Asks for the room first: a full disk says so before anything is written.
        let code = posix_fallocate(descriptor, 0, size)
        guard code == 0 else { throw FileFailure(.fill, path, code: code) }
        let zeros = [UInt8](repeating: 0, count: min(size, Self.fillStep))
        var position = 0
        while position < size {
            try zeros.withUnsafeBufferPointer { zeros throws(FileFailure) in
                let count = min(zeros.count, size - position)
                try write(UnsafeRawBufferPointer(start: zeros.baseAddress, count: count), at: position)
            }
            position += zeros.count
            // Bit by bit, so that the log never waits behind all of it.
            guard fdatasync(descriptor) == 0 else { throw FileFailure(.fill, path) }
        }
        guard fsync(descriptor) == 0 else { throw FileFailure(.fill, path) }
        layer.note(.fill(path, size: size))
    }

    func write(_ bytes: [UInt8], at offset: Int) throws(FileFailure) {
        try layer.check(.write, path)
        try bytes.withUnsafeBufferPointer { bytes throws(FileFailure) in
            try write(UnsafeRawBufferPointer(bytes), at: offset)
        }
        layer.note(.write(path, offset: offset, bytes))
    }

    /// Waits until everything written is on the disk.
    func sync() throws(FileFailure) {
        try layer.check(.sync, path)
        guard fdatasync(descriptor) == 0 else { throw FileFailure(.sync, path) }
        layer.note(.sync(path))
    }

    func truncate(to size: Int) throws(FileFailure) {
        try layer.check(.truncate, path)
        guard ftruncate(descriptor, size) == 0 else { throw FileFailure(.truncate, path) }
        layer.note(.truncate(path, size: size))
    }

    private func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileFailure) {
        var written = 0
        while written < bytes.count {
            let rest = bytes.baseAddress.map { $0 + written }
            let count = pwrite(descriptor, rest, bytes.count - written, offset + written)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw FileFailure(.write, path, code: count < 0 ? errno : ENOSPC) }
            written += count
        }
    }
}

/// The whole content of a file, in memory that goes back to the system with it. Not a mapping of the file: another
/// process may cut it meanwhile.
final class FileContent {
    let bytes: UnsafeRawBufferPointer
    private let size: Int

    init(_ path: String, limit: Int = .max) throws(FileFailure) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileFailure(.open, path) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw FileFailure(.read, path) }
        let wanted = min(limit, Int(status.st_size))
        size = max(1, wanted)
        // The allocator would keep what it once had from the system.
        guard let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            memory != UnsafeMutableRawPointer(bitPattern: -1)
        else { throw FileFailure(.read, path) }
        var count = 0
        while count < wanted {
            let got = pread(descriptor, memory + count, wanted - count, count)
            if got < 0 && errno == EINTR { continue }
            if got < 0 {
                let failure = FileFailure(.read, path)
                munmap(memory, size)
                throw failure
            }
            if got == 0 { break }
            count += got
        }
        bytes = UnsafeRawBufferPointer(start: memory, count: count)
    }

    deinit { munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), size) }
}
