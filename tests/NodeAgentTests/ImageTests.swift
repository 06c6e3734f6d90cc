import Foundation
import KubeModel
import Logging
import Testing

@testable import NodeAgent

@Suite("Names of images")
struct ImageReferenceTests {
    @Test(
        "names get their registry and tag",
        arguments: [
            ("busybox", "docker.io/library/busybox:latest"), ("team/app:2", "docker.io/team/app:2"),
            ("localhost/app", "localhost/app:latest"), ("localhost:5000/a/b:c", "localhost:5000/a/b:c"),
            ("ghcr.io/x/y__z-a.b", "ghcr.io/x/y__z-a.b:latest"),
            ("index.docker.io/library/x:1", "docker.io/library/x:1"),
            ("[::1]:5000/a:1", "[::1]:5000/a:1"),
        ])
    func names(text: String, full: String) throws { #expect(try ImageReference(text).full == full) }

    @Test("a digest decides, whatever the tag is")
    func digests() throws {
        let digest = "sha256:" + String(repeating: "a", count: 64)
        let image = try ImageReference("example.com/app:1@\(digest)")
        #expect(image.source == "example.com/app@\(digest)" && image.tag == "1")
        #expect(try ImageReference("app@\(digest)").full == "docker.io/library/app@\(digest)")
    }

    @Test(
        "what is no name is refused",
        arguments: [
            "", ":", "a:", "Upper", "a//b", "a/", "-a", "a b", "a:b c", "a@sha256:12", "a@md5:00", "a...b", "a___b",
            "host:port/a", "a:-b", "../a", "a/../b", "oci:/etc", String(repeating: "a", count: 300),
        ])
    func refused(text: String) { #expect(throws: ImageError.self) { try ImageReference(text) } }

    @Test(
        "registries on this machine need no TLS",
        arguments: [
            ("localhost:5000/a", true), ("127.0.0.1:1/a", true), ("localhost.example.com/a", false), ("a", false),
        ])
    func loopback(text: String, isLocal: Bool) throws { #expect(try ImageReference(text).isOnLoopback == isLocal) }
}

@Suite("Pull secrets")
struct PullCredentialsTests {
    private func secret(_ places: [String: String], legacy: Bool = false) -> KubeObject {
        var auths: JSON = [:]
        for (place, user) in places {
            auths[place] = ["auth": .string(Data("\(user):word:with:colons".utf8).base64EncodedString())]
        }
        let json: JSON = legacy ? auths : ["auths": auths]
        var object = KubeObject(apiVersion: "v1", kind: "Secret", name: "pull", namespace: "a")
        object["data"] = [legacy ? ".dockercfg" : ".dockerconfigjson": .string(Data(json.bytes).base64EncodedString())]
        return object
    }

    @Test(
        "the most precise place comes first",
        arguments: [
            ("registry.example.com/team/app", ["team", "host"]), ("registry.example.com/other", ["host"]),
            ("registry.example.com:5000/team/app", []), ("a.wild.com/x", ["glob"]), ("a.b.wild.com/x", []),
            ("busybox", ["hub"]),
        ])
    func places(image: String, users: [String]) throws {
        let credentials = PullCredentials([
            secret(["registry.example.com": "host", "https://registry.example.com/v2/team/": "team"]),
            secret(["*.wild.com": "glob", "https://index.docker.io/v1/": "hub"], legacy: true),
        ])
        let found = credentials.matching(try ImageReference(image))
        #expect(found.map(\.user) == users)
        #expect(found.allSatisfy { $0.password == "word:with:colons" })
    }

    @Test("what is no configuration gives nothing")
    func broken() throws {
        var object = KubeObject(apiVersion: "v1", kind: "Secret", name: "pull", namespace: "a")
        for text in ["", "bm8ganNvbg==", "W10=", "eyJhdXRocyI6IDV9"] {
            object["data"] = [".dockerconfigjson": .string(text)]
            #expect(PullCredentials([object]).matching(try ImageReference("a")).isEmpty)
        }
    }
}

@Suite("Users of images")
struct ImageUserTests {
    private let passwd = Array("root:x:0:0::/root:/bin/sh\napp:x:7:8::/app:/bin/sh\nbroken\n".utf8)
    private let group = Array("app:x:8:\nmore:x:9:app,root\n".utf8)

    @Test(
        "numbers and names",
        arguments: [
            ("", 0, 0, [9], "/root"), ("app", 7, 8, [9], "/app"), ("7", 7, 8, [9], "/app"),
            ("app:more", 7, 9, [], "/app"),
            ("12", 12, 0, [], "/"), ("12:34", 12, 34, [], "/"),
        ] as [(String, UInt32, UInt32, [UInt32], String)])
    func users(text: String, uid: UInt32, gid: UInt32, groups: [UInt32], home: String) throws {
        let user = try ImageUser(text, passwd: passwd, group: group)
        #expect((user.uid, user.gid) == (uid, gid))
        #expect(user.groups == groups && user.home == home)
    }

    @Test("who is not there", arguments: ["ghost", "app:ghosts", "-1"])
    func missing(text: String) {
        #expect(throws: ContainerConfigError.self) { try ImageUser(text, passwd: passwd, group: group) }
    }
}

@Suite("Manifests")
struct ImageManifestTests {
    static let digest = "sha256:" + String(repeating: "b", count: 64)

    private func manifest(_ change: (inout JSON) -> Void) -> [UInt8] {
        let layer: JSON = [
            "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": .string(Self.digest), "size": 5,
        ]
        var json: JSON = [
            "schemaVersion": 2,
            "config": [
                "mediaType": "application/vnd.oci.image.config.v1+json", "digest": .string(Self.digest), "size": 2,
            ], "layers": [layer],
        ]
        change(&json)
        return json.bytes
    }

    @Test("an image has a configuration and layers")
    func image() throws {
        guard case .image(_, let layers) = try ImageManifest(manifest { _ in }) else {
            Issue.record("no image")
            return
        }
        #expect(layers.map(\.size) == [5])
    }

    @Test(
        "what no container can use is refused",
        arguments: [
            { json in json["schemaVersion"] = 1 }, { json in json["config"] = nil },
            { json in json["config"]?["mediaType"] = "application/vnd.cncf.helm.config.v1+json" },
            { json in json["config"]?["digest"] = "sha256:../../etc" }, { json in json["layers"] = [["size": 1]] },
            { json in
                json["layers"] = [
                    [
                        "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "size": -1,
                        "digest": .string(ImageManifestTests.digest),
                    ]
                ]
            },
            { json in json["config"]?["size"] = .int(.max) }, { json in json["config"]?["size"] = .int(1 << 50 + 1) },
            { json in json["layers"] = .array(Array(repeating: json["layers"]?.array?.first ?? .null, count: 101)) },
        ] as [@Sendable (inout JSON) -> Void])
    func refused(change: @Sendable (inout JSON) -> Void) {
        #expect(throws: ImageError.self) { try ImageManifest(manifest(change)) }
    }

    @Test("an index gives the image for this machine")
    func index() throws {
        let index: JSON = [
            "schemaVersion": 2,
            "manifests": [
                ["digest": .string(Self.digest), "platform": ["os": "linux", "architecture": "mine"]],
                [
                    "digest": .string("sha256:" + String(repeating: "c", count: 64)),
                    "platform": ["os": "linux", "architecture": "other"],
                ],
            ],
        ]
        #expect(try ImageManifest(index.bytes, architecture: "mine") == .index(Self.digest))
        #expect(throws: ImageError.self) { try ImageManifest(index.bytes, architecture: "third") }
    }

    @Test("layers are named by what lies below them")
    func chains() {
        let one = LayerStore.chain([Self.digest, Self.digest])
        #expect(one[0] == Self.digest && one[1] == Digest.of(Array("\(Self.digest) \(Self.digest)".utf8)))
        #expect(Digest.of([]) == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    }
}

@Suite("Layers")
struct LayerUnpackerTests {
    /// Members of a tar in the plainest form.
    static func tar(_ members: [(name: String, type: Character, target: String, content: String)]) -> [UInt8] {
        var bytes: [UInt8] = []
        func field(_ text: String, _ size: Int) -> [UInt8] {
            Array(text.utf8.prefix(size)) + Array(repeating: 0, count: max(0, size - text.utf8.count))
        }
        func octal(_ value: Int, _ size: Int) -> [UInt8] {
            let digits = String(value, radix: 8)
            return Array((String(repeating: "0", count: size - 1 - digits.count) + digits).utf8) + [0]
        }
        for member in members {
            var header = field(member.name, 100) + octal(0o644, 8) + octal(Int(getuid()), 8) + octal(Int(getgid()), 8)
            header += octal(member.content.utf8.count, 12) + octal(1000, 12) + Array(repeating: 0x20, count: 8)
            header += [member.type.asciiValue ?? 0] + field(member.target, 100) + field("ustar", 6) + Array("00".utf8)
            header += Array(repeating: 0, count: 512 - header.count)
            let sum = header.reduce(0) { $0 + Int($1) }
            header.replaceSubrange(148..<156, with: octal(sum, 7) + [0x20])
            let content = Array(member.content.utf8)
            bytes += header + content + Array(repeating: 0, count: (512 - content.count % 512) % 512)
        }
        return bytes + Array(repeating: 0, count: 1024)
    }

    private func tar(_ members: [(name: String, type: Character, target: String, content: String)]) -> [UInt8] {
        Self.tar(members)
    }

    private func unpack(_ archive: [UInt8], limits: ImageLimits = ImageLimits(), below: Int64 = 0) throws -> String {
        let folder = NSTemporaryDirectory() + "layers-" + UUID().uuidString
        try FileTools.makeDirectory(folder)
        let root = open(folder, O_RDONLY | O_DIRECTORY)
        defer { close(root) }
        var reader = Self.reader(archive)
        var unpacker = LayerUnpacker(root: root, upper: nil, limits: limits, below: below)
        do {
            try unpacker.unpack(&reader)
        } catch {
            FileTools.remove(folder)
            throw error
        }
        return folder
    }

    @Test("members replace each other, and links stay inside")
    func members() throws {
        let folder = try unpack(
            tar([
                ("a/b/", "5", "", ""), ("a/b/file", "0", "", "one"), ("a/b/file", "0", "", "two"),
                ("link", "2", "/nowhere/deep", ""), ("link/inside", "0", "", "x"), ("dir", "0", "", "file"),
                ("dir/", "5", "", ""), ("dir/x", "0", "", "x"), ("hard", "1", "a/b/file", ""), ("device", "3", "", ""),
            ]))
        defer { FileTools.remove(folder) }
        #expect(FileTools.text("\(folder)/a/b/file") == "two" && FileTools.text("\(folder)/hard") == "two")
        #expect(FileTools.text("\(folder)/nowhere/deep/inside") == "x" && FileTools.text("\(folder)/dir/x") == "x")
        #expect(!FileTools.exists("\(folder)/device"))
    }

    @Test(
        "members outside of the root are refused",
        arguments: ["../x", "a/../../x", "/../x"])
    func outside(name: String) { #expect(throws: ImageError.self) { try unpack(tar([(name, "0", "", "x")])) } }

    @Test("limits hold")
    func limits() {
        let big = tar([("a", "0", "", String(repeating: "x", count: 2000)), ("b", "0", "", "x")])
        #expect(throws: ImageError.self) { try unpack(big, limits: ImageLimits(unpacked: 1000)) }
        #expect(throws: ImageError.self) { try unpack(big, limits: ImageLimits(entries: 1)) }
        // Layers count together.
        let folder = try? unpack(big, limits: ImageLimits(unpacked: 5000), below: 2999)
        #expect(folder != nil)
        FileTools.remove(folder ?? "")
        #expect(throws: ImageError.self) { try unpack(big, limits: ImageLimits(unpacked: 5000), below: 3000) }
    }

    @Test("headers do not go on for ever", arguments: ["x", "g", "L", "K"] as [Character])
    func longHeaders(type: Character) throws {
        let name = String(repeating: "n", count: 100_000)
        let content = type == "x" || type == "g" ? "100016 comment=\(name)\n" : name
        let header = (name: "header", type: type, target: "", content: content)
        let file = (name: "file", type: "0" as Character, target: "", content: "x")
        // A few are as good as none.
        var reader = Self.reader(tar([header, header].filter { _ in type == "x" || type == "g" } + [file]))
        #expect(try reader.next()?.name == "file")
        reader = Self.reader(tar(Array(repeating: header, count: 50) + [file]))
        #expect(throws: ImageError("a layer has headers that are too long")) { try reader.next() }
    }

    private static func reader(_ archive: [UInt8]) -> TarReader {
        var at = 0
        return TarReader { buffer in
            let size = min(buffer.count, archive.count - at)
            buffer.copyBytes(from: archive[at..<(at + size)])
            at += size
            return size
        }
    }

    @Test("archives that end in the middle, or are none, are refused", arguments: [100, 512, 600])
    func broken(length: Int) {
        let whole = tar([("a", "0", "", String(repeating: "x", count: 300))])
        #expect(throws: ImageError.self) { try unpack(Array(whole[..<length])) }
        #expect(throws: ImageError.self) { try unpack(Array(repeating: 0x41, count: 1024)) }
    }

    @Test("records of extended headers name the member that follows")
    func records() throws {
        let folder = try unpack(tar([("x", "x", "", "14 path=a=b/c\n16 comment=none\n"), ("file", "0", "", "text")]))
        defer { FileTools.remove(folder) }
        #expect(FileTools.text("\(folder)/a=b/c") == "text")
    }

    @Test(
        "broken records of extended headers are refused",
        arguments: [
            "6 abc=", "6 abc=x", "9 abc=xy", "2 a=\n", "-6 abc=\n", "6 abcd\n", "6abc=\n", "99 abc=\n", "5 =\n",
            "9223372036854775807 a=\n", "6\n=abc ",
        ])
    func brokenRecords(text: String) {
        for type in ["x", "g"] as [Character] {
            #expect(throws: ImageError.self) { try unpack(tar([("x", type, "", text), ("file", "0", "", "")])) }
        }
    }

    @Test(
        "an owner that the container does not know is its root",
        arguments: [
            (0, nil, 0), (1000, nil, 1000), (65535, 1 << 30, 1 << 30 + 65535), (65536, 1 << 30, 1 << 30),
            (.max, 1 << 31, 1 << 31), (.max, nil, 0),
        ] as [(UInt32, UInt32?, UInt32)])
    func owners(number: UInt32, base: UInt32?, owner: UInt32) {
        #expect(UserShift.owner(number, base: base) == owner)
    }

    @Test(
        "a link that leads to nothing",
        arguments: [("a/l", "b", "a/b"), ("a/l", "/x/y", "x/y"), ("a/l", "../../../x", "x"), ("l", "./b/../c", "c")])
    func targets(link: String, text: String, path: String) {
        #expect(LayerUnpacker.target(of: link, text) == path)
    }

    @Test(
        "numbers of headers",
        arguments: [("0000644\0", 0o644), ("\u{1}", nil), ("  17 \0\0\0", 15)] as [(String, Int64?)])
    func numbers(text: String, value: Int64?) { #expect(TarReader.number(Array(text.utf8)[...]) == value) }

    @Test("large numbers of headers are binary")
    func binary() {
        #expect(TarReader.number([0x80, 0, 0, 1, 0, 0, 0, 0][...]) == 1 << 32)
        #expect(TarReader.number([0xFF, 0xFF, 0xFF, 0xFF][...]) == -1)
    }
}

@Suite("The store of layers")
struct LayerStoreTests {
    private func inStore(
        _ archive: [UInt8], limits: ImageLimits = ImageLimits(),
        _ body: (_ store: LayerStore, _ blob: String, _ digest: String) async throws -> Void
    ) async throws {
        let folder = NSTemporaryDirectory() + "store-" + UUID().uuidString
        try FileTools.makeDirectory("\(folder)/layers")
        defer { FileTools.remove(folder) }
        try FileTools.write(archive, to: "\(folder)/blob")
        try await body(
            LayerStore(directory: "\(folder)/layers", limits: limits), "\(folder)/blob", Digest.of(archive))
    }

    @Test("several images that need the same layer at once get it once")
    func turns() async throws {
        let members = (0..<500).map { (name: "f\($0)", type: "0" as Character, target: "", content: "text") }
        try await inStore(LayerUnpackerTests.tar(members)) { store, blob, digest in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        try await LayerWork.onThread { _ in
                            try store.unpack(blob, .none, diff: digest, chain: digest, below: []) {}
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(store.has(digest) && store.size(digest) == 2000)
            #expect(FileTools.names(in: "\(store.directory)/\(LayerStore.name(digest))/files").count == 500)
            #expect(FileTools.names(in: store.directory).count == 1)
        }
    }

    @Test("content that is skipped, and what follows the end, counts and can be stopped", arguments: [true, false])
    func endless(isSkipped: Bool) async throws {
        struct Stopped: Error {}
        let much = String(repeating: "x", count: 3 << 20)
        let archive =
            isSkipped
            ? LayerUnpackerTests.tar([("device", "3", "", much)])
            : LayerUnpackerTests.tar([("file", "0", "", "text")]) + Array(much.utf8)
        try await inStore(archive) { store, blob, digest in
            var count = 0
            #expect(throws: Stopped.self) {
                try store.unpack(blob, .none, diff: digest, chain: digest, below: []) {
                    count += 1
                    if count == 5 { throw Stopped() }
                }
            }
            #expect(FileTools.names(in: store.directory).isEmpty)
            try store.unpack(blob, .none, diff: digest, chain: digest, below: []) {}
            #expect(store.has(digest))
        }
        try await inStore(archive, limits: ImageLimits(unpacked: 10, entries: 1)) { store, blob, digest in
            #expect(throws: ImageError("a layer is longer than 1052682 bytes when unpacked")) {
                try store.unpack(blob, .none, diff: digest, chain: digest, below: []) {}
            }
            #expect(!store.has(digest))
        }
    }
}

@Suite("The store of images")
struct ImageStoreTests {
    private func inStore(_ body: (_ store: ImageStore, _ folder: String) async throws -> Void) async throws {
        let folder = NSTemporaryDirectory() + "images-" + UUID().uuidString
        defer { FileTools.remove(folder) }
        let configuration = NodeConfiguration(
            dataDirectory: folder, nodeName: "n", podCIDR: "10.244.0.0/24", serviceCIDR: "10.96.0.0/20",
            environmentsFile: "\(folder)/environments.yaml")
        let store = try ImageStore(
            configuration: configuration, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try await body(store, folder)
    }

    /// What a failed pull leaves.
    private func leave(_ store: ImageStore) throws -> [String] {
        let layer = "\(store.layers.directory)/0123456789abcdef"
        try FileTools.makeDirectory("\(layer)/files/a")
        let config = "\(store.documents.directory)/\(String(repeating: "0", count: 64))"
        try FileTools.write([], to: config)
        return [layer, config]
    }

    @Test("what pulls have left goes, also what an earlier removal left over")
    func garbage() async throws {
        try await inStore { store, _ in
            let paths = try leave(store)
            try FileTools.makeDirectory("\(store.layers.directory)/.gone-0123456789abcdef/files/b")
            store.collectGarbage()
            // The name was taken at first.
            store.collectGarbage()
            #expect(paths.allSatisfy { !FileTools.exists($0) })
            #expect(FileTools.names(in: store.layers.directory).isEmpty)
        }
    }

    @Test("nothing goes while a pull is under way")
    func pulling() async throws {
        try await inStore { store, _ in
            _ = store.pull(try ImageReference("localhost/a"), [])
            let paths = try leave(store)
            store.collectGarbage()
            #expect(paths.allSatisfy(FileTools.exists))
        }
    }

    @Test("a load that failed is over")
    func loading() async throws {
        try await inStore { store, folder in
            let work = try store.makeWork()
            try FileTools.write("no archive", to: "\(work)/archive.tar")
            await #expect(throws: ImageError.self) {
                try await store.load("\(work)/archive.tar", work: work, name: nil)
            }
            let paths = try leave(store)
            store.collectGarbage()
            #expect(paths.allSatisfy { !FileTools.exists($0) })
        }
    }
}

@Suite("The index of images")
struct ImageIndexTests {
    private func image(_ digit: Character, tags: Set<String>) -> StoredImage {
        var image = StoredImage(id: "sha256:" + String(repeating: digit, count: 64), chain: [], size: 1)
        image.tags = tags
        return image
    }

    @Test("a tag leads to one image, and an index survives being written")
    func tags() throws {
        var index = ImageIndex()
        index.add(image("1", tags: ["docker.io/a/b:1", "docker.io/a/c:1"]))
        index.add(image("2", tags: ["docker.io/a/b:1"]))
        index = ImageIndex(index.json)
        #expect(index.find(try ImageReference("a/b:1"))?.id.hasSuffix("2") == true)
        #expect(index.find(try ImageReference("a/c:1"))?.id.hasSuffix("1") == true)
        #expect(index.find(try ImageReference("a/c:2")) == nil)
    }

    @Test(
        "messages of skopeo",
        arguments: [
            (
                #"time="x" level=fatal msg="Error parsing image name \"docker://a/b:1\": reading manifest 1 in a/b: manifest unknown""#,
                "reading manifest 1 in a/b: manifest unknown"
            ),
            (#"level=fatal msg="writing blob: write /x: no space left on device""#, "the disk is full"), ("odd", "odd"),
        ])
    func complaints(text: String, words: String) { #expect(Skopeo.complaint(text) == words) }

    @Test(
        "durations as Go writes them",
        arguments: [
            (56, "56ms"), (1000, "1s"), (1234, "1.234s"), (61_500, "1m1.5s"), (3_600_000, "1h0m0s"),
        ])
    func durations(milliseconds: Int, text: String) { #expect(Duration.milliseconds(milliseconds).precise == text) }
}
