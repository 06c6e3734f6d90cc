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
        var watch: StateWatcher.Watch?
        /// The kernel tells when the shim ends.
        var isLookedAfter = false
        /// A stop that was asked for: when the last signal is sent, and what was sent so far.
        var killAt: Moment?
        var hasTerm = false
        var hasKill = false
        /// Delay before the next start, doubled each time.
        var backoffSeconds = 0.0
        /// The run whose end the delay follows, and when it is over.
        var backoffAfter: Int?
        var backoffDue = Moment.now
        var imageComplaint: String?
        var imageEvent: (percent: Int, at: Moment)?
        var hookPending = false
        /// Ended to be started again, whatever the restart policy says.
        var mustRestart = false
        /// Control groups that the container has been in; each controller may have its own.
        var groups = 0
        /// The image that is told of below.
        var pullOf: String?
        /// A pull that is being waited for, and since when.
        var pull: ImagePull?
        var pullSince = Moment.now
        /// What the last pull failed for, and when the next may begin.
        var pullProblem: String?
        var pullRetryAt = Moment.now
        var pullNoted: Moment?
        /// Seconds, doubled each time.
        var pullBackoff = 0.0
    }

    let context: NodeContext
    let uid: String
    let directory: String
    var spec: PodSpec
    var tracks: [String: Track] = [:]
    var volumes: PodVolumes
    var sandbox: Sandbox?
    /// It has all that containers find in it; else the steps to that are tried again.
    var isSandboxReady = false
    /// GPUs by container.
    var devices: [String: [String]] = [:]
    var failure: (reason: String, message: String)?
    /// What it asks for at first was looked at.
    var isPromised = false
    var resizing = PodResize()
    /// The object is gone from the API.
    var isGone = false
    /// The node stops, and pods with it.
    var isShuttingDown = false
    /// Its containers are being stopped for good, sidecars after the others.
    var isInOrder = false
    /// An eviction does not wait.
    var isEvicted = false
    var isWatchingStorage = false
    var isLoaded = false
    var isCleaned = false
    var published: JSON?
    var startedAt = Date()
    /// The same for what is due so long after it.
    var startMoment = Moment.now
    var complaints: [String: Moment] = [:]
    var retrySeconds = 1.0
    private var nextTimer: Moment?
    private let kicks: AsyncStream<Void>
    let kicker: AsyncStream<Void>.Continuation
    private let jobs: AsyncStream<@Sendable () async -> Void>
    private let jobber: AsyncStream<@Sendable () async -> Void>.Continuation
    private let events: AsyncStream<Remark>
    private let eventer: AsyncStream<Remark>.Continuation

    /// What becomes an Event about the pod.
    struct Remark: Sendable {
        let type, reason, message: String
        /// Of something that goes on, and of a container; see ``EventRecorder``.
        var topic, fieldPath: String?
    }

    init(context: NodeContext, pod: KubeObject) {
        self.context = context
        spec = PodSpec(pod)
        uid = pod.uid
        directory = context.configuration.podDirectory(pod.uid)
        let namespace = pod.namespace ?? "default"
        volumes = PodVolumes(
            configuration: context.configuration, client: context.client, quotas: context.quotas,
            directory: "\(directory)/volumes",
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
        for track in tracks.values { context.watcher.stop(track.watch) }
        for name in tracks.keys { context.meter.remove(.init(pod: uid, container: name)) }
        context.storage.forget(uid)
    }

    private func record(_ events: AsyncStream<Remark>) async {
        for await event in events {
            await context.recorder.record(
                event.type, reason: event.reason, message: event.message, about: spec.object, topic: event.topic,
                fieldPath: event.fieldPath)
        }
    }

    func note(
        _ type: String, _ reason: String, _ message: String, of container: ContainerSpec? = nil, topic: String? = nil
    ) {
        eventer.yield(
            Remark(type: type, reason: reason, message: message, topic: topic, fieldPath: container?.fieldPath))
    }

    /// Notes the same thing at most once in a while.
    func complain(_ reason: String, _ message: String, of container: ContainerSpec? = nil) {
        let key = [container?.name ?? "", reason, message].joined(separator: "\u{1F}")
        if let last = complaints[key], last.secondsAgo < 60 { return }
        complaints[key] = .now
        note("Warning", reason, message, of: container)
    }

    func spawn(_ job: @escaping @Sendable () async -> Void) { jobber.yield(job) }

    /// Wakes the worker at a time.
    func wake(at moment: Moment) {
        if let next = nextTimer, next <= moment, next > .now { return }
        nextTimer = moment
        let kicker = kicker
        spawn {
            try? await Task.sleep(for: .seconds(max(0.01, moment.secondsLeft)))
            kicker.yield()
        }
    }

    // MARK: - The steps

    /// Does what can be done now; true when the pod is gone from this machine.
    private func sync() async -> Bool {
        if !isLoaded { load() }
        await observe()
        if let deadline = deadline, .now >= deadline, failure == nil, !hasEnded {
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
}
