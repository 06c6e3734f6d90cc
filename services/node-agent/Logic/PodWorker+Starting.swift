import CNode
import Foundation
import KubeModel

#if canImport(Glibc)
    import Glibc
#endif

/// From nothing to running containers: volumes, the network, then container after container.
extension PodWorker {
    func advance() async {
        if let refusal = await refusal() {
            reject(refusal.reason, refusal.message)
            return
        }
        let facts = context.facts(podAddress: sandbox?.address)
        do {
            switch try takeDevices() {
            case .granted: break
            case .later:
                wake(at: .after(0.5))
                return
            case .refused(let refusal):
                reject("UnexpectedAdmissionError", refusal)
                return
            }
            try FileTools.makeDirectory(context.configuration.podsDirectory, mode: 0o700)
            try FileTools.makeDirectory("\(directory)/volumes")
            var current = volumes
            defer { volumes = current }
            _ = try await current.prepare(spec, facts)
        } catch {
            complain("FailedMount", "\(error)")
            retry()
            return
        }
        if endsForNewSandbox() {
            await enforceStops()
            return
        }
        do {
            try await ensureSandbox()
        } catch {
            complain("FailedCreatePodSandBox", "Failed to create pod sandbox: \(error)")
            retry()
            return
        }
        guard failure == nil else { return }
        retrySeconds = 1
        if volumes.needsRefresh {
            do {
                // A copy, because other tasks may look at the volumes meanwhile; nobody else changes them.
                var current = volumes
                defer { volumes = current }
                try await current.refresh(spec, context.facts(podAddress: sandbox?.address))
            } catch {
                complain("FailedMount", "\(error)")
            }
            wake(at: .after(60))
        }
        replaceImages()
        await startContainers()
        await resize()
        await enforceStops()
        watchStorage()
    }

    func retry() {
        wake(at: .after(retrySeconds))
        retrySeconds = min(30, retrySeconds * 2)
    }

    func ensureSandbox() async throws {
        let new: Sandbox
        if let sandbox, context.network.isAlive(sandbox) {
            if isSandboxReady { return }
            new = sandbox
        } else if spec.isOnHostNetwork {
            new = try context.network.createOnHost(known: sandbox)
        } else {
            new = try await context.network.create(pod: uid, address: sandbox?.address)
        }
        (sandbox, isSandboxReady) = (new, false)
        if !new.isOnHost { try await context.policies.place(spec, at: new.address) }
        let ports = new.isOnHost ? [] : try HostPort.all(of: spec)
        try context.checkAddresses(of: ports)
        guard try await context.openHostPorts(ports, for: new) else {
            reject(
                "NodePorts",
                "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports")
            return
        }
        for setting in Sysctls.settings(spec) where setting.isOfNetwork {
            let result = node_write_in_network(new.namespacePath, setting.path, setting.value)
            guard result == 0 else {
                throw NodeError("sysctl \(setting.name) cannot be set: \(String(cString: strerror(-result)))")
            }
        }
        if context.shiftsUsers {
            try FileTools.makeDirectory("\(directory)/sys")
            if !PodVolumes.isMounted("\(directory)/sys") {
                let result = node_mount_sysfs(new.namespacePath, "\(directory)/sys")
                guard result == 0 else { throw NodeError("sysfs: \(String(cString: strerror(-result)))") }
            }
        }
        try FileTools.makeDirectory("\(directory)/shm")
        if !PodVolumes.isMounted("\(directory)/shm") {
            let result = node_mount(
                "shm", "\(directory)/shm", "tmpfs", node_mount_nosuid_nodev, "mode=1777,size=65536k")
            guard result == 0 else { throw NodeError("shared memory: \(String(cString: strerror(-result)))") }
        }
        try FileTools.makeDirectory("\(directory)/etc")
        let json: JSON = [
            "address": .string("\(new.address)"), "namespace": .string(new.namespace), "pod": .string(spec.name),
            "identity": .string("\(new.identity)"),
            "podNamespace": .string(spec.namespace),
        ]
        try FileTools.write(json.bytes, to: "\(directory)/sandbox.json")
        try PodEtc.write(
            spec, address: new.address, server: context.network.network.gateway,
            domain: context.configuration.clusterDomain, to: "\(directory)/etc")
        isSandboxReady = true
    }

