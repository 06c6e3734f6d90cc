import Foundation
import KubeModel

/// Asks registries and reads archives, by the program `skopeo`.
struct Skopeo: Sendable {
    /// The image that is asked for.
    let image: ImageReference
    let credential: RegistryCredential?
    /// Settings of the node: `registries.conf` and `certs.d` may lie there.
    let settings: String
    /// For temporary files; removed by the caller.
    let work: String

    /// The manifest of a digest, or of the image's name.
    func manifest(_ digest: String? = nil) async throws -> [UInt8] {
        let source = digest.map { "\(image.name)@\($0)" } ?? image.source
        let bytes = try await inspect(["--raw", "docker://\(source)"])
        if let wanted = digest ?? image.digest, Digest.of(bytes) != wanted {
            throw ImageError("the registry answered with another manifest than \(wanted)")
        }
        return bytes
    }

    /// The configuration of the image with a digest.
    func config(_ digest: String, is blob: ImageBlob) async throws -> [UInt8] {
        var bytes = try await inspect(["--raw", "--config", "docker://\(image.name)@\(digest)"])
        if bytes.last == 0x0A, Int64(bytes.count) == blob.size + 1 { bytes.removeLast() }
        guard Digest.of(bytes) == blob.digest else {
            throw ImageError("the registry answered with another configuration than \(blob.digest)")
        }
        return bytes
    }

    /// Copies the layers of the image with a digest to `blobs`; those that are there stay as they are.
    func copy(_ digest: String, blobs: String) async throws {
        // Signatures have no place there; looking for them fails for who may not enter the machine's folder of them.
        _ = try await run(
            ["copy", "--quiet", "--remove-signatures"] + flags("src-") + [
                "--dest-shared-blob-dir", blobs, "docker://\(image.name)@\(digest)", "oci:\(work)/layout:image",
            ], limit: 64 << 10)
    }

    private func inspect(_ arguments: [String]) async throws -> [UInt8] {
        let text = try await run(
            ["--command-timeout", "60s", "inspect"] + flags("") + arguments, limit: ImageLimits.document + 1)
        guard text.utf8.count <= ImageLimits.document else { throw ImageError("the registry's answer is too long") }
        return Array(text.utf8)
    }

    private func flags(_ prefix: String) throws -> [String] {
        var flags: [String] = []
        let certificates = "\(settings)/certs.d/\(image.registry)"
        if FileTools.isDirectory(certificates) {
            flags += ["--\(prefix)cert-dir", certificates]
        } else if image.isOnLoopback {
            flags.append("--\(prefix)tls-verify=false")
        }
        if let credential {
            // In a file, because everybody may read the command lines of processes.
            let file = "\(work)/auth.json"
            let auths: JSON = ["auths": [image.registry: ["auth": .string(credential.encoded)]]]
            try FileTools.write(auths.bytes, to: file, mode: 0o600)
            return flags + ["--\(prefix)authfile", file]
        }
        return flags + ["--\(prefix)no-creds"]
    }

    private func run(_ arguments: [String], limit: Int) async throws -> String {
        try await Self.run(arguments, settings: settings, work: work, limit: limit)
    }

    static func run(_ arguments: [String], settings: String, work: String, limit: Int = 1 << 20) async throws -> String
    {
        guard let program = HostTools.path(of: "skopeo") else {
            throw ImageError("skopeo is missing, which fetches images; install it: apt-get install skopeo")
        }
        // Where the machine has no rules about signatures, none are asked for.
        var options = FileTools.exists("/etc/containers/policy.json") ? [] : ["--insecure-policy"]
        let own = "\(settings)/registries.conf"
        if FileTools.exists(own) { options += ["--registries-conf", own] }
        var command = Command(program, options + arguments)
        command.environment = ["TMPDIR": work]
        let outcome = try await command.run(limit: limit)
        guard outcome.code == 0 else { throw ImageError(complaint(outcome.error)) }
        return outcome.output
    }

    /// The words of `level=fatal msg="..."`, without what is known.
    static func complaint(_ text: String) -> String {
        var words = text.split(separator: "\n").last { !$0.isEmpty }.map(String.init) ?? "skopeo failed"
        if let start = words.range(of: "msg=\"") {
            var message = ""
            var isEscaped = false
            for character in words[start.upperBound...] {
                if isEscaped {
                    message.append(character == "n" ? " " : character)
                    isEscaped = false
                } else if character == "\\" {
                    isEscaped = true
                } else if character == "\"" {
                    break
                } else {
                    message.append(character)
                }
            }
            words = message
        }
        for prefix in ["Error parsing image name \"", "Error reading manifest for image \""]
        where words.hasPrefix(prefix) {
            if let end = words.range(of: "\": ") { words = String(words[end.upperBound...]) }
        }
        if words.contains("no space left on device") { return "the disk is full" }
        return String(words.prefix(900))
    }
}
