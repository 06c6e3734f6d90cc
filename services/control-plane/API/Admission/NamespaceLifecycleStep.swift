import ClusterStore
import KubeModel

/// Objects live in namespaces that exist and are not on their way out.
struct NamespaceLifecycleStep: AdmissionStep {
    let cluster: Cluster

    func admit(_ request: inout AdmissionRequest) async throws {
        guard request.operation == .create else { return }
        if request.isFor("Namespace") {
            var finalizers = request.object.value(at: "spec", "finalizers")?.array ?? []
            if !finalizers.contains("kubernetes") { finalizers.append("kubernetes") }
            request.object.set(.array(finalizers), at: "spec", "finalizers")
            request.object.set("Active", at: "status", "phase")
            request.object.set(.string(request.name), at: "metadata", "labels", "kubernetes.io/metadata.name")
            return
        }
        guard request.kind.type.isNamespaced else { return }
        guard let namespace = try await cluster.get("namespaces", "", request.namespace) else {
            throw APIError(
                .notFound, "namespaces \"\(request.namespace)\" not found", kind: "namespaces", name: request.namespace)
        }
        let isTerminating =
            namespace.value(at: "metadata", "deletionTimestamp")?.string != nil
            || namespace.value(at: "status", "phase")?.string == "Terminating"
        guard isTerminating else { return }
        let detail = "unable to create new content in namespace \(request.namespace) because it is being terminated"
        throw request.kind.forbidden(
            request.name, detail,
            causes: [
                .init(
                    field: "metadata.namespace", reason: "NamespaceTerminating",
                    message: "namespace \(request.namespace) is being terminated")
            ])
    }
}

/// Owner references that block a deletion need the right to change the owner; and an owner lives where its objects do.
struct OwnerReferenceStep: AdmissionStep {
    let cluster: Cluster

    func validate(_ request: AdmissionRequest) async throws {
        guard request.subresource.isEmpty, !request.user.isMaster,
            let references = request.object.value(at: "metadata", "ownerReferences")?.array, !references.isEmpty
        else { return }
        let before = request.old?.value(at: "metadata", "ownerReferences")?.array ?? []
        for reference in references where reference["blockOwnerDeletion"]?.bool == true && !before.contains(reference) {
            let owner = OwnerReference(reference)
            guard let kind = cluster.registry.find(apiVersion: owner.apiVersion, kind: owner.kind) else { continue }
            let attributes = AccessAttributes(
                verb: "update", group: kind.type.group, resource: kind.type.plural, subresource: "finalizers",
                namespace: kind.type.isNamespaced ? request.namespace : "", name: owner.name)
            guard !cluster.rbac.allows(request.user, attributes) else { continue }
            throw request.kind.forbidden(
                request.name,
                "cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: , <nil>"
            )
        }
    }
}