    func startContainers() async {
        for container in spec.ephemeral {
            if tracks[container.name] == nil { tracks[container.name] = Track() }
            guard let run = tracks[container.name]?.facts.current else {
                await startIfDue(container)
                continue
            }
            if run.end != nil { tracks[container.name]?.facts.isWaiting = false }
        }
        for container in spec.initial {
            guard let track = tracks[container.name] else { return }
            let run = track.facts.current
            if container.kind == .initial {
                if let end = run?.end, end.code == 0 {
                    tracks[container.name]?.facts.isWaiting = false
                    continue
                }
                // Once the main containers have run, init containers are history.
                if spec.main.contains(where: { tracks[$0.name]?.facts.current != nil }) { continue }
                if run == nil || run?.end != nil { await startIfDue(container) }
                markWaiting(after: container)
                return
            }
            if run == nil || run?.end != nil { await startIfDue(container) }
            if tracks[container.name]?.facts.isStarted != true,
                !spec.main.contains(where: { tracks[$0.name]?.facts.current != nil })
            {
                markWaiting(after: container)
                return
            }
        }
        for container in spec.main {
            guard let run = tracks[container.name]?.facts.current else {
                await startIfDue(container)
                continue
            }
            if let end = run.end {
                if spec.restarts(container, afterCode: end.code) || tracks[container.name]?.mustRestart == true {
                    await startIfDue(container)
                } else {
                    tracks[container.name]?.facts.isWaiting = false
                }
            }
        }
    }

    /// What waits for an init container says so.
    func markWaiting(after container: ContainerSpec) {
        var isAfter = false
        for other in spec.all {
            if isAfter, tracks[other.name]?.facts.current == nil {
                tracks[other.name]?.facts.waitingReason = "PodInitializing"
            }
            if other.name == container.name { isAfter = true }
        }
    }

    /// Starts a container unless it has to wait because it ended too often.
    func startIfDue(_ container: ContainerSpec) async {
        guard var track = tracks[container.name] else { return }
        track.facts.isWaiting = true
        if let run = track.facts.current, let end = run.end, !track.mustRestart {
            if track.backoffAfter != run.number {
                // A container that ran for long starts from the shortest delay again.
                let ranFor = end.finishedAt.timeIntervalSince(run.startedAt ?? end.finishedAt)
                if ranFor > 600 { track.backoffSeconds = 0 }
                track.backoffAfter = run.number
                track.backoffSeconds =
                    run.number == 0 && track.backoffSeconds == 0 ? 0.001 : min(300, max(10, track.backoffSeconds * 2))
                // It may have ended before this agent began.
                track.backoffDue =
                    Moment.of(end.finishedAt, notBefore: track.backoffSeconds) + .seconds(track.backoffSeconds)
            }
            let due = track.backoffDue
            if due > .now {
                track.facts.waitingReason = "CrashLoopBackOff"
                let delay = Duration.seconds(Int(track.backoffSeconds.rounded())).text
                let message =
                    "back-off \(delay) restarting failed container=\(container.name) pod=\(spec.name)_\(spec.namespace)(\(uid))"
                track.facts.waitingMessage = message
                tracks[container.name] = track
                complain(
                    "BackOff",
                    "Back-off restarting failed container \(container.name) in pod \(spec.name)_\(spec.namespace)(\(uid))",
                    of: container
                )
                wake(at: due)
                return
            }
        }
        tracks[container.name] = track
        guard let environment = environment(for: container) else { return }
        await start(container, environment)
    }

    /// The processes that a container sees besides its own: those of the container that it is to look into.
    private func processNamespace(_ container: ContainerSpec) async throws -> String? {
        if spec.sharesProcesses { return try await shareProcesses() }
        guard container.kind == .ephemeral, let target = container.json["targetContainerName"]?.string, !target.isEmpty
        else { return nil }
        guard let run = tracks[target]?.facts.current, run.isRunning,
            let process = try await context.runtime.process(of: run)
        else {
            throw ContainerConfigError(
                "unable to find target container \(target)", reason: "CreateContainerError")
        }
        return "/proc/\(process)/ns/pid"
    }

