import ControllerKit
import Foundation
import KubeClient
import KubeModel
import Logging
import Synchronization

/// Gives Pods without a node one that has room. One Pod after the other, so that no room is given twice.
final class SchedulerReconciler: Reconciler {
    static let name = "default-scheduler"
    /// Schedulers whose Pods are placed here, too: those that know groups of Pods.
    private static let names: Set<String> = [name, "scheduler-plugins-scheduler", "volcano"]
    private static let everything = ReconcileRequest(name: "pods")
    /// How many Pods are placed with one look at the nodes.
    private static let batch = 200

    let context: ClusterContext
    let events: EventLog
    let queue: SchedulingQueue
    /// The least time between two looks at the queue.
    private static let rest = Duration.milliseconds(20)
    private let lastLook = Mutex<ContinuousClock.Instant?>(nil)
    /// Pods that were bound, by uid, until the cache shows it.
    private let assumed = Mutex<[String: (pod: KubeObject, node: String)]>([:])

    init(context: ClusterContext, queue: SchedulingQueue) {
        self.context = context
        self.queue = queue
        events = context.events(Self.name)
    }

    static func feed(_ caches: ClusterCaches, _ queue: SchedulingQueue) -> RequestFeed {
        let feed = RequestFeed()
        @Sendable func wake(_ event: SchedulingHope) -> [ReconcileRequest] {
            queue.wake(event)
            return [everything]
        }
        feed.follow(caches.pods) { change in
            let pod = change.object
            if isWaiting(pod), !change.isDeleted {
                // What the scheduler itself writes is no reason to try again.
                if let old = change.old, old.spec == pod.spec, old.labels == pod.labels, queue.contains(pod.uid) {
                    return []
                }
                queue.add(pod)
                return PodGroup(of: pod) == nil ? [everything] : wake(.group)
            }
            queue.remove(pod.uid)
            guard pod.spec["nodeName"] != nil || change.old?.spec["nodeName"] != nil else { return [] }
            if change.isDeleted || (pod.isFinished && change.old?.isFinished == false) {
                return wake([.room, .company])
            }
            let wasPlaced = change.old?.spec["nodeName"] != nil
            return !wasPlaced || change.old?.labels != pod.labels ? wake(.company) : []
        }
        feed.follow(caches.nodes) { change in
            if let old = change.old, !change.isDeleted, old.spec == change.object.spec,
                old.labels == change.object.labels, old.status["allocatable"] == change.object.status["allocatable"],
                old.status.isTrue("Ready") == change.object.status.isTrue("Ready")
            {
                return []
            }
            return wake([.nodes, .room, .company])
        }
        for cache in [caches.persistentVolumeClaims, caches.persistentVolumes, caches.storageClasses] {
            feed.follow(cache) { _ in wake(.volumes) }
        }
        return feed
    }

    static func isWaiting(_ pod: KubeObject) -> Bool {
        (pod.spec["nodeName"]?.string ?? "").isEmpty && pod.isActive
            && names.contains(pod.spec["schedulerName"]?.string ?? name)
    }

    func reconcile(_ request: ReconcileRequest) async throws -> ReconcileOutcome {
        // While Pods come by the hundred they are looked at together.
        let now = ContinuousClock.now
        let pause = lastLook.withLock { last -> Duration? in
            if let last, now - last < Self.rest { return Self.rest - (now - last) }
            last = now
            return nil
        }
        if let pause { return .checkAgain(after: pause) }
        let names = queue.take(Self.batch)
        guard !names.isEmpty else { return queue.wait().map { .checkAgain(after: $0 + .milliseconds(20)) } ?? .settled }
        var run = SchedulingRun(state: snapshot())
        for name in names {
            guard let pod = context.caches.pods.get(name.name, namespace: name.namespace), Self.isWaiting(pod),
                assumed.withLock({ $0[pod.uid] == nil })
            else {
                continue
            }
            do {
                try await schedule(pod, &run)
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                // One Pod that cannot be placed must not hold up the others.
                context.logger.debug("a Pod was not scheduled", metadata: ["error": "\(error)"])
                queue.postpone(pod.uid, for: .seconds(1))
            }
        }
        forget(names)
        return .checkAgain(after: queue.wait().map { $0 + .milliseconds(1) } ?? .seconds(300))
    }

