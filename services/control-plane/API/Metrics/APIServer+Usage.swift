import ClusterStore
import KubeModel

extension APIServer {
    /// `metrics.k8s.io`: what Pods and nodes use, joined from what the node agent measures and the stored objects.
    func usage(_ context: RequestContext) async throws -> APIAnswer {
        let isPods = context.kind.type.isNamespaced
        switch (context.info.verb, context.info.subresource) {
        case ("get", ""):
            let name = context.name
            let key = ObjectKey(
                resource: isPods ? "pods" : "nodes", namespace: isPods ? context.namespace : "", name: name)
            guard let object = try await cluster.get(key) else {
                throw APIError(
                    .notFound, "\(key.resource) \"\(name)\" not found", kind: key.resource, name: name)
            }
            let found = try await NodeUsage.read(configuration.nodeSocket).measured(
                object, kind: context.kind.type, isPod: isPods)
            guard let found else {
                let full = isPods ? "\(context.namespace)/\(name)" : name
                let resource = isPods ? "podmetrics" : "nodemetrics"
                throw APIError(
                    .notFound, "\(resource).metrics.k8s.io \"\(full)\" not found", kind: resource,
                    group: "metrics.k8s.io", name: full)
            }
            return .json(context.kind.present(found, as: context.presentation))
        case ("list", ""): return try await usageList(context, isPods: isPods)
        default: throw notAllowed(context.info, context.kind)
        }
    }

    private func usageList(_ context: RequestContext, isPods: Bool) async throws -> APIAnswer {
        let kind = context.kind
        let selection = try Selection(query: context.query, kind: kind)
        let namespace = isPods && !context.namespace.isEmpty ? context.namespace : nil
        let (objects, _) = try await cluster.list(
            isPods ? "pods" : "nodes", namespace: namespace ?? selection.fields.pinnedNamespace,
            meeting: selection.terms(for: kind))
        let usage = try await NodeUsage.read(configuration.nodeSocket)
        let items = objects.filter(selection.matches).compactMap {
            usage.measured($0, kind: kind.type, isPod: isPods)
        }
        switch context.presentation {
        case .object:
            return .json([
                "kind": .string(kind.listKind), "apiVersion": .string(kind.type.apiVersion), "metadata": [:],
                "items": .array(items),
            ])
        case .table(let include, let version):
            return .json(kind.table(items, metadata: [:], include: include, in: version))
        case .metadata(let version), .metadataList(let version):
            return .json(kind.partials(items, metadata: [:], in: version))
        }
    }
}
