import Foundation
import KubeModel

extension PodWorker {
    /// Starts looking after a container that runs: its postStart hook, then its probes.
    func startProbes(_ container: ContainerSpec, _ run: ContainerRun) {
        spawn { await self.lookAfter(container, run) }
    }

    private func lookAfter(_ container: ContainerSpec, _ run: ContainerRun) async {
        guard let address = sandbox?.address else { return }
        let runner = runner(container, run, address)
        let wasStarted = tracks[container.name]?.facts.isStarted ?? false
        if !wasStarted, let hook = container.json.value(at: "lifecycle", "postStart") {
            if let problem = await runHook(hook, container, run), isCurrent(container, run) {
                note("Warning", "FailedPostStartHook", "PostStartHook failed: \(problem)", of: container)
                stop(container, graceSeconds: spec.graceSeconds, why: "FailedPostStartHook")
                kicker.yield()
                return
            }
        }
        if !wasStarted, let probe = Probe(container.json["startupProbe"]) {
            guard await passes(probe, "Startup", container, run, runner) else { return }
        }
        let readiness = Probe(container.json["readinessProbe"])
        let liveness = Probe(container.json["livenessProbe"])
        guard isCurrent(container, run) else { return }
        set(container, run) {
            $0.isStarted = true
            if readiness == nil { $0.isReady = true }
        }
        await withDiscardingTaskGroup { group in
            if let readiness { group.addTask { await self.watchReadiness(readiness, container, run, runner) } }
            if let liveness {
                group.addTask { _ = await self.passes(liveness, "Liveness", container, run, runner) }
            }
        }
    }

    private func isCurrent(_ container: ContainerSpec, _ run: ContainerRun) -> Bool {
        guard !Task.isCancelled, let current = tracks[container.name]?.facts.current else { return false }
        return current.number == run.number && current.end == nil
    }

    private func set(_ container: ContainerSpec, _ run: ContainerRun, _ change: (inout ContainerFacts) -> Void) {
        guard isCurrent(container, run), var track = tracks[container.name] else { return }
        let before = track.facts
        change(&track.facts)
        guard track.facts != before else { return }
        tracks[container.name] = track
        kicker.yield()
    }

    /// Probes for startup (until it succeeds) or liveness (as long as the container runs). When too many fail in a
    /// row, the container is stopped. True when a startup probe succeeded.
    private func passes(
        _ probe: Probe, _ kind: String, _ container: ContainerSpec, _ run: ContainerRun, _ runner: ProbeRunner
    ) async -> Bool {
        guard await pause(probe.initialDelay) else { return false }
        var failures = 0
        while isCurrent(container, run) {
            let result = await runner.run(probe.check, timeout: probe.timeout)
            guard isCurrent(container, run), tracks[container.name]?.killAt == nil else { return false }
            switch result {
            case .failed(let problem):
                failures += 1
                note("Warning", "Unhealthy", "\(kind) probe failed: \(problem)", of: container)
                if failures >= probe.failureThreshold {
                    stop(
                        container, graceSeconds: probe.graceSeconds ?? spec.graceSeconds,
                        why: "Container \(container.name) failed \(kind.lowercased()) probe, will be restarted")
                    kicker.yield()
                    return false
                }
            case .unknown(let problem): tellUnknown(kind, problem, container)
            case .healthy:
                if kind == "Startup" { return true }
                failures = 0
            }
            guard await pause(probe.period) else { return false }
        }
        return false
    }

    private func watchReadiness(
        _ probe: Probe, _ container: ContainerSpec, _ run: ContainerRun, _ runner: ProbeRunner
    ) async {
        guard await pause(probe.initialDelay) else { return }
        var failures = 0
        var successes = 0
        // Before the first success a probe is asked more often, so that a quick start is seen quickly.
        var quick = Duration.milliseconds(100)
        while isCurrent(container, run) {
            switch await runner.run(probe.check, timeout: probe.timeout) {
            case .failed(let problem):
                successes = 0
                failures += 1
                if quick >= probe.period {
                    note("Warning", "Unhealthy", "Readiness probe failed: \(problem)", of: container)
                }
                if failures >= probe.failureThreshold { set(container, run) { $0.isReady = false } }
            case .unknown(let problem):
                if quick >= probe.period, isCurrent(container, run) { tellUnknown("Readiness", problem, container) }
            case .healthy:
                failures = 0
                successes += 1
                if successes >= probe.successThreshold { set(container, run) { $0.isReady = true } }
                quick = probe.period
            }
            guard await pause(min(quick, probe.period)) else { return }
            quick = min(quick * 2, probe.period)
        }
    }

    /// As kubelets do, a probe that could not ask changes nothing.
    private func tellUnknown(_ kind: String, _ problem: String, _ container: ContainerSpec) {
        note("Warning", "Unhealthy", "\(kind) probe errored and resulted in unknown state: \(problem)", of: container)
    }

    private func pause(_ time: Duration) async -> Bool {
        if time == .zero { return !Task.isCancelled }
        return (try? await Task.sleep(for: time)) != nil
    }
}
