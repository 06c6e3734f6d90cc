import KubeModel

/// One blob that a manifest names.
struct ImageBlob: Sendable, Equatable {
    let digest: String
    /// Bytes, as stored in the registry; small enough that those of a whole image add up.
    let size: Int64
    let mediaType: String

    init(_ json: JSON?, _ what: String) throws(ImageError) {
        guard let digest = json?["digest"]?.string, Digest.isValid(digest), let size = json?["size"]?.int,
            (0...1 << 50).contains(size)
        else { throw ImageError("the manifest describes \(what) without a valid digest and size") }
        (self.digest, self.size, mediaType) = (digest, size, json?["mediaType"]?.string ?? "")
    }
}

/// How a layer is packed.
enum LayerPacking: Sendable, Equatable {
    case none, gzip, zstd

    /// Media types of layers, without what they say about packing.
    private static let types = [
        "application/vnd.oci.image.layer.v1.tar", "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.docker.image.rootfs.diff.tar", "application/vnd.docker.image.rootfs.foreign.diff.tar",
    ]

    /// Refuses what is no layer.
    static func check(mediaType: String) throws(ImageError) {
        guard types.contains(where: { [$0, "\($0)+gzip", "\($0)+zstd", "\($0).gzip"].contains(mediaType) }) else {
            throw ImageError("layers of the media type \"\(mediaType)\" are not supported")
        }
    }

    /// By its first bytes: archives of `docker save` call layers packed that are not.
    init(of file: String) {
        let start = FileTools.start(file, 4)
        self = start.starts(with: [0x1F, 0x8B]) ? .gzip : start == [0x28, 0xB5, 0x2F, 0xFD] ? .zstd : .none
    }
}

/// What a registry has under one name: an image, or a list of images for several machines.
enum ImageManifest: Sendable, Equatable {
    case image(config: ImageBlob, layers: [ImageBlob])
    /// The digest of the image for this machine.
    case index(String)

    /// Reads a manifest.
    ///
    /// - Throws: ``ImageError`` that says what is wrong with it, or that it has nothing for this machine.
    init(_ bytes: [UInt8], architecture: String = NodeRegistration.architecture) throws(ImageError) {
        guard let json = try? JSON(parsing: bytes), json.object != nil else {
            throw ImageError("the manifest is no JSON object")
        }
        guard json["schemaVersion"]?.int == 2 else {
            throw ImageError("manifests of schema version 1 are not supported")
        }
        if let entries = json["manifests"]?.array {
            let platforms = entries.compactMap { entry -> (name: String, digest: String)? in
                guard let digest = entry["digest"]?.string, Digest.isValid(digest) else { return nil }
                let platform = entry["platform"]
                return (
                    "\(platform?["os"]?.string ?? "linux")/\(platform?["architecture"]?.string ?? architecture)", digest
                )
            }
            guard let fit = platforms.first(where: { $0.name == "linux/\(architecture)" }) else {
                let others = Set(platforms.map(\.name)).sorted().joined(separator: ", ")
                throw ImageError(
                    "no match for platform in manifest: linux/\(architecture) is wanted, there is \(others)")
            }
            self = .index(fit.digest)
            return
        }
        let config = try ImageBlob(json["config"], "its configuration")
        guard
            [
                "application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json",
            ].contains(config.mediaType)
        else { throw ImageError("a configuration of the media type \"\(config.mediaType)\" makes no container image") }
        var layers: [ImageBlob] = []
        for (index, item) in (json["layers"]?.array ?? []).enumerated() {
            let layer = try ImageBlob(item, "layer \(index + 1)")
            try LayerPacking.check(mediaType: layer.mediaType)
            layers.append(layer)
        }
        guard layers.count <= ImageLimits.layers else {
            throw ImageError("the image has \(layers.count) layers; \(ImageLimits.layers) are the most")
        }
        self = .image(config: config, layers: layers)
    }
}

/// Bounds that no honest image reaches.
struct ImageLimits: Sendable {
    /// Layers of an image: the options of one mount name them all.
    static let layers = 100
    /// Manifests and configurations, bytes.
    static let document = 4 << 20
    /// All layers of an image as they come over the network, bytes.
    var download: Int64 = 32 << 30
    /// All files of an image, bytes.
    var unpacked: Int64 = 128 << 30
    /// Files of a layer.
    var entries = 2_000_000
    /// A layer with all that a tar has beside the files, bytes.
    var stream: Int64 { unpacked + Int64(entries) * 4096 + 1 << 20 }
    /// What stays free on the disk, bytes.
    var reserve: UInt64 = 256 << 20
    /// How long a pull goes on without a byte.
    var silence: Duration = .seconds(60)
}

/// What an image says about its containers.
struct ImageConfig: Sendable {
    let architecture: String
    /// Digests of the layers when unpacked, lowest first.
    let layers: [String]
    let entrypoint: [String]
    let command: [String]
    let variables: [(name: String, value: String)]
    /// `name`, `name:group`, or numbers.
    let user: String
    let workingDirectory: String
    let stopSignal: String?

    /// Reads a configuration.
    ///
    /// - Throws: ``ImageError`` when it is none, or one for another machine.
    init(_ bytes: [UInt8], layers count: Int, machine: String = NodeRegistration.architecture) throws(ImageError) {
        guard let json = try? JSON(parsing: bytes) else { throw ImageError("the configuration is no JSON") }
        let system = json["os"]?.string ?? "linux"
        architecture = json["architecture"]?.string ?? machine
        guard system == "linux", architecture == machine else {
            throw ImageError("the image is for \(system)/\(architecture); this machine is linux/\(machine)")
        }
        layers = json.value(at: "rootfs", "diff_ids")?.array?.compactMap(\.string) ?? []
        guard layers.count == count, layers.allSatisfy(Digest.isValid) else {
            throw ImageError("the configuration names \(layers.count) layers, the manifest \(count)")
        }
        let config = json["config"]
        func words(_ key: String) -> [String] { config?[key]?.array?.compactMap(\.string) ?? [] }
        (entrypoint, command) = (words("Entrypoint"), words("Cmd"))
        variables = words("Env").map { line in
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (String(parts[0]), parts.count > 1 ? String(parts[1]) : "")
        }.filter { !$0.name.isEmpty }
        user = config?["User"]?.string ?? ""
        let folder = config?["WorkingDir"]?.string ?? ""
        workingDirectory = folder.isEmpty ? "/" : folder.hasPrefix("/") ? folder : "/\(folder)"
        stopSignal = config?["StopSignal"]?.string.flatMap { $0.isEmpty ? nil : $0 }
    }
}
