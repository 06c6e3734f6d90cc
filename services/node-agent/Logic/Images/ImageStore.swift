import CNode
import Foundation
import KubeModel
import Logging
import Synchronization

/// The images of this machine: pulled or loaded, shared by all containers, removed when nobody needs them.
///
/// `<data>/images`: `index.json`, `configs/<digits>`, `layers/<short name>/files`, `work/` for what is under way;
/// `registries.conf` and `certs.d/<registry>` are the administrator's.
final class ImageStore: Sendable {
    private struct State {
        var index = ImageIndex()
        var pulls: [ImagePull.Key: ImagePull] = [:]
        var observers: [@Sendable () -> Void] = []
        /// Images of containers that are being started.
        var pins: [String: Int] = [:]
        /// Archives that are being loaded.
        var loads = 0
        var lastNumber = 0
    }

    let directory: String
    let layers: LayerStore
    let documents: ImageDocuments
    private let settings: String
    private let podsDirectory: String
    private let logger: Logger
    private let state = Mutex(State())
    private let requests: AsyncStream<ImagePull>
    private let requester: AsyncStream<ImagePull>.Continuation

    init(configuration: NodeConfiguration, limits: ImageLimits = ImageLimits(), logger: Logger) throws {
        directory = "\(configuration.dataDirectory)/images"
        settings = "\(configuration.dataDirectory)/images"
        podsDirectory = configuration.podsDirectory
        layers = LayerStore(directory: "\(directory)/layers", limits: limits)
        documents = ImageDocuments(directory: "\(directory)/configs")
        self.logger = logger
        (requests, requester) = AsyncStream.makeStream(of: ImagePull.self)
        try FileTools.makeDirectory(directory, mode: 0o700)
        for name in ["layers", "configs"] { try FileTools.makeDirectory("\(directory)/\(name)", mode: 0o700) }
        FileTools.remove("\(directory)/work")
        for name in FileTools.names(in: layers.directory) where name.hasPrefix(".") {
            _ = node_unmount("\(UserShift.views)/layer-\(name.dropFirst())")
            FileTools.remove("\(layers.directory)/\(name)")
        }
        if let bytes = FileTools.read("\(directory)/index.json") {
            guard let json = try? JSON(parsing: bytes) else {
                throw NodeError("\(directory)/index.json is damaged; remove \(directory), images are pulled again then")
            }
            // An image some of whose layers are gone is none.
            var index = ImageIndex(json)
            for image in index.images.values where !image.chain.allSatisfy(layers.has) { index.remove(image.id) }
            state.withLock { $0.index = index }
        }
        sweep()
    }

    /// Calls back whenever a pull gets on.
    func observe(_ observer: @escaping @Sendable () -> Void) {
        state.withLock { $0.observers.append(observer) }
    }

    /// The image with a name, if it is there.
    func find(_ reference: ImageReference) -> StoredImage? { state.withLock { $0.index.find(reference) } }

    /// All images, the largest first.
    func all() -> [StoredImage] {
        state.withLock { Array($0.index.images.values) }.sorted { ($1.size, $0.id) < ($0.size, $1.id) }
    }

    /// Whether someone with these credentials has been given the image by its registry before.
    func isReadable(_ image: StoredImage, _ reference: ImageReference, _ credentials: [RegistryCredential]) -> Bool {
        image.readers.contains("*")
            || credentials.contains { image.readers.contains($0.fingerprint(registry: reference.registry)) }
    }

    /// Keeps an image from being removed until ``unpin(_:)``.
    ///
    /// - Throws: ``ImageError`` when it is gone.
    func pin(_ id: String) throws {
        try state.withLock { state in
            guard state.index.images[id] != nil else { throw ImageError("image \(id) was just removed") }
            state.pins[id, default: 0] += 1
            state.index.touch(id)
        }
    }

    func unpin(_ id: String) {
        state.withLock { state in
            let count = (state.pins[id] ?? 1) - 1
            state.pins[id] = count > 0 ? count : nil
        }
    }

    // MARK: - Pulling

    /// Starts a pull, or joins one that is under way.
    func pull(_ reference: ImageReference, _ credentials: [RegistryCredential]) -> ImagePull {
        let pull = ImagePull(reference, credentials)
        let (found, isNew) = state.withLock { state in
            if let other = state.pulls[pull.key] { return (other, false) }
            state.pulls[pull.key] = pull
            return (pull, true)
        }
        if isNew { requester.yield(found) }
        return found
    }

