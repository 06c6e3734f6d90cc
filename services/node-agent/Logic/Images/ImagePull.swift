import CNode
import Foundation
import Synchronization

/// One pull of an image: several pods may wait for it.
final class ImagePull: Sendable {
    enum State: Sendable {
        /// How far it is, in words that follow `Pulling image "..."`; empty at first.
        case running(String)
        case done(StoredImage, took: Duration)
        case failed(ImageError)
    }

    let reference: ImageReference
    /// Tried one after the other; none means without.
    let credentials: [RegistryCredential]
    private let current = Mutex(State.running(""))

    init(_ reference: ImageReference, _ credentials: [RegistryCredential]) {
        (self.reference, self.credentials) = (reference, credentials)
    }

    var state: State { current.withLock { $0 } }
    func set(_ state: State) { current.withLock { $0 = state } }

    /// Equal pulls are made once.
    struct Key: Hashable {
        let name: String
        let credentials: [RegistryCredential]
    }
    var key: Key { Key(name: reference.source, credentials: credentials) }
}

/// Fetches an image from its registry and unpacks its layers.
struct ImageFetch: Sendable {
    let reference: ImageReference
    let credential: RegistryCredential?
    let layers: LayerStore
    let documents: ImageDocuments
    let settings: String
    /// A folder of its own, removed by the caller.
    let work: String
    let onProgress: @Sendable (String) -> Void

    /// Fetches what is not there yet.
    ///
    /// - Throws: ``ImageError``.
    func run() async throws -> StoredImage {
        let skopeo = Skopeo(image: reference, credential: credential, settings: settings, work: work)
        let first = try await skopeo.manifest()
        let listed = Digest.of(first)
        var digest = listed
        var manifest = try ImageManifest(first)
        if case .index(let chosen) = manifest {
            digest = chosen
            manifest = try ImageManifest(try await skopeo.manifest(chosen))
        }
        guard case .image(let config, let blobs) = manifest else {
            throw ImageError("the list of images leads to another list")
        }
        let size = try total(blobs)
        let text = try await skopeo.config(digest, is: config)
        let parsed = try ImageConfig(text, layers: blobs.count)
        let chain = LayerStore.chain(parsed.layers)
        let missing = blobs.indices.filter { !layers.has(chain[$0]) }
        if !missing.isEmpty {
            try await download(blobs, missing, digest, skopeo)
            try await LayerWork(layers: layers, blobs: "\(work)/blobs/sha256", onProgress: onProgress).unpack(
                blobs, parsed.layers, chain)
        }
        try documents.keep(text, config.digest)
        var image = StoredImage(id: config.digest, chain: chain, size: size + config.size)
        if let tag = reference.tag { image.tags = ["\(reference.name):\(tag)"] }
        image.digests = ["\(reference.name)@\(listed)", "\(reference.name)@\(digest)"]
        if digest != listed { image.digests = ["\(reference.name)@\(listed)"] }
        image.readers = [credential?.fingerprint(registry: reference.registry) ?? "*"]
        return image
    }

    private func total(_ blobs: [ImageBlob]) throws -> Int64 {
        var size: Int64 = 0
        for blob in blobs {
            size += min(blob.size, layers.limits.download + 1)
            guard size <= layers.limits.download else {
                throw ImageError("the image is larger than \(layers.limits.download) bytes")
            }
        }
        var total: UInt64 = 0
        var free: UInt64 = 0
        if node_statfs(work, &total, &free) == 0, UInt64(size) + layers.limits.reserve > free {
            throw ImageError("the disk is full: the image needs \(size) bytes and more, \(free) are free")
        }
        return size
    }

