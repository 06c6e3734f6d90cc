import Foundation
import HTTPKit
import KubeModel

/// What a person sees in place of a workspace that does not run: how far it is, and what can be done where it gets no further.
enum StartingPage {
    /// How many of its latest events are shown.
    private static let stepLimit = 4

    /// - Parameters:
    ///   - workspace: what was opened.
    ///   - phase: how far it is.
    ///   - events: events about it, oldest first.
    ///   - target: the address that was opened, for another try.
    /// - Returns: a page with the status 503.
    static func page(
        _ workspace: Workspace, _ phase: NotebookPhase, events: [KubeObject], target: String
    ) -> HTTPResponse {
        let link = workspace.details
        let name = workspace.name
        switch phase.phase {
        case "stopped":
            let line =
                workspace.kind == .notebook
                ? "Start it to go on where you left off. Its files are kept."
                : "It runs again once its annotation kubeflow-resource-stopped is taken off."
            return Pages.page(status: 503, title: "\(name) is stopped", lines: [line], link: link)
        case "terminating":
            return Pages.page(
                status: 503, title: "\(name) is being deleted", lines: [], link: workspace.all)
        case "warning":
            let trouble = StartTrouble(phase, noun: workspace.kind.noun)
            guard trouble.isFinal else {
                return Pages.page(
                    status: 503, title: "\(name) has trouble starting",
                    lines: [phase.message, "It opens here by itself once it runs."], link: link, advice: trouble.advice,
                    steps: steps(events, besides: phase.message), reloadSeconds: 5)
            }
            return Pages.page(
                status: 503, title: "\(name) did not start", lines: [phase.message], link: link, advice: trouble.advice,
                retry: target, steps: steps(events, besides: phase.message))
        default:
            let message = phase.phase == "ready" ? "Its server is about to answer." : phase.message
            return Pages.page(
                status: 503, title: "\(name) is starting", lines: [message, "It opens here by itself."], link: link,
                steps: steps(events, besides: message), reloadSeconds: 2)
        }
    }

    /// The latest events, newest first, each once, and without what is said already.
    private static func steps(_ events: [KubeObject], besides message: String) -> [String] {
        var texts: [String] = []
        for text in events.reversed().map(NotebookPhase.text)
        where !text.isEmpty && !texts.contains(text) && !message.contains(text) {
            texts.append(text)
            if texts.count == stepLimit { break }
        }
        return texts
    }
}

/// Why a workspace does not start, as far as somebody can do something about it.
struct StartTrouble: Equatable {
    /// What to do, in a sentence or two.
    let advice: String
    /// Whether nothing changes by waiting.
    let isFinal: Bool

    init(_ phase: NotebookPhase, noun: String) {
        switch phase.reason {
        case "ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError":
            advice =
                "Check how its image is spelled. An image of a private registry needs a pull secret; delete the \(noun) and "
                + "make it anew with another image."
            isFinal = true
        case "CrashLoopBackOff", "Error", "Completed":
            advice = "Its server ends soon after it starts. Its log, on the page with its details, says why."
            isFinal = true
        case "OOMKilled":
            advice = "It used all the memory that it may. Make it anew with more memory."
            isFinal = true
        case "CreateContainerConfigError", "CreateContainerError", "RunContainerError", "StartError":
            advice =
                "Something that it refers to is missing or not possible, such as a Secret, a ConfigMap, a volume or a command."
            isFinal = true
        case "FailedCreate":
            advice =
                phase.message.contains("exceeded quota")
                ? "The namespace has reserved all that its quota allows: stop another notebook, or ask an administrator for more."
                : "Kubernetes does not take its Pod as it is. Somebody who may change the namespace's rules, or the \(noun), "
                    + "has to do so."
            isFinal = true
        case "FailedScheduling", "Unschedulable":
            advice =
                "No machine has free what it asks for. Stop what is not needed, or make it anew with less CPU, memory or GPUs."
            isFinal = false
        case "FailedMount", "FailedAttachVolume", "ProvisioningFailed":
            advice = "One of its volumes is not there yet. If it stays so, look at the volume's events."
            isFinal = false
        case "InvalidName", "InvalidLogspath", "InvalidClaim", "InvalidPort", "ClaimNotMounted", "NameTaken":
            advice = "Delete the \(noun) and make it anew with that put right."
            isFinal = true
        default:
            advice = "Its events and its log, on the page with its details, say more."
            isFinal = false
        }
    }
}