    /// Pulls what is asked for, three at a time, and removes what is old, until the task is cancelled.
    func run() async {
        let requests = requests
        await withDiscardingTaskGroup { group in
            group.addTask {
                repeat { self.collectGarbage() } while (try? await Task.sleep(for: .seconds(300))) != nil
            }
            await withTaskGroup(of: Void.self) { pulls in
                var count = 0
                for await pull in requests {
                    if count == 3 {
                        await pulls.next()
                        count -= 1
                    }
                    count += 1
                    pulls.addTask { await self.carryOut(pull) }
                }
                pulls.cancelAll()
            }
            group.cancelAll()
        }
    }

    private func carryOut(_ pull: ImagePull) async {
        let start = ContinuousClock.now
        let name = pull.reference.full
        logger.info("pulling an image", metadata: ["image": "\(name)"])
        var failure: ImageError?
        for credential in pull.credentials.isEmpty ? [nil] : pull.credentials.map(Optional.some) {
            let work = newWork()
            defer { FileTools.remove(work) }
            do {
                try FileTools.makeDirectory(work, mode: 0o700)
                let image = try await ImageFetch(
                    reference: pull.reference, credential: credential, layers: layers, documents: documents,
                    settings: settings, work: work
                ) { text in
                    pull.set(.running(text))
                    self.tell()
                }.run()
                try add(image)
                logger.info("image is there", metadata: ["image": "\(name)", "id": "\(image.id)"])
                finish(pull, .done(find(pull.reference) ?? image, took: .now - start))
                return
            } catch {
                failure = error as? ImageError ?? ImageError("\(error)")
            }
        }
        let problem = failure ?? ImageError("it was not tried")
        logger.warning("image cannot be pulled", metadata: ["image": "\(name)", "error": "\(problem)"])
        finish(pull, .failed(problem))
    }

    private func finish(_ pull: ImagePull, _ result: ImagePull.State) {
        pull.set(result)
        state.withLock { $0.pulls[pull.key] = nil }
        // Layers of a pull that failed stay for a while: it is tried again.
        tell()
    }

    private func tell() {
        for observer in state.withLock({ $0.observers }) { observer() }
    }

    private func newWork() -> String {
        let number = state.withLock { state in
            state.lastNumber += 1
            return state.lastNumber
        }
        return "\(directory)/work/\(number)"
    }

    private func add(_ image: StoredImage) throws {
        try state.withLock { state in
            state.index.add(image)
            try write(state.index)
        }
    }

    private func write(_ index: ImageIndex) throws {
        try FileTools.write(index.json.bytes, to: "\(directory)/index.json", mode: 0o600)
    }

    // MARK: - Loading

    /// Takes the images of an archive, as `docker save` or tools of OCI layouts write it.
    ///
    /// - Parameters:
    ///   - archive: the file.
    ///   - work: a folder of its own beside it.
    ///   - name: what to call an image that has no name in the archive.
    /// - Returns: the names that the images have now.
    /// - Throws: ``ImageError`` that says what is wrong with the archive.
    func load(_ archive: String, work: String, name: String?) async throws -> [String] {
        state.withLock { $0.loads += 1 }
        defer { state.withLock { $0.loads -= 1 } }
        var names: [String] = []
        for part in try await ImageArchive(file: archive, work: work, settings: settings).images(called: name) {
            let folder = "\(work)/image"
            FileTools.remove(folder)
            defer { FileTools.remove(folder) }
            _ = try await Skopeo.run(["copy", "--quiet", part.source, "dir:\(folder)"], settings: settings, work: work)
            guard let bytes = FileTools.read("\(folder)/manifest.json", limit: ImageLimits.document),
                case .image(let config, let blobs) = try ImageManifest(bytes),
                let text = FileTools.read("\(folder)/\(Digest.digits(config.digest))", limit: ImageLimits.document),
                Digest.of(text) == config.digest
            else { throw ImageError("the archive has an image without a manifest or configuration") }
            let parsed = try ImageConfig(text, layers: blobs.count)
            let chain = LayerStore.chain(parsed.layers)
            try await LayerWork(layers: layers, blobs: folder) { _ in }.unpack(blobs, parsed.layers, chain)
            try documents.keep(text, config.digest)
            var image = StoredImage(
                id: config.digest, chain: chain, size: blobs.reduce(config.size) { $0 + $1.size })
            image.tags = Set(part.tags)
            image.readers = ["*"]
            image.isLoaded = true
            try add(image)
            names += part.tags.isEmpty ? [config.digest] : part.tags
        }
        return names
    }

    /// A folder for something that is under way; the caller removes it.
    func makeWork() throws -> String {
        let work = newWork()
        try FileTools.makeDirectory(work, mode: 0o700)
        return work
    }

