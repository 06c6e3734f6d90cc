import Foundation
import KubeModel

extension BuiltinKinds {
    static let podTemplates = ResourceType("", "v1", "podtemplates", "PodTemplate")

    static let pod = kind(
        .pods, short: ["po"], categories: ["all"], hasStatus: true,
        subresources: [
            "attach", "binding", "ephemeralcontainers", "eviction", "exec", "log", "portforward", "proxy", "resize",
        ],
        defaults: { pod in
            pod.edit("spec") { spec in
                PodDefaults.apply(to: &spec)
                PodDefaults.applyToPod(&spec)
            }
        },
        create: { pod in
            pod["status"] = ["phase": "Pending", "qosClass": .string(PodDefaults.qosClass(pod["spec"] ?? [:]))]
        },
        validate: { pod, old, issues in
            if !pod.has("spec") { issues.required("spec") }
            issues.add(PodValidation.check(pod["spec"], at: "spec"))
            if let old { PodChanges.check(pod["spec"] ?? [:], old["spec"] ?? [:], &issues) }
        },
        columns: [
            .name, TableColumn("Ready", description: "Ready containers of all containers."),
            TableColumn("Status", description: "What the Pod does, in one word."),
            TableColumn("Restarts", description: "How often containers were started again, and when last."), .age,
            TableColumn("IP", description: "Address of the Pod.", priority: 1),
            TableColumn("Node", description: "Node that runs the Pod.", priority: 1),
            TableColumn("Nominated Node", description: "Node that is being made free for the Pod.", priority: 1),
            TableColumn("Readiness Gates", description: "Conditions from outside that are met.", priority: 1),
        ],
        cells: { pod, now in
            let summary = PodSummary(pod)
            let spec = pod["spec"] ?? [:]
            let status = pod["status"] ?? [:]
            let gates = spec.list("readinessGates").map { $0.text("conditionType") }
            let conditions = Conditions(status["conditions"])
            return [
                Cell.name(pod), .string("\(summary.ready)/\(summary.total)"), .string(summary.status),
                .string(summary.restarts(now)), Cell.age(pod, now),
                Cell.text(status["podIP"], or: "<none>"), Cell.text(spec["nodeName"], or: "<none>"),
                Cell.text(status["nominatedNodeName"], or: "<none>"),
                gates.isEmpty ? "<none>" : .string("\(gates.count(where: conditions.isTrue))/\(gates.count)"),
            ]
        })

    static let podTemplate = kind(
        podTemplates,
        defaults: { $0.edit("template", PodDefaults.applyToTemplate) },
        validate: { object, _, issues in TemplateRules.check(object["template"], "template", &issues) },
        columns: [.name, TableColumn("Containers"), TableColumn("Images"), TableColumn("Pod Labels")],
        cells: { object, _ in
            let (names, images) = Cell.containers(object.value(at: "template", "spec"))
            return [Cell.name(object), names, images, Cell.labels(object.value(at: "template", "metadata", "labels"))]
        })
}

/// Templates of Pods.
enum TemplateRules {
    static func check(_ template: JSON?, _ path: String, restartPolicies: [String]? = nil, _ issues: inout Issues) {
        let template = template ?? [:]
        issues.add(MetadataRules.labels(template.value(at: "metadata", "labels"), "\(path).metadata.labels"))
        MetadataRules.annotations(
            template.value(at: "metadata", "annotations"), "\(path).metadata.annotations", &issues)
        issues.add(PodValidation.check(template["spec"], at: "\(path).spec"))
        guard let restartPolicies else { return }
        let policy = template.value(at: "spec", "restartPolicy")
        if let text = policy?.string, ["Always", "OnFailure", "Never"].contains(text) {
            issues.oneOf("\(path).spec.restartPolicy", policy, restartPolicies)
        }
        if restartPolicies == ["Always"], template.value(at: "spec", "activeDeadlineSeconds")?.int != nil {
            issues.forbidden(
                "\(path).spec.activeDeadlineSeconds", "activeDeadlineSeconds in ReplicaSet is not Supported")
        }
    }
}

/// What may change in a Pod.
enum PodChanges {
    private static let message =
        "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"

    static func check(_ new: JSON, _ old: JSON, _ issues: inout Issues) {
        for list in ["containers", "initContainers"] where new.list(list).count != old.list(list).count {
            issues.forbidden("spec.\(list)", "pod updates may not add or remove containers")
            return
        }
        if masked(new, like: old) != masked(old, like: old) { issues.forbidden("spec", message) }
        for toleration in old.list("tolerations") where !new.list("tolerations").contains(toleration) {
            issues.forbidden(
                "spec.tolerations", "existing toleration can not be modified except its tolerationSeconds")
        }
    }

