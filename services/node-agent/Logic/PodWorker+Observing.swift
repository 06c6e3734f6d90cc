import Foundation
import KubeModel

/// What is on disk: what an earlier agent left, and what the shims have written since.
extension PodWorker {
    /// Reads what an earlier agent left on disk.
    func load() {
        isLoaded = true
        if let reason = spec.object.status["reason"]?.string, spec.object.status["phase"]?.string == "Failed" {
            failure = (reason, spec.object.status["message"]?.string ?? "")
        }
        if let text = spec.object.status["startTime"]?.string, let date = Timestamps.date(text) {
            (startedAt, startMoment) = (date, .of(date))
        }
        loadDevices()
        for container in spec.all {
            var track = Track()
            let runs = ContainerRun.all(
                in: "\(directory)/containers/\(container.name)", pod: uid, container: container.name)
            track.facts.current = runs.last
            track.facts.previous = runs.dropLast().last
            track.facts.isWaiting = runs.isEmpty
            track.facts.image = runs.last.flatMap { FileTools.text("\($0.directory)/image") }
            if let run = runs.last, let bytes = FileTools.read("\(run.directory)/resources.json"),
                let resources = try? JSON(parsing: bytes)
            {
                (track.facts.allocated, track.facts.resources) = (resources, resources)
            }
            let old =
                (spec.object.status["containerStatuses"]?.array ?? [])
                + (spec.object.status["initContainerStatuses"]?.array ?? [])
                + (spec.object.status["ephemeralContainerStatuses"]?.array ?? [])
            if let status = old.first(where: { $0["name"]?.string == container.name }) {
                track.facts.imageID = status["imageID"]?.string ?? ""
                track.facts.user = status["user"]
                if !track.facts.imageID.hasPrefix("martlet://"), !track.facts.imageID.isEmpty {
                    track.facts.imageName = status["image"]?.string
                }
                if track.facts.current?.isRunning == true {
                    track.facts.isStarted = status["started"]?.bool ?? false
                    track.facts.isReady = status["ready"]?.bool ?? false
                }
            }
            tracks[container.name] = track
        }
        if let bytes = FileTools.read("\(directory)/sandbox.json"), let json = try? JSON(parsing: bytes),
            let address = (json["address"]?.string).flatMap({ Address4($0) }), let namespace = json["namespace"]?.string
        {
            let known = Sandbox(
                address: address, namespace: namespace, identity: (json["identity"]?.string).flatMap { Address4($0) })
            context.network.adopt(known)
            (sandbox, isSandboxReady) = (known, true)
            let (spec, policies) = (spec, context.policies)
            if !known.isOnHost {
                spawn {
                    try? await policies.place(spec, at: known.address)
                    await self.openHostPortsAgain(of: known)
                }
            }
        }
        for container in spec.all {
            guard let run = tracks[container.name]?.facts.current else { continue }
            if run.end == nil { watch(container.name, run) }
            if run.isRunning {
                tracks[container.name]?.groups = groups(of: container, run) ?? 0
                startProbes(container, run)
            }
        }
    }

    /// The pod goes on where that fails, since nothing of it has changed.
    private func openHostPortsAgain(of known: Sandbox) async {
        do {
            guard let ports = try? HostPort.all(of: spec) else { return }  // was refused before
            guard try await context.openHostPorts(ports, for: known) else {
                note(
                    "Warning", "NodePorts",
                    "Another program has taken a host port of the pod, which does not lead to it now")
                return
            }
        } catch {
            note("Warning", "NodePorts", "Host ports do not lead to the pod now: \(error)")
        }
    }

    func watch(_ name: String, _ run: ContainerRun) {
        let kicker = kicker
        tracks[name]?.watch = context.watcher.watch(folder: run.directory) { kicker.yield() }
        // The shim's death alone writes no file.
        let shim = ContainerProcesses.supervisor(run.directory)
        let isWatched =
            shim.map { process in
                context.watcher.watch(process: process) {
                    ContainerProcesses.supervisor(run.directory) == process
                } _: {
                    kicker.yield()
                }
            } ?? false
        tracks[name]?.isLookedAfter = isWatched
        if shim == nil { kicker.yield() }
        context.meter.add(
            .init(pod: uid, container: name), cgroup: context.cgroup(pod: uid, container: name, number: run.number),
            startedAt: run.startedAt ?? Date())
    }

    /// Looks at the files of the shims.
    func observe() async {
        for container in spec.all {
            guard var track = tracks[container.name], var run = track.facts.current, run.end == nil else { continue }
            _ = run.update()
            if run.end == nil, ContainerProcesses.supervisor(run.directory) == nil {
                // The shim writes the result last; look again now that it is gone for sure.
                _ = run.update()
                if run.end == nil {
                    await context.runtime.delete(run)
                    run.fail(
                        code: 137, reason: "ContainerStatusUnknown",
                        message: "The container could not be located when the pod was terminated")
                }
            }
            if run.end != nil {
                track.facts.terminationMessages[run.number] = terminationMessage(container, run)
                track.facts.isStarted = false
                track.facts.isReady = false
                track.killAt = nil
                track.hasTerm = false
                track.hasKill = false
                track.hookPending = false
                context.watcher.stop(track.watch)
                track.watch = nil
                context.meter.remove(.init(pod: uid, container: container.name))
                run.discardBundle()
            }
            track.facts.current = run
            tracks[container.name] = track
        }
        // A kernel that does not tell of ends is asked.
        if tracks.values.contains(where: { $0.facts.current?.isRunning == true && !$0.isLookedAfter }) {
            wake(at: .after(10))
        }
    }

    func terminationMessage(_ container: ContainerSpec, _ run: ContainerRun) -> String? {
        if let bytes = FileTools.read(run.terminationFile, limit: 4096), !bytes.isEmpty {
            return String(decoding: bytes.prefix(4096), as: UTF8.self)
        }
        guard container.json["terminationMessagePolicy"]?.string == "FallbackToLogsOnError", run.end?.code != 0 else {
            return nil
        }
        let lines = LogFile.tail(path: run.logPath, lines: 80)
        return String(lines.joined(separator: "\n").suffix(2048))
    }
}
