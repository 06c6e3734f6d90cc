import CNode
import Foundation
import KubeClient
import KubeModel
import NIOCore

#if canImport(Glibc)
    import Glibc
#endif

/// The volumes of one pod on this machine. One task at a time uses it: the worker of the pod.
struct PodVolumes: Sendable {
    let configuration: NodeConfiguration
    let client: KubeClient
    let quotas: ProjectQuotas
    let directory: String
    let configMap: @Sendable (String) -> KubeObject?
    let secret: @Sendable (String) -> KubeObject?
    private var written: [String: VolumePayload] = [:]
    private var tokens: [String: (token: String, issuedAt: Date, refreshAt: Date)] = [:]
    private var prepared: [String: Prepared] = [:]

    /// One volume that is ready.
    struct Prepared: Sendable {
        var path: String
        var isReadOnly: Bool
        var content = ContainerMount.Content.other
    }

    init(
        configuration: NodeConfiguration, client: KubeClient, quotas: ProjectQuotas, directory: String,
        configMap: @escaping @Sendable (String) -> KubeObject?, secret: @escaping @Sendable (String) -> KubeObject?
    ) {
        self.configuration = configuration
        self.client = client
        self.quotas = quotas
        self.directory = directory
        self.configMap = configMap
        self.secret = secret
    }

    /// Makes all volumes of a pod that are not ready yet; returns them by name.
    ///
    /// - Throws: ``NodeError`` that names the volume.
    mutating func prepare(_ pod: PodSpec, _ facts: DownwardAPI.Facts) async throws -> [String: Prepared] {
        for volume in pod.object.spec["volumes"]?.array ?? [] {
            guard let name = volume["name"]?.string, prepared[name] == nil else { continue }
            do {
                prepared[name] = try await prepare(volume, name, pod, facts)
            } catch {
                throw NodeError("MountVolume.SetUp failed for volume \"\(name)\" : \(error)")
            }
        }
        return prepared
    }

    /// Brings files up to date after their sources changed, and renews tokens.
    mutating func refresh(_ pod: PodSpec, _ facts: DownwardAPI.Facts) async throws {
        for volume in pod.object.spec["volumes"]?.array ?? [] {
            guard let name = volume["name"]?.string, prepared[name] != nil, written[name] != nil else { continue }
            if let payload = try await payload(volume, name, pod, facts) { try write(payload, name, pod) }
        }
    }

    /// True while a token or an update has to be looked after.
    var needsRefresh: Bool { !written.isEmpty }

    /// Unmounts and removes all volumes that belong to the pod; claims stay.
    static func remove(_ directory: String) {
        for name in FileTools.names(in: directory) {
            let path = "\(directory)/\(name)"
            while isMounted(path) { if node_unmount(path) != 0 { break } }
        }
        FileTools.remove(directory)
    }

    static func isMounted(_ path: String) -> Bool {
        var inside = stat()
        var outside = stat()
        return lstat(path, &inside) == 0 && lstat(path + "/..", &outside) == 0 && inside.st_dev != outside.st_dev
    }

