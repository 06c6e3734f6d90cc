import ClusterStore
import KubeModel

extension APIServer {
    /// `ComponentStatus`: how controllers, scheduler and store are. The first two run in this process.
    func componentStatus(_ context: RequestContext) throws -> APIAnswer {
        guard context.info.subresource.isEmpty else { throw Self.unknownPath }
        let kind = context.kind
        context.warnings.add("v1 ComponentStatus is deprecated in v1.19+")
        let components = ["scheduler", "controller-manager", "etcd-0"].map { name -> JSON in
            let failure = name == "etcd-0" ? cluster.store.statistics.failure : nil
            var condition: JSON = ["type": "Healthy", "status": failure == nil ? "True" : "False"]
            condition["message"] = .string(failure == nil ? "ok" : "the store cannot be written")
            return ["metadata": ["name": .string(name)], "conditions": [condition]]
        }
        switch context.info.verb {
        case "get":
            guard var found = components.first(where: { $0.value(at: "metadata", "name")?.string == context.name })
            else {
                throw APIError(
                    .notFound, "componentstatus \"\(context.name)\" not found", kind: "componentstatus",
                    name: context.name)
            }
            found = (["kind": .string(kind.type.kind), "apiVersion": "v1"] as JSON).merging(found)
            return .json(kind.present(found, as: context.presentation))
        case "list":
            if case .table(let include, let version) = context.presentation {
                return .json(kind.table(components, metadata: [:], include: include, in: version))
            }
            if case .metadataList(let version) = context.presentation {
                return .json(kind.partials(components, metadata: [:], in: version))
            }
            return .json([
                "kind": .string(kind.listKind), "apiVersion": "v1", "metadata": [:], "items": .array(components),
            ])
        default: throw notAllowed(context.info, kind)
        }
    }
}
