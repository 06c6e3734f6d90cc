import CNode
import ControllerKit
import Foundation
import KubeClient
import KubeModel
import Logging

/// Keeps the Node object and its Lease.
struct NodeRegistration: Sendable {
    let client: KubeClient
    let configuration: NodeConfiguration
    let network: Network4
    let images: ImageStore
    let devices: HostDevices
    let recorder: EventRecorder
    let logger: Logger

    /// Registers and renews every ten seconds until cancelled.
    func run() async throws {
        var isRegistered = false
        var round = 0
        var known = NodePressure()
        var knownImages: JSON = .null
        var knownDevices: [String] = []
        while !Task.isCancelled {
            do {
                // Every five minutes as a kubelet does, after failures, and when the machine runs short of something.
                let pressure = NodePressure.measure(configuration.dataDirectory)
                let list = Self.list(images.all())
                let found = devices.names
                let isNews = pressure != known || list != knownImages || found != knownDevices
                if !isRegistered || round % 30 == 0 || isNews {
                    (known, knownImages, knownDevices) = (pressure, list, found)
                    try await register(isNew: !isRegistered)
                    isRegistered = true
                }
                try await renewLease()
                round += 1
            } catch is CancellationError {
                return
            } catch {
                logger.warning("the node is not registered", metadata: ["error": "\(error)"])
                try? await Task.sleep(for: .seconds(1))
                continue
            }
            guard (try? await Task.sleep(for: .seconds(10))) != nil else { return }
        }
    }

    private func register(isNew: Bool) async throws {
        let name = configuration.nodeName
        var node = KubeObject(
            apiVersion: "v1", kind: "Node", name: name,
            labels: [
                "kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": Self.architecture,
                "node.kubernetes.io/instance-type": "martlet",
            ])
        node["spec"] = ["podCIDR": .string(network.description), "podCIDRs": [.string(network.description)]]
        let existing = try await client.find(.nodes, name)
        if existing == nil { _ = try await client.create(.nodes, node) }
        if isNew { await tell("Starting", "Starting kubelet.") }
        let old = existing?.status["conditions"]?.array ?? []
        var status = self.status
        for key in ["capacity", "allocatable"]
        where status[key]?[HostDevices.resource] == nil && existing?.status[key]?[HostDevices.resource] != nil {
            status.set("0", at: key, HostDevices.resource)  // devices that went stay named, as a kubelet's do
        }
        let pressure = NodePressure.measure(configuration.dataDirectory)
        let conditions = Self.conditions(old: old, pressure)
        status["conditions"] = .array(conditions)
        _ = try await client.patch(.nodes, name, .merge(["status": status]), subresource: "status")
        for reason in Self.news(old: old, conditions) { await tell(reason, "Node \(name) status is now: \(reason)") }
        if existing == nil { logger.info("node registered", metadata: ["node": "\(name)"]) }
    }

    /// Writes an Event of the node, which kubelets name by its name instead of its UID.
    private func tell(_ reason: String, _ message: String) async {
        var node = KubeObject(apiVersion: "v1", kind: "Node", name: configuration.nodeName)
        node.metadata["uid"] = .string(configuration.nodeName)
        await recorder.record("Normal", reason: reason, message: message, about: node)
    }

    /// Reasons of Events about conditions that changed.
    static func news(old: [JSON], _ conditions: [JSON]) -> [String] {
        let names = [
            "MemoryPressure": ("NodeHasInsufficientMemory", "NodeHasSufficientMemory"),
            "DiskPressure": ("NodeHasDiskPressure", "NodeHasNoDiskPressure"),
            "PIDPressure": ("NodeHasInsufficientPID", "NodeHasSufficientPID"), "Ready": ("NodeReady", "NodeNotReady"),
        ]
        return conditions.compactMap { condition in
            guard let name = names[condition["type"]?.string ?? ""] else { return nil }
            let before = old.first { $0["type"] == condition["type"] }
            guard before?["status"] != condition["status"] else { return nil }
            return condition["status"]?.string == "True" ? name.0 : name.1
        }
    }

