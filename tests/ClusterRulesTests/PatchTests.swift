import ClusterRules
import KubeModel
import Testing

@Suite("JSON patch")
struct JSONPatchTests {
    @Test(
        "operations of RFC 6902",
        arguments: [
            (#"{"foo":"bar"}"#, #"[{"op":"add","path":"/baz","value":"qux"}]"#, #"{"foo":"bar","baz":"qux"}"#),
            (
                #"{"foo":["bar","baz"]}"#, #"[{"op":"add","path":"/foo/1","value":"qux"}]"#,
                #"{"foo":["bar","qux","baz"]}"#
            ),
            (#"{"foo":["bar"]}"#, #"[{"op":"add","path":"/foo/-","value":["a"]}]"#, #"{"foo":["bar",["a"]]}"#),
            (#"{"baz":"qux","foo":"bar"}"#, #"[{"op":"remove","path":"/baz"}]"#, #"{"foo":"bar"}"#),
            (#"{"foo":["a","b","c"]}"#, #"[{"op":"remove","path":"/foo/1"}]"#, #"{"foo":["a","c"]}"#),
            (
                #"{"a":1}"#, #"[{"op":"replace","path":"/a","value":2},{"op":"test","path":"/a","value":2.0}]"#,
                #"{"a":2}"#
            ),
            (#"{"a":{"b":1},"c":{}}"#, #"[{"op":"move","from":"/a/b","path":"/c/d"}]"#, #"{"a":{},"c":{"d":1}}"#),
            (#"{"a":[1]}"#, #"[{"op":"copy","from":"/a","path":"/b"}]"#, #"{"a":[1],"b":[1]}"#),
            (
                #"{"a/b":1,"m~n":2}"#, #"[{"op":"replace","path":"/a~1b","value":3},{"op":"remove","path":"/m~0n"}]"#,
                #"{"a/b":3}"#
            ),
            (#"{"a":1}"#, #"[{"op":"add","path":"","value":[]}]"#, "[]"),
        ])
    func operations(document: String, patch: String, result: String) throws {
        let patched = try JSONPatch.apply(JSON(parsing: patch), to: JSON(parsing: document))
        #expect(patched.text == result)
    }

    @Test(
        "what cannot be applied is refused",
        arguments: [
            #"{"op":"remove","path":"/a"}"#, #"[{"op":"remove","path":"/missing"}]"#,
            #"[{"op":"test","path":"/a","value":9}]"#,
            #"[{"op":"add","path":"/list/9","value":1}]"#, #"[{"op":"add","path":"/list/01","value":1}]"#,
            #"[{"op":"replace","path":"/missing","value":1}]"#, #"[{"op":"nonsense","path":"/a"}]"#,
            #"[{"op":"add","path":"/a"}]"#,
            #"[{"op":"add","path":"a","value":1}]"#, #"[{"op":"move","from":"/o","path":"/o/x"}]"#, #"[{"path":"/a"}]"#,
            #"[{"op":"add","path":"/a/b","value":1}]"#,
        ])
    func refusal(patch: String) throws {
        let document: JSON = ["a": 1, "list": [1], "o": [:]]
        #expect(throws: APIError.self) { try JSONPatch.apply(JSON(parsing: patch), to: document) }
    }
}

@Suite("Merge patch")
struct MergePatchTests {
    @Test(
        "examples of RFC 7386",
        arguments: [
            (#"{"a":"b"}"#, #"{"a":"c"}"#, #"{"a":"c"}"#), (#"{"a":"b"}"#, #"{"b":"c"}"#, #"{"a":"b","b":"c"}"#),
            (#"{"a":"b"}"#, #"{"a":null}"#, "{}"), (#"{"a":["b"]}"#, #"{"a":"c"}"#, #"{"a":"c"}"#),
            (#"{"a":{"b":"c"}}"#, #"{"a":{"b":"d","c":null}}"#, #"{"a":{"b":"d"}}"#),
            (#"{"a":[{"b":"c"}]}"#, #"{"a":[1]}"#, #"{"a":[1]}"#), (#"["a"]"#, #"["c"]"#, #"["c"]"#),
            (#"{"a":"foo"}"#, "null", "null"), ("{}", #"{"a":{"bb":{"ccc":null}}}"#, #"{"a":{"bb":{}}}"#),
            (#"{"e":null}"#, #"{"a":1}"#, #"{"e":null,"a":1}"#),
        ])
    func examples(document: String, patch: String, result: String) throws {
        #expect(try MergePatch.apply(JSON(parsing: patch), to: JSON(parsing: document)).text == result)
    }
}

@Suite("Strategic merge patch")
struct StrategicMergePatchTests {
    private func apply(_ patch: String, to document: String, _ type: ResourceType = .deployments) throws -> String {
        let kind = try #require(BuiltinKinds.find(type))
        return try StrategicMergePatch.apply(JSON(parsing: patch), to: JSON(parsing: document), kind: kind).text
    }

    private let pod =
        #"{"spec":{"containers":[{"name":"a","image":"1","env":[{"name":"X","value":"1"}]},{"name":"b","image":"2"}]}}"#

    @Test("containers are merged by name, their variables too; what a patch adds comes before what it leaves alone")
    func mergeKeys() throws {
        let patched = try apply(
            #"{"spec":{"containers":[{"name":"a","env":[{"name":"Y","value":"2"}]},{"name":"c","image":"3"}]}}"#,
            to: pod, .pods)
        #expect(
            patched
                == #"{"spec":{"containers":[{"name":"a","image":"1","env":[{"name":"Y","value":"2"},{"name":"X","value":"1"}]},{"name":"c","image":"3"},{"name":"b","image":"2"}]}}"#
        )
    }

    @Test("elements are deleted and lists replaced by directives")
    func directives() throws {
        #expect(
            try apply(#"{"spec":{"containers":[{"name":"a","$patch":"delete"}]}}"#, to: pod, .pods)
                == #"{"spec":{"containers":[{"name":"b","image":"2"}]}}"#)
        #expect(
            try apply(#"{"spec":{"containers":[{"$patch":"replace"},{"name":"z","image":"9"}]}}"#, to: pod, .pods)
                == #"{"spec":{"containers":[{"name":"z","image":"9"}]}}"#)
        #expect(
            try apply(#"{"spec":{"$patch":"replace","nodeName":"n"}}"#, to: pod, .pods) == #"{"spec":{"nodeName":"n"}}"#
        )
        #expect(try apply(#"{"spec":{"$patch":"delete"}}"#, to: pod, .pods) == "{}")
    }

    @Test("the order that kubectl sends is kept")
    func order() throws {
        let patched = try apply(
            #"{"spec":{"$setElementOrder/containers":[{"name":"b"},{"name":"c"},{"name":"a"}],"containers":[{"name":"c","image":"3"}]}}"#,
            to: pod, .pods)
        let names = try JSON(parsing: patched).value(at: "spec", "containers")?.array?.compactMap { $0["name"]?.string }
        #expect(names == ["b", "c", "a"])
    }

    @Test(
        "elements keep their place among those that the patch names",
        arguments: [
            (#"[{"name":"b","image":"9"}]"#, ["a", "b", "c"]), (#"[{"name":"c"},{"name":"a"}]"#, ["b", "c", "a"]),
            (#"[{"name":"n","image":"9"}]"#, ["n", "a", "b", "c"]),
            (#"[{"name":"b"},{"name":"n","image":"9"}]"#, ["a", "b", "n", "c"]),
        ])
    func places(containers: String, names: [String]) throws {
        let patched = try apply(
            #"{"spec":{"containers":\#(containers)}}"#,
            to: #"{"spec":{"containers":[{"name":"a"},{"name":"b"},{"name":"c"}]}}"#, .pods)
        let found = try JSON(parsing: patched).value(at: "spec", "containers")?.array?.compactMap { $0["name"]?.string }
        #expect(found == names)
    }

    @Test("lists of scalars with a merge strategy grow, and shrink by directive")
    func primitives() throws {
        #expect(
            try apply(
                #"{"metadata":{"finalizers":["c"],"$deleteFromPrimitiveList/finalizers":["a"]}}"#,
                to: #"{"metadata":{"finalizers":["a","b"]}}"#) == #"{"metadata":{"finalizers":["c","b"]}}"#)
    }

    @Test("retainKeys drops what the other strategy needed")
    func retainKeys() throws {
        #expect(
            try apply(
                #"{"spec":{"strategy":{"$retainKeys":["type"],"type":"Recreate"}}}"#,
                to: #"{"spec":{"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":1}}}}"#)
                == #"{"spec":{"strategy":{"type":"Recreate"}}}"#)
    }

    @Test("lists without a merge key are replaced, and null removes")
    func replacement() throws {
        #expect(
            try apply(
                #"{"spec":{"containers":[{"name":"a","args":["y"],"image":null}]}}"#,
                to: #"{"spec":{"containers":[{"name":"a","args":["x"],"image":"1"}]}}"#, .pods)
                == #"{"spec":{"containers":[{"name":"a","args":["y"]}]}}"#)
    }

    @Test("an element without its merge key, and custom resources, are refused")
    func refusal() {
        #expect(throws: APIError.self) { try apply(#"{"spec":{"containers":[{"image":"1"}]}}"#, to: pod, .pods) }
        #expect(throws: APIError.self) {
            try StrategicMergePatch.apply([:], to: [:], kind: KindDefinition(type: .notebooks))
        }
    }
}
