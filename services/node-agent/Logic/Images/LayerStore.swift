import CNode
import Foundation
import KubeModel

#if canImport(Glibc)
    import Glibc
#endif

/// Unpacked layers, each in a folder named after its content and that of all layers below it.
struct LayerStore: Sendable {
    let directory: String
    let limits: ImageLimits
    private let turns = LayerTurns()

    /// The digests that name layers: of the first its own, of others that of `digest-below digest`.
    static func chain(_ layers: [String]) -> [String] {
        var chain: [String] = []
        for layer in layers {
            chain.append(chain.last.map { Digest.of(Array("\($0) \(layer)".utf8)) } ?? layer)
        }
        return chain
    }

    /// Short, because all names of an image's layers have to fit into the options of one mount.
    static func name(_ chain: String) -> String { String(Digest.digits(chain).prefix(16)) }

    /// True when the layer is there; another one under the same short name is not it.
    func has(_ chain: String) -> Bool {
        guard let bytes = FileTools.read("\(directory)/\(Self.name(chain))/layer.json"),
            let json = try? JSON(parsing: bytes)
        else { return false }
        return json["chain"]?.string == chain
    }

    /// Bytes of the files that a layer adds.
    func size(_ chain: String) -> Int64 {
        let bytes = FileTools.read("\(directory)/\(Self.name(chain))/layer.json")
        return bytes.flatMap { try? JSON(parsing: $0) }?["bytes"]?.int ?? 0
    }

    /// `lowerdir` of an overlay: the topmost layer first.
    static func lower(_ chains: some BidirectionalCollection<String>) -> String {
        chains.reversed().map { "\(name($0))/files" }.joined(separator: ":")
    }

    /// Unpacks a blob above the layers below it; the folder appears when all of it is on the disk. Nothing happens
    /// when the layer is there.
    ///
    /// Blocks for as long as it takes, and while another thread unpacks the same layer.
    ///
    /// - Parameters:
    ///   - blob: the packed layer, a file.
    ///   - packing: how it is packed.
    ///   - diff: its digest when unpacked.
    ///   - chain: its digest with all below it.
    ///   - below: the digests of those, lowest first.
    ///   - check: called now and then, throws to stop.
    /// - Throws: ``ImageError`` when the blob is not what the image says, or cannot be unpacked.
    func unpack(
        _ blob: String, _ packing: LayerPacking, diff: String, chain: String, below: [String],
        check: @escaping () throws -> Void
    ) throws {
        let name = Self.name(chain)
        try turns.take(name) {
            // Another image may have brought it meanwhile.
            guard !has(chain) else { return }
            try make(name, blob, packing, diff, chain, below, check)
        }
    }

    private func make(
        _ name: String, _ blob: String, _ packing: LayerPacking, _ diff: String, _ chain: String, _ below: [String],
        _ check: @escaping () throws -> Void
    ) throws {
        guard !FileTools.exists("\(directory)/\(name)") else {
            throw ImageError("layers \(chain) and another have the same short name; remove images that are not used")
        }
        let work = "\(directory)/.\(name)"
        FileTools.remove(work)
        defer { FileTools.remove(work) }
        try FileTools.makeDirectory("\(work)/files")
        var root = "\(work)/files"
        if !below.isEmpty {
            try FileTools.makeDirectory("\(work)/work")
            root = "\(UserShift.views)/layer-\(name)"
            try FileTools.makeDirectory(root)
            let result = node_mount_overlay(
                directory, root,
                "lowerdir=\(Self.lower(below)),upperdir=\(work)/files,workdir=\(work)/work"
                    + UserNamespace.overlayOption)
            guard result == 0 else { throw ImageError(Self.overlayFailure(result)) }
        }
        defer {
            if !below.isEmpty {
                _ = node_unmount(root)
                rmdir(root)
            }
        }
        let stream = try LayerStream(blob, packing, limit: limits.stream, check: check)
        let bytes = try unpack(stream, diff, to: root, upper: below.isEmpty ? nil : "\(work)/files", below)
        if !below.isEmpty { _ = node_unmount(root) }
        FileTools.remove("\(work)/work")
        let facts: JSON = ["chain": .string(chain), "layer": .string(diff), "bytes": .int(bytes)]
        try FileTools.write(facts.bytes, to: "\(work)/layer.json", mode: 0o600)
        sync()  // the name says that all is there; it must not reach the disk first
        guard rename(work, "\(directory)/\(name)") == 0 else {
            throw ImageError("a layer cannot be kept: \(String(cString: strerror(errno)))")
        }
    }