    // MARK: - Removing

    /// Removes an image, or one of its names when it has others.
    ///
    /// - Throws: ``ImageError`` when a container uses it, or there is none.
    func remove(_ name: String) throws {
        let reference = try? ImageReference(name)
        let removed: Bool = try state.withLock { state in
            let used = used()
            let byID = state.index.images.values.filter {
                $0.id == name || (name.utf8.count >= 12 && Digest.digits($0.id).hasPrefix(name))
            }
            guard let image = byID.count == 1 ? byID[0] : reference.flatMap({ state.index.find($0) }) else {
                throw ImageError("there is no image \"\(name)\"")
            }
            let isUsed = used.contains(image.id) || state.pins[image.id] != nil
            let isName = byID.isEmpty && reference?.digest == nil && image.tags.count > 1
            guard isName || !isUsed else { throw ImageError("image \"\(name)\" is used by a container") }
            let gone = state.index.untag(image, byID.isEmpty ? reference : nil)
            try write(state.index)
            return gone != nil
        }
        if removed { sweep() }
    }

    /// Removes images that no container uses.
    ///
    /// - Parameters:
    ///   - date: those not used since.
    ///   - loaded: those from files, too.
    ///   - bytes: until this many are free again.
    /// - Returns: what was removed.
    /// - Throws: ``NodeError`` when the index cannot be written.
    func prune(unusedSince date: Date, loaded: Bool, upTo bytes: Int64 = .max) throws -> [StoredImage] {
        let removed: [StoredImage] = try state.withLock { state in
            let used = used()
            var freed: Int64 = 0
            var removed: [StoredImage] = []
            for image in state.index.images.values.sorted(by: { $0.lastUsed < $1.lastUsed }) {
                guard freed < bytes, image.lastUsed <= date, loaded || !image.isLoaded, !used.contains(image.id),
                    state.pins[image.id] == nil
                else { continue }
                state.index.remove(image.id)
                freed += image.chain.reduce(0) { $0 + layers.size($1) }
                removed.append(image)
            }
            if !removed.isEmpty { try write(state.index) }
            return removed
        }
        if !removed.isEmpty { sweep() }
        return removed
    }

    /// Removes old images, and on a full disk those that were not used for longest.
    func collectGarbage(now: Date = Date()) {
        // What pulls and loads that failed have left, and what had to wait for one that was under way.
        defer { sweep() }
        do {
            var removed = try prune(unusedSince: now.addingTimeInterval(-ImageStore.longestAge), loaded: false)
            let pressure = NodePressure.measure(directory)
            var total: UInt64 = 0
            var free: UInt64 = 0
            if pressure.isOfDisk, node_statfs(directory, &total, &free) == 0 {
                // Twice what is the threshold, so that it does not come again at once. Young ones are about to be used.
                let wanted = Int64(min(total / 5, 10 << 30)) - Int64(free)
                removed += try prune(unusedSince: now.addingTimeInterval(-120), loaded: false, upTo: max(wanted, 1))
            }
            for image in removed {
                logger.info(
                    "removed an image that is not used", metadata: ["image": "\(image.names.first ?? image.id)"])
            }
        } catch {
            logger.warning("images cannot be removed", metadata: ["error": "\(error)"])
        }
    }

    /// Images that nobody used for this long are removed, seconds.
    static let longestAge = 14 * 86_400.0

    /// Images of containers that have not ended, as their folders tell: also those of an earlier agent. Read while the
    /// state is locked: a container that is being started has a pin until its folder tells.
    private func used() -> Set<String> {
        Set(RunFolders.unfinished(in: podsDirectory).compactMap { ContainerImage.noted(in: $0)?.id })
    }

    /// Removes layers and configurations that no image has; not while a pull or load may be about to use them.
    private func sweep() {
        let gone: [String] = state.withLock { state in
            guard state.pulls.isEmpty, state.loads == 0 else { return [] }
            let known = Set(
                state.index.images.values.flatMap { $0.chain.map(LayerStore.name) } + state.index.images.keys)
            documents.clean(known)
            // Out of the way first: a layer that is half gone must not be taken for one by a pull that starts now.
            for name in FileTools.names(in: layers.directory) where !known.contains(name) && !name.hasPrefix(".") {
                rename("\(layers.directory)/\(name)", "\(layers.directory)/\(Self.gone)\(name)")
            }
            return FileTools.names(in: layers.directory).filter { $0.hasPrefix(Self.gone) }
        }
        for name in gone { FileTools.remove("\(layers.directory)/\(name)") }
    }

    /// How names of layers begin that are being removed.
    private static let gone = ".gone-"
}
