import Foundation
import KubeModel

extension PodWorker {
    /// What a container gets at least between the signal that asks and the one that does not, as kubelets have it.
    private static let leastGraceSeconds = 2

    /// Stops all containers: main ones first, then one sidecar after another, the last first, in what is left of the time.
    /// All their hooks begin at once. True when none runs.
    func stopEverything(isLeaving: Bool) async -> Bool {
        let running = spec.all.filter { isAlive($0) }
        guard !running.isEmpty else { return true }
        let grace: Int
        if isGone {
            grace = 1
        } else if isEvicted {
            grace = 0
        } else if isShuttingDown {
            grace = min(spec.graceSeconds, 10)
        } else {
            grace = spec.graceSeconds
        }
        isInOrder = grace > 0
        for container in running { stop(container, graceSeconds: grace, why: "Stopping container \(container.name)") }
        await enforceStops()
        return !spec.all.contains { isAlive($0) }
    }

    private func isAlive(_ container: ContainerSpec) -> Bool {
        guard let run = tracks[container.name]?.facts.current else { return false }
        return run.end == nil
    }

    /// True for a sidecar that others go before, while all containers are stopped.
    private func waits(_ container: ContainerSpec) -> Bool {
        guard isInOrder, container.kind == .sidecar else { return false }
        let running = spec.all.filter { isAlive($0) }
        return running.contains { $0.kind != .sidecar } || running.last?.name != container.name
    }

    /// Asks a container to end; a shorter grace than before counts, a longer one does not.
    func stop(_ container: ContainerSpec, graceSeconds: Int, why: String) {
        guard var track = tracks[container.name], let run = track.facts.current, run.end == nil else { return }
        let killAt = Moment.after(Double(max(graceSeconds, 0)))
        if let earlier = track.killAt {
            // Killed at the earlier of the two times.
            if killAt < earlier { track.killAt = killAt }
            tracks[container.name] = track
            return
        }
        track.killAt = killAt
        note("Normal", "Killing", why, of: container)
        if let hook = container.json.value(at: "lifecycle", "preStop"), graceSeconds > 0 {
            track.hookPending = true
            spawn {
                let problem = await self.runHook(hook, container, run)
                await self.hookEnded(container, run, problem)
            }
        }
        tracks[container.name] = track
    }

    private func hookEnded(_ container: ContainerSpec, _ run: ContainerRun, _ problem: String?) {
        if let problem {
            note("Warning", "FailedPreStopHook", "PreStopHook failed: \(problem)", of: container)
        }
        let name = container.name
        guard tracks[name]?.facts.current?.number == run.number else { return }
        tracks[name]?.hookPending = false
        kicker.yield()
    }

    /// Sends the signals that are due.
    func enforceStops() async {
        for container in spec.all {
            guard let track = tracks[container.name], let killAt = track.killAt, let run = track.facts.current,
                run.end == nil
            else { continue }
            let now = Moment.now
            let waits = waits(container)
            if now >= killAt, track.hookPending || waits, !track.hasTerm {
                // The hook, or those before it, took all the time; the container is asked all the same.
                tracks[container.name]?.hookPending = false
                tracks[container.name]?.hasTerm = true
                let last = Moment.after(Double(Self.leastGraceSeconds))
                tracks[container.name]?.killAt = last
                await context.runtime.signal(run, stopSignal(container, run))
                wake(at: last)
            } else if now >= killAt, !track.hasKill {
                tracks[container.name]?.hasKill = true
                await context.runtime.signal(run, "KILL")
                wake(at: .after(1))
            } else if track.hasKill {
                // Once more, should the first have been lost.
                await context.runtime.signal(run, "KILL")
                wake(at: .after(2))
            } else if !track.hasTerm, !track.hookPending, !waits {
                tracks[container.name]?.hasTerm = true
                let least = Moment.after(Double(Self.leastGraceSeconds))
                let last = isInOrder && container.kind == .sidecar && killAt < least ? least : killAt
                tracks[container.name]?.killAt = last
                await context.runtime.signal(run, stopSignal(container, run))
                wake(at: last)
            } else {
                wake(at: killAt)
            }
        }
    }

    /// The signal that asks a container to end: the pod's choice, that of its image, or TERM.
    private func stopSignal(_ container: ContainerSpec, _ run: ContainerRun) -> String {
        let chosen =
            container.json.value(at: "lifecycle", "stopSignal")?.string
            ?? ContainerImage.noted(in: run.directory)?.stopSignal ?? "TERM"
        let isPlain = chosen.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || $0 == 0x2B }
        return isPlain && !chosen.isEmpty ? chosen : "TERM"
    }

    /// Runs a lifecycle hook; nil when it worked.
    func runHook(_ hook: JSON, _ container: ContainerSpec, _ run: ContainerRun) async -> String? {
        if let seconds = hook.value(at: "sleep", "seconds")?.int {
            try? await Task.sleep(for: .seconds(seconds))
            return nil
        }
        guard let probe = Probe(hook), let address = sandbox?.address else { return nil }
        let limit = Duration.seconds(max(spec.graceSeconds, 1))
        return await runner(container, run, address).run(probe.check, timeout: limit).problem
    }

    func runner(_ container: ContainerSpec, _ run: ContainerRun, _ address: Address4) -> ProbeRunner {
        ProbeRunner(address: address, container: container) { [runtime = context.runtime] command, limit in
            try await runtime.execute(command, in: run, within: limit)
        } warn: { warning in
            await self.complain("ProbeWarning", "Probe of container \(container.name): \(warning)", of: container)
        }
    }
}
