import KubeModel
import KubeYAML
import Testing

@Suite("YAML")
struct YAMLTests {
    private static let meanings: [(String, JSON)] = [
        ("yes", JSON.bool(true)), ("On", true), ("n", false), ("off", false), ("true", true), ("~", .null), ("", .null),
        ("12", 12), ("0x1F", 31), ("010", 8), ("0o10", 8), ("0b11", 3), ("1_000", 1000), ("-5", -5), ("+5", 5),
        ("1.5", 1.5),
        ("1e3", .double(1000)), (".5", 0.5), ("2026-01-04", "2026-01-04"),
        ("2026-01-04T10:11:12Z", "2026-01-04T10:11:12Z"),
        ("'yes'", "yes"), ("\"12\"", "12"), ("1.2.3", "1.2.3"), ("0.5Gi", "0.5Gi"), ("08", .double(8)), ("12e", "12e"),
        ("!!str 12", "12"), ("!!int \"12\"", 12), ("0x", "0x"), ("-", [.null]), ("yes please", "yes please"),
    ]

    @Test("plain scalars mean what kubectl takes them for", arguments: meanings)
    func scalars(text: String, value: JSON) throws {
        #expect(try YAML.parse(text) == value)
    }

    @Test("documents are told apart and empty ones skipped")
    func documents() throws {
        let all = try YAML.documents("a: 1\n---\n# nothing\n---\nb: [1, two]\n...\n")
        #expect(all == [["a": 1], ["b": [1, "two"]]])
        #expect(throws: YAMLError.self) { try YAML.parse("a: 1\n---\nb: 2\n") }
    }

    @Test("keys become strings, duplicates are reported and the last wins")
    func keys() throws {
        var duplicates: [String] = []
        let json = try YAML.parse("1: a\ntrue: b\nspec:\n  x: 1\n  x: 2\n", duplicates: &duplicates)
        #expect(json == ["1": "a", "true": "b", "spec": ["x": 2]])
        #expect(duplicates == ["spec.x"])
    }

    @Test("anchors, aliases and merge keys")
    func aliases() throws {
        let json = try YAML.parse("base: &b {x: 1, z: 2}\nuse:\n  z: 3\n  <<: *b\nagain: *b\n")
        #expect(json == ["base": ["x": 1, "z": 2], "use": ["z": 3, "x": 1], "again": ["x": 1, "z": 2]])
    }

    @Test("aliases that expand without end are refused")
    func laughs() {
        var text = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n"
        for level in 1...20 {
            text += "a\(level): &a\(level) [\(Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", "))]\n"
        }
        #expect(throws: YAMLError.self) { try YAML.parse(text) }
        #expect(throws: YAMLError.self) { try YAML.parse("a: &a [*a]") }
        #expect(throws: YAMLError.self) { try YAML.parse("a: *unknown") }
        #expect(throws: YAMLError.self) { try YAML.parse(String(repeating: "[", count: 100_000)) }
        #expect(throws: YAMLError.self) { try YAML.parse(String(repeating: "- ", count: 5000)) }
    }

    @Test(
        "errors say where",
        arguments: [("a: 1\nb: [\n", 3), ("a: b: c\n", 1), ("a:\n\t- b\n", 2), (".inf", 1), ("a\nb: 1\n", 2)])
    func errors(text: String, line: Int) {
        #expect {
            try YAML.parse(text)
        } throws: { error in
            (error as? YAMLError)?.line == line
        }
    }

    @Test(
        "what is written is read back as the same",
        arguments: [
            #"{"a":"yes","b":"12","c":"","d":" x","e":"x: y","f":"\u0023 no","g":"a #b","h":"- x","i":"null","j":"0x1f"}"#,
            #"{"text":"line one\nline two\n","keep":"a\n\n","strip":"a\nb","indent":"  a\nb\n","blank":"\n\n","tab":"\ta"}"#,
            #"{"list":[1,[2,3],{"a":1,"b":[{"c":null}]},[],{}],"empty":{},"none":[]}"#, "[]", "{}", "\"plain\"", "1.5",
            #"{"1":"numeric key","true":"bool key","a b":"c","":"empty"}"#,
            #"["\u0000\u001b\u2028é😀","-","?","%","@x","`"]"#,
            #"{"time":"2026-01-04T10:11:12Z","date":"2026-01-04","v":"1.2.3","q":"500m","star":"*x","amp":"&x","bang":"!x"}"#,
            #"{"long":"{\"json\": \"inside\"}","crlf":"a\r\nb","trailing":"a \nb ","colon":"a:","dots":"...","dashes":"---"}"#,
            #"["~","=","<<","1e3","-1","+1",".5",".inf","on","OFF","N","a\n b","\n x\n","x\n\n\n"]"#,
        ])
    func writing(text: String) throws {
        let json = try JSON(parsing: text)
        #expect(try YAML.parse(YAML.text(json)) == json, "\(YAML.text(json))")
    }

    @Test("the block style is kubectl's")
    func style() throws {
        let json = try JSON(
            parsing:
                #"{"kind":"Pod","spec":{"containers":[{"name":"a","args":["-c","x"]}]},"time":"2026-01-04T10:11:12Z"}"#)
        let wanted = """
            kind: Pod
            spec:
              containers:
              - name: a
                args:
                - -c
                - x
            time: "2026-01-04T10:11:12Z"

            """
        #expect(YAML.text(json) == wanted)
    }
}
