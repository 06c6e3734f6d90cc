import KubeModel

/// What the object of a workspace says about the requests that its server gets. It is for that server alone: nothing here chooses
/// where a request goes.
extension Workspace {
    /// What takes the place of the prefix, nil for nothing.
    func rewrite(_ object: KubeObject) -> String? {
        switch kind {
        case .notebook:
            guard let wanted = object.annotations["notebooks.kubeflow.org/http-rewrite-uri"], wanted.hasPrefix("/"),
                wanted.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f })
            else { return nil }
            return wanted.hasSuffix("/") ? wanted : wanted + "/"
        case .tensorboard: return ServerPath(ofTensorboard: name, namespace: namespace).rewrite
        case .pvcviewers: return ServerPath(ofViewer: object).rewrite
        }
    }

    /// Fields that its server gets besides.
    func fieldsSet(by object: KubeObject) -> [String: String] {
        guard kind == .notebook else { return [:] }
        return object.annotations["notebooks.kubeflow.org/http-headers-request-set"]
            .flatMap { try? JSON(parsing: $0) }?.stringMap ?? [:]
    }
}

extension GatewayCore {
    /// Whether somebody may open a workspace.
    func allows(_ identity: UserIdentity, in workspace: Workspace) async throws -> Bool {
        let kind = workspace.kind
        return try await reviews.allows(
            identity, to: kind.verb, kind.type, namespace: workspace.namespace, name: workspace.name)
    }
}
