import ClusterRules
import KubeModel

extension APIServer {
    /// The body of a request to a subresource that takes a kind of its own.
    ///
    /// - Throws: ``APIError`` when it is of another kind or version, or meant for another namespace.
    func subresourceBody(
        of request: APIRequest, _ context: RequestContext, as kind: SubresourceKind
    ) async throws -> JSON {
        var duplicates: [String] = []
        var body = try await Codec.body(of: request, kind: kind.type.kind, duplicates: &duplicates)
        let wanted = kind.type.kind
        let apiVersion = body["apiVersion"]?.string ?? kind.type.apiVersion
        let name = body["kind"]?.string ?? wanted
        guard name == wanted, kind.apiVersions.contains(apiVersion) else {
            let version = apiVersion.split(separator: "/").last ?? ""
            let reason =
                name == wanted
                ? "no kind \"\(name)\" is registered for version \"\(apiVersion)\""
                : "converting (\(version).\(name)) to (\(wanted)): unknown conversion"
            throw APIError(
                .badRequest, "\(name) in version \"\(version)\" cannot be handled as a \(wanted): \(reason)")
        }
        let unknown = try kind.read(&body)
        try context.report(unknown: unknown, duplicates: duplicates, as: kind.type)
        let namespace = body.value(at: "metadata", "namespace")?.string ?? ""
        guard namespace.isEmpty || namespace == context.namespace else {
            throw APIError(
                .badRequest, "the namespace of the provided object does not match the namespace sent on the request")
        }
        return body
    }
}
