import ClusterStore
import KubeModel

/// Makes CustomResourceDefinitions served from the moment they are stored: names are accepted or refused, and instances
/// are removed before the definition goes.
struct CustomDefinitionStep: AdmissionStep {
    static let finalizer: JSON = "customresourcecleanup.apiextensions.k8s.io"
    let cluster: Cluster

    func locks(for request: AdmissionRequest) async throws -> [String] {
        request.isFor("CustomResourceDefinition") ? ["definitions"] : []
    }

    func admit(_ request: inout AdmissionRequest) async throws {
        if request.operation == .create, request.kind.isCustom, let name = request.kind.custom?.definitionName,
            let definition = try await cluster.get(Cluster.definitions, "", name),
            definition.value(at: "metadata", "deletionTimestamp")?.string != nil
        {
            throw APIError(
                .methodNotAllowed, "create not allowed while custom resource definition is terminating")
        }
        guard request.isFor("CustomResourceDefinition") else { return }
        var object = request.object
        let names = object.value(at: "spec", "names") ?? [:]
        let isNamed = names["kind"]?.string?.isEmpty == false
        if isNamed, names["singular"] == nil {
            object.set(.string((names["kind"]?.string ?? "").lowercased()), at: "spec", "names", "singular")
        }
        if isNamed, names["listKind"] == nil {
            object.set(.string((names["kind"]?.string ?? "") + "List"), at: "spec", "names", "listKind")
        }
        if object.value(at: "spec", "conversion") == nil { object.set(["strategy": "None"], at: "spec", "conversion") }
        object["status"] = try await status(of: object, old: request.old, name: request.name)
        request.object = object
    }

    /// Marks a definition that is being deleted: its instances go first.
    static func markDeleted(_ definition: inout JSON) {
        var finalizers = definition.value(at: "metadata", "finalizers")?.array ?? []
        if !finalizers.contains(finalizer) { finalizers.append(finalizer) }
        definition.set(.array(finalizers), at: "metadata", "finalizers")
        var conditions = definition.value(at: "status", "conditions")?.array ?? []
        conditions.removeAll { $0["type"] == "Terminating" }
        conditions.append([
            "type": "Terminating", "status": "True", "lastTransitionTime": .string(Timestamp.now.text),
            "reason": "InstanceDeletionPending",
            "message": "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
        ])
        definition.set(.array(conditions), at: "status", "conditions")
    }

    private func status(of definition: JSON, old: JSON?, name: String) async throws -> JSON {
        let names = definition.value(at: "spec", "names") ?? [:]
        let group = definition.value(at: "spec", "group")
        var problem: (reason: String, message: String)?
        for other in try await cluster.objects(Cluster.definitions, namespace: nil)
        where other.value(at: "spec", "group") == group && other.value(at: "metadata", "name")?.string != name {
            let taken = other.value(at: "status", "acceptedNames") ?? [:]
            let words = [taken["plural"], taken["singular"]].compactMap { $0 } + (taken["shortNames"]?.array ?? [])
            func check(_ value: JSON?, _ reason: String, _ field: String) {
                guard problem == nil, let value, words.contains(value) else { return }
                problem = (reason, "\(value.text) is already in use")
            }
            check(names["plural"], "PluralConflict", "plural")
            check(names["singular"], "SingularConflict", "singular")
            for short in names["shortNames"]?.array ?? [] { check(short, "ShortNamesConflict", "shortNames") }
            if problem == nil, taken["kind"] == names["kind"] {
                problem = ("KindConflict", "\((names["kind"] ?? "").text) is already in use")
            }
        }
        var stored = old?.value(at: "status", "storedVersions")?.array ?? []
        let storage = definition.value(at: "spec", "versions")?.array?.first { $0["storage"]?.bool == true }?["name"]
        if let storage, !stored.contains(storage) { stored.append(storage) }
        let accepted = problem == nil
        var conditions = [
            condition(
                "NamesAccepted", accepted, problem?.reason ?? "NoConflicts", problem?.message ?? "no conflicts found",
                old),
            condition(
                "Established", accepted, accepted ? "InitialNamesAccepted" : "NotAccepted",
                accepted ? "the initial names have been accepted" : "not all names are accepted", old),
        ]
        let own = ["NamesAccepted", "Established"]
        conditions += (old?.value(at: "status", "conditions")?.array ?? []).filter {
            !own.contains($0["type"]?.string ?? "")
        }
        return [
            "conditions": .array(conditions),
            "acceptedNames": accepted
                ? names : old?.value(at: "status", "acceptedNames") ?? ["plural": "", "kind": ""],
            "storedVersions": .array(stored),
        ]
    }

    private func condition(_ type: String, _ isTrue: Bool, _ reason: String, _ message: String, _ old: JSON?) -> JSON {
        let status = isTrue ? "True" : "False"
        let before = old?.value(at: "status", "conditions")?.array?.first { $0["type"]?.string == type }
        let since = before?["status"]?.string == status ? before?["lastTransitionTime"] : nil
        return [
            "type": .string(type), "status": .string(status),
            "lastTransitionTime": since ?? .string(Timestamp.now.text),
            "reason": .string(reason), "message": .string(message),
        ]
    }
}
