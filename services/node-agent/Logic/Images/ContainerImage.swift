import CNode
import Foundation
import KubeModel

#if canImport(Glibc)
    import Glibc
#endif

/// An image as one container uses it.
struct ContainerImage: Sendable {
    let id: String
    /// What the status shows as `imageID`.
    let imageID: String
    /// What the status shows as `image`.
    let name: String
    let config: ImageConfig
    let layers: LayerStore
    let chain: [String]

    /// The command, user and variables in the form in which environments have them.
    func definition(user: ImageUser) -> EnvironmentDefinition {
        var definition = EnvironmentDefinition(name: name, images: [])
        definition.entrypoint = config.entrypoint
        definition.command = config.command
        (definition.uid, definition.gid) = (user.uid, user.gid)
        definition.home = user.home
        definition.workingDirectory = config.workingDirectory
        definition.environment = config.variables
        return definition
    }

    /// A small file of the image, such as `etc/passwd`; links lead to where they lead in the image's own tree.
    func file(_ path: String) -> [UInt8]? {
        for chain in chain.reversed() {
            let root = open("\(layers.directory)/\(LayerStore.name(chain))/files", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            guard root >= 0 else { continue }
            defer { close(root) }
            let file = node_open_in_root(root, path, O_RDONLY | O_NONBLOCK)
            guard file >= 0 else { continue }
            defer { close(file) }
            var info = stat()
            // A device is what hides the file of the layers below.
            guard fstat(file, &info) == 0, info.st_mode & S_IFMT == S_IFREG else { return nil }
            return FileTools.read("/proc/self/fd/\(file)", limit: 1 << 20)
        }
        return nil
    }

    /// As whom its processes run, when a pod asks for `number` or does not care.
    func user(_ number: UInt32?) throws -> ImageUser {
        try ImageUser(
            number.map { "\($0)" } ?? config.user, passwd: file("etc/passwd"), group: file("etc/group"))
    }

    // MARK: - The note beside a container

    /// What the folder of a run tells about its image; nil when it uses none.
    static func noted(in directory: String) -> (id: String, stopSignal: String?)? {
        guard let bytes = FileTools.read("\(directory)/image.json"), let json = try? JSON(parsing: bytes),
            let id = json["id"]?.string
        else { return nil }
        return (id, json["stopSignal"]?.string)
    }

    /// Notes in the folder of a run which image it uses.
    func note(in directory: String) throws {
        var json: JSON = ["id": .string(id)]
        if let signal = config.stopSignal { json["stopSignal"] = .string(signal) }
        try FileTools.write(json.bytes, to: "\(directory)/image.json", mode: 0o600)
    }

    // MARK: - The root file system

    /// Lays a writable layer over the image's, in the agent's mount namespace. ``UserShift/release(_:)`` removes it.
    ///
    /// - Parameters:
    ///   - id: the container's.
    ///   - bundle: its folder; the writable layer is kept there.
    ///   - base: the host's number of the container's root, when it has users of its own.
    /// - Throws: ``NodeError`` when the kernel refuses.
    func mountRoot(_ id: String, bundle: String, base: UInt32?) throws {
        let (upper, work) = ("\(bundle)/layer-root", "\(bundle)/work-root")
        guard !bundle.contains(where: { ":,\\".contains($0) }) else {
            throw NodeError("images need a data directory without the characters : , and \\ in its path: \(bundle)")
        }
        try FileTools.makeDirectory(upper)
        try FileTools.makeDirectory(work, mode: 0o700)
        var directory = layers.directory
        if let base {
            directory = UserShift.layers(id)
            try FileTools.makeDirectory(directory)
            try UserShift.show(layers.directory, at: directory, base: base)
        }
        if let top = chain.last {
            // The topmost folder's facts are those of the writable layer.
            var info = stat()
            if lstat("\(layers.directory)/\(LayerStore.name(top))/files", &info) == 0 {
                chown(upper, UserShift.owner(info.st_uid, base: base), UserShift.owner(info.st_gid, base: base))
                chmod(upper, info.st_mode & 0o7777)
            }
        }
        let root = UserShift.root(id)
        try FileTools.makeDirectory(root)
        // An image without layers is an empty folder; overlays need one below.
        let empty = "\(bundle)/rootfs"
        try FileTools.makeDirectory(empty)
        let lower = chain.isEmpty ? empty : LayerStore.lower(chain)
        let result = node_mount_overlay(
            directory, root, "lowerdir=\(lower),upperdir=\(upper),workdir=\(work)\(UserNamespace.overlayOption)")
        guard result == 0 else { throw NodeError(LayerStore.overlayFailure(result)) }
    }
}

extension ContainerImage {
    /// Makes a folder in the mounted root file system when it is missing; links lead nowhere else.
    func makeFolder(_ path: String, id: String, owner: UInt32) throws {
        let root = open(UserShift.root(id), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard root >= 0 else { throw FileTools.failure("cannot open", UserShift.root(id)) }
        defer { close(root) }
        var above = dup(root)
        defer { close(above) }
        var done = ""
        for part in path.split(separator: "/") {
            done += done.isEmpty ? String(part) : "/\(part)"
            var next = node_open_in_root(root, done, O_RDONLY | O_DIRECTORY)
            if next == -ENOENT, mkdirat(above, String(part), 0o755) == 0 {
                fchownat(above, String(part), owner, owner, AT_SYMLINK_NOFOLLOW)
                next = node_open_in_root(root, done, O_RDONLY | O_DIRECTORY)
            }
            // What is no folder is the runtime's to complain about.
            guard next >= 0 else { return }
            close(above)
            above = next
        }
    }
}

/// As whom an image's processes run.
struct ImageUser: Sendable, Equatable {
    var uid: UInt32 = 0
    var gid: UInt32 = 0
    /// Further groups, from the image's /etc/group.
    var groups: [UInt32] = []
    var home = "/"
    /// False when the image names its user, so that nobody knows the number but the image.
    var isNumeric = true

