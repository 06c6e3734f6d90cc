import CNode
import ControllerKit
import KubeModel
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// A device node of the host that a container gets.
struct DeviceNode: Sendable, Equatable {
    /// Where it is, on the host and in the container.
    var path: String
    var major: UInt32
    var minor: UInt32
    /// `c` or `b`.
    var kind: String

    /// Nil when there is no device node.
    init?(_ path: String) {
        var (kind, major, minor): (UInt32, UInt32, UInt32) = (0, 0, 0)
        guard node_device(path, &kind, &major, &minor) == 0, kind != 0 else { return nil }
        (self.path, self.major, self.minor) = (path, major, minor)
        self.kind = kind == S_IFBLK ? "b" : "c"
    }
}

/// The GPUs of this machine, and which container has which: `nvidia.com/gpu`.
///
/// A container keeps its devices until its pod ends, over its own restarts and over those of the agent, which finds in the
/// pod's folder who has what.
final class HostDevices: Sendable {
    /// The name by which pods ask for them.
    static let resource = "nvidia.com/gpu"
    /// Nodes that every user of a GPU needs, where they exist.
    static let common = ["nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset"]

    private let directory: String
    /// Names below the directory, `nvidia0`, by the pod that has them.
    private let owners = Mutex<[String: String]>([:])

    init(directory: String = "/dev") { self.directory = directory }

    /// Names of the GPUs, in the order of their numbers.
    var names: [String] {
        let numbers = FileTools.names(in: directory).filter { $0.hasPrefix("nvidia") }
            .compactMap { name in Int(name.dropFirst(6)).flatMap { "nvidia\($0)" == name ? $0 : nil } }
        return numbers.sorted().map { "nvidia\($0)" }.filter { DeviceNode("\(directory)/\($0)") != nil }
    }

    /// Gives a pod so many GPUs.
    ///
    /// - Returns: their names; nil when there are not as many free.
    func take(_ count: Int, for pod: String) -> [String]? {
        let names = names
        return owners.withLock { owners in
            let free = names.filter { owners[$0] == nil }
            guard free.count >= count else { return nil }
            for name in free.prefix(count) { owners[name] = pod }
            return Array(free.prefix(count))
        }
    }

    /// Notes what a pod has had since before this agent began.
    func adopt(_ names: [String], of pod: String) {
        owners.withLock { owners in for name in names { owners[name] = pod } }
    }

    /// Where a pod's folder tells who has what.
    static let file = "devices.json"

    /// GPUs by container, as a pod's folder tells.
    static func noted(in directory: String) -> [String: [String]] {
        guard let bytes = FileTools.read("\(directory)/\(file)"), let json = try? JSON(parsing: bytes) else {
            return [:]
        }
        var noted: [String: [String]] = [:]
        for name in json.object?.keys ?? [] { noted[name] = (json[name]?.array ?? []).compactMap(\.string) }
        return noted
    }

    /// Notes what all pods have that an earlier agent has left, before one of them or another asks.
    func adoptAll(below podsDirectory: String) {
        for pod in FileTools.names(in: podsDirectory) {
            adopt(Self.noted(in: "\(podsDirectory)/\(pod)").values.flatMap { $0 }, of: pod)
        }
    }

    /// Takes back all that a pod has.
    func release(_ pod: String) { owners.withLock { owners in owners = owners.filter { $0.value != pod } } }

    /// The pods that have some.
    var holders: Set<String> { owners.withLock { Set($0.values) } }

    /// How many are free.
    var free: Int {
        let names = names
        return owners.withLock { owners in names.filter { owners[$0] == nil }.count }
    }

    /// What a container with these GPUs finds in its `/dev`.
    func nodes(_ names: [String]) -> [DeviceNode] {
        names.isEmpty ? [] : (names + Self.common).compactMap { DeviceNode("\(directory)/\($0)") }
    }
}

/// GPUs of a pod by container.
extension PodWorker {
    /// Reads what the pod was given by an earlier agent.
    func loadDevices() {
        devices = HostDevices.noted(in: directory)
        context.devices.adopt(devices.values.flatMap { $0 }, of: uid)
    }

    /// Gives them back.
    func releaseDevices() {
        context.devices.release(uid)
        devices = [:]
        unlink("\(directory)/\(HostDevices.file)")
    }

    /// What became of a wish for GPUs.
    enum DeviceGrant {
        case granted
        /// Pods that are about to end still have them.
        case later
        /// Why not, in a kubelet's words.
        case refused(String)
    }

    /// Gives containers the GPUs that they ask for; init containers use those of the others, which begin after them.
    ///
    /// - Returns: what became of it.
    /// - Throws: ``NodeError`` when it cannot be noted.
    func takeDevices() throws -> DeviceGrant {
        // More than any machine has is as good as endlessly many, and can be added up.
        func count(_ container: ContainerSpec) -> Int {
            Int(ResourceQuantity.whole(min(container.limit(HostDevices.resource) ?? 0, 1_000_000)))
        }
        let wanted = spec.all.filter { count($0) > 0 }
        guard !wanted.isEmpty, devices.isEmpty else { return .granted }
        let lasting = wanted.filter { $0.kind != .initial }
        let total = max(lasting.map(count).reduce(0, +), wanted.map(count).max() ?? 0)
        guard let names = context.devices.take(total, for: uid) else {
            // The scheduler counts who has ended no more, before all that they had is taken back.
            let staying = context.pods.all().filter {
                !$0.isBeingDeleted && !["Succeeded", "Failed"].contains($0.status["phase"]?.string ?? "")
            }
            guard context.devices.holders.isSubset(of: staying.map(\.uid)) else { return .later }
            return .refused(
                "Allocate failed due to requested number of devices unavailable for \(HostDevices.resource). Requested: \(total), Available: \(context.devices.free), which is unexpected"
            )
        }
        var rest = names[...]
        var given: [String: [String]] = [:]
        for container in lasting {
            given[container.name] = Array(rest.prefix(count(container)))
            rest = rest.dropFirst(count(container))
        }
        for container in wanted where container.kind == .initial {
            given[container.name] = Array(names.prefix(count(container)))
        }
        var json: JSON = [:]
        for (name, devices) in given { json[name] = .array(devices.map(JSON.string)) }
        do {
            try FileTools.makeDirectory(directory)
            try FileTools.write(json.bytes, to: "\(directory)/\(HostDevices.file)", mode: 0o600)
        } catch {
            context.devices.release(uid)
            throw error
        }
        devices = given
        return .granted
    }
}