    /// The spec without what may change.
    private static func masked(_ spec: JSON, like old: JSON) -> JSON {
        var masked = spec
        for list in ["containers", "initContainers"] {
            masked.editEach(list) { container in
                container["image"] = nil
                // Resources change through the `resize` subresource.
                container["resources"] = nil
            }
        }
        for field in ["activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds", "ephemeralContainers"] {
            masked[field] = nil
        }
        // Binding sets the node once; gates are only taken away.
        if old.text("nodeName").isEmpty { masked["nodeName"] = nil }
        masked["schedulingGates"] = nil
        return masked
    }
}

/// The columns of a Pod that have to be computed.
struct PodSummary {
    let ready: Int
    let total: Int
    let status: String
    private let restarts: Int64
    private let lastRestart: Timestamp?

    init(_ pod: JSON) {
        let spec = pod["spec"] ?? [:]
        let status = pod["status"] ?? [:]
        let sidecars = Set(
            spec.list("initContainers").filter { $0.text("restartPolicy") == "Always" }.map { $0.text("name") })
        var reason = status.text("reason").isEmpty ? status.text("phase") : status.text("reason")
        var ready = 0
        var restarts: Int64 = 0
        var sidecarRestarts: Int64 = 0
        var lastRestart: Timestamp?
        var lastSidecarRestart: Timestamp?
        if Conditions(status["conditions"])["PodScheduled"]?.reason == "SchedulingGated" { reason = "SchedulingGated" }

        var isInitializing = false
        for (index, container) in status.list("initContainerStatuses").enumerated() {
            restarts += container["restartCount"]?.int ?? 0
            lastRestart = Self.later(lastRestart, container)
            let isSidecar = sidecars.contains(container.text("name"))
            if isSidecar {
                sidecarRestarts += container["restartCount"]?.int ?? 0
                lastSidecarRestart = Self.later(lastSidecarRestart, container)
            }
            let state = container["state"] ?? [:]
            if let end = state["terminated"], end["exitCode"]?.int == 0 { continue }
            if isSidecar, container["started"]?.bool == true {
                if container["ready"]?.bool == true { ready += 1 }
                continue
            }
            if let end = state["terminated"] {
                reason = "Init:\(Self.ended(end))"
            } else if let waiting = state["waiting"]?.text("reason"), !waiting.isEmpty, waiting != "PodInitializing" {
                reason = "Init:\(waiting)"
            } else {
                reason = "Init:\(index)/\(spec.list("initContainers").count)"
            }
            isInitializing = true
            break
        }
        if !isInitializing || Conditions(status["conditions"]).isTrue("Initialized") {
            restarts = sidecarRestarts
            lastRestart = lastSidecarRestart
            var isRunning = false
            for container in status.list("containerStatuses").reversed() {
                restarts += container["restartCount"]?.int ?? 0
                lastRestart = Self.later(lastRestart, container)
                let state = container["state"] ?? [:]
                if let waiting = state["waiting"]?.text("reason"), !waiting.isEmpty {
                    reason = waiting
                } else if let end = state["terminated"] {
                    reason = Self.ended(end)
                } else if container["ready"]?.bool == true, state.has("running") {
                    isRunning = true
                    ready += 1
                }
            }
            if reason == "Completed", isRunning {
                reason = Conditions(status["conditions"]).isTrue("Ready") ? "Running" : "NotReady"
            }
        }
        if pod.value(at: "metadata", "deletionTimestamp")?.string != nil {
            if status.text("reason") == "NodeLost" {
                reason = "Unknown"
            } else if status.text("phase") != "Succeeded", status.text("phase") != "Failed" {
                reason = "Terminating"
            }
        }
        self.ready = ready
        total = spec.list("containers").count + sidecars.count
        self.status = reason
        self.restarts = restarts
        self.lastRestart = lastRestart
    }

    private static func ended(_ end: JSON) -> String {
        let reason = end.text("reason")
        if !reason.isEmpty { return reason }
        if let signal = end["signal"]?.int, signal != 0 { return "Signal:\(signal)" }
        return "ExitCode:\(end["exitCode"]?.int ?? 0)"
    }

    private static func later(_ moment: Timestamp?, _ container: JSON) -> Timestamp? {
        guard let end = Timestamp(container.value(at: "lastState", "terminated", "finishedAt")) else { return moment }
        return moment.map { max($0, end) } ?? end
    }

    /// `3 (5m ago)`
    func restarts(_ now: Date) -> String {
        guard restarts > 0, let lastRestart else { return String(restarts) }
        return "\(restarts) (\(Cell.since(lastRestart.json, now).string ?? "") ago)"
    }
}
