import KubeModel

/// The image is what may be changed of a container that is there.
extension PodWorker {
    /// Ends what runs another image than the spec names by now, to be started again with that one; what waits to be
    /// started again waits no more.
    func replaceImages() {
        for container in spec.initial + spec.main where container.kind != .initial {
            guard let track = tracks[container.name], let run = track.facts.current, !track.mustRestart,
                let image = track.facts.image, image != container.image
            else { continue }
            if let end = run.end {
                guard spec.restarts(container, afterCode: end.code) else { continue }
            } else {
                stop(
                    container, graceSeconds: spec.graceSeconds,
                    why: "Container \(container.name) definition changed, will be restarted")
            }
            tracks[container.name]?.mustRestart = true
            tracks[container.name]?.backoffSeconds = 0
        }
    }
}