    private func download(_ blobs: [ImageBlob], _ missing: [Int], _ digest: String, _ skopeo: Skopeo) async throws {
        let folder = "\(work)/blobs"
        try FileTools.makeDirectory("\(folder)/sha256")
        let wanted = Set(missing.map { blobs[$0].digest })
        for blob in blobs where !wanted.contains(blob.digest) {
            // What has the right name and size is not asked for again. This is a hole, not data.
            let path = "\(folder)/sha256/\(Digest.digits(blob.digest))"
            try FileTools.write([], to: path)
            guard truncate(path, Int(blob.size)) == 0 else { throw FileTools.failure("cannot write", path) }
        }
        let all = blobs.filter { wanted.contains($0.digest) }.reduce(Int64(0)) { $0 + $1.size }
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await skopeo.copy(digest, blobs: folder)
                return true
            }
            group.addTask {
                try await watch(all)
                return false
            }
            defer { group.cancelAll() }
            while let isDone = try await group.next() { if isDone { return } }
        }
    }

    /// Tells how much has come; ends the pull when nothing comes, or more than was announced.
    private func watch(_ all: Int64) async throws {
        var last: Int64 = -1
        var since = ContinuousClock.now
        while true {
            try await Task.sleep(for: .milliseconds(200))
            // Temporary files and whole ones; configurations and manifests are small.
            let come = Int64(node_disk_usage(work))
            if come > all + all / 16 + Int64(ImageLimits.document) * 2 {
                throw ImageError("the registry sends more than the manifest says")
            }
            if come != last {
                (last, since) = (come, .now)
                let percent = all > 0 ? min(99, come * 100 / all) : 0
                if percent > 0 { onProgress(" (\(percent) %): \(Self.megabytes(come)) of \(Self.megabytes(all)) MB") }
            } else if ContinuousClock.now - since > layers.limits.silence {
                throw ImageError(
                    "the registry has sent nothing for \(layers.limits.silence.text); the pull was given up")
            }
        }
    }

    private static func megabytes(_ bytes: Int64) -> String {
        bytes < 10_000_000 ? "\(Double(bytes / 100_000) / 10)" : "\(bytes / 1_000_000)"
    }
}

/// Unpacks the layers of one image, beside the tasks of others.
struct LayerWork: Sendable {
    let layers: LayerStore
    /// Folder of the packed layers, named by the digits of their digests.
    let blobs: String
    let onProgress: @Sendable (String) -> Void

    /// Unpacks the layers that are not there yet, lowest first.
    func unpack(_ manifest: [ImageBlob], _ diffs: [String], _ chain: [String]) async throws {
        for (index, blob) in manifest.enumerated() where !layers.has(chain[index]) {
            onProgress(": unpacking layer \(index + 1) of \(manifest.count)")
            let path = "\(blobs)/\(Digest.digits(blob.digest))"
            let packing = LayerPacking(of: path)
            try await Self.onThread { isCancelled in
                try layers.unpack(
                    path, packing, diff: diffs[index], chain: chain[index], below: Array(chain[..<index])
                ) {
                    if isCancelled() { throw CancellationError() }
                }
            }
            unlink(path)
        }
    }

    /// Runs what blocks for long on a thread of its own.
    static func onThread(_ work: @escaping @Sendable (_ isCancelled: @escaping () -> Bool) throws -> Void) async throws
    {
        let flag = Cancelled()
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                Thread.detachNewThread {
                    continuation.resume(with: Result { try work { flag.value.load(ordering: .relaxed) } })
                }
            }
        } onCancel: {
            flag.value.store(true, ordering: .relaxed)
        }
    }

    private final class Cancelled: Sendable { let value = Atomic(false) }
}

/// Configurations of images, by digest.
struct ImageDocuments: Sendable {
    let directory: String

    func keep(_ bytes: [UInt8], _ digest: String) throws {
        try FileTools.write(bytes, to: "\(directory)/\(Digest.digits(digest))", mode: 0o600)
    }

    func config(of image: StoredImage) throws -> ImageConfig {
        guard let bytes = FileTools.read("\(directory)/\(Digest.digits(image.id))") else {
            throw ImageError("the configuration of image \(image.id) is gone; remove the image and pull it again")
        }
        return try ImageConfig(bytes, layers: image.chain.count)
    }

    /// Removes those that no image has.
    func clean(_ known: Set<String>) {
        for name in FileTools.names(in: directory) where !known.contains("sha256:\(name)") {
            FileTools.remove("\(directory)/\(name)")
        }
    }
}
