import ControllerKit
import Foundation
import KubeModel

/// Real images, for containers that no environment stands for.
extension PodWorker {
    /// The image of a container; while it is not there, its track says why.
    func image(for container: ContainerSpec) -> ReadyEnvironment? {
        let written = container.image
        var track = tracks[container.name] ?? Track()
        defer { tracks[container.name] = track }
        if track.pullOf != written {
            // The image was changed: what became of the other one says nothing about this.
            (track.pullOf, track.pull, track.pullProblem, track.pullBackoff) = (written, nil, nil, 0)
        }
        func wait(_ reason: String, _ message: String?) {
            track.facts.waitingReason = reason
            track.facts.waitingMessage = message
        }
        let reference: ImageReference
        do {
            reference = try ImageReference(written)
        } catch {
            let message = "Failed to apply default image tag \"\(written)\": \(error)"
            wait("InvalidImageName", message)
            complain("InspectFailed", message, of: container)
            complain("Failed", "Error: InvalidImageName", of: container)
            return nil
        }
        let policy =
            container.json["imagePullPolicy"]?.string ?? (reference.tag == "latest" ? "Always" : "IfNotPresent")
        let credentials = PullCredentials(pullSecrets()).matching(reference)
        if track.pull == nil, policy != "Always", let stored = context.images.find(reference),
            context.images.isReadable(stored, reference, credentials)
        {
            note(
                "Normal", "Pulled",
                "Container image \"\(written)\" already present on machine and can be accessed by the pod",
                of: container)
            return ready(stored, reference, container, &track)
        }
        if policy == "Never" {
            let message = "Container image \"\(written)\" is not present with pull policy of Never"
            wait("ErrImageNeverPull", message)
            complain("ErrImageNeverPull", message, of: container)
            complain("Failed", "Error: ErrImageNeverPull", of: container)
            wake(at: .after(10))
            return nil
        }
        let pull: ImagePull
        if let running = track.pull {
            pull = running
        } else {
            let now = Moment.now
            if let problem = track.pullProblem, track.pullRetryAt > now {
                wait("ImagePullBackOff", "Back-off pulling image \"\(written)\": ErrImagePull: \(problem)")
                if track.pullNoted != track.pullRetryAt {
                    track.pullNoted = track.pullRetryAt
                    note("Normal", "BackOff", "Back-off pulling image \"\(written)\"", of: container)
                    note("Warning", "Failed", "Error: ImagePullBackOff", of: container)
                }
                wake(at: track.pullRetryAt)
                return nil
            }
            note("Normal", "Pulling", "Pulling image \"\(written)\"", of: container, topic: written)
            pull = context.images.pull(reference, credentials)
            track.pull = pull
            track.pullSince = now
        }
        switch pull.state {
        case .running(let progress):
            wait("ContainerCreating", progress.isEmpty ? nil : "Pulling image \"\(written)\"\(progress)")
            let isNews = track.imageEvent.map { $0.at.secondsAgo > 2 } ?? false
            if track.imageEvent == nil || isNews { track.imageEvent = (0, .now) }
            if isNews, !progress.isEmpty {
                note("Normal", "Pulling", "Pulling image \"\(written)\"\(progress)", of: container, topic: written)
            }
            return nil
        case .done(let stored, let took):
            track.pull = nil
            track.imageEvent = nil
            track.pullProblem = nil
            track.pullBackoff = 0
            let waited = Duration.milliseconds(Int(track.pullSince.secondsAgo * 1000))
            let size = stored.size
            note(
                "Normal", "Pulled",
                "Successfully pulled image \"\(written)\" in \(took.precise) (\(waited.precise) including waiting). Image size: \(size) bytes.",
                of: container
            )
            return ready(context.images.find(reference) ?? stored, reference, container, &track)
        case .failed(let error):
            track.pull = nil
            track.imageEvent = nil
            let message = explained(error.description)
            track.pullProblem = message
            track.pullBackoff = min(300, max(10, track.pullBackoff * 2))
            track.pullRetryAt = .after(track.pullBackoff)
            wait("ErrImagePull", message)
            note("Warning", "Failed", "Failed to pull image \"\(written)\": \(message)", of: container)
            note("Warning", "Failed", "Error: ErrImagePull", of: container)
            wake(at: .after(3))
            return nil
        }
    }

    /// Where the network is away, an environment may be what is wanted.
    private func explained(_ message: String) -> String {
        let isAway = ["dial tcp", "no such host", "i/o timeout", "connection refused", "skopeo is missing"].contains {
            message.contains($0)
        }
        guard isAway else { return message }
        return
            "\(message) (no environment stands for it either: a pattern below \"images\" in \(context.environments.catalogue.file) would)"
    }

    private func ready(
        _ stored: StoredImage, _ reference: ImageReference, _ container: ContainerSpec, _ track: inout Track
    ) -> ReadyEnvironment? {
        do {
            let image = ContainerImage(
                id: stored.id, imageID: stored.imageID(reference), name: reference.full,
                config: try context.images.documents.config(of: stored), layers: context.images.layers,
                chain: stored.chain)
            let user = try ImageUser("0", passwd: nil, group: nil)
            return ReadyEnvironment(
                definition: image.definition(user: user), path: nil, contentID: stored.id, image: image)
        } catch {
            track.facts.waitingReason = "ImageInspectError"
            track.facts.waitingMessage = "Failed to inspect image \"\(reference.full)\": \(error)"
            complain("InspectFailed", "Failed to inspect image \"\(reference.full)\": \(error)", of: container)
            wake(at: .after(30))
            return nil
        }
    }

    private func pullSecrets() -> [KubeObject] {
        let names = (spec.object.spec["imagePullSecrets"]?.array ?? []).compactMap { $0["name"]?.string }.filter {
            !$0.isEmpty
        }
        let found = names.map { ($0, context.secrets.get($0, namespace: spec.namespace)) }
        let missing = found.filter { $0.1 == nil }.map(\.0)
        if !missing.isEmpty {
            complain(
                "FailedToRetrieveImagePullSecret",
                "Unable to retrieve some image pull secrets (\(missing.joined(separator: ", "))); attempting to pull the image may not succeed."
            )
        }
        return found.compactMap(\.1)
    }
}

extension Duration {
    /// With milliseconds, as Go writes it: `1.234s`, `56ms`.
    var precise: String {
        let milliseconds = components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
        if milliseconds < 1000 { return "\(milliseconds)ms" }
        let (minutes, rest) = (milliseconds / 60_000, milliseconds % 60_000)
        var fraction = String(String(rest % 1000 + 1000).dropFirst())
        while fraction.hasSuffix("0") { fraction.removeLast() }
        let seconds = "\(rest / 1000)" + (fraction.isEmpty ? "" : ".\(fraction)") + "s"
        return minutes >= 60
            ? "\(minutes / 60)h\(minutes % 60)m\(seconds)" : minutes > 0 ? "\(minutes)m\(seconds)" : seconds
    }
}
