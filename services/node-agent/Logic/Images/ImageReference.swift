/// The name of an image, as containers give it: `[registry/]repository[:tag][@digest]`.
struct ImageReference: Sendable, Hashable {
    /// Host and port, `docker.io` where none is written.
    let registry: String
    /// `library/busybox`.
    let repository: String
    /// Nil only when there is a digest.
    let tag: String?
    /// `sha256:...`.
    let digest: String?

    /// Reads a name.
    ///
    /// - Throws: ``ImageError`` with the words of a kubelet.
    init(_ text: String) throws(ImageError) {
        func refuse(_ why: String) -> ImageError {
            ImageError("couldn't parse image name \"\(text)\": \(why)")
        }
        var rest = text[...]
        var digest: String?
        if let at = rest.firstIndex(of: "@") {
            let written = String(rest[rest.index(after: at)...])
            guard Digest.isValid(written) else { throw refuse("invalid reference format") }
            digest = written
            rest = rest[..<at]
        }
        var tag: String?
        if let colon = rest.lastIndex(of: ":"), !rest[colon...].contains("/") {
            let written = rest[rest.index(after: colon)...]
            guard Self.isTag(written) else { throw refuse("invalid reference format") }
            tag = String(written)
            rest = rest[..<colon]
        }
        var registry = "docker.io"
        if let slash = rest.firstIndex(of: "/") {
            let first = rest[..<slash]
            // What could be a host is one, anything else belongs to Docker Hub.
            if first.contains(".") || first.contains(":") || first == "localhost" || first != first.lowercased()[...] {
                guard Self.isHost(first) else { throw refuse("invalid reference format") }
                registry = first == "index.docker.io" ? "docker.io" : String(first)
                rest = rest[rest.index(after: slash)...]
            }
        }
        guard Self.isRepository(rest) else {
            let isCase = rest != rest.lowercased()[...] && Self.isRepository(rest.lowercased()[...])
            throw refuse("invalid reference format" + (isCase ? ": repository name must be lowercase" : ""))
        }
        guard registry.utf8.count + 1 + rest.utf8.count <= 255 else {
            throw refuse("repository name must not be more than 255 characters")
        }
        let isOfficial = registry == "docker.io" && !rest.contains("/")
        self.registry = registry
        repository = isOfficial ? "library/\(rest)" : String(rest)
        self.tag = tag ?? (digest == nil ? "latest" : nil)
        self.digest = digest
    }

    /// Registry and repository.
    var name: String { "\(registry)/\(repository)" }
    /// The whole name, nothing left out.
    var full: String { name + (tag.map { ":\($0)" } ?? "") + (digest.map { "@\($0)" } ?? "") }
    /// What a registry is asked for: the digest decides where there is one.
    var source: String { digest.map { "\(name)@\($0)" } ?? full }

    /// True for registries on this machine, which need no TLS.
    var isOnLoopback: Bool {
        let host = registry.hasPrefix("[") ? registry : String(registry.prefix { $0 != ":" })
        return host == "localhost" || host.hasPrefix("127.") || host.hasPrefix("[::1]")
    }

    private static func isTag(_ text: Substring) -> Bool {
        let bytes = text.utf8
        guard let first = bytes.first, bytes.count <= 128, first != UInt8(ascii: "."), first != UInt8(ascii: "-") else {
            return false
        }
        return bytes.allSatisfy { isAlphanumeric($0) || isUpper($0) || [0x2D, 0x2E, 0x5F].contains($0) }
    }

    private static func isHost(_ text: Substring) -> Bool {
        var host = text
        if let colon = text.lastIndex(of: ":"), !text.hasSuffix("]") {
            let port = text[text.index(after: colon)...]
            guard !port.isEmpty, port.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return false }
            host = text[..<colon]
        }
        if host.hasPrefix("["), host.hasSuffix("]") {
            return host.dropFirst().dropLast().utf8.allSatisfy { isAlphanumeric($0) || isUpper($0) || $0 == 0x3A }
        }
        return host.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { part in
            let bytes = part.utf8
            guard let first = bytes.first, let last = bytes.last else { return false }
            return first != 0x2D && last != 0x2D
                && bytes.allSatisfy { isAlphanumeric($0) || isUpper($0) || $0 == 0x2D }
        }
    }

    /// Parts of small letters and digits, joined by `.`, `_`, `__` or any number of `-`.
    private static func isRepository(_ text: Substring) -> Bool {
        text.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { part in
            let bytes = Array(part.utf8)
            guard let first = bytes.first, let last = bytes.last, isAlphanumeric(first), isAlphanumeric(last) else {
                return false
            }
            return bytes.split(whereSeparator: isAlphanumeric).allSatisfy { joint in
                joint == [0x2E] || joint == [0x5F] || joint == [0x5F, 0x5F] || joint.allSatisfy { $0 == 0x2D }
            }
        }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
    }

    private static func isUpper(_ byte: UInt8) -> Bool { (0x41...0x5A).contains(byte) }
}

/// Why there is no image, in one sentence.
struct ImageError: Error, Equatable, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