    private func unpack(
        _ stream: LayerStream, _ diff: String, to path: String, upper: String?, _ below: [String]
    ) throws -> Int64 {
        var stream = stream
        defer { stream.close() }
        let root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard root >= 0 else { throw ImageError("\(path): \(String(cString: strerror(errno)))") }
        defer { close(root) }
        var reader = TarReader { try stream.read($0) }
        var unpacker = LayerUnpacker(root: root, upper: upper, limits: limits, below: below.reduce(0) { $0 + size($1) })
        do {
            try unpacker.unpack(&reader)
        } catch {
            // A decoder that failed says more than the archive that ended too early.
            try stream.finish(drains: false)
            throw error
        }
        try stream.finish(drains: true)
        let digest = stream.digest.finish()
        guard digest == diff else {
            throw ImageError("a layer has the digest \(digest) when unpacked; the image says \(diff)")
        }
        return unpacker.bytes
    }

    static func overlayFailure(_ code: Int32) -> String {
        "layers cannot be laid over each other on the file system of the data directory: \(String(cString: strerror(-code)))"
    }
}

/// The bytes of a layer as they come out of its packing, with their digest.
private struct LayerStream {
    let digest = Digest()
    private var descriptor: Int32
    private var process: pid_t = 0
    private var buffer = [UInt8](repeating: 0, count: 256 << 10)
    private var start = 0
    private var end = 0
    private var come: Int64 = 0
    private let limit: Int64
    private let check: () throws -> Void

    init(_ blob: String, _ packing: LayerPacking, limit: Int64, check: @escaping () throws -> Void) throws {
        (self.limit, self.check) = (limit, check)
        switch packing {
        case .none:
            descriptor = open(blob, O_RDONLY | O_CLOEXEC)
            if descriptor < 0 { descriptor = -errno }
        case .gzip, .zstd:
            let name = packing == .gzip ? "gzip" : "zstd"
            guard let program = HostTools.path(of: name) else {
                throw ImageError("\(name) is missing, which unpacks layers; install it: apt-get install \(name)")
            }
            descriptor = node_open_unpacked(program, blob, &process)
        }
        guard descriptor >= 0 else {
            throw ImageError("a layer cannot be read: \(String(cString: strerror(-descriptor)))")
        }
    }

    mutating func read(_ target: UnsafeMutableRawBufferPointer) throws -> Int {
        var done = 0
        while done < target.count {
            if start == end {
                try fill()
                if start == end { break }
            }
            let size = min(target.count - done, end - start)
            buffer.withUnsafeBytes {
                UnsafeMutableRawBufferPointer(rebasing: target[done...]).copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: $0[start..<(start + size)]))
            }
            start += size
            done += size
        }
        return done
    }

    private mutating func fill() throws {
        (start, end) = (0, 0)
        try check()
        while true {
            let size = Glibc.read(descriptor, &buffer, buffer.count)
            if size < 0, errno == EINTR { continue }
            guard size >= 0 else { throw ImageError("a layer cannot be read: \(String(cString: strerror(errno)))") }
            end = size
            come += Int64(size)
            // Also what no member has: a few bytes can unpack to no end.
            guard come <= limit else { throw ImageError("a layer is longer than \(limit) bytes when unpacked") }
            buffer.withUnsafeBytes { digest.add(UnsafeRawBufferPointer(rebasing: $0[..<size])) }
            return
        }
    }

    /// Reads the rest, which counts for the digest, and asks the decoder how it went.
    mutating func finish(drains: Bool) throws {
        if drains {
            repeat { try fill() } while end > 0
        }
        guard process > 0 else { return }
        if !drains {
            // A decoder that has failed is over; one that is in the middle ends when nobody reads.
            Glibc.close(descriptor)
            descriptor = -1
        }
        let code = node_wait_process(process)
        process = 0
        guard code == 0 || (!drains && code == 128 + SIGPIPE) else {
            throw ImageError("a layer cannot be unpacked: its compression is broken")
        }
    }

    mutating func close() {
        if descriptor >= 0 { Glibc.close(descriptor) }
        descriptor = -1
        if process > 0 { _ = node_wait_process(process) }
        process = 0
    }
}
