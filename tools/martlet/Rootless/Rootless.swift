import CPrivileges
import Foundation
import Synchronization

/// The namespaces of an ordinary user's own in which the node agent is root.
///
/// Numbers 0 to 65535 are the user's subordinate ones (`/etc/subuid`), so that not even root there is the user; 65536 is
/// the user, and the platform runs as it. What listens on the machine is opened before, what Pods send out goes through
/// ``WayOut``.
enum Rootless {
    /// The number that the user has inside: the first that no container can have.
    static let user: UInt32 = 65536

    private static let entered = Atomic(false)
    /// True once this process has become root of the namespaces.
    static var isInside: Bool { entered.load(ordering: .acquiring) }

    /// Becomes root of namespaces for the platform of a data directory: of those in which its Pods still run, else of new
    /// ones. To be called before the first thread.
    ///
    /// - Parameters:
    ///   - directory: the data directory.
    ///   - installation: the programs of the platform.
    ///   - rules: what is let out.
    /// - Returns: what connects them to the outside.
    /// - Throws: ``Complaint`` that says what is missing or was refused. The process is then what it was before.
    static func enter(for directory: DataDirectory, installation: Installation, rules: WayOutRules) throws -> WayOut {
        if let first = obstacles(installation: installation).first { throw Complaint(first.detail) }
        let place = NamespacePlace(directory)
        try place.prepare()
        let wayOut = WayOut(place)
        let hasGroups: Bool
        if let shim = Leftovers.shim(of: directory, root: try SubordinateNumbers.ofUser().users) {
            if !wayOut.isRunning { try wayOut.start(to: shim) }
            hasGroups = try join(shim)
        } else {
            hasGroups = DelegatedGroup.own != nil
            wayOut.end()
            let holder = try Holder()
            defer { holder.end() }
            try wayOut.start(to: holder.process)
            do {
                try join(holder.process)
                if hasGroups { try check(rootless_own_groups(), "make a view of control groups of its own") }
            } catch {
                wayOut.end()
                throw error
            }
        }
        entered.store(true, ordering: .releasing)
        do {
            try check(
                rootless_own_mounts(place.resolver, hasGroups ? 1 : 0), "make a view of the file system of its own")
            try rules.apply()
        } catch {
            wayOut.endUnlessUsed()
            throw error
        }
        // Tools of the node agent would leave files there that are not the user's.
        setenv("HOME", "/run", 1)
        return wayOut
    }

    /// For commands that change files which Pods or the node agent own: becomes root of namespaces with the same numbers.
    /// Nothing happens for root, and where all files are the user's.
    ///
    /// - Parameters:
    ///   - directory: where the files are.
    ///   - makesIt: true when the command makes the directory.
    /// - Throws: ``Complaint`` when that cannot be.
    static func becomeOwner(of directory: DataDirectory, makesIt: Bool) throws {
        guard geteuid() != 0, makesIt || isUsed(directory) else { return }
        guard let numbers = try? SubordinateNumbers.ofUser(), namespaceTools().allSatisfy({ $0.level == .good }),
            rootless_is_permitted() == 0
        else {
            if makesIt { return }
            throw Complaint(
                "\(directory.path) holds files of Pods; `martlet doctor` says what is missing to reach them")
        }
        var hasGroups = false
        if let shim = Leftovers.shim(of: directory, root: numbers.users) {
            hasGroups = try join(shim)
        } else {
            let holder = try Holder()
            defer { holder.end() }
            try join(holder.process)
        }
        entered.store(true, ordering: .releasing)
        try check(rootless_own_mounts(nil, hasGroups ? 1 : 0), "make a view of the file system of its own")
    }

    /// True for a data directory in which a platform of this user has run Pods.
    static func isUsed(_ directory: DataDirectory) -> Bool {
        var info = stat()
        guard stat(directory.path, &info) == 0, info.st_uid != geteuid(),
            let numbers = try? SubordinateNumbers.ofUser()
        else { return false }
        return info.st_uid == numbers.users
    }

    /// Gives a file to the user, who asked for it.
    static func giveToUser(_ path: String) {
        if isInside { lchown(path, user, user) }
    }

    /// Gives the files of a new data directory to those who use them at the next start.
    static func giveBack(_ directory: DataDirectory) throws {
        try directory.prepare()
        try NamespacePlace(directory).prepare()
        _ = try directory.lock()  // makes the file, which the user could not
        try directory.give(to: PlatformUser(user: user, group: user))
    }

    /// Joins the namespaces of a process that holds them or supervises a container.
    ///
    /// - Returns: true when its Pods have control groups, which this process sees then as well.
    @discardableResult
    private static func join(_ process: pid_t) throws -> Bool {
        let group = DelegatedGroup.ofPods(of: process)
        try check(rootless_join(process), "join the namespaces of process \(process)")
        guard let group else { return false }
        // As root here, whose it is.
        group.enter()
        try check(rootless_join_groups(process), "see the control groups of process \(process)")
        return true
    }

    static func check(_ result: Int32, _ what: String) throws {
        guard result != 0 else { return }
        throw Complaint("the platform cannot \(what): \(String(cString: strerror(-result)))")
    }
}

/// A child that holds new namespaces until others have joined them.
private final class Holder {
    private var holder = rootless_holder()
    var process: pid_t { holder.process }

    init() throws {
        let numbers = try SubordinateNumbers.ofUser()
        try Rootless.check(rootless_begin(&holder), "make a user namespace")
        do {
            for (program, first, own) in [
                ("newuidmap", numbers.users, geteuid()), ("newgidmap", numbers.groups, getegid()),
            ] {
                guard let path = Installation.onPath(program) else { throw Complaint("`\(program)` has gone") }
                let done = try ShortProgram.run(
                    path, [String(process)] + [0, first, Rootless.user, Rootless.user, own, 1].map(String.init))
                guard done.status == 0 else { throw Complaint("\(program) failed: \(done.complaint)") }
            }
            try Rootless.check(rootless_finish(&holder), "make a network of its own")
        } catch {
            rootless_end(&holder)
            throw error
        }
    }

    func end() { rootless_end(&holder) }
}

/// Files about the namespaces, in the data directory; all are the user's.
struct NamespacePlace {
    let folder: String
    private let directory: DataDirectory

    init(_ directory: DataDirectory) { (folder, self.directory) = (directory.path + "/namespaces", directory) }

    /// True while a container of the data directory runs, as seen from inside of the namespaces.
    var hasContainers: Bool { Leftovers.shim(of: directory, root: 0) != nil }

    var process: String { folder + "/way-out.pid" }
    var log: String { folder + "/way-out.log" }

    /// The names of resolvers for inside, when those of the machine would not do there.
    var resolver: String? {
        let file = folder + "/resolv.conf"
        return FileManager.default.fileExists(atPath: file) ? file : nil
    }

    func prepare() throws {
        guard mkdir(folder, 0o700) == 0 || errno == EEXIST else {
            throw Complaint("\(folder) cannot be made: \(String(cString: strerror(errno)))")
        }
    }

    func write(_ text: String?, to name: String) throws {
        let file = "\(folder)/\(name)"
        guard let text else {
            unlink(file)
            return
        }
        try directory.write(Array(text.utf8), to: file)
    }
}
