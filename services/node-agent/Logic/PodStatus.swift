import Foundation
import KubeModel

/// What is known about one container of a pod.
struct ContainerFacts: Sendable, Equatable {
    var current: ContainerRun?
    var previous: ContainerRun?
    /// Why it does not run, where it does not.
    var waitingReason = "ContainerCreating"
    var waitingMessage: String?
    /// True while the next start is being waited for although there was an earlier run.
    var isWaiting = true
    /// The startup probe has passed, or there is none.
    var isStarted = false
    var isReady = false
    var imageID = ""
    /// The whole name of a real image.
    var imageName: String?
    /// The image that the spec named when the current run began.
    var image: String?
    var terminationMessages: [Int: String] = [:]
    /// The resources that the node has promised, and those that the running container has.
    var allocated: JSON?
    var resources: JSON?
    /// `user` of the status: as whom the first process runs.
    var user: JSON?
}

/// Computes the status of a Pod, as a kubelet writes it.
struct PodStatus {
    let pod: PodSpec
    let containers: [String: ContainerFacts]
    let address: Address4?
    let hostAddress: String
    let startedAt: Date
    /// A decision that ended the pod: `Failed` with a reason.
    var failure: (reason: String, message: String)?
    /// What goes on with changed resources.
    var resize = PodResize()
    /// True when the pod is being deleted and its containers were stopped.
    var isStopping = false

    /// How the message of a pod begins that the node did not take.
    static let rejection = "Pod was rejected: "

    /// Types of the conditions that are written here; all others are left as they are. `DisruptionTarget` is that of
    /// whoever ends a pod, and the node is one of several.
    static let ownConditions: Set<String> = [
        "PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled", "PodResizePending",
        "PodResizeInProgress",
    ]

    private func facts(_ container: ContainerSpec) -> ContainerFacts { containers[container.name] ?? ContainerFacts() }

    /// True where the node took the pod not at all; it says nothing about containers then.
    private var isRejected: Bool {
        failure?.message.hasPrefix(Self.rejection) == true && containers.values.allSatisfy { $0.current == nil }
    }

    /// True once every init container has done its part.
    var isInitialized: Bool {
        pod.initial.allSatisfy { container in
            let facts = facts(container)
            return container.kind == .sidecar ? facts.isStarted : facts.current?.end?.code == 0
        }
    }

    /// The phase that the containers' states amount to.
    var phase: String {
        if failure != nil { return "Failed" }
        for container in pod.initial where container.kind == .initial {
            if let end = facts(container).current?.end, end.code != 0, pod.restartPolicy == "Never" { return "Failed" }
        }
        let main = pod.main.map(facts)
        if !isInitialized, !main.contains(where: { $0.current != nil }) { return "Pending" }
        if main.contains(where: { $0.current == nil }) { return "Pending" }
        if main.contains(where: { $0.current?.isRunning == true }) { return "Running" }
        let ends = main.compactMap { $0.current?.end }
        if ends.count < main.count { return "Pending" }
        if pod.restartPolicy == "Always" {
            return isStopping ? (ends.allSatisfy { $0.code == 0 } ? "Succeeded" : "Failed") : "Running"
        }
        if ends.allSatisfy({ $0.code == 0 }) { return "Succeeded" }
        return pod.restartPolicy == "Never" || isStopping ? "Failed" : "Running"
    }

    /// The phase that is told as long as a pod has ended but not all of its containers have: whoever puts another one in its
    /// place, or takes its files, is not to meet what still runs. Nil when there is nothing to hold back.
    private func heldPhase(before: String?) -> String? {
        let ends: Set = ["Succeeded", "Failed"]
        let before = before ?? "Pending"
        let isRunning = containers.values.contains { $0.current.map { $0.end == nil } ?? false }
        return isRunning && ends.contains(phase) && !ends.contains(before) ? before : nil
    }