    /// Pods that are gone or placed leave the queue.
    private func forget(_ names: [ObjectName]) {
        queue.drop(
            names, unless: { context.caches.pods.get($0.name, namespace: $0.namespace).map(Self.isWaiting) ?? false })
    }

    /// The nodes with all Pods on them, those included that the caches do not show there yet.
    private func snapshot() -> SchedulingState {
        let caches = context.caches
        var placed: [(pod: KubeObject, node: String)] = []
        for node in caches.nodes.all() {
            placed += caches.pods.all(indexedBy: PodIndex.node(node.name)).filter { !$0.isFinished }
                .map { ($0, node.name) }
        }
        let known = Set(placed.map(\.pod.uid))
        placed += assumed.withLock { assumed in
            for (uid, entry) in assumed {
                let current = caches.pods.get(entry.pod.name, namespace: entry.pod.namespace)
                if current?.uid != uid || current?.spec["nodeName"] != nil { assumed[uid] = nil }
            }
            return assumed.values.filter { !known.contains($0.pod.uid) }.map { ($0.pod, $0.node) }
        }
        let labels = Dictionary(
            caches.namespaces.all().map { ($0.name, $0.labels) }, uniquingKeysWith: { first, _ in first })
        return SchedulingState(nodes: caches.nodes.all(), pods: placed, namespaceLabels: labels)
    }

    private func schedule(_ pod: KubeObject, _ run: inout SchedulingRun) async throws {
        guard (pod.spec["schedulingGates"]?.array ?? []).isEmpty else {
            queue.park(pod.uid, [])
            return try await markUnscheduled(
                pod, "SchedulingGated", "Scheduling is blocked due to non-empty scheduling gates")
        }
        let age = Timestamp.date(pod.creationTimestamp).map { context.now().timeIntervalSince($0) } ?? .infinity
        guard !run.state.nodes.isEmpty else {
            // A cluster that starts has its node in a moment: only a wait that lasts is worth a warning.
            if age < 5 { return queue.postpone(pod.uid, for: .seconds(5 - max(0, age))) }
            return try await refuse(pod, "no nodes available to schedule pods", .nodes)
        }
        if let problem = volumeProblem(pod) {
            // Claims are bound within moments, which wakes us.
            if age < 3 { return queue.postpone(pod.uid, for: .seconds(3 - max(0, age))) }
            return try await refuse(pod, unresolvable(problem, run), .volumes)
        }
        if let group = PodGroup(of: pod), let minimum = try await group.minimum(context.client) {
            return try await schedule(group, minimum: minimum, pod, &run)
        }
        try await place(pod, &run)
    }

    /// A problem that no node and no preemption solves.
    private func unresolvable(_ problem: String, _ run: SchedulingRun) -> String {
        let count = run.state.nodes.count
        return "0/\(count) nodes are available: \(problem). preemption: 0/\(count) nodes are available: "
            + "\(count) Preemption is not helpful for scheduling."
    }

    private func place(_ pod: KubeObject, _ run: inout SchedulingRun) async throws {
        let search = NodeSearch(pod, volumes: volumeNodes(pod))
        var state = run.state
        for other in nominated(pod) { state.add(other.pod, to: other.node) }
        switch search.find(in: state) {
        case .node(let name):
            try await bind(pod, to: name)
            run.state.add(pod, to: name)
        case .obstacles(let obstacles):
            let message = NodeFit.message(obstacles.values.map(\.reasons))
            let preemption = Preemption(
                pod: pod, affinity: search.affinity, spread: search.spread, budgets: budgets(of: pod))
            let (choice, reason) =
                isAwaitingRoom(pod)
                ? (nil, "not eligible due to a terminating pod on the nominated node.")
                : preemption.choose(obstacles, state, extra: search.volumeObstacle)
            guard let choice else {
                return try await refuse(pod, "\(message) preemption: \(reason)", [.nodes, .room, .company])
            }
            try await preempt(choice, for: pod, &run)
            try await refuse(pod, message, [.nodes, .room, .company], nominating: choice.node)
        }
    }

