import ClusterRules
import KubeModel
import Testing

@Suite("Structural schemas")
struct SchemaTests {
    private static func schema(_ spec: String) throws -> StructuralSchema {
        try StructuralSchema(JSON(parsing: #"{"type":"object","properties":{"spec":\#(spec)}}"#))
    }

    private static func issues(_ spec: String, _ value: String) throws -> [String] {
        try schema(spec).validate(JSON(parsing: #"{"spec":\#(value)}"#)).map { "\($0.field): \($0.message)" }
    }

    @Test(
        "what a schema refuses, and in which words",
        arguments: [
            (
                #"{"type":"integer"}"#, #""x""#,
                #"spec: Invalid value: "string": spec in body must be of type integer: "string""#
            ),
            (
                #"{"type":"integer"}"#, "1.5",
                #"spec: Invalid value: "number": spec in body must be of type integer: "number""#
            ),
            (#"{"type":"object","required":["a"]}"#, "{}", "spec.a: Required value"),
            (
                #"{"type":"string","enum":["a","b"]}"#, #""c""#,
                #"spec: Unsupported value: "c": supported values: "a", "b""#
            ),
            (
                #"{"type":"string","pattern":"^a+$"}"#, #""b""#,
                #"spec: Invalid value: "b": spec in body should match '^a+$'"#
            ),
            (
                #"{"type":"integer","minimum":1}"#, "0",
                "spec: Invalid value: 0: spec in body should be greater than or equal to 1"
            ),
            (
                #"{"type":"number","maximum":1,"exclusiveMaximum":true}"#, "1",
                "spec: Invalid value: 1: spec in body should be less than 1"
            ),
            (
                #"{"type":"string","minLength":1}"#, #""""#,
                #"spec: Invalid value: "": spec in body should be at least 1 chars long"#
            ),
            (#"{"type":"string","maxLength":1}"#, #""ab""#, "spec: Too long: may not be more than 1 bytes"),
            (
                #"{"type":"array","items":{"type":"string"},"maxItems":1}"#, #"["a","b"]"#,
                "spec: Too many: 2: must have at most 1 items"
            ),
            (
                #"{"type":"array","items":{"type":"integer"}}"#, #"[1,"b"]"#,
                #"spec[1]: Invalid value: "string": spec[1] in body must be of type integer: "string""#
            ),
            (
                #"{"type":"array","x-kubernetes-list-type":"set","items":{"type":"string"}}"#, #"["a","a"]"#,
                #"spec[1]: Duplicate value: "a""#
            ),
            (
                #"{"type":"array","x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["n"],"items":{"type":"object","properties":{"n":{"type":"string"}}}}"#,
                #"[{"n":"a"},{"n":"a"}]"#, #"spec[1]: Duplicate value: {"n":"a"}"#
            ),
            (
                #"{"type":"string"}"#, "null",
                #"spec: Invalid value: "null": spec in body must be of type string: "null""#
            ),
            (
                #"{"type":"string","format":"date-time"}"#, #""x""#,
                #"spec: Invalid value: "x": spec in body must be of type date-time: "x""#
            ),
            (
                #"{"x-kubernetes-int-or-string":true}"#, "true",
                #"spec: Invalid value: "boolean": spec in body must be of type integer,string: "boolean""#
            ),
            (
                #"{"type":"object","oneOf":[{"required":["a"]},{"required":["b"]}]}"#, #"{"a":1,"b":1}"#,
                #"<nil>: Invalid value: "": "spec" must validate one and only one schema (oneOf). Found 2 valid alternatives"#
            ),
            (
                #"{"type":"object","anyOf":[{"required":["a"]},{"required":["b"]}]}"#, "{}",
                #"<nil>: Invalid value: "": "spec" must validate at least one schema (anyOf), spec.a: Required value"#
            ),
            (
                #"{"type":"object","not":{"required":["a"]}}"#, #"{"a":1}"#,
                #"<nil>: Invalid value: "": "spec" must not validate the schema (not)"#
            ),
            (
                #"{"type":"object","additionalProperties":{"type":"string"}}"#, #"{"k":1}"#,
                #"spec.k: Invalid value: "integer": spec.k in body must be of type string: "integer""#
            ),
        ])
    func refusals(spec: String, value: String, message: String) throws {
        #expect(try Self.issues(spec, value).joined(separator: ", ") == message)
    }

    @Test(
        "what a schema accepts",
        arguments: [
            (#"{"type":"integer"}"#, "1.0"), (#"{"type":"number"}"#, "1"),
            (#"{"type":"string","nullable":true}"#, "null"),
            (#"{"x-kubernetes-int-or-string":true}"#, #""25%""#), (#"{"x-kubernetes-int-or-string":true}"#, "3"),
            (#"{"type":"object","x-kubernetes-preserve-unknown-fields":true}"#, #"{"a":[1,{}]}"#),
            (#"{"type":"string","format":"unheard-of"}"#, #""x""#), (#"{"type":"number","multipleOf":0.5}"#, "1.5"),
            (
                #"{"type":"object","allOf":[{"properties":{"a":{"minimum":1}}}],"properties":{"a":{"type":"integer"}}}"#,
                #"{"a":1}"#
            ),
        ])
    func acceptance(spec: String, value: String) throws {
        #expect(try Self.issues(spec, value) == [])
    }

    @Test("fields that are not specified are dropped and named")
    func pruning() throws {
        let schema = try Self.schema(
            #"{"type":"object","properties":{"a":{"type":"object","properties":{"b":{"type":"integer"}}},"free":{"type":"object","x-kubernetes-preserve-unknown-fields":true},"list":{"type":"array","items":{"type":"object","properties":{"n":{"type":"string"}}}},"template":{"type":"object","x-kubernetes-embedded-resource":true,"x-kubernetes-preserve-unknown-fields":true}}}"#
        )
        var object = try JSON(
            parsing:
                #"{"apiVersion":"v1","kind":"K","metadata":{"name":"x"},"spec":{"a":{"b":1,"c":2},"free":{"x":1},"list":[{"n":"1","m":2}],"template":{"kind":"Pod","x":1},"z":1},"other":1}"#
        )
        let dropped = schema.prune(&object)
        #expect(Set(dropped) == ["spec.a.c", "spec.list[0].m", "spec.z", "other"])
        #expect(
            object.text
                == #"{"apiVersion":"v1","kind":"K","metadata":{"name":"x"},"spec":{"a":{"b":1},"free":{"x":1},"list":[{"n":"1"}],"template":{"kind":"Pod","x":1}}}"#
        )
    }

    @Test("defaults fill what is missing, also below defaults, and null where null is not allowed")
    func defaults() throws {
        let schema = try Self.schema(
            #"{"type":"object","default":{},"properties":{"a":{"type":"integer","default":3},"b":{"type":"object","default":{},"properties":{"c":{"type":"string","default":"x"}}},"n":{"type":"string","nullable":true,"default":"y"},"l":{"type":"array","items":{"type":"object","properties":{"p":{"type":"string","default":"TCP"}}}}}}"#
        )
        var empty: JSON = [:]
        schema.applyDefaults(&empty)
        #expect(empty == ["spec": ["a": 3, "b": ["c": "x"], "n": "y"]])
        var given: JSON = ["spec": ["a": .null, "n": .null, "l": [[:], ["p": "UDP"]]]]
        schema.applyDefaults(&given)
        #expect(given == ["spec": ["a": 3, "n": .null, "b": ["c": "x"], "l": [["p": "TCP"], ["p": "UDP"]]]])
    }

    @Test("a schema with a broken regular expression is refused")
    func brokenPattern() {
        #expect(throws: APIError.self) { try Self.schema(#"{"type":"string","pattern":"("}"#) }
    }
}

@Suite("CustomResourceDefinitions")
struct DefinitionTests {
    private static let fine =
        #"{"metadata":{"name":"labs.example.com"},"spec":{"group":"example.com","scope":"Namespaced","names":{"plural":"labs","kind":"Lab"},"versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object","properties":{"spec":{"type":"object"}}}}}]}}"#

    @Test("a complete definition is accepted, and its names are filled in")
    func acceptance() throws {
        let (object, issues) = try KindTests.create(.customResourceDefinitions, Self.fine)
        #expect(issues == [])
        #expect(
            object.value(at: "spec", "names") == [
                "plural": "labs", "kind": "Lab", "singular": "lab", "listKind": "LabList",
            ])
    }

    @Test(
        "mistakes are named",
        arguments: [
            (
                #""plural":"labs""#, #""plural":"lab""#,
                #"metadata.name: Invalid value: "labs.example.com": must be spec.names.plural+"."+spec.group"#
            ),
            (#""scope":"Namespaced","#, "", "spec.scope: Required value"),
            (
                #""scope":"Namespaced""#, #""scope":"Planet""#,
                #"spec.scope: Unsupported value: "Planet": supported values: "Cluster", "Namespaced""#
            ),
            (
                #"{"spec":{"type":"object"}}"#, #"{"spec":{}}"#,
                "spec.validation.openAPIV3Schema.properties[spec].type: Required value: must not be empty for specified object fields"
            ),
            (
                #"{"spec":{"type":"object"}}"#, #"{"spec":{"type":"array"}}"#,
                "spec.validation.openAPIV3Schema.properties[spec].items: Required value: must be specified"
            ),
        ])
    func mistakes(original: String, replacement: String, message: String) throws {
        let text = Self.fine.replacing(original, with: replacement)
        #expect(try KindTests.create(.customResourceDefinitions, text).issues == [message])
    }

    @Test("exactly one version is the stored one")
    func storage() throws {
        let text = Self.fine.replacing(#""storage":true"#, with: #""storage":false"#)
        let issues = try KindTests.create(.customResourceDefinitions, text).issues
        // The real server also misses a version in which objects could be stored.
        try #require(issues.count == 2)
        #expect(issues.contains { $0.hasSuffix("must have exactly one version marked as storage version") })
        #expect(issues.contains { $0.hasSuffix("must have at least one stored version") })
    }
}