    /// The whole status; `old` gives conditions of others and the times of those that did not change.
    func json(old: JSON, now: Date = Date()) -> JSON {
        let phase = phase
        let held = heldPhase(before: old["phase"]?.string)
        var status: JSON = ["phase": .string(held ?? phase)]
        if let generation = pod.object.metadata["generation"]?.int { status["observedGeneration"] = .int(generation) }
        status["conditions"] = .array(conditions(old: old["conditions"]?.array ?? [], phase: phase, now: now))
        status["hostIP"] = .string(hostAddress)
        status["hostIPs"] = [["ip": .string(hostAddress)]]
        if let address {
            status["podIP"] = .string("\(address)")
            status["podIPs"] = [["ip": .string("\(address)")]]
        } else if let known = old["podIP"] {
            status["podIP"] = known
            status["podIPs"] = old["podIPs"]
        }
        status["startTime"] = old["startTime"] ?? .string(Timestamps.text(startedAt))
        if !isRejected {
            if !pod.initial.isEmpty {
                status["initContainerStatuses"] = .array(pod.initial.map { self.status(of: $0) })
            }
            status["containerStatuses"] = .array(pod.main.map { self.status(of: $0) })
            if !pod.ephemeral.isEmpty {
                status["ephemeralContainerStatuses"] = .array(pod.ephemeral.map { self.status(of: $0) })
            }
        }
        status["qosClass"] = .string(pod.qualityOfService)
        if let failure, held == nil {
            status["reason"] = .string(failure.reason)
            status["message"] = .string(failure.message)
        }
        return status
    }

    private func conditions(old: [JSON], phase: String, now: Date) -> [JSON] {
        let unready = (pod.initial.filter { $0.kind == .sidecar } + pod.main)
            .filter { !(facts($0).isReady && facts($0).current?.isRunning == true) }.map(\.name)
        let isDone = phase == "Succeeded"
        let isFailed = phase == "Failed"
        func missing(_ names: [String], _ word: String) -> String {
            "containers with \(word) status: [\(names.joined(separator: " "))]"
        }
        let incomplete = pod.initial.filter {
            $0.kind == .sidecar ? !facts($0).isStarted : facts($0).current?.end?.code != 0
        }.map(\.name)
        var wanted: [(type: String, isTrue: Bool, reason: String?, message: String?)] = []
        wanted.append(("PodReadyToStartContainers", address != nil && !isDone && !isFailed, nil, nil))
        // Who has come to the main containers stays initialized, whatever becomes of the sidecars.
        if isDone || isInitialized || pod.main.contains(where: { facts($0).current != nil }) {
            wanted.append(("Initialized", true, isDone ? "PodCompleted" : nil, nil))
        } else {
            wanted.append(("Initialized", false, "ContainersNotInitialized", missing(incomplete, "incomplete")))
        }
        let gates = (pod.object.spec["readinessGates"]?.array ?? []).compactMap { $0["conditionType"]?.string }
        let closed = gates.compactMap { gate -> String? in
            let status = old.first { $0["type"]?.string == gate }?["status"]?.string
            guard let status else {
                return "corresponding condition of pod readiness gate \"\(gate)\" does not exist."
            }
            return status == "True"
                ? nil : "the status of pod readiness gate \"\(gate)\" is not \"True\", but \(status)"
        }
        for type in ["Ready", "ContainersReady"] {
            if isDone {
                wanted.append((type, false, "PodCompleted", nil))
            } else if isFailed {
                wanted.append((type, false, "PodFailed", nil))
            } else if !unready.isEmpty {
                wanted.append((type, false, "ContainersNotReady", missing(unready, "unready")))
            } else if type == "Ready", !closed.isEmpty {
                wanted.append(
                    (type, false, "ReadinessGatesNotReady", closed.joined(separator: ", ")))
            } else {
                wanted.append((type, true, nil, nil))
            }
        }
        if let failure, failure.reason == "Evicted" {
            wanted.append(("DisruptionTarget", true, "TerminationByKubelet", failure.message))
        }
        if !isDone, !isFailed {
            if let pending = resize.pending {
                wanted.append(("PodResizePending", true, pending.ofResize.reason, pending.ofResize.message))
            }
            if resize.isInProgress {
                let error = resize.error
                wanted.append(("PodResizeInProgress", true, error == nil ? nil : "Error", error))
            }
        }
        if !old.contains(where: { $0["type"]?.string == "PodScheduled" }) {
            wanted.append(("PodScheduled", true, nil, nil))
        }
        // A resize that is over leaves no condition.
        let own = Set(wanted.map(\.type) + ["PodResizePending", "PodResizeInProgress"])
        let time = Timestamps.text(now)
        let mine: [JSON] = wanted.map { item in
            let before = old.first { $0["type"]?.string == item.type }
            let text = item.isTrue ? "True" : "False"
            let since = before?["status"]?.string == text ? before?["lastTransitionTime"]?.string : nil
            var condition: JSON = [
                "type": .string(item.type), "status": .string(text), "lastProbeTime": .null,
                "lastTransitionTime": .string(since ?? time),
            ]
            if let generation = pod.object.metadata["generation"]?.int {
                condition["observedGeneration"] = .int(generation)
            }
            if let reason = item.reason { condition["reason"] = .string(reason) }
            if let message = item.message { condition["message"] = .string(message) }
            return condition
        }
        return mine + old.filter { !own.contains($0["type"]?.string ?? "") }
    }

