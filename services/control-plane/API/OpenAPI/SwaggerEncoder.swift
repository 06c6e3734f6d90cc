import KubeModel

/// Writes an OpenAPI v2 document in the binary form that `kubectl` asks for (message `openapi.v2.Document` of gnostic):
/// the part of it that our documents use.
enum SwaggerEncoder {
    /// The media types under which clients ask for it: the second is how the first was meant to be written.
    static let mediaTypes = [
        "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
        "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
    ]

    /// The bytes of a document.
    static func document(_ json: JSON) -> [UInt8] {
        var out = ProtobufWriter()
        out.string(1, json["swagger"]?.string)
        out.message(2) { info in
            info.string(1, json.value(at: "info", "title")?.string)
            info.string(2, json.value(at: "info", "version")?.string)
        }
        out.message(8) { paths in
            for (path, item) in json["paths"]?.object ?? [:] {
                paths.message(2) { named in
                    named.string(1, path)
                    named.message(2) { pathItem(item, &$0) }
                }
            }
        }
        out.message(9) { definitions in namedSchemas(json["definitions"], &definitions) }
        return out.bytes
    }

    private static let methods = ["get": 2, "put": 3, "post": 4, "delete": 5, "patch": 8]

    private static func pathItem(_ json: JSON, _ out: inout ProtobufWriter) {
        for (method, operation) in json.object ?? [:] {
            guard let number = methods[method] else { continue }
            out.message(number) { self.operation(operation, &$0) }
        }
    }

    private static func operation(_ json: JSON, _ out: inout ProtobufWriter) {
        out.string(5, json["operationId"]?.string)
        for type in json["produces"]?.array ?? [] { out.element(6, type.string ?? "") }
        for type in json["consumes"]?.array ?? [] { out.element(7, type.string ?? "") }
        for parameter in json["parameters"]?.array ?? [] {
            // ParametersItem.parameter, Parameter.non_body_parameter, NonBodyParameter.query_parameter_sub_schema
            out.message(8) { item in
                item.message(1) { parameterKind in
                    parameterKind.message(2) { nonBody in
                        nonBody.message(3) { query in
                            query.string(2, parameter["in"]?.string)
                            query.string(4, parameter["name"]?.string)
                            query.string(6, parameter["type"]?.string)
                            query.bool(20, parameter["uniqueItems"]?.bool)
                        }
                    }
                }
            }
        }
        out.message(9) { responses in
            for (code, response) in json["responses"]?.object ?? [:] {
                responses.message(1) { named in
                    named.string(1, code)
                    named.message(2) { value in
                        value.message(1) { body in
                            body.string(1, response["description"]?.string)
                            if let schema = response["schema"] {
                                body.message(2) { item in item.message(1) { self.schema(schema, &$0) } }
                            }
                        }
                    }
                }
            }
        }
        extensions(json, 13, &out)
    }

    private static func namedSchemas(_ json: JSON?, _ out: inout ProtobufWriter) {
        for (name, value) in json?.object ?? [:] {
            out.message(1) { named in
                named.string(1, name)
                named.message(2) { schema(value, &$0) }
            }
        }
    }

    private static func schema(_ json: JSON, _ out: inout ProtobufWriter) {
        out.string(1, json["$ref"]?.string)
        out.string(2, json["format"]?.string)
        out.string(3, json["title"]?.string)
        out.string(4, json["description"]?.string)
        if let value = json["default"] { any(5, value, &out) }
        out.double(6, json["multipleOf"]?.double)
        out.double(7, json["maximum"]?.double)
        out.bool(8, json["exclusiveMaximum"]?.bool)
        out.double(9, json["minimum"]?.double)
        out.bool(10, json["exclusiveMinimum"]?.bool)
        out.integer(11, json["maxLength"]?.int)
        out.integer(12, json["minLength"]?.int)
        out.string(13, json["pattern"]?.string)
        out.integer(14, json["maxItems"]?.int)
        out.integer(15, json["minItems"]?.int)
        out.bool(16, json["uniqueItems"]?.bool)
        out.integer(17, json["maxProperties"]?.int)
        out.integer(18, json["minProperties"]?.int)
        for name in json["required"]?.array ?? [] { out.element(19, name.string ?? "") }
        for value in json["enum"]?.array ?? [] { any(20, value, &out) }
        switch json["additionalProperties"] {
        case .bool(let isAllowed): out.message(21) { $0.bool(2, isAllowed) }
        case .some(let values): out.message(21) { item in item.message(1) { schema(values, &$0) } }
        case nil: break
        }
        if let type = json["type"]?.string { out.message(22) { $0.element(1, type) } }
        if let items = json["items"] { out.message(23) { list in list.message(1) { schema(items, &$0) } } }
        for part in json["allOf"]?.array ?? [] { out.message(24) { schema(part, &$0) } }
        if let properties = json["properties"] { out.message(25) { namedSchemas(properties, &$0) } }
        extensions(json, 31, &out)
    }

    private static func extensions(_ json: JSON, _ number: Int, _ out: inout ProtobufWriter) {
        for (name, value) in json.object ?? [:] where name.hasPrefix("x-") {
            out.message(number) { named in
                named.string(1, name)
                any(2, value, &named)
            }
        }
    }

    /// Anything at all travels as YAML, and JSON is YAML.
    private static func any(_ number: Int, _ json: JSON, _ out: inout ProtobufWriter) {
        out.message(number) { $0.string(2, json.text) }
    }
}
