import Foundation
import HTTPKit
import KubeModel
import NIOCore

/// Images, for the command line: `/images`, `/images/load`, `/images/remove`, `/images/prune`.
extension NodeRoutes {
    func addImages(to router: inout Router) {
        router.add("GET", "/images") { _, _ in .json(["images": .array(images.all().map(described))]) }
        router.add("POST", "/images/load") { request, _ in try await load(request) }
        router.add("POST", "/images/remove") { request, _ in
            for name in names(request) {
                do {
                    try images.remove(name)
                } catch let error as ImageError {
                    throw APIError(.conflict, error.description)
                }
            }
            return .json(["removed": .array(names(request).map(JSON.string))])
        }
        router.add("POST", "/images/prune") { request, _ in
            let isAll = request.query.contains { $0.name == "all" && $0.value != "false" }
            let removed = try images.prune(unusedSince: Date(), loaded: isAll)
            return .json(["images": .array(removed.map(described))])
        }
    }

    private func names(_ request: HTTPRequest) -> [String] {
        request.query.filter { $0.name == "name" }.map(\.value)
    }

    private func described(_ image: StoredImage) -> JSON {
        [
            "id": .string(image.id), "names": .array(image.tags.sorted().map(JSON.string)),
            "digests": .array(image.digests.sorted().map(JSON.string)), "size": .int(image.size),
            "unpacked": .int(image.chain.reduce(0) { $0 + images.layers.size($1) }), "loaded": .bool(image.isLoaded),
            "lastUsed": .string(Timestamps.text(image.lastUsed)),
        ]
    }

    private func load(_ request: HTTPRequest) async throws -> HTTPResponse {
        let work = try images.makeWork()
        defer { FileTools.remove(work) }
        let file = "\(work)/archive.tar"
        do {
            try await receive(request.body, file)
            let name = names(request).first
            let names = try await images.load(file, work: work, name: name)
            return .json(["loaded": .array(names.map(JSON.string))])
        } catch let error as ImageError {
            throw APIError(.badRequest, error.description)
        } catch let error as NodeError {
            throw APIError(.badRequest, error.description)
        }
    }

    private func receive(_ body: HTTPBody, _ file: String) async throws {
        guard FileManager.default.createFile(atPath: file, contents: nil, attributes: [.posixPermissions: 0o600]),
            let handle = FileHandle(forWritingAtPath: file)
        else { throw FileTools.failure("cannot write", file) }
        defer { try? handle.close() }
        var bytes: Int64 = 0
        for try await chunk in body {
            bytes += Int64(chunk.readableBytes)
            guard bytes <= images.layers.limits.download else {
                throw ImageError("the archive is larger than \(images.layers.limits.download) bytes")
            }
            do {
                try handle.write(contentsOf: Data(chunk.readableBytesView))
            } catch {
                throw ImageError("the archive cannot be kept: \(error.localizedDescription)")
            }
        }
    }
}
