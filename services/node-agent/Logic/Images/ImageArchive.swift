import Foundation
import KubeModel

/// A file with images: of `docker save`, or an OCI layout in a tar.
struct ImageArchive: Sendable {
    let file: String
    let work: String
    let settings: String

    /// One image in it.
    struct Part: Sendable {
        /// As skopeo names it.
        let source: String
        /// Whole names.
        let tags: [String]
    }

    /// What is in it; `name` is for an image that has none.
    func images(called name: String?) async throws -> [Part] {
        let given = try name.map { try ImageReference($0).full }
        let listing = try await Command("/bin/tar", ["-tf", file]).run(limit: 8 << 20)
        guard listing.code == 0 else { throw ImageError("this is no tar archive: \(listing.complaint)") }
        let members = Set(
            listing.output.split(separator: "\n").map { $0.hasPrefix("./") ? String($0.dropFirst(2)) : String($0) })
        let parts: [Part]
        if members.contains("manifest.json") {
            parts = try await saved()
        } else if members.contains("oci-layout"), members.contains("index.json") {
            parts = try await layout()
        } else {
            throw ImageError("the archive has neither manifest.json nor oci-layout: it holds no images")
        }
        guard !parts.isEmpty else { throw ImageError("the archive holds no images") }
        guard let given else { return parts }
        guard parts.count == 1 else { throw ImageError("the archive has several images; they keep their names") }
        return [Part(source: parts[0].source, tags: [given])]
    }

    private func saved() async throws -> [Part] {
        guard let text = try? await Command("/bin/tar", ["-xOf", file, "manifest.json"]).run(limit: 4 << 20),
            text.code == 0, let entries = try? JSON(parsing: text.output).array
        else {
            // Members may be called ./manifest.json.
            return [Part(source: "docker-archive:\(file)", tags: [])]
        }
        return try entries.enumerated().map { index, entry in
            let tags = entry["RepoTags"]?.array?.compactMap(\.string) ?? []
            return Part(
                source: "docker-archive:\(file):@\(index)", tags: try tags.map { try ImageReference($0).full })
        }
    }

    private func layout() async throws -> [Part] {
        let folder = "\(work)/layout"
        try FileTools.makeDirectory(folder)
        let outcome = try await Command("/bin/tar", ["-C", folder, "--no-same-owner", "-xf", file]).run()
        guard outcome.code == 0 else { throw ImageError("the archive cannot be unpacked: \(outcome.complaint)") }
        try Self.refuseLinks(folder)
        let index = FileTools.read("\(folder)/index.json", limit: ImageLimits.document).flatMap {
            try? JSON(parsing: $0)
        }
        var parts: [Part] = []
        for entry in index?["manifests"]?.array ?? [] {
            let notes = entry["annotations"]
            let short = notes?["org.opencontainers.image.ref.name"]?.string
            let long = notes?["io.containerd.image.name"]?.string ?? short
            let tags = [long].compactMap { $0 }.filter { $0.contains("/") || $0.contains(":") }.compactMap {
                try? ImageReference($0).full
            }
            let isOnly = index?["manifests"]?.array?.count == 1
            guard isOnly || short != nil else {
                throw ImageError("the layout has several images, and one of them has no name")
            }
            parts.append(Part(source: "oci:\(folder)" + (isOnly ? "" : ":\(short ?? "")"), tags: tags))
        }
        return parts
    }

    /// A layout is made of files and folders; a link could lead to what is not in it.
    private static func refuseLinks(_ folder: String) throws {
        guard let walk = FileManager.default.enumerator(atPath: folder) else { return }
        for case let name as String in walk {
            let type = walk.fileAttributes?[.type] as? FileAttributeType
            guard type == .typeRegular || type == .typeDirectory else {
                throw ImageError("the archive has something that is no file: \(name)")
            }
        }
    }
}
