import KubeModel

/// One entry of `environments.yaml`: what stands in for the images that match its patterns.
struct EnvironmentDefinition: Sendable, Equatable {
    /// Name in messages, and of the folder it is built in.
    var name: String
    /// Patterns of image references; `*` stands for any characters.
    var images: [String]
    /// What the host must have.
    var needs: [EnvironmentNeed] = []
    /// Python of the host, `python3.11` or a path; nil: no Python environment, only the host's programs.
    var python: String?
    /// Requirements as pip writes them.
    var packages: [String] = []
    /// Whether packages that Debian installed for that Python can be imported, too.
    var usesSystemPackages = false
    /// What runs when the container names no command (ENTRYPOINT of an image).
    var entrypoint: [String] = []
    /// Its arguments when the container names none (CMD of an image).
    var command: [String] = []
    var uid: UInt32 = 1000
    var gid: UInt32 = 100
    var userName = "jovyan"
    var home = "/home/jovyan"
    var workingDirectory: String?
    var environment: [(name: String, value: String)] = []

    static func == (left: Self, right: Self) -> Bool { left.name == right.name && left.contentKey == right.contentKey }

    /// True when something has to be built before the first container can start.
    var isBuilt: Bool { python != nil }

    /// All that decides what a build contains.
    var contentKey: String {
        (["martlet-environment-1", python ?? "-", String(uid), String(gid)] + packages.sorted()
            + (usesSystemPackages ? ["+system"] : [])).joined(separator: "\n")
    }
}

/// The environments that this node offers, by the images they stand for.
struct EnvironmentCatalogue: Sendable {
    let environments: [EnvironmentDefinition]
    /// The file, for messages.
    let file: String

    init(environments: [EnvironmentDefinition], file: String) {
        (self.environments, self.file) = (environments, file)
    }

    /// Reads the document.
    ///
    /// - Throws: ``NodeError`` that names the entry and what is wrong.
    init(_ document: JSON, file: String) throws(NodeError) {
        self.file = file
        var found: [EnvironmentDefinition] = []
        for (index, entry) in (document["environments"]?.array ?? []).enumerated() {
            guard let name = entry["name"]?.string, !name.isEmpty else {
                throw NodeError("\(file): environments[\(index)] has no name")
            }
            let images = entry["images"]?.array?.compactMap(\.string) ?? []
            guard !images.isEmpty else { throw NodeError("\(file): environment \"\(name)\" has no images") }
            var definition = EnvironmentDefinition(name: name, images: images)
            definition.python = entry["python"].flatMap { $0.string ?? $0.double.map { "\($0)" } }
            definition.packages = Self.strings(entry["packages"])
            definition.usesSystemPackages = entry["systemPackages"]?.bool ?? false
            definition.entrypoint = entry["entrypoint"]?.array?.compactMap(\.string) ?? []
            definition.command = entry["command"]?.array?.compactMap(\.string) ?? []
            if let user = entry["user"] {
                definition.uid = user["uid"]?.int.flatMap(UInt32.init(exactly:)) ?? definition.uid
                definition.gid = user["gid"]?.int.flatMap(UInt32.init(exactly:)) ?? definition.gid
                definition.userName = user["name"]?.string ?? definition.userName
                definition.home = user["home"]?.string ?? definition.home
            }
            definition.workingDirectory = entry["workingDir"]?.string
            definition.environment = (entry["env"]?.array ?? []).compactMap { item in
                item["name"]?.string.map { ($0, item["value"]?.string ?? "") }
            }
            for need in entry["needs"]?.array ?? [] {
                do throws(NodeError) {
                    definition.needs.append(try EnvironmentNeed(need))
                } catch {
                    throw NodeError("\(file): environment \"\(name)\" \(error)")
                }
            }
            if !definition.packages.isEmpty || definition.usesSystemPackages, definition.python == nil {
                throw NodeError("\(file): environment \"\(name)\" lists packages but no python")
            }
            found.append(definition)
        }
        environments = found
    }

    /// The members of a list, and of the lists in it, which is how YAML lets lists be shared.
    private static func strings(_ list: JSON?) -> [String] {
        (list?.array ?? []).flatMap { item in item.string.map { [$0] } ?? strings(item) }
    }

    /// The first environment with a pattern that fits the image.
    func environment(for image: String) -> EnvironmentDefinition? {
        let candidates = Self.names(of: image)
        return environments.first { definition in
            definition.images.contains { pattern in
                candidates.contains { Self.matches(pattern: Array(pattern.utf8)[...], Array($0.utf8)[...]) }
            }
        }
    }

    /// What to tell the owner of a pod whose image nothing stands for.
    func advice(for image: String) -> String {
        "no environment stands for the image \"\(image)\": add an entry with a matching pattern below \"images\" to \(file) and restart Martlet; known environments: \(environments.map(\.name).joined(separator: ", "))"
    }

    /// The spellings under which an image may be listed: as written, with its default tag, and without Docker Hub's host.
    static func names(of image: String) -> [String] {
        var name = image
        if let at = name.firstIndex(of: "@") { name = String(name[..<at]) }
        let last = name.split(separator: "/").last ?? ""
        if !last.contains(":") { name += ":latest" }
        var names = [name]
        for host in ["docker.io/library/", "index.docker.io/library/", "docker.io/", "library/"]
        where name.hasPrefix(host) {
            names.append(String(name.dropFirst(host.count)))
            break
        }
        return names
    }

    /// `*` stands for any characters, also none and also slashes.
    static func matches(pattern: ArraySlice<UInt8>, _ text: ArraySlice<UInt8>) -> Bool {
        var pattern = pattern
        var text = text
        var retry: (pattern: ArraySlice<UInt8>, text: ArraySlice<UInt8>)?
        while true {
            if pattern.first == UInt8(ascii: "*") {
                pattern = pattern.dropFirst()
                retry = (pattern, text)
            } else if let first = pattern.first, text.first == first {
                pattern = pattern.dropFirst()
                text = text.dropFirst()
            } else if pattern.isEmpty, text.isEmpty {
                return true
            } else if let again = retry, !again.text.isEmpty {
                text = again.text.dropFirst()
                pattern = again.pattern
                retry = (pattern, text)
            } else {
                return false
            }
        }
    }
}
