import Foundation
import KubeModel

/// What nobody tells: that somebody took away the network or the control group of a pod that runs.
extension PodWorker {
    /// Looks once. The supervisor of all pods asks every five seconds.
    func checkUp() {
        let isLeaving = isGone || isShuttingDown || spec.object.isBeingDeleted
        guard isLoaded, !isCleaned, failure == nil, !isLeaving else { return }
        if let sandbox, !context.network.isAlive(sandbox) { kicker.yield() }
        for container in spec.all { checkGroup(container) }
    }

    /// How many control groups of its own a container is in; each controller may have one. Nil when it does not run.
    func groups(of container: ContainerSpec, _ run: ContainerRun) -> Int? {
        guard let process = FileTools.text("\(run.directory)/pid").flatMap({ Int32($0.trimmed()) }),
            ContainerProcesses.startTime(of: process) != nil
        else { return nil }
        let group = context.cgroup(pod: uid, container: container.name, number: run.number)
        guard let groups = FileTools.text("/proc/\(process)/cgroup"), !ContainerProcesses.isExiting(process) else {
            return nil
        }
        return groups.split(separator: "\n").count { $0.hasSuffix(group) }
    }

    /// Ends a container that is in its control group no longer, for nothing limits it any more.
    private func checkGroup(_ container: ContainerSpec) {
        guard let track = tracks[container.name], let run = track.facts.current, run.isRunning, track.killAt == nil,
            let count = groups(of: container, run), count < track.groups
        else { return }
        // The process may have ended meanwhile, and another one have its number.
        guard ContainerProcesses.supervisor(run.directory) != nil, !FileTools.exists("\(run.directory)/exit") else {
            return
        }
        let message = "its control group was removed, so that its limits did not hold any more"
        try? FileTools.write("CgroupMissing The container was stopped: \(message)", to: "\(run.directory)/failure")
        note("Warning", "CgroupMissing", "Container \(container.name) is stopped: \(message)", of: container)
        stop(container, graceSeconds: 0, why: "Stopping container \(container.name)")
        kicker.yield()
    }

    /// Ends the containers of a pod whose network is gone: they would go on without one. Then it gets a new one.
    ///
    /// - Returns: true while containers of the old one run.
    func endsForNewSandbox() -> Bool {
        guard let sandbox, !context.network.isAlive(sandbox) else { return false }
        var isRunning = false
        for container in spec.all {
            guard let track = tracks[container.name], let run = track.facts.current, run.end == nil else { continue }
            isRunning = true
            if track.killAt != nil { continue }
            let message = "The network of the pod was removed"
            try? FileTools.write("SandboxChanged \(message)", to: "\(run.directory)/failure")
            complain("SandboxChanged", "Pod sandbox changed, it will be killed and re-created.")
            stop(container, graceSeconds: spec.graceSeconds, why: "Stopping container \(container.name)")
        }
        return isRunning
    }

    /// True while the pod was evicted and has not given everything back.
    var isGoing: Bool { isEvicted && !isCleaned }

    /// What of the node's disk the pod uses, to find out who fills it; nil when its end would free nothing.
    func diskUse() async -> DiskShortage.Candidate? {
        guard isLoaded, !isCleaned, failure == nil, !isGone, !isShuttingDown else { return nil }
        let use = await context.storage.measure(spec, in: directory)
        let requested = spec.main.compactMap { $0.request("ephemeral-storage") }.reduce(0, +)
        let onDisk = use.total - use.inMemory
        let largest = use.containers.max { $0.value < $1.value }?.key ?? spec.main.first?.name ?? ""
        return DiskShortage.Candidate(
            used: onDisk, exceeds: Double(onDisk) > requested, priority: spec.object.spec["priority"]?.int ?? 0,
            container: largest, requested: spec.container(largest)?.request("ephemeral-storage") ?? 0)
    }

    /// Ends the pod because the node's disk is full.
    func evict(for shortage: DiskShortage, _ candidate: DiskShortage.Candidate) {
        guard failure == nil else { return }
        let message = shortage.message(candidate)
        note("Warning", "Evicted", message)
        evict(message)
    }
}