    /// Capacity, addresses and facts of the machine.
    var status: JSON {
        var memory = 0
        for line in (FileTools.text("/proc/meminfo") ?? "").split(separator: "\n") where line.hasPrefix("MemTotal:") {
            memory = Int(line.split(separator: " ")[1]) ?? 0
        }
        var total: UInt64 = 0
        var available: UInt64 = 0
        _ = node_statfs(configuration.dataDirectory, &total, &available)
        let cpus = ProcessInfo.processInfo.activeProcessorCount
        var capacity: JSON = [
            "cpu": .string("\(cpus)"), "memory": .string("\(memory)Ki"),
            "pods": .string("\(configuration.maximumPods)"),
            "ephemeral-storage": .string("\(total / 1024)Ki"),
        ]
        let gpus = devices.names.count
        if gpus > 0 { capacity[HostDevices.resource] = .string("\(gpus)") }
        // Pods get what is above the thresholds of pressure.
        var allocatable = capacity
        let reserved = Int(NodePressure.leastMemory / 1024)
        allocatable["memory"] = .string("\(max(memory - reserved, 0))Ki")
        allocatable["ephemeral-storage"] = .string("\((total - NodePressure.leastDisk(of: total)) / 1024)Ki")
        let release = (FileTools.text("/proc/sys/kernel/osrelease") ?? "").trimmed()
        let boot = (FileTools.text("/proc/sys/kernel/random/boot_id") ?? "").trimmed()
        let machine = (FileTools.text("/etc/machine-id") ?? "").trimmed()
        var system = "Linux"
        for line in (FileTools.text("/etc/os-release") ?? "").split(separator: "\n")
        where line.hasPrefix("PRETTY_NAME=") {
            system = line.dropFirst("PRETTY_NAME=".count).filter { $0 != "\"" }
        }
        return [
            "capacity": capacity, "allocatable": allocatable,
            "addresses": [
                ["type": "InternalIP", "address": .string(network.gateway.description)],
                ["type": "Hostname", "address": .string(configuration.nodeName)],
            ],
            "nodeInfo": [
                "machineID": .string(machine), "systemUUID": .string(machine), "bootID": .string(boot),
                "kernelVersion": .string(release), "osImage": .string(system), "operatingSystem": "linux",
                "architecture": .string(Self.architecture), "containerRuntimeVersion": "crun://1",
                "kubeletVersion": "v1.32.0", "kubeProxyVersion": "v1.32.0",
            ],
            "daemonEndpoints": ["kubeletEndpoint": ["Port": 0]], "images": Self.list(images.all()),
        ]
    }

    /// `images` of the status: fifty at most, with five names each, as kubelets have it.
    static func list(_ images: [StoredImage]) -> JSON {
        .array(
            images.prefix(50).map { image in
                ["names": .array(image.names.prefix(5).map(JSON.string)), "sizeBytes": .int(image.size)]
            })
    }

    static func conditions(old: [JSON], _ pressure: NodePressure = NodePressure(), now: Date = Date()) -> [JSON] {
        var wanted: [(type: String, status: String, reason: String, message: String)] = [
            pressure.isOfMemory
                ? ("MemoryPressure", "True", "KubeletHasInsufficientMemory", "the node has too little memory available")
                : ("MemoryPressure", "False", "KubeletHasSufficientMemory", "the node has sufficient memory available"),
            pressure.isOfDisk
                ? ("DiskPressure", "True", "KubeletHasDiskPressure", "the node has disk pressure")
                : ("DiskPressure", "False", "KubeletHasNoDiskPressure", "the node has no disk pressure"),
            pressure.isOfProcesses
                ? ("PIDPressure", "True", "KubeletHasInsufficientPID", "the node has too few PIDs available")
                : ("PIDPressure", "False", "KubeletHasSufficientPID", "the node has sufficient PIDs available"),
            ("Ready", "True", "KubeletReady", "the node agent runs pods"),
        ]
        if let condition = ControlGroups.condition { wanted.insert(condition, at: 0) }
        let time = Timestamps.text(now)
        return wanted.map { condition in
            let before = old.first { $0["type"]?.string == condition.type }
            let since = before?["status"]?.string == condition.status ? before?["lastTransitionTime"]?.string : nil
            return [
                "type": .string(condition.type), "status": .string(condition.status),
                "reason": .string(condition.reason), "message": .string(condition.message),
                "lastHeartbeatTime": .string(time), "lastTransitionTime": .string(since ?? time),
            ]
        }
    }

    private func renewLease() async throws {
        let name = configuration.nodeName
        let time = Timestamps.precise()
        do {
            _ = try await client.patch(
                .leases, name, namespace: "kube-node-lease",
                .merge(["spec": ["holderIdentity": .string(name), "renewTime": .string(time)]]))
        } catch let error as APIError where error.reason == .notFound {
            var lease = KubeObject(
                apiVersion: "coordination.k8s.io/v1", kind: "Lease", name: name, namespace: "kube-node-lease")
            lease["spec"] = [
                "holderIdentity": .string(name), "leaseDurationSeconds": 40, "renewTime": .string(time),
            ]
            _ = try await client.create(.leases, lease)
        }
    }

    static var architecture: String {
        #if arch(x86_64)
            "amd64"
        #elseif arch(arm64)
            "arm64"
        #else
            "unknown"
        #endif
    }
}
