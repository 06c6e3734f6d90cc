import ControllerKit
import Foundation
import KubeModel

/// Changed CPU and memory of containers that run.
extension PodWorker {
    /// Gives containers what their spec asks for by now, as far as the node has it.
    func resize() async {
        let containers = spec.initial + spec.main
        let changed = containers.filter { container in
            guard let facts = tracks[container.name]?.facts, let allocated = facts.allocated else { return false }
            return allocated != container.json["resources"] ?? [:]
        }
        if changed.isEmpty {
            resizing.pending = nil
        } else if let shortage = shortage() {
            if resizing.pending != shortage {
                resizing.pending = shortage
                let (reason, message) = shortage.ofResize
                note("Warning", "Resize\(reason)", "Pod resize \(reason): \(PodResize.summary(spec, error: message))")
            }
            wake(at: .after(10))
        } else {
            resizing = PodResize(isInProgress: true)
            for container in changed { tracks[container.name]?.facts.allocated = container.json["resources"] ?? [:] }
            note("Normal", "ResizeStarted", "Pod resize started: \(PodResize.summary(spec))")
        }
        var problem: String?
        var isDone = true
        for container in containers {
            guard let track = tracks[container.name], let run = track.facts.current, run.isRunning,
                let allocated = track.facts.allocated, track.facts.resources != allocated
            else { continue }
            isDone = false
            if track.killAt != nil { continue }
            let wanted = container.with(resources: allocated)
            let before = container.with(resources: track.facts.resources)
            if restarts(wanted, before) {
                tracks[container.name]?.mustRestart = true
                stop(
                    container, graceSeconds: spec.graceSeconds,
                    why: "Container \(container.name) resize requires restart")
                continue
            }
            do {
                try await update(wanted, run)
                tracks[container.name]?.facts.resources = allocated
                try FileTools.write(allocated.bytes, to: "\(run.directory)/resources.json", mode: 0o600)
                kicker.yield()
            } catch {
                problem = "\(error)"
            }
        }
        if let problem {
            if resizing.error != problem {
                note("Warning", "ResizeError", "Pod resize error: \(PodResize.summary(spec, error: problem))")
            }
            resizing.isInProgress = true
            resizing.error = problem
            wake(at: .after(5))
        } else if isDone, resizing.isInProgress {
            resizing.isInProgress = false
            resizing.error = nil
            note("Normal", "ResizeCompleted", "Pod resize completed: \(PodResize.summary(spec))")
        }
    }

    /// Promises what the spec asks for, or says why the node cannot.
    private func shortage() -> PodResize.Shortage? {
        let containers = spec.initial + spec.main
        let wanted = PodResize.requests(of: containers.map { ($0.kind, $0.json["resources"]) })
        let before = PodResize.requests(
            of: containers.map { ($0.kind, tracks[$0.name]?.facts.allocated ?? $0.json["resources"]) })
        return context.promises.shortage(
            of: uid, wanted: wanted, before: before, among: context.pods.all(),
            capacity: context.allocatable)
    }

    /// True when a changed resource is one for which the container wants to start again.
    private func restarts(_ wanted: ContainerSpec, _ before: ContainerSpec) -> Bool {
        (wanted.json["resizePolicy"]?.array ?? []).contains { policy in
            guard policy["restartPolicy"]?.string == "RestartContainer", let name = policy["resourceName"]?.string
            else {
                return false
            }
            return wanted.limit(name) != before.limit(name) || wanted.request(name) != before.request(name)
        }
    }

    private func update(_ container: ContainerSpec, _ run: ContainerRun) async throws {
        guard ControlGroups.areUsable else { return }  // what is promised is all there is
        let cgroup = context.cgroup(pod: uid, container: container.name, number: run.number)
        if let limit = container.limit("memory"), let used = CgroupReader().read(cgroup)?.memoryBytes,
            used > UInt64(max(limit, 0))
        {
            throw NodeError(
                "attempting to set container \"\(container.name)\" memory limit (\(ResourceQuantity.whole(limit))) below current usage (\(used))"
            )
        }
        let file = "\(run.directory)/update.json"
        try FileTools.write(PodResize.update(container).bytes, to: file, mode: 0o600)
        defer { FileTools.remove(file) }
        let outcome = try await context.runtime.crun(["update", "--resources", file, run.id]).run()
        guard outcome.code == 0 else { throw NodeError(ContainerRuntime.complaint(outcome.error)) }
    }
}
