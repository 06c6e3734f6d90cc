import Foundation
import KubeModel

/// The environment that stands for a container's image.
extension PodWorker {
    /// The environment of a container; when it is not there yet, its track says why.
    func environment(for container: ContainerSpec) -> ReadyEnvironment? {
        let image = container.image
        if context.environments.catalogue.environment(for: image) == nil { return self.image(for: container) }
        var track = tracks[container.name] ?? Track()
        defer { tracks[container.name] = track }
        func fail(_ message: String, retryAt: Moment) {
            if track.imageComplaint != message {
                track.imageComplaint = message
                track.facts.waitingReason = "ErrImagePull"
                track.facts.waitingMessage = message
                note("Warning", "Failed", "Failed to pull image \"\(image)\": \(message)", of: container)
                note("Warning", "Failed", "Error: ErrImagePull", of: container)
                wake(at: min(retryAt, .after(3)))
            } else {
                track.facts.waitingReason = "ImagePullBackOff"
                track.facts.waitingMessage = "Back-off pulling image \"\(image)\": ErrImagePull: \(message)"
                complain("BackOff", "Back-off pulling image \"\(image)\"", of: container)
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
                    "Successfully built environment \"\(environment.definition.name)\" for image \"\(image)\" in \(text)",
                    of: container
                )
            } else {
                note(
                    "Normal", "Pulled",
                    "Container image \"\(image)\" already present on machine (environment \"\(environment.definition.name)\")",
                    of: container
                )
            }
            return environment
        case .building(let text):
            track.facts.waitingReason = "ContainerCreating"
            track.facts.waitingMessage = text
            let percent = Int(text.split(separator: "(").last?.prefix { $0.isNumber } ?? "") ?? 0
            let isNews =
                track.imageEvent.map {
                    percent != $0.percent && (percent >= $0.percent + 10 || $0.at.secondsAgo > 1)
                } ?? true
            if isNews {
                track.imageEvent = (percent, .now)
                note("Normal", "Pulling", text, of: container, topic: image)
            }
            return nil
        case .failed(let message, let retryAt):
            fail(message, retryAt: retryAt)
            return nil
        case .unknown(let message):
            fail(message, retryAt: .after(60))
            return nil
        }
    }
}