    func start(_ container: ContainerSpec, _ environment: ReadyEnvironment) async {
        guard let sandbox else { return }
        let allocated = tracks[container.name]?.facts.allocated ?? container.json["resources"] ?? [:]
        let container = container.with(resources: allocated)
        let number = (tracks[container.name]?.facts.current?.number ?? -1) + 1
        let base = "\(directory)/containers/\(container.name)"
        var run = ContainerRun(
            number: number, directory: "\(base)/\(number)",
            id: ContainerRun.id(pod: uid, container: container.name, number: number))
        let plan: ContainerPlan
        if let image = environment.image {
            do {
                try context.images.pin(image.id)
            } catch {
                retry()
                return
            }
        }
        defer { if let image = environment.image { context.images.unpin(image.id) } }
        do {
            try PodIPC(directory).ensure(Sysctls.settings(spec))
            plan = try ContainerPlanner(
                pod: spec, container: container, run: run, environment: environment, sandbox: sandbox, volumes: volumes,
                context: context, podEtc: "\(directory)/etc", processNamespace: try await processNamespace(container),
                devices: devices[container.name] ?? []
            ).plan()
            // Of a start that was cut short.
            UserShift.release(run.id)
            FileTools.remove(run.directory)
            try ContainerBundle.write(plan)
            try FileTools.write([], to: run.terminationFile, mode: 0o666)
            try FileTools.write(allocated.bytes, to: "\(run.directory)/resources.json", mode: 0o600)
            try FileTools.write(container.image, to: "\(run.directory)/image")
        } catch {
            let reason = (error as? ContainerConfigError)?.reason ?? "CreateContainerError"
            tracks[container.name]?.facts.waitingReason = reason
            tracks[container.name]?.facts.waitingMessage = "\(error)"
            complain("Failed", "Error: \(error)", of: container)
            UserShift.release(run.id)
            FileTools.remove(run.directory)
            wake(at: .after(10))
            return
        }
        note("Normal", "Created", "Created container: \(container.name)", of: container)
        let old = tracks[container.name]?.facts.current
        do {
            try await context.runtime.start(run, of: container, cgroup: plan.cgroup)
            _ = run.update()
            if run.startedAt == nil { run.startedAt = Date() }
            note("Normal", "Started", "Started container \(container.name)", of: container)
        } catch {
            run.fail(
                code: 128, reason: "StartError", message: "failed to start container \"\(container.name)\": \(error)")
            note("Warning", "Failed", "Error: failed to start container \"\(container.name)\": \(error)", of: container)
            run.discardBundle()
        }
        guard var track = tracks[container.name] else { return }
        track.facts.previous = old
        track.facts.current = run
        track.facts.isWaiting = false
        track.facts.waitingMessage = nil
        track.facts.allocated = allocated
        track.facts.resources = allocated
        track.mustRestart = false
        track.facts.user = [
            "linux": [
                "uid": .int(Int64(plan.uid)), "gid": .int(Int64(plan.gid)),
                "supplementalGroups": .array(
                    Set(plan.groups + [plan.gid]).sorted().map { .int(Int64($0)) }),
            ]
        ]
        track.facts.imageID = environment.imageID
        track.facts.imageName = environment.image?.name
        track.facts.image = container.image
        track.facts.terminationMessages = track.facts.terminationMessages.filter { $0.key >= number - 1 }
        track.facts.isStarted = false
        track.facts.isReady = false
        track.killAt = nil
        track.hasTerm = false
        track.hasKill = false
        track.groups = groups(of: container, run) ?? 0
        tracks[container.name] = track
        if number >= 2 { FileTools.remove("\(base)/\(number - 2)") }
        if run.end == nil {
            watch(container.name, run)
            startProbes(container, run)
        }
        kicker.yield()
    }
}