    /// All members of a group at once, or none.
    private func schedule(
        _ group: PodGroup, minimum: Int, _ pod: KubeObject, _ run: inout SchedulingRun
    ) async throws {
        if let message = run.refusedGroups[group] {
            return try await refuse(pod, message, [.nodes, .room, .company, .group])
        }
        let members = context.caches.pods.all(indexedBy: PodIndex.namespace(group.namespace)).filter {
            $0.isActive && PodGroup(of: $0) == group
        }
        let waiting = members.filter { member in
            Self.isWaiting(member) && (member.spec["schedulingGates"]?.array ?? []).isEmpty
                && assumed.withLock { $0[member.uid] == nil }
        }.sorted { ($1.priority, $0.creationTimestamp, $0.name) < ($0.priority, $1.creationTimestamp, $1.name) }
        let placed = members.count { !Self.isWaiting($0) } + run.placed(in: group)
        guard placed < minimum else { return try await place(pod, &run) }
        guard members.count >= minimum else {
            let problem =
                "pre-filter pod \(pod.name) cannot find enough sibling pods, current pods number: \(members.count), minMember of group: \(minimum)"
            return try await refuse(pod, unresolvable(problem, run), .group)
        }
        var trial = run.state
        var places: [(pod: KubeObject, node: String)] = []
        var failure: String?
        for member in waiting where volumeProblem(member) == nil {
            switch NodeSearch(member, volumes: volumeNodes(member)).find(in: trial) {
            case .node(let name):
                trial.add(member, to: name)
                places.append((member, name))
            case .obstacles(let obstacles):
                failure = failure ?? NodeFit.message(obstacles.values.map(\.reasons))
            }
        }
        guard placed + places.count >= minimum else {
            let reason = failure ?? "the claims of the group's Pods are not bound"
            let message =
                "\(reason) pod group \(group.namespace)/\(group.name): \(placed + places.count) of at least \(minimum) members would fit."
            run.refusedGroups[group] = message
            return try await refuse(pod, message, [.nodes, .room, .company, .group, .volumes])
        }
        for (member, name) in places {
            try await bind(member, to: name)
            run.state.add(member, to: name)
            run.groups[group, default: 0] += 1
        }
    }

    private func bind(_ pod: KubeObject, to node: String) async throws {
        let binding = KubeObject([
            "apiVersion": "v1", "kind": "Binding",
            "metadata": [
                "name": .string(pod.name), "namespace": .string(pod.namespace ?? ""), "uid": .string(pod.uid),
            ],
            "target": ["apiVersion": "v1", "kind": "Node", "name": .string(node)],
        ])
        assumed.withLock { $0[pod.uid] = (pod, node) }
        do {
            _ = try await context.client.json(
                JSONRequest.post(
                    "\(ResourceType.pods.path(namespace: pod.namespace))/\(pod.name)/binding", binding.json))
        } catch {
            assumed.withLock { $0[pod.uid] = nil }
            guard let answer = error as? APIError else { throw error }
            if answer.reason == .notFound { return queue.remove(pod.uid) }
            // In a conflict somebody else has placed it.
            if answer.reason != .conflict { try await tellRejected(pod, answer) }
            throw answer
        }
        queue.remove(pod.uid)
        events.normal("Scheduled", "Successfully assigned \(pod.namespace ?? "")/\(pod.name) to \(node)", about: pod)
    }
}

/// What one run of the scheduler knows.
struct SchedulingRun: Sendable {
    var state: SchedulingState
    /// Groups that do not fit, and why.
    var refusedGroups: [PodGroup: String] = [:]
    var groups: [PodGroup: Int] = [:]

    /// Members that were placed in this run, and that the caches do not show yet.
    func placed(in group: PodGroup) -> Int { groups[group] ?? 0 }
}
