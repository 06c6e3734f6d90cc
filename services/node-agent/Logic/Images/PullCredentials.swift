import Foundation
import KubeModel

/// A user of a registry.
struct RegistryCredential: Sendable, Hashable {
    let user: String
    let password: String

    /// Tells credentials apart without keeping them.
    func fingerprint(registry: String) -> String {
        Digest.of(Array("\(registry)\n\(user)\n\(password)".utf8))
    }

    /// `auth` of a Docker configuration.
    var encoded: String { Data("\(user):\(password)".utf8).base64EncodedString() }
}

/// The credentials in a Pod's pull secrets.
struct PullCredentials: Sendable {
    private var entries: [(place: String, credential: RegistryCredential)] = []

    /// Reads Secrets of the types `kubernetes.io/dockerconfigjson` and `kubernetes.io/dockercfg`.
    init(_ secrets: [KubeObject]) {
        for secret in secrets {
            let data = secret["data"]?.stringMap ?? [:]
            var auths: JSON?
            if let text = data[".dockerconfigjson"], let bytes = Base64.decode(text) {
                auths = (try? JSON(parsing: bytes))?["auths"]
            } else if let text = data[".dockercfg"], let bytes = Base64.decode(text) {
                auths = try? JSON(parsing: bytes)
            }
            for (place, value) in auths?.object ?? JSONObject() {
                guard let credential = Self.credential(value) else { continue }
                entries.append((Self.place(place), credential))
            }
        }
        // Longer places are more precise.
        entries = entries.enumerated().sorted {
            ($0.element.place, $1.offset) > ($1.element.place, $0.offset)
        }.map(\.element)
    }

    /// The credentials for an image, the most precise first; none means that the image is asked for without.
    func matching(_ image: ImageReference) -> [RegistryCredential] {
        let found = entries.filter { Self.covers($0.place, image.name) }.map(\.credential)
        if !found.isEmpty || image.registry != "docker.io" { return found }
        return entries.filter { $0.place == "index.docker.io" || $0.place == "registry-1.docker.io" }.map(\.credential)
    }

    private static func credential(_ json: JSON) -> RegistryCredential? {
        if let text = json["auth"]?.string, let bytes = Base64.decode(text) {
            let parts = String(decoding: bytes.filter { $0 != 0 }, as: UTF8.self).split(
                separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { return RegistryCredential(user: String(parts[0]), password: String(parts[1])) }
        }
        guard let user = json["username"]?.string, let password = json["password"]?.string else { return nil }
        return RegistryCredential(user: user, password: password)
    }

    /// `https://registry/v1/` names the same as `registry`.
    private static func place(_ text: String) -> String {
        var rest = text[...]
        for scheme in ["https://", "http://"] where rest.hasPrefix(scheme) { rest = rest.dropFirst(scheme.count) }
        guard let slash = rest.firstIndex(of: "/") else { return String(rest) }
        let host = rest[..<slash]
        var path = rest[slash...]
        for version in ["/v1/", "/v2/"] where path.hasPrefix(version) { path = path.dropFirst(3) }
        return path == "/" ? String(host) : String(host + path)
    }

    /// `*` in a host stands for a part of its name; a path covers what begins with it.
    private static func covers(_ place: String, _ image: String) -> Bool {
        func split(_ text: String) -> (host: [Substring], port: Substring, path: Substring) {
            let slash = text.firstIndex(of: "/") ?? text.endIndex
            let authority = text[..<slash]
            let colon = authority.lastIndex(of: ":") ?? authority.endIndex
            return (authority[..<colon].split(separator: "."), authority[colon...], text[slash...])
        }
        let (wanted, has) = (split(place), split(image))
        guard wanted.port == has.port, wanted.host.count == has.host.count, has.path.hasPrefix(wanted.path) else {
            return false
        }
        return zip(wanted.host, has.host).allSatisfy { pattern, part in
            EnvironmentCatalogue.matches(pattern: Array(pattern.utf8)[...], Array(part.utf8)[...])
        }
    }
}
