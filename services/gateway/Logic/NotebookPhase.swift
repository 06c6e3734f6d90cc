import Foundation
import KubeModel

/// The state of a notebook, or of what is shown in its shape, in the words of the page: `{phase, message, state}`.
struct NotebookPhase: Equatable {
    let phase: String
    let message: String
    /// Why there is trouble, as Kubernetes calls it; empty where there is none.
    var reason = ""

    /// Why a container does not run yet without anything being wrong.
    private static let starting: Set<String> = ["", "ContainerCreating", "PodInitializing", "Pulling"]
    /// Reasons of conditions that only say "not yet".
    private static let pending: Set<String> = ["", "ContainersNotReady", "ContainersNotInitialized", "PodCompleted"]

    /// - Parameters:
    ///   - notebook: the object.
    ///   - events: events about this notebook, oldest first.
    ///   - kind: what it is that starts.
    ///   - now: the time, for what has just been created.
    init(
        of notebook: KubeObject, events: [KubeObject], kind: Workspace.Kind = .notebook, now: Date = Date()
    ) {
        let ready = notebook.status["readyReplicas"]?.int ?? 0
        let container = notebook.status["containerState"]
        if notebook.isBeingDeleted {
            self.init("terminating", "Deleting this \(kind.server).")
        } else if notebook.annotations["kubeflow-resource-stopped"] != nil {
            if ready == 0, container?["running"] == nil {
                self.init("stopped", "No Pods are currently running for this \(kind.server).")
            } else {
                self.init(
                    "waiting", kind == .notebook ? "Notebook Server is stopping." : "The \(kind.server) is stopping.")
            }
        } else if ready >= 1 {
            self.init("ready", "Running")
        } else {
            self = Self.starting(notebook, container: container, events: events, kind, now: now)
        }
    }

    private init(_ phase: String, _ message: String, reason: String = "") {
        (self.phase, self.message, self.reason) = (phase, message, reason)
    }

    private static func starting(
        _ notebook: KubeObject, container: JSON?, events: [KubeObject], _ kind: Workspace.Kind, now: Date
    ) -> NotebookPhase {
        let created = Timestamp(notebook.creationTimestamp)
        let recent = events.filter { event in
            guard let created, let time = EventTime.of(event) else { return true }
            return time.seconds >= created.seconds
        }
        let newest = recent.last
        let progress = newest.map(text)
        if let waiting = container?["waiting"] {
            let reason = waiting["reason"]?.string ?? ""
            let message = waiting["message"]?.string ?? ""
            guard starting.contains(reason) else {
                return NotebookPhase(
                    "warning", message.isEmpty ? reason : "\(reason): \(message)", reason: reason)
            }
            if newest?["type"]?.string != "Warning" {
                return NotebookPhase(
                    "waiting", !message.isEmpty ? message : progress ?? "Starting the \(kind.server).")
            }
        }
        if let ended = container?["terminated"] {
            let reason = ended["reason"]?.string ?? "Terminated"
            return NotebookPhase(
                "warning", "\(reason): \(ended["message"]?.string ?? "the server ended and is started again")",
                reason: reason)
        }
        for condition in Conditions(of: notebook).all
        where condition.status == "False" && !pending.contains(condition.reason) {
            let message = condition.message.isEmpty ? condition.reason : "\(condition.reason): \(condition.message)"
            return NotebookPhase("warning", message, reason: condition.reason)
        }
        if let newest, newest["type"]?.string == "Warning" {
            return NotebookPhase("warning", text(newest), reason: newest["reason"]?.string ?? "")
        }
        if let created, now.timeIntervalSince(created.date) <= 10, progress == nil {
            return NotebookPhase(
                "waiting",
                kind == .notebook ? "Waiting for the notebook's Pod to be made." : "Waiting for its Pod to be made.")
        }
        return NotebookPhase("waiting", progress ?? "Starting the \(kind.server).")
    }

    /// What an event says; the note that it was copied from the Pod is of no use to a person.
    static func text(_ event: KubeObject) -> String {
        let message = event["message"]?.string ?? ""
        guard message.hasPrefix("Reissued from "), let colon = message.range(of: ": ") else { return message }
        return String(message[colon.upperBound...])
    }

    var json: JSON { ["phase": .string(phase), "message": .string(message), "state": ""] }
}

/// When an event happened last.
enum EventTime {
    static func of(_ event: KubeObject) -> Timestamp? {
        for field in ["lastTimestamp", "eventTime"] {
            if let time = event[field]?.string.flatMap({ Timestamp($0) }) { return time }
        }
        return Timestamp(event.creationTimestamp)
    }

    /// Oldest first; of the same time, as they were written.
    static func sorted(_ events: [KubeObject]) -> [KubeObject] {
        events.map { (Self.of($0) ?? Timestamp(seconds: 0), $0) }
            .sorted { ($0.0, revision($0.1), $0.1.name) < ($1.0, revision($1.1), $1.1.name) }.map(\.1)
    }

    private static func revision(_ event: KubeObject) -> UInt64 { UInt64(event.resourceVersion) ?? 0 }

    /// The events about notebooks, by name, oldest first.
    static func byNotebook(_ events: [KubeObject]) -> [String: [KubeObject]] {
        let about = events.filter { $0["involvedObject"]?["kind"]?.string == "Notebook" }
        return Dictionary(grouping: sorted(about)) { $0["involvedObject"]?["name"]?.string ?? "" }
    }
}