    private mutating func prepare(_ volume: JSON, _ name: String, _ pod: PodSpec, _ facts: DownwardAPI.Facts)
        async throws
        -> Prepared
    {
        let path = "\(directory)/\(name)"
        if let source = volume["emptyDir"] {
            if source["medium"]?.string?.hasPrefix("HugePages") == true {
                throw NodeError("an emptyDir of huge pages is not offered on this node")
            }
            let isNew = !FileTools.exists(path)
            try FileTools.makeDirectory(path, mode: 0o777)
            if source["medium"]?.string == "Memory", !Self.isMounted(path) {
                let size = source["sizeLimit"].flatMap { $0.string.flatMap(ResourceQuantity.value) ?? $0.double }
                let limit = size ?? facts.nodeMemory / 2
                try mountMemory(path, options: "mode=777,size=\(ResourceQuantity.whole(limit))")
            }
            if isNew, let group = pod.fsGroup { FileTools.giveToGroup(path, group) }
            return Prepared(path: path, isReadOnly: false)
        }
        if let source = volume["persistentVolumeClaim"] {
            return try await claim(
                source["claimName"]?.string ?? "", pod, isReadOnly: source["readOnly"]?.bool ?? false)
        }
        if let claim = volume["ephemeral"] {
            _ = claim
            return try await self.claim("\(pod.name)-\(name)", pod, isReadOnly: false)
        }
        if let source = volume["hostPath"]?["path"]?.string {
            try HostPathType.check(volume["hostPath"]?["type"]?.string ?? "", source)
            return Prepared(path: source, isReadOnly: false)
        }
        guard let payload = try await payload(volume, name, pod, facts) else {
            let kind = volume.object?.keys.first { $0 != "name" } ?? "none"
            throw NodeError("volumes of the kind \(kind) are not offered on this node")
        }
        try FileTools.makeDirectory(path)
        if volume["secret"] != nil || volume["projected"] != nil, !Self.isMounted(path) {
            // Secrets stay in memory.
            try mountMemory(path, options: "mode=755,size=64m")
        }
        if let group = pod.fsGroup { chown(path, .max, group) }
        try write(payload, name, pod)
        return Prepared(path: path, isReadOnly: true, content: .payload)
    }

    private func mountMemory(_ path: String, options: String) throws {
        let result = node_mount("tmpfs", path, "tmpfs", node_mount_nosuid_nodev, options)
        guard result == 0 else {
            throw NodeError("cannot mount memory on \(path): \(String(cString: strerror(-result)))")
        }
    }

    private mutating func write(_ payload: VolumePayload, _ name: String, _ pod: PodSpec) throws {
        guard written[name] != payload else { return }
        try payload.write(to: "\(directory)/\(name)", group: pod.fsGroup)
        written[name] = payload
    }

    private func claim(_ name: String, _ pod: PodSpec, isReadOnly: Bool) async throws -> Prepared {
        guard let claim = try await client.find(.persistentVolumeClaims, name, namespace: pod.namespace) else {
            throw NodeError("persistentvolumeclaim \"\(name)\" not found")
        }
        guard let volumeName = claim.spec["volumeName"]?.string, claim.status["phase"]?.string == "Bound" else {
            throw NodeError("persistentvolumeclaim \"\(name)\" is not bound to a volume yet")
        }
        guard let volume = try await client.find(.persistentVolumes, volumeName) else {
            throw NodeError("persistentvolume \"\(volumeName)\" not found")
        }
        guard
            let path = volume.spec.value(at: "hostPath", "path")?.string
                ?? volume.spec.value(at: "local", "path")?.string
        else { throw NodeError("persistentvolume \"\(volumeName)\" is of a kind that this node does not offer") }
        let isOurs =
            path.hasPrefix("\(configuration.volumesDirectory)/") && !path.contains("/../")
            && !path.hasSuffix("/..")
        guard isOurs || configuration.allowsHostPath else {
            throw NodeError(
                "persistentvolume \"\(volumeName)\" is a folder outside of \(configuration.volumesDirectory), which this node refuses; start Martlet with --allow-host-path to permit it"
            )
        }
        try FileTools.makeDirectory(path)
        await quotas.hold(volume)
        var info = stat()
        if let group = pod.fsGroup {
            // Walking a large volume at every start is slow; the top folder tells whether it was done.
            let isDone = lstat(path, &info) == 0 && info.st_gid == group && info.st_mode & 0o2770 == 0o2770
            if !isDone { FileTools.giveToGroup(path, group) }
        } else if lstat(path, &info) == 0, info.st_uid == 0, info.st_mode & 0o002 == 0 {
            chmod(path, 0o777)  // only this pod's containers see it, whatever their user is
        }
        return Prepared(path: path, isReadOnly: isReadOnly, content: isOurs ? .claim : .other)
    }

