import Foundation
import KubeModel

/// An image on this machine.
struct StoredImage: Sendable, Equatable {
    /// Digest of its configuration, what identifies an image.
    let id: String
    /// Names of its layers, lowest first; see ``LayerStore``.
    let chain: [String]
    /// Bytes of its layers and configuration in a registry.
    let size: Int64
    /// Names with tags under which it is known.
    var tags: Set<String> = []
    /// Names with digests under which registries have it.
    var digests: Set<String> = []
    /// Who may use it without asking its registry: fingerprints of credentials that were right, or `*` for everybody.
    var readers: Set<String> = []
    /// True when it was loaded from a file, so that it cannot be had again.
    var isLoaded = false
    var lastUsed: Date

    /// The name that statuses show; kubelets prefer the registry's digest.
    func imageID(_ reference: ImageReference) -> String {
        digests.filter { $0.hasPrefix(reference.name + "@") }.min() ?? digests.min() ?? id
    }

    /// All names, those with digests first.
    var names: [String] { digests.sorted() + tags.sorted() }

    var json: JSON {
        func list(_ set: Set<String>) -> JSON { .array(set.sorted().map(JSON.string)) }
        return [
            "id": .string(id), "chain": .array(chain.map(JSON.string)), "size": .int(size), "tags": list(tags),
            "digests": list(digests), "readers": list(readers), "loaded": .bool(isLoaded),
            "lastUsed": .int(Int64(lastUsed.timeIntervalSince1970)),
        ]
    }

    init(id: String, chain: [String], size: Int64, lastUsed: Date = Date()) {
        (self.id, self.chain, self.size, self.lastUsed) = (id, chain, size, lastUsed)
    }

    init?(_ json: JSON) {
        guard let id = json["id"]?.string, Digest.isValid(id), let size = json["size"]?.int else { return nil }
        func list(_ key: String) -> [String] { json[key]?.array?.compactMap(\.string) ?? [] }
        self.init(
            id: id, chain: list("chain"), size: size,
            lastUsed: Date(timeIntervalSince1970: Double(json["lastUsed"]?.int ?? 0)))
        (tags, digests, readers) = (Set(list("tags")), Set(list("digests")), Set(list("readers")))
        isLoaded = json["loaded"]?.bool ?? false
    }
}

/// All images of this machine, as one file has them.
struct ImageIndex: Sendable {
    private(set) var images: [String: StoredImage] = [:]

    /// The image with a name, digest or id.
    func find(_ reference: ImageReference) -> StoredImage? {
        if let digest = reference.digest {
            return images.values.first { $0.digests.contains("\(reference.name)@\(digest)") } ?? images[digest]
        }
        return images.values.first { $0.tags.contains(reference.full) }
    }

    /// Adds an image, or what is new about it. A tag leads to one image only.
    mutating func add(_ new: StoredImage) {
        var image = images[new.id] ?? new
        image.tags.formUnion(new.tags)
        image.digests.formUnion(new.digests)
        image.readers.formUnion(new.readers)
        image.isLoaded = image.isLoaded || new.isLoaded
        image.lastUsed = new.lastUsed
        for (id, old) in images where id != new.id && !old.tags.isDisjoint(with: new.tags) {
            images[id]?.tags = old.tags.subtracting(new.tags)
        }
        images[new.id] = image
    }

    mutating func touch(_ id: String, _ now: Date = Date()) { images[id]?.lastUsed = now }

    /// Takes a tag away, or the image when it was its last name or `name` is its id.
    ///
    /// - Returns: the image that has to go with its last name.
    mutating func untag(_ image: StoredImage, _ reference: ImageReference?) -> StoredImage? {
        if let reference, reference.digest == nil, image.tags.count > 1 {
            images[image.id]?.tags.remove(reference.full)
            return nil
        }
        return images.removeValue(forKey: image.id)
    }

    mutating func remove(_ id: String) { images[id] = nil }

    var json: JSON { ["images": .array(images.values.sorted { $0.id < $1.id }.map(\.json))] }

    init(_ json: JSON? = nil) {
        for item in json?["images"]?.array ?? [] {
            if let image = StoredImage(item) { images[image.id] = image }
        }
    }
}
