import ClusterRules
import KubeModel
import NIOCore

extension APIServer {
    /// Answers `/openapi/v2`, `/openapi/v3` and the documents below.
    func openAPI(_ request: APIRequest, _ segments: [String]) throws(APIError) -> APIAnswer {
        let number = cluster.registry.number
        let accept = Self.acceptedTypes(request)
        let takesJSON = accept.isEmpty || accept.contains { ["application/json", "application/*", "*/*"].contains($0) }
        let takesBinary = segments.first == "v2" && accept.contains(where: SwaggerEncoder.mediaTypes.contains)
        guard takesJSON || takesBinary else {
            throw APIError(
                .notAcceptable,
                "only the following media types are accepted: application/json"
                    + (segments.first == "v2" ? ", \(SwaggerEncoder.mediaTypes[0])" : ""))
        }
        let isFolder = request.path.utf8.last == UInt8(ascii: "/")
        switch (segments.first, segments.count) {
        case (nil, _),
            ("v2", _) where isFolder || segments.count != 1:
            return .pageNotFound
        case (_, _) where isFolder: return Self.noSuchSchema
        case ("v2", 1) where takesBinary:
            let bytes = documents.bytes("openapi/v2 binary", number: number) { SwaggerEncoder.document(swagger) }
            var answer = APIAnswer.bytes(bytes)
            answer.contentType = SwaggerEncoder.mediaTypes[1]
            return answer
        case ("v2", 1): return .bytes(documents.document("openapi/v2", number: number) { swagger })
        case ("v3", 1): return .bytes(documents.document("openapi/v3", number: number) { openAPIIndex })
        case ("v3", 3...4):
            let isCore = segments[1] == "api" && segments.count == 3
            guard isCore || (segments[1] == "apis" && segments.count == 4) else { return Self.noSuchSchema }
            let (group, version) = isCore ? ("", segments[2]) : (segments[2], segments[3])
            guard cluster.registry.serves(group: group, version: version) else { return Self.noSuchSchema }
            return .bytes(
                documents.document("openapi/v3 \(group)/\(version)", number: number) {
                    openAPIDocument(group: group, version: version)
                })
        default: return segments.first == "v3" ? Self.noSuchSchema : .pageNotFound
        }
    }

    private static let noSuchSchema = APIAnswer(status: 404, contentType: "", body: .bytes(ByteBuffer()))

    /// The media types that a request accepts, without their parameters.
    private static func acceptedTypes(_ request: APIRequest) -> [String] {
        (request.header("accept") ?? "").split(separator: ",").compactMap { type in
            type.split(separator: ";").first.map { $0.lowercased().filter { $0 != " " } }
        }
    }

    private var openAPIIndex: JSON {
        var paths = JSONObject()
        for group in [Group(name: "", versions: ["v1"])] + groups() {
            for version in group.versions {
                let path = group.name.isEmpty ? "api/\(version)" : "apis/\(group.name)/\(version)"
                let kinds = cluster.registry.all.filter { $0.type.group == group.name && $0.type.version == version }
                let contents = kinds.map { "\($0.type.plural) \($0.custom?.openAPI?.text ?? "")" }.joined(
                    separator: "\n")
                let hash = Fingerprint.text(configuration.gitVersion + contents)
                paths[path] = ["serverRelativeURL": .string("/openapi/v3/\(path)?hash=\(hash)")]
            }
        }
        return ["paths": .object(paths)]
    }

    private func openAPIDocument(group: String, version: String) -> JSON {
        var paths = JSONObject()
        var schemas = JSONObject()
        for kind in cluster.registry.all where kind.type.group == group && kind.type.version == version {
            let name = kind.schemaName
            for (path, operations) in kind.openAPIPaths(schema: "#/components/schemas/\(name)", isV3: true) {
                paths[path] = operations
            }
            for (name, schema) in kind.schemas(root: "#/components/schemas/", version: .third) {
                schemas[name] = schema
            }
        }
        return [
            "openapi": "3.0.0", "info": ["title": "Kubernetes", "version": .string(configuration.gitVersion)],
            "paths": .object(paths), "components": ["schemas": .object(schemas)],
        ]
    }

    private var swagger: JSON {
        var paths = JSONObject()
        var definitions = JSONObject()
        for kind in cluster.registry.all {
            for (path, operations) in kind.openAPIPaths(schema: "#/definitions/\(kind.schemaName)", isV3: false) {
                paths[path] = operations
            }
            for (name, schema) in kind.schemas(root: "#/definitions/", version: .second) {
                definitions[name] = SwaggerSchema.converted(schema)
            }
        }
        return [
            "swagger": "2.0", "info": ["title": "Kubernetes", "version": .string(configuration.gitVersion)],
            "paths": .object(paths), "definitions": .object(definitions),
        ]
    }
}