    /// The files of a volume, nil when it is of another kind.
    private mutating func payload(_ volume: JSON, _ name: String, _ pod: PodSpec, _ facts: DownwardAPI.Facts)
        async throws
        -> VolumePayload?
    {
        var payload = VolumePayload()
        if let source = volume["configMap"] {
            try add(source, mode(source), kind: "configMap", to: &payload)
        } else if let source = volume["secret"] {
            try add(source, mode(source), kind: "secret", to: &payload)
        } else if let source = volume["downwardAPI"] {
            try add(downward: source, mode(source), pod, facts, to: &payload)
        } else if let source = volume["projected"] {
            let mode = mode(source)
            for (index, part) in (source["sources"]?.array ?? []).enumerated() {
                if let inner = part["configMap"] { try add(inner, mode, kind: "configMap", to: &payload) }
                if let inner = part["secret"] { try add(inner, mode, kind: "secret", to: &payload) }
                if let inner = part["downwardAPI"] { try add(downward: inner, mode, pod, facts, to: &payload) }
                if let inner = part["serviceAccountToken"] {
                    let token = try await token(inner, key: "\(name)/\(index)", pod)
                    // Where it is known who is to read it, nobody else can, as kubelets have it.
                    let reader = pod.fsGroup == nil ? pod.user : nil
                    try payload.add(
                        path: inner["path"]?.string ?? "token", Array(token.utf8),
                        mode: pod.fsGroup == nil && reader == nil ? mode : 0o600, owner: reader)
                }
            }
        } else {
            return nil
        }
        return payload
    }

    private func mode(_ source: JSON) -> UInt32 { source["defaultMode"]?.int.flatMap(UInt32.init(exactly:)) ?? 0o644 }

    private func add(_ source: JSON, _ mode: UInt32, kind: String, to payload: inout VolumePayload) throws {
        let name = source[kind == "secret" ? "secretName" : "name"]?.string ?? source["name"]?.string ?? ""
        let isOptional = source["optional"]?.bool ?? false
        guard let object = kind == "secret" ? secret(name) : configMap(name) else {
            if isOptional { return }
            throw NodeError("\(kind == "secret" ? "secret" : "configmap") \"\(name)\" not found")
        }
        var data: [String: [UInt8]] = [:]
        for (key, value) in object["data"]?.stringMap ?? [:] {
            data[key] = kind == "secret" ? Base64.decode(value) ?? [] : Array(value.utf8)
        }
        for (key, value) in object["binaryData"]?.stringMap ?? [:] { data[key] = Base64.decode(value) ?? [] }
        try payload.add(
            data, items: source["items"]?.array, mode: mode, isOptional: isOptional, source: "\(kind) \"\(name)\"")
    }

    private func add(
        downward source: JSON, _ mode: UInt32, _ pod: PodSpec, _ facts: DownwardAPI.Facts,
        to payload: inout VolumePayload
    ) throws {
        for item in source["items"]?.array ?? [] {
            guard let path = item["path"]?.string else { continue }
            var value: String?
            if let field = item.value(at: "fieldRef", "fieldPath")?.string {
                value = DownwardAPI.field(field, of: pod, facts)
            } else if let reference = item["resourceFieldRef"] {
                value = DownwardAPI.resource(reference, of: pod, in: nil, facts)
            }
            guard let value else { throw NodeError("\"\(path)\" names a field that does not exist") }
            try payload.add(path: path, Array(value.utf8), mode: item["mode"]?.int.map { UInt32($0) } ?? mode)
        }
    }