    /// Finds a user in an image.
    ///
    /// - Parameters:
    ///   - text: `USER` of the image, or the number that a pod asks for.
    ///   - passwd: the image's file of users, if any.
    ///   - group: the image's file of groups, if any.
    /// - Throws: ``ContainerConfigError`` when the image has no such user or group.
    init(_ text: String, passwd: [UInt8]?, group: [UInt8]?) throws {
        func lines(_ bytes: [UInt8]?) -> [[Substring]] {
            String(decoding: bytes ?? [], as: UTF8.self).split(separator: "\n").map {
                $0.split(separator: ":", omittingEmptySubsequences: false)
            }
        }
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let wanted = parts.first.map(String.init) ?? ""
        let users = lines(passwd).filter { $0.count >= 7 }
        let number = wanted.isEmpty ? 0 : UInt32(wanted)
        isNumeric = number != nil
        let entry = users.first { number == nil ? $0[0] == wanted[...] : UInt32($0[2]) == number }
        guard let uid = number ?? entry.flatMap({ UInt32($0[2]) }) else {
            throw ContainerConfigError("unable to find user \(wanted): no matching entries in passwd file")
        }
        self.uid = uid
        gid = entry.flatMap { UInt32($0[3]) } ?? 0
        home = entry.map { String($0[5]) }.flatMap { $0.hasPrefix("/") ? $0 : nil } ?? "/"
        let known = lines(group).filter { $0.count >= 4 }
        if parts.count > 1, !parts[1].isEmpty {
            guard let gid = UInt32(parts[1]) ?? known.first(where: { $0[0] == parts[1] }).flatMap({ UInt32($0[2]) })
            else { throw ContainerConfigError("unable to find group \(parts[1]): no matching entries in group file") }
            self.gid = gid
        } else if let name = entry?[0] {
            groups = known.filter { $0[3].split(separator: ",").contains(name) }.compactMap { UInt32($0[2]) }
        }
    }
}
