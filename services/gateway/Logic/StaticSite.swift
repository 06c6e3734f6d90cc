import Foundation
import HTTPKit
import Identity
import NIOCore
import NIOHTTP1
import Synchronization

/// The built page: files below one folder, kept in memory, with their compressed siblings.
final class StaticSite: Sendable {
    private struct File: Sendable {
        let plain: ByteBuffer
        let brotli: ByteBuffer?
        let gzip: ByteBuffer?
        let type: String
        let etag: String
        let stamp: Stamp
        var checked: ContinuousClock.Instant
    }

    private struct Stamp: Equatable, Sendable {
        let seconds: Int
        let nanoseconds: Int
        let size: Int
    }

    /// For the page: nothing from anywhere else, nothing inline, no framing by others.
    static let policy =
        "default-src 'self'; img-src 'self' data: blob:; font-src 'self' data:; object-src 'none'; base-uri 'none'; "
        + "form-action 'self'; frame-ancestors 'self'; worker-src 'self'"

    private let root: String
    private let files = Mutex<[String: File]>([:])

    init(root: String) { self.root = root }

    /// True when there is a page at all.
    var isBuilt: Bool { FileManager.default.fileExists(atPath: root + "/index.html") }

    /// A file by its URL path, or the page for every other path that a person may open.
    func answer(_ request: HTTPRequest) -> HTTPResponse? {
        let path = request.path
        if path != "/", let file = file(path) {
            return response(file, for: request, isImmutable: path.hasPrefix("/assets/"))
        }
        // A name with a dot is a file that is missing; all else is a place inside the page.
        if path.hasPrefix("/assets/") || path.split(separator: "/").last?.contains(".") == true { return nil }
        return file("/index.html").map { response($0, for: request, isImmutable: false) }
    }

    private func response(_ file: File, for request: HTTPRequest, isImmutable: Bool) -> HTTPResponse {
        var headers: HTTPHeaders = [
            "content-type": file.type, "etag": file.etag, "vary": "accept-encoding",
            "x-content-type-options": "nosniff",
            "referrer-policy": "same-origin",
            "cache-control": isImmutable ? "public, max-age=31536000, immutable" : "no-cache",
        ]
        if file.type.hasPrefix("text/html") {
            headers.add(name: "content-security-policy", value: Self.policy)
            headers.add(name: "cross-origin-opener-policy", value: "same-origin")
        }
        let known = request.headers[canonicalForm: "if-none-match"]
        if known.contains(where: { $0 == file.etag || $0 == "W/" + file.etag }) {
            return HTTPResponse(status: 304, headers: headers)
        }
        let accepted = request.headers[canonicalForm: "accept-encoding"].filter { !$0.hasSuffix("q=0") }
        if let brotli = file.brotli, accepted.contains(where: { $0.hasPrefix("br") }) {
            headers.add(name: "content-encoding", value: "br")
            return HTTPResponse(status: 200, headers: headers, body: .bytes(brotli))
        }
        if let gzip = file.gzip, accepted.contains(where: { $0.hasPrefix("gzip") }) {
            headers.add(name: "content-encoding", value: "gzip")
            return HTTPResponse(status: 200, headers: headers, body: .bytes(gzip))
        }
        return HTTPResponse(status: 200, headers: headers, body: .bytes(file.plain))
    }

    private func file(_ path: String) -> File? {
        guard let decoded = PercentEncoding.decode(path), Self.isSafe(decoded) else { return nil }
        let now = ContinuousClock.now
        let known = files.withLock { $0[decoded] }
        if let known, known.checked + .seconds(1) > now { return known }
        guard let stamp = Self.stamp(root + decoded) else {
            files.withLock { $0[decoded] = nil }
            return nil
        }
        if var known, known.stamp == stamp {
            known.checked = now
            files.withLock { [known] in $0[decoded] = known }
            return known
        }
        guard let bytes = Self.read(root + decoded) else { return nil }
        let file = File(
            plain: bytes, brotli: Self.read(root + decoded + ".br"), gzip: Self.read(root + decoded + ".gz"),
            type: Self.type(decoded),
            etag: "\"\(Base64URL.encode(Secrets.digest(bytes.readableBytesView).prefix(15)))\"",
            stamp: stamp, checked: now)
        files.withLock { $0[decoded] = file }
        return file
    }

    /// No dot files, no way out of the folder, no compressed sibling by its own name.
    private static func isSafe(_ path: String) -> Bool {
        guard path.hasPrefix("/"), !path.hasSuffix("/"), !path.hasSuffix(".br"), !path.hasSuffix(".gz") else {
            return false
        }
        return path.dropFirst().split(separator: "/", omittingEmptySubsequences: false).allSatisfy { segment in
            !segment.isEmpty && !segment.hasPrefix(".") && !segment.utf8.contains { $0 < 0x20 || $0 == 0x5c }
        }
    }

    private static func stamp(_ file: String) -> Stamp? {
        var status = stat()
        guard stat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return Stamp(seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec, size: Int(status.st_size))
    }

    private static func read(_ file: String) -> ByteBuffer? {
        guard let data = FileManager.default.contents(atPath: file) else { return nil }
        return ByteBuffer(bytes: data)
    }

    private static func type(_ path: String) -> String {
        switch path.split(separator: ".").last {
        case "html": "text/html; charset=utf-8"
        case "js", "mjs": "text/javascript; charset=utf-8"
        case "css": "text/css; charset=utf-8"
        case "json", "map": "application/json"
        case "webmanifest": "application/manifest+json"
        case "svg": "image/svg+xml"
        case "png": "image/png"
        case "ico": "image/x-icon"
        case "jpg", "jpeg": "image/jpeg"
        case "webp": "image/webp"
        case "woff2": "font/woff2"
        case "txt": "text/plain; charset=utf-8"
        default: "application/octet-stream"
        }
    }
}
