import ClusterRules
import KubeModel
import Testing

@Suite("Rules of structural schemas")
struct SchemaRuleTests {
    private static func schema(_ spec: String) throws -> StructuralSchema {
        try StructuralSchema(JSON(parsing: #"{"type":"object","properties":{"spec":\#(spec)}}"#))
    }

    /// What the rules of a schema refuse about a new value of `spec`, the old one being known or not.
    private static func issues(_ spec: String, _ new: String, old: String? = nil) throws -> [String] {
        let schema = try schema(spec)
        let object = try JSON(parsing: #"{"spec":\#(new)}"#)
        let before = try old.map { try JSON(parsing: #"{"spec":\#($0)}"#) }
        var issues = schema.validate(object, old: before)
        schema.checkRules(object, old: before, issues: &issues)
        return issues.filter { !$0.isTolerated }.map { "\($0.field): \($0.message)" }
    }

    private static func integers(_ rule: String) -> String {
        """
        {"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"integer"}},\
        "x-kubernetes-validations":[\(rule)]}
        """
    }

    @Test(
        "what a rule refuses, and in which words",
        arguments: [
            (#"{"rule":"self.a > 1"}"#, #"{"a":2}"#, []),
            (#"{"rule":"self.a > 1"}"#, #"{"a":1}"#, ["spec: Invalid value: failed rule: self.a > 1"]),
            (#"{"rule":"self.a > 1","message":"too few"}"#, #"{"a":1}"#, ["spec: Invalid value: too few"]),
            (
                #"{"rule":"self.a > 1","messageExpression":"'not ' + string(self.a)"}"#, #"{"a":1}"#,
                ["spec: Invalid value: not 1"]
            ),
            (
                #"{"rule":"!has(self.b)","fieldPath":".b"}"#, #"{"b":1}"#,
                ["spec.b: Invalid value: failed rule: !has(self.b)"]
            ),
            (
                #"{"rule":"!has(self.b)","reason":"FieldValueForbidden"}"#, #"{"b":1}"#,
                ["spec: Forbidden: failed rule: !has(self.b)"]
            ),
        ])
    func words(rule: String, value: String, expected: [String]) throws {
        #expect(try Self.issues(Self.integers(rule), value) == expected)
    }

    @Test("a rule about changes is asked only where there was a value")
    func transitions() throws {
        let spec = Self.integers(#"{"rule":"self.a >= oldSelf.a"}"#)
        #expect(try Self.issues(spec, #"{"a":1}"#).isEmpty)
        #expect(try Self.issues(spec, #"{"a":2}"#, old: #"{"a":1}"#).isEmpty)
        #expect(
            try Self.issues(spec, #"{"a":1}"#, old: #"{"a":2}"#)
                == ["spec: Invalid value: failed rule: self.a >= oldSelf.a"])
        let optional = Self.integers(#"{"rule":"oldSelf.hasValue() || self.a == 0","optionalOldSelf":true}"#)
        #expect(try Self.issues(optional, #"{"a":1}"#).count == 1)
        #expect(try Self.issues(optional, #"{"a":1}"#, old: #"{"a":1}"#).isEmpty)
    }

    @Test("items go together by their keys, not by their places")
    func keys() throws {
        let spec = """
            {"type":"array","x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["k"],"items":{"type":"object",\
            "required":["k"],"properties":{"k":{"type":"string"},"n":{"type":"integer"}},\
            "x-kubernetes-validations":[{"rule":"self.n >= oldSelf.n"}]}}
            """
        let old = #"[{"k":"a","n":5},{"k":"b","n":1}]"#
        #expect(try Self.issues(spec, #"[{"k":"b","n":1},{"k":"a","n":5},{"k":"c","n":0}]"#, old: old).isEmpty)
        #expect(
            try Self.issues(spec, #"[{"k":"b","n":0},{"k":"a","n":5}]"#, old: old)
                == ["spec[0]: Invalid value: failed rule: self.n >= oldSelf.n"])
    }

    @Test("what was invalid and does not change stays")
    func unchanged() throws {
        let spec = """
            {"type":"object","properties":{"x":{"type":"object","properties":{"a":{"type":"integer"}},\
            "x-kubernetes-validations":[{"rule":"self.a > 1"}]},"y":{"type":"string"}}}
            """
        #expect(try Self.issues(spec, #"{"x":{"a":0},"y":"new"}"#, old: #"{"x":{"a":0},"y":"old"}"#).isEmpty)
        #expect(try Self.issues(spec, #"{"x":{"a":-1},"y":"old"}"#, old: #"{"x":{"a":0},"y":"old"}"#).count == 1)
    }
}
