import KubeModel

/// A way through the mesh's gateway to a Service, for what is asked for below a path.
struct MeshRoute: Sendable {
    /// Of the VirtualService.
    let name: String
    /// With a slash at its end.
    let path: String
    /// What the server sees in place of the path.
    let rewrite: String
    /// The Service, in the namespace of the owner; its port 80.
    let service: String
    /// Fields that the server gets besides.
    var headers = JSONObject()
    /// `300s`; nil leaves it to the mesh.
    var timeout: String?

    /// The object, which goes with its owner.
    func virtualService(
        _ type: ResourceType, of owner: KubeObject, _ settings: NotebookControllerConfiguration
    ) -> KubeObject {
        let namespace = owner.namespace ?? ""
        var route = KubeObject(apiVersion: type.apiVersion, kind: type.kind, name: name, namespace: namespace)
        let host = "\(service).\(namespace).svc.\(settings.clusterDomain)"
        var http: JSON = [
            "match": [["uri": ["prefix": .string(path)]]],
            "rewrite": ["uri": .string(rewrite)],
            "headers": ["request": ["set": .object(headers)]],
            "route": [["destination": ["host": .string(host), "port": ["number": 80]]]],
        ]
        http["timeout"] = timeout.map(JSON.string)
        route.spec = [
            "hosts": [.string(settings.istioHost)], "gateways": [.string(settings.istioGateway)], "http": [http],
        ]
        return route.owned(by: owner)
    }
}

extension KubeObject {
    /// The same object, controlled by another one, with which it goes.
    func owned(by owner: KubeObject) -> KubeObject {
        var object = self
        object.metadata["ownerReferences"] = [OwnerReference(controlledBy: owner).json]
        return object
    }
}