extension ServedKind {
    /// Name of the kind's schema.
    var schemaName: String {
        if !isCustom, let name = BuiltinSchemas.name(of: type) { return name }
        return type.group.split(separator: ".").reversed().joined(separator: ".") + ".\(type.version).\(type.kind)"
    }

    private var groupVersionKind: JSON {
        ["group": .string(type.group), "version": .string(type.version), "kind": .string(type.kind)]
    }

    /// The kind's schema and those it refers to.
    func schemas(root: String, version: BuiltinSchemas.Version) -> JSONObject {
        if !isCustom, BuiltinSchemas.name(of: type) != nil {
            return BuiltinSchemas.schemas(of: type, root: root, version: version)
        }
        var schema = custom?.openAPI ?? ["type": "object", "x-kubernetes-preserve-unknown-fields": true]
        var properties = schema["properties"]?.object ?? [:]
        properties["apiVersion"] = ["type": "string", "description": .string(Descriptions.apiVersion)]
        properties["kind"] = ["type": "string", "description": .string(Descriptions.kind)]
        let reference: JSON = ["$ref": .string(root + BuiltinSchemas.metadata)]
        var metadata: JSON = version == .second ? reference : ["allOf": [reference]]
        metadata["description"] = .string(Descriptions.metadata)
        properties["metadata"] = metadata
        schema["properties"] = .object(properties)
        schema["x-kubernetes-group-version-kind"] = [groupVersionKind]
        var schemas = BuiltinSchemas.metadataSchemas(root: root, version: version)
        schemas[schemaName] = schema
        return schemas
    }

    /// Paths with the operations that clients look for: which kind a path is about, and what its writes understand.
    func openAPIPaths(schema: String, isV3: Bool) -> [(String, JSON)] {
        func operation(_ action: String, body types: [String] = [], parameters: [String] = []) -> JSON {
            var json: JSON = [
                "operationId": .string("\(action)\(type.version.capitalizedFirst)\(type.kind)"),
                "x-kubernetes-action": .string(action), "x-kubernetes-group-version-kind": groupVersionKind,
            ]
            let names = parameters.map { name -> JSON in
                var parameter: JSON = ["name": .string(name), "in": "query"]
                if isV3 {
                    parameter["schema"] = ["type": "string", "uniqueItems": true]
                } else {
                    parameter["type"] = "string"
                }
                return parameter
            }
            if !names.isEmpty { json["parameters"] = .array(names) }
            let reference: JSON = ["$ref": .string(schema)]
            if isV3 {
                json["responses"] = [
                    "200": ["description": "OK", "content": ["application/json": ["schema": reference]]]
                ]
                if !types.isEmpty {
                    var content = JSONObject()
                    for type in types { content[type] = ["schema": action == "patch" ? ["type": "object"] : reference] }
                    json["requestBody"] = ["content": .object(content), "required": true]
                }
            } else {
                json["responses"] = ["200": ["description": "OK", "schema": reference]]
                json["produces"] = ["application/json"]
                if !types.isEmpty { json["consumes"] = .array(types.map(JSON.string)) }
            }
            return json
        }
        let writes = ["dryRun", "fieldManager", "fieldValidation"]
        let lists = ["continue", "fieldSelector", "labelSelector", "limit", "resourceVersion", "watch"]
        if definition.isCreateOnly {
            return [
                (
                    type.path(namespace: "{namespace}"),
                    ["post": operation("post", body: ["application/json"], parameters: writes)]
                )
            ]
        }
        var patches = ["application/json-patch+json", "application/merge-patch+json"]
        if !isCustom { patches.append("application/strategic-merge-patch+json") }
        patches.append("application/apply-patch+yaml")
        let collection: JSON = [
            "get": operation("list", parameters: lists),
            "post": operation("post", body: ["application/json", "application/yaml"], parameters: writes),
            "delete": operation("deletecollection", parameters: lists),
        ]
        let one: JSON = [
            "get": operation("get"),
            "put": operation("put", body: ["application/json", "application/yaml"], parameters: writes),
            "patch": operation("patch", body: patches, parameters: writes + ["force"]),
            "delete": operation("delete", parameters: ["dryRun", "gracePeriodSeconds", "propagationPolicy"]),
        ]
        let path = type.path(namespace: "{namespace}")
        var paths = [(path, collection), ("\(path)/{name}", one)]
        if type.isNamespaced { paths.append((type.path(), ["get": operation("list", parameters: lists)])) }
        return paths
    }
}

extension String {
    fileprivate var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}
