import Foundation
import KubeClient
import KubeModel

/// Answers an AdmissionReview: the patch that adds to a new Pod what the PodDefaults of its namespace say.
struct PodDefaultReview: Sendable {
    static let exclusion = PodDefaultMerge.markerPrefix + "exclude"

    let client: KubeClient

    /// The answering review.
    ///
    /// PodDefaults are read anew each time, so that one that was just made counts. When they cannot be read, the Pod is
    /// admitted as it is, with a warning: a Pod without its defaults is better than a namespace without Pods.
    ///
    /// - Throws: ``APIError`` `badRequest` for what is no AdmissionReview.
    func answer(_ review: JSON) async throws -> JSON {
        guard review["kind"]?.string == "AdmissionReview", let request = review["request"],
            let uid = request["uid"]?.string
        else { throw APIError(.badRequest, "this is no AdmissionReview with a request") }
        var response = await respond(to: request)
        response["uid"] = .string(uid)
        return [
            "apiVersion": review["apiVersion"] ?? "admission.k8s.io/v1", "kind": "AdmissionReview",
            "response": response,
        ]
    }

    private func respond(to request: JSON) async -> JSON {
        let pod = request["object"] ?? .null
        let namespace = request["namespace"]?.string ?? pod.value(at: "metadata", "namespace")?.string ?? ""
        guard request["operation"]?.string == "CREATE", request.value(at: "resource", "resource")?.string == "pods",
            (request["subResource"]?.string ?? "").isEmpty, pod.object != nil, !Self.isExcluded(KubeObject(pod))
        else { return ["allowed": true] }
        do {
            let matching = try await matching(KubeObject(pod), in: namespace)
            guard !matching.isEmpty else { return ["allowed": true] }
            return Self.response(to: pod, matching)
        } catch {
            let reason = (error as? APIError)?.message ?? "\(error)"
            return [
                "allowed": true,
                "warnings": [
                    .string("the PodDefaults of \(namespace) could not be read and were not applied: \(reason)")
                ],
            ]
        }
    }

    private static func isExcluded(_ pod: KubeObject) -> Bool {
        pod.annotations[exclusion] == "true" || pod.annotations["kubernetes.io/config.mirror"] != nil
    }

    private func matching(_ pod: KubeObject, in namespace: String) async throws -> [KubeObject] {
        do {
            return try await client.list(.podDefaults, namespace: namespace).items.filter {
                !$0.isBeingDeleted && LabelSelector(object: $0.spec["selector"]).matches(pod.labels)
            }.sorted { $0.name < $1.name }
        } catch let error as APIError where error.code == 404 {
            return []  // the kind is not installed
        }
    }

    static func response(to pod: JSON, _ podDefaults: [KubeObject]) -> JSON {
        let merge = PodDefaultMerge(podDefaults, to: pod)
        guard merge.conflicts.isEmpty else {
            let names = podDefaults.map(\.name).joined(separator: ",")
            let metadata = KubeObject(pod).metadata
            let name = metadata["name"]?.string ?? metadata["generateName"]?.string ?? ""
            let details = merge.conflicts.joined(separator: "; ")
            return [
                "allowed": false,
                "status": [
                    "status": "Failure", "code": 403, "reason": "Forbidden",
                    "message": .string(
                        "conflict occurred while applying poddefaults: \(names) on pod: \(name) err: \(details). "
                            + "Change the PodDefaults or the Pod's labels, or set the annotation \(exclusion): \"true\""
                    ),
                ],
            ]
        }
        let patch = JSON.array(self.patch(from: pod, to: merge.pod))
        return [
            "allowed": true, "patchType": "JSONPatch",
            "patch": .string(Data(patch.bytes).base64EncodedString()),
        ]
    }

    /// RFC 6902, one operation for each member of `metadata` and `spec` that differs.
    static func patch(from old: JSON, to new: JSON) -> [JSON] {
        ["metadata", "spec"].flatMap { part -> [JSON] in
            guard let before = old[part]?.object else {
                return new[part].map { [["op": "add", "path": .string("/\(part)"), "value": $0]] } ?? []
            }
            let after = new[part]?.object ?? [:]
            let set: [JSON] = after.compactMap { key, value in
                guard before[key] != value else { return nil }
                return ["op": "add", "path": .string("/\(part)/\(key)"), "value": value]
            }
            let removed: [JSON] = before.keys.filter { after[$0] == nil }
                .map { ["op": "remove", "path": .string("/\(part)/\($0)")] }
            return set + removed
        }
    }
}