    private mutating func token(_ source: JSON, key: String, _ pod: PodSpec) async throws -> String {
        // By the clock, as those do who read the token; one that is not valid yet after it was set back is renewed, too.
        if let known = tokens[key], Date() < known.refreshAt, Date() >= known.issuedAt { return known.token }
        let seconds = source["expirationSeconds"]?.int ?? 3600
        var spec: JSON = [
            "expirationSeconds": .int(seconds),
            "boundObjectRef": [
                "kind": "Pod", "apiVersion": "v1", "name": .string(pod.name), "uid": .string(pod.uid),
            ],
        ]
        if let audience = source["audience"]?.string, !audience.isEmpty { spec["audiences"] = [.string(audience)] }
        let body: JSON = ["apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec]
        let answer = try await client.json(
            KubeRequest(
                "POST", "/api/v1/namespaces/\(pod.namespace)/serviceaccounts/\(pod.serviceAccount)/token",
                headers: [("Content-Type", "application/json")], body: ByteBuffer(bytes: body.bytes)))
        guard let token = answer.value(at: "status", "token")?.string else {
            throw NodeError("the API server gave no token for the service account \"\(pod.serviceAccount)\"")
        }
        // Renewed at four fifths of its life, as kubelets do.
        let now = Date()
        tokens[key] = (token, now, now.addingTimeInterval(min(Double(seconds) * 0.8, 86_400)))
        return token
    }

    /// The mounts of a container.
    ///
    /// - Throws: ``ContainerConfigError`` when a subPath leaves its volume or a volume is missing.
    func mounts(
        of container: ContainerSpec, variables: [String: String], fsGroup: UInt32?
    ) throws -> [ContainerMount] {
        var mounts: [ContainerMount] = []
        for item in container.json["volumeMounts"]?.array ?? [] {
            guard let name = item["name"]?.string, var destination = item["mountPath"]?.string else { continue }
            guard let volume = prepared[name] else { throw ContainerConfigError("volume \"\(name)\" does not exist") }
            if !destination.hasPrefix("/") { destination = "/" + destination }
            while destination.count > 1, destination.hasSuffix("/") { destination.removeLast() }
            var source = volume.path
            var sub = item["subPath"]?.string ?? ""
            if let expression = item["subPathExpr"]?.string { sub = VariableExpansion.expand(expression, variables) }
            if !sub.isEmpty {
                source = try Self.resolve(sub, in: volume.path, isReadOnly: volume.isReadOnly, fsGroup: fsGroup)
            }
            mounts.append(
                ContainerMount(
                    destination: destination, source: source,
                    isReadOnly: volume.isReadOnly || item["readOnly"]?.bool ?? false, content: volume.content))
        }
        return mounts
    }

    /// The path of what a subPath names: made when missing, and checked by the kernel not to leave the volume.
    static func resolve(_ sub: String, in volume: String, isReadOnly: Bool, fsGroup: UInt32?) throws -> String {
        guard SubPath.isSafe(sub) else { throw ContainerConfigError("subPath \"\(sub)\" must be inside of the volume") }
        var relative = ""
        for part in sub.split(separator: "/") where part != "." {
            let parent = relative.isEmpty ? "." : relative
            relative = relative.isEmpty ? String(part) : "\(relative)/\(part)"
            let descriptor = node_open_beneath(volume, relative)
            if descriptor >= 0 {
                close(descriptor)
                continue
            }
            guard -descriptor == ENOENT, !isReadOnly else {
                throw ContainerConfigError("subPath \"\(sub)\" leaves the volume or does not exist")
            }
            let above = node_open_beneath(volume, parent)
            guard above >= 0 else { throw ContainerConfigError("subPath \"\(sub)\" leaves the volume") }
            defer { close(above) }
            guard mkdirat(above, String(part), 0o777) == 0 else {
                throw ContainerConfigError("subPath \"\(sub)\" cannot be made: \(String(cString: strerror(errno)))")
            }
            let made = node_open_beneath(volume, relative)
            guard made >= 0 else { throw ContainerConfigError("subPath \"\(sub)\" leaves the volume") }
            defer { close(made) }
            let path = "/proc/self/fd/\(made)"
            chmod(path, fsGroup == nil ? 0o777 : 0o2770)
            if let fsGroup { chown(path, .max, fsGroup) }
        }
        let descriptor = node_open_beneath(volume, relative.isEmpty ? "." : relative)
        guard descriptor >= 0 else { throw ContainerConfigError("subPath \"\(sub)\" leaves the volume") }
        defer { close(descriptor) }
        // The kernel's own name of it: no link is left in it that could be changed before the mount.
        return try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(descriptor)")
    }
}
