import Foundation
import KubeClient
import KubeModel
import Logging

/// What the API is told.
extension PodWorker {
    /// True once no main container will ever run again.
    var hasEnded: Bool {
        let phase = status.phase
        return phase == "Succeeded" || phase == "Failed"
            || ["Succeeded", "Failed"].contains(spec.object.status["phase"]?.string ?? "")
    }

    var deadline: Moment? {
        spec.object.spec["activeDeadlineSeconds"]?.int.map { startMoment + .seconds($0) }
    }

    var status: PodStatus {
        PodStatus(
            pod: spec, containers: tracks.mapValues(\.facts), address: sandbox?.address,
            hostAddress: context.hostAddress,
            startedAt: startedAt, failure: failure, resize: resizing, isStopping: spec.object.isBeingDeleted)
    }

    func publish() async {
        var old = published ?? spec.object.status
        // Conditions of others, such as readiness gates, are theirs to change.
        func isForeign(_ condition: JSON) -> Bool { !PodStatus.ownConditions.contains(condition["type"]?.string ?? "") }
        let foreign = (spec.object.status["conditions"]?.array ?? []).filter(isForeign)
        old["conditions"] = .array((old["conditions"]?.array ?? []).filter { !isForeign($0) } + foreign)
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
            wake(at: .after(2))
        } catch {
            wake(at: .after(2))
        }
    }
}
