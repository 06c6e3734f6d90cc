import Foundation
import KubeModel
import Testing

@testable import NodeAgent

@Suite("Volumes and logs")
struct FilesTests {
    /// Runs a test in a folder of its own.
    private func inFolder(_ body: (String) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("martlet-\(UUID().uuidString)").path
        try FileTools.makeDirectory(folder)
        defer { FileTools.remove(folder) }
        try await body(folder)
    }

    @Test("a volume's files are replaced in one step")
    func payload() async throws {
        try await inFolder { folder in
            var payload = VolumePayload()
            try payload.add(path: "a", Array("1".utf8), mode: 0o644)
            try payload.add(path: "dir/b", Array("2".utf8), mode: 0o600)
            try payload.write(to: folder, group: nil)
            #expect(FileTools.text("\(folder)/a") == "1")
            #expect(FileTools.text("\(folder)/dir/b") == "2")
            var next = VolumePayload()
            try next.add(path: "a", Array("3".utf8), mode: 0o644)
            try next.write(to: folder, group: nil)
            #expect(FileTools.text("\(folder)/a") == "3")
            #expect(!FileTools.exists("\(folder)/dir"))
            #expect(FileTools.names(in: folder).filter { $0.hasPrefix("..2") }.count == 1)
        }
    }

    @Test(
        "paths that leave a volume are refused", arguments: ["../x", "a/../../b", "/etc/passwd", "", "..data", "a//b"])
    func badPaths(path: String) {
        var payload = VolumePayload()
        #expect(throws: NodeError.self) { try payload.add(path: path, [], mode: 0o644) }
    }

