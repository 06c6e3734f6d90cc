import ControllerKit
import Foundation
import KubeClient
import KubeModel
import Logging

#if canImport(Glibc)
    import Glibc
#endif

/// Brings one pod on this machine to what its object says, from its first container to the removal of its folder.
///
/// Level based: `sync` looks at the object and at the files of the shims and does the next steps; nothing depends on
/// which event woke it. One task runs it; probes and hooks run beside it and report back.
actor PodWorker {
    /// One container as the worker knows it.
    struct Track {
        var facts = ContainerFacts()
        var watch: Int32 = -1
        /// A stop that was asked for: when the last signal is sent, and what was sent so far.
        var killAt: Date?
        var hasTerm = false
        var hasKill = false
        /// Delay before the next start, doubled each time.
        var backoffSeconds = 0.0
        var backoffSince: Date?
        var imageComplaint: String?
        var imageEvent: (percent: Int, at: Date)?
        var hookPending = false
    }

    let context: NodeContext
    let uid: String
    let directory: String
    var spec: PodSpec
    var tracks: [String: Track] = [:]
    var volumes: PodVolumes
    var sandbox: Sandbox?
    var failure: (reason: String, message: String)?
    /// The object is gone from the API.
    var isGone = false
    /// The node stops, and pods with it.
    var isShuttingDown = false
    private var isLoaded = false
    private var isCleaned = false
    private var published: JSON?
    private var startedAt = Date()
    private var complaints: [String: Date] = [:]
    private var retrySeconds = 1.0
    private var nextTimer: Date?
    private let kicks: AsyncStream<Void>
    let kicker: AsyncStream<Void>.Continuation
    private let jobs: AsyncStream<@Sendable () async -> Void>
    private let jobber: AsyncStream<@Sendable () async -> Void>.Continuation
    private let events: AsyncStream<Remark>
    private let eventer: AsyncStream<Remark>.Continuation

    /// What becomes an Event about the pod.
    struct Remark: Sendable {
        let type, reason, message: String
        /// Of something that goes on; see ``EventRecorder``.
        var topic: String?
    }

    init(context: NodeContext, pod: KubeObject) {
        self.context = context
        spec = PodSpec(pod)
        uid = pod.uid
        directory = context.configuration.podDirectory(pod.uid)
        let namespace = pod.namespace ?? "default"
        volumes = PodVolumes(
            configuration: context.configuration, client: context.client, directory: "\(directory)/volumes",
            configMap: { [cache = context.configMaps] in cache.get($0, namespace: namespace) },
            secret: { [cache = context.secrets] in cache.get($0, namespace: namespace) })
        (kicks, kicker) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        (jobs, jobber) = AsyncStream.makeStream(of: (@Sendable () async -> Void).self)
        (events, eventer) = AsyncStream.makeStream(of: Remark.self, bufferingPolicy: .bufferingNewest(200))
    }

    /// Takes a newer state of the object.
    func update(_ pod: KubeObject) {
        spec = PodSpec(pod)
        kicker.yield()
    }

    /// The object was deleted from the API.
    func vanish() {
        isGone = true
        kicker.yield()
    }

    /// The node stops: containers end, nothing is told to the API.
    func shutDown() {
        isShuttingDown = true
        kicker.yield()
    }

    /// Works until the pod is gone from this machine, or the task is cancelled.
    func run() async {
        let events = events
        let jobs = jobs
        await withDiscardingTaskGroup { group in
            group.addTask { await self.record(events) }
            group.addTask {
                await withDiscardingTaskGroup { inner in
                    for await job in jobs { inner.addTask { await job() } }
                    inner.cancelAll()
                }
            }
            kicker.yield()
            for await _ in kicks {
                if await sync() || Task.isCancelled { break }
            }
            jobber.finish()
            eventer.finish()
        }
        for track in tracks.values where track.watch >= 0 { context.watcher.stop(track.watch) }
    }

    private func record(_ events: AsyncStream<Remark>) async {
        for await event in events {
            await context.recorder.record(
                event.type, reason: event.reason, message: event.message, about: spec.object, topic: event.topic)
        }
    }

    func note(_ type: String, _ reason: String, _ message: String, topic: String? = nil) {
        eventer.yield(Remark(type: type, reason: reason, message: message, topic: topic))
    }

    /// Notes the same thing at most once in a while.
    private func complain(_ reason: String, _ message: String) {
        if let last = complaints[reason + message], Date().timeIntervalSince(last) < 60 { return }
        complaints[reason + message] = Date()
        note("Warning", reason, message)
    }

    func spawn(_ job: @escaping @Sendable () async -> Void) { jobber.yield(job) }

    /// Wakes the worker at a time.
    func wake(at date: Date) {
        if let next = nextTimer, next <= date, next > Date() { return }
        nextTimer = date
        let kicker = kicker
        spawn {
            try? await Task.sleep(for: .seconds(max(0.01, date.timeIntervalSinceNow)))
            kicker.yield()
        }
    }

    // MARK: - The steps

    /// Does what can be done now; true when the pod is gone from this machine.
    private func sync() async -> Bool {
        if !isLoaded { load() }
        await observe()
        if let deadline = deadline, Date() >= deadline, failure == nil, !hasEnded {
            failure = ("DeadlineExceeded", "Pod was active on the node longer than the specified deadline")
            note("Normal", "DeadlineExceeded", "Pod was active on the node longer than specified deadline")
        } else if let deadline, failure == nil, !hasEnded {
            wake(at: deadline)
        }
        let isLeaving = isGone || spec.object.isBeingDeleted || isShuttingDown
        if isLeaving || failure != nil || hasEnded {
            let isStopped = await stopEverything(isLeaving: isLeaving)
            if !isShuttingDown, !isGone { await publish() }
            guard isStopped else { return false }
            if !isCleaned { await release(keepsLogs: !(isLeaving && !isShuttingDown)) }
            if isShuttingDown { return true }
            if isGone {
                FileTools.remove(directory)
                return true
            }
            guard spec.object.isBeingDeleted else { return false }
            return await forget()
        }
        await advance()
        await publish()
        return false
    }

    /// Reads what an earlier agent left on disk.
    private func load() {
        isLoaded = true
        if let reason = spec.object.status["reason"]?.string, spec.object.status["phase"]?.string == "Failed" {
            failure = (reason, spec.object.status["message"]?.string ?? "")
        }
        if let text = spec.object.status["startTime"]?.string, let date = Timestamps.date(text) { startedAt = date }
        for container in spec.all {
            var track = Track()
            let runs = ContainerRun.all(
                in: "\(directory)/containers/\(container.name)", pod: uid, container: container.name)
            track.facts.current = runs.last
            track.facts.previous = runs.dropLast().last
            track.facts.isWaiting = runs.isEmpty
            let old =
                (spec.object.status["containerStatuses"]?.array ?? [])
                + (spec.object.status["initContainerStatuses"]?.array ?? [])
            if let status = old.first(where: { $0["name"]?.string == container.name }) {
                track.facts.imageID = status["imageID"]?.string ?? ""
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
            let known = Sandbox(address: address, namespace: namespace)
            context.network.adopt(known)
            sandbox = known
        }
        for container in spec.all {
            guard let run = tracks[container.name]?.facts.current else { continue }
            if run.end == nil { watch(container.name, run) }
            if run.isRunning { startProbes(container, run) }
        }
    }

    func watch(_ name: String, _ run: ContainerRun) {
        let kicker = kicker
        tracks[name]?.watch = context.watcher.watch(run.directory) { kicker.yield() }
    }

    /// Looks at the files of the shims.
    private func observe() async {
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
                if track.watch >= 0 { context.watcher.stop(track.watch) }
                track.watch = -1
                run.discardBundle()
            }
            track.facts.current = run
            tracks[container.name] = track
        }
        // The shim's death alone writes no file.
        if spec.all.contains(where: { tracks[$0.name]?.facts.current?.isRunning == true }) {
            wake(at: Date().addingTimeInterval(10))
        }
    }

    private func terminationMessage(_ container: ContainerSpec, _ run: ContainerRun) -> String? {
        if let bytes = FileTools.read(run.terminationFile, limit: 4096), !bytes.isEmpty {
            return String(decoding: bytes.prefix(4096), as: UTF8.self)
        }
        guard container.json["terminationMessagePolicy"]?.string == "FallbackToLogsOnError", run.end?.code != 0 else {
            return nil
        }
        let lines = LogFile.tail(path: run.logPath, lines: 80)
        return String(lines.joined(separator: "\n").suffix(2048))
    }

    private var deadline: Date? {
        spec.object.spec["activeDeadlineSeconds"]?.int.map { startedAt.addingTimeInterval(Double($0)) }
    }

    /// True once no main container will ever run again.
    private var hasEnded: Bool {
        let phase = status.phase
        return phase == "Succeeded" || phase == "Failed"
            || ["Succeeded", "Failed"].contains(spec.object.status["phase"]?.string ?? "")
    }

    var status: PodStatus {
        PodStatus(
            pod: spec, containers: tracks.mapValues(\.facts), address: sandbox?.address,
            hostAddress: context.hostAddress,
            startedAt: startedAt, failure: failure, isStopping: spec.object.isBeingDeleted)
    }

    // MARK: - Starting

    private func advance() async {
        if let refusal = spec.refusal(allowsHostPath: context.configuration.allowsHostPath) {
            failure = ("UnexpectedAdmissionError", refusal)
            note("Warning", "UnexpectedAdmissionError", refusal)
            kicker.yield()
            return
        }
        let facts = context.facts(podAddress: sandbox?.address)
        do {
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
        do {
            try await ensureSandbox()
        } catch {
            complain("FailedCreatePodSandBox", "Failed to create pod sandbox: \(error)")
            retry()
            return
        }
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
            wake(at: Date().addingTimeInterval(60))
        }
        await startContainers()
        await enforceStops()
    }

    private func retry() {
        wake(at: Date().addingTimeInterval(retrySeconds))
        retrySeconds = min(30, retrySeconds * 2)
    }

    private func ensureSandbox() async throws {
        if let sandbox, context.network.isAlive(sandbox) { return }
        let new = try await context.network.create(pod: uid, address: sandbox?.address)
        sandbox = new
        try FileTools.makeDirectory("\(directory)/etc")
        let json: JSON = [
            "address": .string("\(new.address)"), "namespace": .string(new.namespace), "pod": .string(spec.name),
            "podNamespace": .string(spec.namespace),
        ]
        try FileTools.write(json.bytes, to: "\(directory)/sandbox.json")
        try PodEtc.write(
            spec, address: new.address, server: context.network.network.gateway,
            domain: context.configuration.clusterDomain, to: "\(directory)/etc")
    }

    private func startContainers() async {
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
                if spec.restarts(container, afterCode: end.code) {
                    await startIfDue(container)
                } else {
                    tracks[container.name]?.facts.isWaiting = false
                }
            }
        }
    }

    /// What waits for an init container says so.
    private func markWaiting(after container: ContainerSpec) {
        var isAfter = false
        for other in spec.all {
            if isAfter, tracks[other.name]?.facts.current == nil {
                tracks[other.name]?.facts.waitingReason = "PodInitializing"
            }
            if other.name == container.name { isAfter = true }
        }
    }

    /// Starts a container unless it has to wait because it ended too often.
    private func startIfDue(_ container: ContainerSpec) async {
        guard var track = tracks[container.name] else { return }
        track.facts.isWaiting = true
        let now = Date()
        if let run = track.facts.current, let end = run.end {
            if track.backoffSince != end.finishedAt {
                // A container that ran for long starts from the shortest delay again.
                let ranFor = end.finishedAt.timeIntervalSince(run.startedAt ?? end.finishedAt)
                if ranFor > 600 { track.backoffSeconds = 0 }
                track.backoffSince = end.finishedAt
                track.backoffSeconds =
                    run.number == 0 && track.backoffSeconds == 0 ? 0.001 : min(300, max(10, track.backoffSeconds * 2))
            }
            let due = end.finishedAt.addingTimeInterval(track.backoffSeconds)
            if due > now, due.timeIntervalSince(now) < 301 {
                track.facts.waitingReason = "CrashLoopBackOff"
                let delay = Duration.seconds(Int(track.backoffSeconds.rounded())).text
                let message =
                    "back-off \(delay) restarting failed container=\(container.name) pod=\(spec.name)_\(spec.namespace)(\(uid))"
                track.facts.waitingMessage = message
                tracks[container.name] = track
                complain(
                    "BackOff",
                    "Back-off restarting failed container \(container.name) in pod \(spec.name)_\(spec.namespace)(\(uid))"
                )
                wake(at: due)
                return
            }
        }
        tracks[container.name] = track
        guard let environment = environment(for: container) else { return }
        await start(container, environment)
    }

    /// The environment of a container; when it is not there yet, its track says why.
    private func environment(for container: ContainerSpec) -> ReadyEnvironment? {
        let image = container.image
        var track = tracks[container.name] ?? Track()
        defer { tracks[container.name] = track }
        func fail(_ message: String, retryAt: Date) {
            if track.imageComplaint != message {
                track.imageComplaint = message
                track.facts.waitingReason = "ErrImagePull"
                track.facts.waitingMessage = message
                note("Warning", "Failed", "Failed to pull image \"\(image)\": \(message)")
                note("Warning", "Failed", "Error: ErrImagePull")
                wake(at: min(retryAt, Date().addingTimeInterval(3)))
            } else {
                track.facts.waitingReason = "ImagePullBackOff"
                track.facts.waitingMessage = "Back-off pulling image \"\(image)\": ErrImagePull: \(message)"
                complain("BackOff", "Back-off pulling image \"\(image)\"")
                wake(at: retryAt)
            }
        }
        switch context.environments.want(image: image) {
        case .ready(let environment):
            let isFresh = track.imageEvent != nil
            track.imageComplaint = nil
            track.imageEvent = nil
            if isFresh, let seconds = environment.buildSeconds {
                let text = "\((seconds * 10).rounded() / 10) s"
                note(
                    "Normal", "Pulled",
                    "Successfully built environment \"\(environment.definition.name)\" for image \"\(image)\" in \(text)"
                )
            } else {
                note(
                    "Normal", "Pulled",
                    "Container image \"\(image)\" already present on machine (environment \"\(environment.definition.name)\")"
                )
            }
            return environment
        case .building(let text):
            track.facts.waitingReason = "ContainerCreating"
            track.facts.waitingMessage = text
            let percent = Int(text.split(separator: "(").last?.prefix { $0.isNumber } ?? "") ?? 0
            let isNews =
                track.imageEvent.map {
                    percent != $0.percent && (percent >= $0.percent + 10 || Date().timeIntervalSince($0.at) > 1)
                } ?? true
            if isNews {
                track.imageEvent = (percent, Date())
                note("Normal", "Pulling", text, topic: image)
            }
            return nil
        case .failed(let message, let retryAt):
            fail(message, retryAt: retryAt)
            return nil
        case .unknown(let message):
            fail(message, retryAt: Date().addingTimeInterval(60))
            return nil
        }
    }

    private func start(_ container: ContainerSpec, _ environment: ReadyEnvironment) async {
        guard let sandbox else { return }
        let number = (tracks[container.name]?.facts.current?.number ?? -1) + 1
        let base = "\(directory)/containers/\(container.name)"
        var run = ContainerRun(
            number: number, directory: "\(base)/\(number)",
            id: ContainerRun.id(pod: uid, container: container.name, number: number))
        let plan: ContainerPlan
        do {
            plan = try ContainerPlanner(
                pod: spec, container: container, run: run, environment: environment, sandbox: sandbox, volumes: volumes,
                context: context, podEtc: "\(directory)/etc"
            ).plan()
            FileTools.remove(run.directory)  // of a start that was cut short
            try ContainerBundle.write(plan)
            try FileTools.write([], to: run.terminationFile, mode: 0o666)
        } catch {
            let reason = (error as? ContainerConfigError)?.reason ?? "CreateContainerError"
            tracks[container.name]?.facts.waitingReason = reason
            tracks[container.name]?.facts.waitingMessage = "\(error)"
            complain("Failed", "Error: \(error)")
            FileTools.remove(run.directory)
            wake(at: Date().addingTimeInterval(10))
            return
        }
        note("Normal", "Created", "Created container: \(container.name)")
        let old = tracks[container.name]?.facts.current
        do {
            try await context.runtime.start(run, cgroup: plan.cgroup)
            _ = run.update()
            if run.startedAt == nil { run.startedAt = Date() }
            note("Normal", "Started", "Started container \(container.name)")
        } catch {
            run.fail(
                code: 128, reason: "StartError", message: "failed to start container \"\(container.name)\": \(error)")
            note("Warning", "Failed", "Error: failed to start container \"\(container.name)\": \(error)")
            run.discardBundle()
        }
        guard var track = tracks[container.name] else { return }
        track.facts.previous = old
        track.facts.current = run
        track.facts.isWaiting = false
        track.facts.waitingMessage = nil
        track.facts.imageID = "martlet://\(environment.definition.name)@\(environment.contentID)"
        track.facts.terminationMessages = track.facts.terminationMessages.filter { $0.key >= number - 1 }
        track.facts.isStarted = false
        track.facts.isReady = false
        track.killAt = nil
        track.hasTerm = false
        track.hasKill = false
        tracks[container.name] = track
        if number >= 2 { FileTools.remove("\(base)/\(number - 2)") }
        if run.end == nil {
            watch(container.name, run)
            startProbes(container, run)
        }
        kicker.yield()
    }

    // MARK: - Status

    private func publish() async {
        let old = published ?? spec.object.status
        var new = status.json(old: old)
        guard new != published else { return }
        // A pod that has ended stays what it was.
        if ["Succeeded", "Failed"].contains(spec.object.status["phase"]?.string ?? ""), published == nil,
            new["phase"] == spec.object.status["phase"], !spec.object.isBeingDeleted
        {
            published = new
            return
        }
        let sent = new  // what changes while the request is on its way is sent the next time
        for key in ["reason", "message"] where new[key] == nil && old[key] != nil { new[key] = .null }
        do {
            let answer = try await context.client.patch(
                .pods, spec.name, namespace: spec.namespace,
                .merge(["metadata": ["uid": .string(uid)], "status": new]), subresource: "status")
            published = sent
            if answer.uid == uid, answer.isBeingDeleted, !spec.object.isBeingDeleted {
                spec = PodSpec(answer)
                kicker.yield()
            }
        } catch let error as APIError
            where error.reason == .notFound || error.reason == .conflict || error.reason == .invalid
        {
            // Deleted, or another pod by that name; the watch tells.
            context.logger.debug(
                "status was not taken", metadata: ["pod": "\(spec.name)", "error": "\(error.message)"])
            wake(at: Date().addingTimeInterval(2))
        } catch {
            wake(at: Date().addingTimeInterval(2))
        }
    }

    // MARK: - The end

    /// Gives back all that only running containers need.
    private func release(keepsLogs: Bool) async {
        isCleaned = true
        if let sandbox { await context.network.remove(sandbox) }
        sandbox = nil
        unlink("\(directory)/sandbox.json")
        PodVolumes.remove("\(directory)/volumes")
        for track in tracks.values { track.facts.current?.discardBundle() }
        CgroupTree.remove("\(context.cgroupRoot)/\(uid)")
        if !keepsLogs { FileTools.remove(directory) }
    }

    /// Deletes the object, the last step of a graceful deletion; true when it is gone.
    private func forget() async -> Bool {
        do {
            try await context.client.delete(
                .pods, spec.name, namespace: spec.namespace, gracePeriodSeconds: 0, uid: uid)
        } catch let error as APIError where error.reason == .notFound || error.reason == .conflict {
            // Gone already, or another pod by that name.
        } catch {
            wake(at: Date().addingTimeInterval(1))
            return false
        }
        FileTools.remove(directory)
        return true
    }
}

/// Removes empty cgroups.
enum CgroupTree {
    static func remove(_ path: String) {
        for root in ["/sys/fs/cgroup"] + FileTools.names(in: "/sys/fs/cgroup").map({ "/sys/fs/cgroup/\($0)" }) {
            removeTree(root + path)
        }
    }

    private static func removeTree(_ directory: String) {
        guard FileTools.isDirectory(directory) else { return }
        for name in FileTools.names(in: directory) where FileTools.isDirectory("\(directory)/\(name)") {
            removeTree("\(directory)/\(name)")
        }
        rmdir(directory)
    }
}