    private func status(of container: ContainerSpec) -> JSON {
        let facts = facts(container)
        var status: JSON = ["name": .string(container.name)]
        var last: JSON = [:]
        if let run = facts.current, run.isRunning, let startedAt = run.startedAt {
            status["state"] = ["running": ["startedAt": .string(Timestamps.text(startedAt))]]
            if let previous = facts.previous, let end = previous.end {
                last = ["terminated": terminated(previous, end, facts)]
            }
        } else if let run = facts.current, let end = run.end, !facts.isWaiting {
            status["state"] = ["terminated": terminated(run, end, facts)]
            if let previous = facts.previous, let end = previous.end {
                last = ["terminated": terminated(previous, end, facts)]
            }
        } else {
            var waiting: JSON = ["reason": .string(facts.waitingReason)]
            if let message = facts.waitingMessage { waiting["message"] = .string(message) }
            status["state"] = ["waiting": waiting]
            if let run = facts.current, let end = run.end { last = ["terminated": terminated(run, end, facts)] }
        }
        status["lastState"] = last
        let isRunning = facts.current?.isRunning == true
        let isComplete = container.kind == .initial && facts.current?.end?.code == 0
        status["ready"] = .bool(isComplete || (isRunning && facts.isReady && container.kind != .initial))
        status["restartCount"] = .int(Int64(facts.current?.number ?? 0))
        status["image"] = .string(facts.imageName ?? facts.image ?? container.image)
        status["imageID"] = .string(facts.imageID)
        if let run = facts.current { status["containerID"] = .string("crun://\(run.id)") }
        status["started"] = .bool(isRunning && facts.isStarted)
        addShape(of: container, facts, isRunning: isRunning, to: &status)
        return status
    }

    /// What was given to a container: resources, mounts and user.
    private func addShape(
        of container: ContainerSpec, _ facts: ContainerFacts, isRunning: Bool, to status: inout JSON
    ) {
        if container.kind != .ephemeral {
            let allocated = facts.allocated ?? container.json["resources"] ?? [:]
            if let requests = allocated["requests"] { status["allocatedResources"] = requests }
            if isRunning { status["resources"] = facts.resources ?? allocated }
        }
        let mounts = (container.json["volumeMounts"]?.array ?? []).map { mount -> JSON in
            var item: JSON = ["name": mount["name"] ?? "", "mountPath": mount["mountPath"] ?? ""]
            if mount["readOnly"]?.bool == true {
                item["readOnly"] = true
                item["recursiveReadOnly"] = "Disabled"
            }
            return item
        }
        if !mounts.isEmpty { status["volumeMounts"] = .array(mounts) }
        if isRunning, let user = facts.user { status["user"] = user }
    }

    private func terminated(_ run: ContainerRun, _ end: ContainerEnd, _ facts: ContainerFacts) -> JSON {
        var state: JSON = ["exitCode": .int(Int64(end.code))]
        state["reason"] = .string(end.reason)
        let message = [end.message, facts.terminationMessages[run.number]].compactMap { $0 }.first { !$0.isEmpty }
        if let message { state["message"] = .string(message) }
        // What never started did so when time began, as container runtimes tell kubelets.
        state["startedAt"] = .string(Timestamps.text(run.startedAt ?? Date(timeIntervalSince1970: 0)))
        state["finishedAt"] = .string(Timestamps.text(end.finishedAt))
        state["containerID"] = .string("crun://\(run.id)")
        return state
    }
}