    @Test("keys are chosen by items, and a missing one is an error")
    func items() throws {
        var payload = VolumePayload()
        let data = ["k": Array("v".utf8)]
        try payload.add(
            data, items: [["key": "k", "path": "p/q", "mode": 256]], mode: 0o644, isOptional: false,
            source: "configMap \"c\"")
        #expect(payload.files == [.init(path: "p/q", bytes: Array("v".utf8), mode: 256)])
        #expect(throws: NodeError("configMap \"c\" has no key \"z\"")) {
            try payload.add(
                data, items: [["key": "z", "path": "z"]], mode: 0o644, isOptional: false, source: "configMap \"c\"")
        }
    }

    @Test("a subPath is made inside of its volume and cannot leave it")
    func subPaths() async throws {
        try await inFolder { folder in
            let volume = "\(folder)/volume"
            try FileTools.makeDirectory(volume)
            let made = try PodVolumes.resolve("a/b", in: volume, isReadOnly: false, fsGroup: nil)
            #expect(made.hasSuffix("/volume/a/b") && FileTools.isDirectory(made))
            symlink("/etc", "\(volume)/out")
            symlink("../..", "\(volume)/up")
            symlink("a", "\(volume)/in")
            for path in ["out", "up", "out/passwd", "../x", "/etc"] {
                #expect(throws: ContainerConfigError.self) {
                    try PodVolumes.resolve(path, in: volume, isReadOnly: false, fsGroup: nil)
                }
            }
            #expect(try PodVolumes.resolve("in/b", in: volume, isReadOnly: true, fsGroup: nil).hasSuffix("/volume/a/b"))
        }
    }

    private let log = """
        2026-01-01T00:00:01.000000000Z stdout F one
        2026-01-01T00:00:02.000000000Z stderr P tw
        2026-01-01T00:00:02.000000000Z stderr F o
        2026-01-01T00:00:03.000000000Z stdout F three

        """

    @Test("a log is read whole, in part and with times")
    func logs() async throws {
        try await inFolder { folder in
            let path = "\(folder)/log"
            try FileTools.write(log, to: path)
            func read(_ change: (inout LogRequest) -> Void) async throws -> String {
                var request = LogRequest()
                change(&request)
                var text: [UInt8] = []
                try await LogFile(path: path).read(request, isEnded: { true }) { text += $0 }
                return String(decoding: text, as: UTF8.self)
            }
            #expect(try await read { _ in } == "one\ntwo\nthree\n")
            #expect(try await read { $0.tailLines = 1 } == "three\n")
            #expect(try await read { $0.tailLines = 0 } == "")
            #expect(try await read { $0.tailLines = 99 } == "one\ntwo\nthree\n")
            #expect(try await read { $0.since = "2026-01-01T00:00:03" } == "three\n")
            #expect(try await read { $0.limitBytes = 5 } == "one\nt")
            #expect(
                try await read {
                    $0.hasTimestamps = true; $0.tailLines = 1
                } == "2026-01-01T00:00:03.000000000Z three\n")
            #expect(try await read { $0.follows = true } == "one\ntwo\nthree\n")
            #expect(LogFile.tail(path: path, lines: 2) == ["o", "three"])
        }
    }

    @Test("rotated files are read before the current one")
    func rotation() async throws {
        try await inFolder { folder in
            try FileTools.write("2026-01-01T00:00:01Z stdout F a\n", to: "\(folder)/log.1")
            try FileTools.write("2026-01-01T00:00:02Z stdout F b\n", to: "\(folder)/log")
            for (lines, expected) in [(1, "b\n"), (2, "a\nb\n"), (5, "a\nb\n")] {
                var text: [UInt8] = []
                try await LogFile(path: "\(folder)/log").read(LogRequest(tailLines: lines), isEnded: { true }) {
                    text += $0
                }
                #expect(String(decoding: text, as: UTF8.self) == expected)
            }
        }
    }

    @Test("programs choose the personalities of container engines only")
    func personalities() {
        func isRefused(_ value: Int64) -> Bool {
            SystemCallFilter.personalities.contains { rule in
                let check = rule["args"]?.array?.first
                return value & (check?["value"]?.int ?? 0) == check?["valueTwo"]?.int
            }
        }
        let open: [Int64] = [0, 8, 0x2_0000, 0x2_0008, 0xFFFF_FFFF]
        #expect(open.allSatisfy { !isRefused($0) })
        for bit in 0..<32 {
            for value in open where !open.contains(value ^ (1 << bit)) { #expect(isRefused(value ^ (1 << bit))) }
        }
        #expect(isRefused(0xFFFD_FFF7) && isRefused(0x5555_5555))
    }

    @Test("a container's configuration keeps it from the host")
    func configuration() throws {
        let plan = ContainerPlan(
            id: "x", bundle: "/nonexistent", hostname: "web-0", networkNamespace: "/run/netns/x", cgroup: "/m/x",
            arguments: ["python3"], workingDirectory: "/home/jovyan", variables: [("A", "1")], uid: 1000, gid: 100,
            groups: [2000], isRootReadOnly: true, mayGainPrivileges: false, capabilities: ["CHOWN"],
            filter: SystemCallFilter.json,
            mounts: [
                .init(destination: "/data/inner", source: "/b", isReadOnly: true),
                .init(destination: "/data", source: "/a", isReadOnly: false),
            ],
            environment: ReadyEnvironment(
                definition: EnvironmentDefinition(name: "e", images: ["e"]), path: "/env", contentID: "c"),
            sharedMemory: "/shm-of-pod", ipcNamespace: "/ipc-of-pod", messageQueues: "/q", cpuLimit: 0.5,
            cpuRequest: 0.25, memoryLimit: 1_048_576, podEtc: "/etc-of-pod",
            terminationFile: "/t",
            terminationPath: "/dev/termination-log")
        let config = ContainerBundle.config(plan)
        #expect(config.value(at: "process", "noNewPrivileges")?.bool == true)
        #expect(config.value(at: "root", "readonly")?.bool == true)
        #expect(config.value(at: "linux", "resources", "cpu", "quota")?.int == 50_000)
        #expect(config.value(at: "linux", "resources", "cpu", "shares")?.int == 256)
        #expect(config.value(at: "linux", "resources", "memory", "limit")?.int == 1_048_576)
        #expect(config.value(at: "linux", "seccomp", "defaultAction")?.string == "SCMP_ACT_ALLOW")
        let mounts = config["mounts"]?.array ?? []
        let places = mounts.compactMap { $0["destination"]?.string }
        let outer = try #require(places.firstIndex(of: "/data"))
        let inner = try #require(places.firstIndex(of: "/data/inner"))
        #expect(outer < inner)
        let memory = mounts.first { $0["destination"]?.string == "/dev/shm" }
        #expect(memory?["source"]?.string == "/shm-of-pod")
        let system = mounts.first { $0["destination"]?.string == "/usr" }
        #expect(system?["options"]?.array?.contains("ro") == true)
        // Without a writable root there is no layer above the environment either.
        let environment = mounts.first { $0["destination"]?.string == ContainerBundle.environmentPath }
        #expect(environment?["type"]?.string == "bind")
    }

    @Test("namespaces are the container's own, the pod's, or the host's when that is permitted")
    func namespaces() {
        var plan = ContainerPlan(
            id: "x", bundle: "/b", hostname: "h", networkNamespace: nil, cgroup: "/m", arguments: ["a"],
            workingDirectory: "/", variables: [], uid: 1, gid: 1, groups: [], isRootReadOnly: false,
            mayGainPrivileges: false, capabilities: [], filter: nil, mounts: [],
            environment: ReadyEnvironment(
                definition: EnvironmentDefinition(name: "e", images: ["e"]), path: nil, contentID: "c"),
            sharedMemory: "/s", ipcNamespace: "/i", messageQueues: "/q", processNamespace: "/proc/7/ns/pid",
            processes: "/p", podEtc: "/e",
            terminationFile: "/t",
            terminationPath: "/dev/termination-log")
        func namespace(_ type: String) -> JSON? {
            ContainerBundle.config(plan).value(at: "linux", "namespaces")?.array?.first { $0["type"]?.string == type }
        }
        #expect(namespace("network") == nil && namespace("pid")?["path"]?.string == "/proc/7/ns/pid")
        #expect(ContainerBundle.config(plan)["mounts"]?.array?.first?["source"]?.string == "/p")
        (plan.networkNamespace, plan.processNamespace, plan.processes) = ("/n", nil, nil)
        #expect(namespace("network")?["path"]?.string == "/n" && namespace("pid")?["path"] == nil)
        #expect(ContainerBundle.config(plan)["mounts"]?.array?.first?["type"]?.string == "proc")
    }

    @Test("a working directory with .. is refused before anything is mounted or written")
    func workingDirectory() throws {
        let folder = NSTemporaryDirectory() + "bundle-" + UUID().uuidString
        defer { FileTools.remove(folder) }
        let config: JSON = ["rootfs": ["diff_ids": []]]
        let image = ContainerImage(
            id: "i", imageID: "i", name: "i", config: try ImageConfig(config.bytes, layers: 0),
            layers: LayerStore(directory: "\(folder)-layers", limits: ImageLimits()), chain: [])
        var environment = ReadyEnvironment(
            definition: EnvironmentDefinition(name: "e", images: ["e"]), path: nil, contentID: "c", image: image)
        for _ in 0..<2 {
            let plan = ContainerPlan(
                id: UUID().uuidString, bundle: folder, hostname: "h", networkNamespace: "/n", cgroup: "/m",
                arguments: ["a"], workingDirectory: "/a/../b", variables: [], uid: 0, gid: 0, groups: [],
                isRootReadOnly: false, mayGainPrivileges: false, capabilities: [], filter: nil, mounts: [],
                environment: environment, sharedMemory: "/s", ipcNamespace: "/i", messageQueues: "/q", podEtc: "/e",
                terminationFile: "/t",
                terminationPath: "/dev/termination-log")
            #expect(throws: ContainerConfigError.self) { try ContainerBundle.write(plan) }
            #expect(!FileTools.exists(folder) && !FileTools.exists(UserShift.root(plan.id)))
            environment.image = nil
        }
    }

    @Test(
        "whose users a container has",
        arguments: [
            // asked, uid, image, platform, permits the host's: own where they can be, refused where they cannot
            (nil, 1000, false, false, false, false, false), (nil, 0, false, false, false, true, false),
            (nil, 1000, false, true, false, true, true), (false, 1000, false, false, false, true, true),
            (true, 0, false, false, false, true, true), (true, 0, false, false, true, false, false),
            (nil, 0, true, false, false, true, true), (nil, 1000, true, false, false, true, true),
            (false, 1000, true, false, false, true, true), (true, 1000, true, false, false, true, true),
            (true, 0, true, false, true, false, false),
        ] as [(Bool?, UInt32, Bool, Bool, Bool, Bool, Bool)])
    func users(
        asked: Bool?, uid: UInt32, isImage: Bool, isPlatform: Bool, permitsHost: Bool, areOwn: Bool, isRefused: Bool
    ) throws {
        let users = ContainerUsers(asked: asked, uid: uid, gid: 0, isImage: isImage, isPlatform: isPlatform)
        #expect(try users.areOwn(permitsHost: permitsHost, isOffered: true, on: "/d") == areOwn)
        if isRefused {
            #expect(throws: ContainerConfigError.self) {
                try users.areOwn(permitsHost: permitsHost, isOffered: false, on: "/d")
            }
        } else {
            #expect(try !users.areOwn(permitsHost: permitsHost, isOffered: false, on: "/d"))
        }
    }

    @Test("a volume below /usr puts a layer there, so that nothing is made on the host")
    func layers() {
        var plan = ContainerPlan(
            id: "x", bundle: "/b", hostname: "h", networkNamespace: "/n", cgroup: "/m", arguments: ["a"],
            workingDirectory: "/", variables: [], uid: 0, gid: 0, groups: [], isRootReadOnly: false,
            mayGainPrivileges: false, capabilities: [], filter: SystemCallFilter.json,
            mounts: [.init(destination: "/usr/share/nginx/html", source: "/a", isReadOnly: true)],
            environment: ReadyEnvironment(
                definition: EnvironmentDefinition(name: "e", images: ["e"]), path: nil, contentID: "c"),
            sharedMemory: "/s", ipcNamespace: "/i", messageQueues: "/q", podEtc: "/e", terminationFile: "/t",
            terminationPath: "/dev/termination-log")
        func kind() -> String? {
            ContainerBundle.config(plan)["mounts"]?.array?.first { $0["destination"]?.string == "/usr" }?["type"]?
                .string
        }
        #expect(kind() == "overlay")
        plan.mounts = []
        #expect(kind() == "bind")
    }
}
