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

    /// What a status may have had that it has no more.
    private static let passing = [
        "reason", "message", "initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses",
    ]

    /// Conditions as a strategic merge patch names them: those of others are left out, because they may have changed since.
    private static func changes(of new: [JSON], old: [JSON]) -> JSON {
        let types = Set(new.compactMap { $0["type"]?.string })
        let gone = old.compactMap { $0["type"]?.string }.filter { !types.contains($0) }
        return .array(
            new.filter { !old.contains($0) || PodStatus.ownConditions.contains($0["type"]?.string ?? "") }
                + gone.map { ["$patch": "delete", "type": .string($0)] })
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
        new["conditions"] = Self.changes(of: new["conditions"]?.array ?? [], old: old["conditions"]?.array ?? [])
        for key in ["podIPs", "hostIPs"] {
            if let addresses = new[key]?.array { new[key] = .array([["$patch": "replace"]] + addresses) }
        }
        for key in Self.passing where new[key] == nil && old[key] != nil { new[key] = .null }
        do {
            let answer = try await context.client.patch(
                .pods, spec.name, namespace: spec.namespace,
                .strategic(["metadata": ["uid": .string(uid)], "status": new]), subresource: "status")
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
