import KubeModel
import Testing

@Suite("JSON text")
struct JSONTests {
    @Test(
        "every form of RFC 8259 is read and written back",
        arguments: [
            "null", "true", "false", "0", "-1", "9223372036854775807", "-9223372036854775808", "1.5", "-0.25", "1e-05",
            "\"\"", "\"lab\"", "\"a string of more than fifteen bytes\"", "\"ümläut €\u{1F600}\"", "[]", "{}",
            "[1,[2,[3]]]",
            #"{"a":{"b":[null,true,"c"]},"d":1}"#, #""\"\\\b\f\n\r\t\u0001\u001f""#, "\"creationTimestamp\"",
            "\"/dev/termination-log\"", "1e+300", "5e-324", "1.7976931348623157e+308", "-0",
        ])
    func roundTrip(text: String) throws {
        #expect(try JSON(parsing: text).text == text)
        #expect(try JSON(parsing: " \r\n\t\(text)\n ").bytes == Array(text.utf8))
    }

    @Test(
        "escapes mean the characters they stand for",
        arguments: [
            (#""\u0041\u00e9\u20AC""#, "Aé€"), (#""\ud83d\ude00""#, "😀"), (#""\/""#, "/"), (#""\u0000x""#, "\u{0}x"),
            (#""plain text, then \n a line""#, "plain text, then \n a line"),
        ])
    func escapes(text: String, meaning: String) throws {
        #expect(try JSON(parsing: text) == .string(meaning))
    }

    @Test(
        "numbers lose nothing",
        arguments: [
            ("12345678901234567", JSON.int(12_345_678_901_234_567)),
            ("9223372036854775808", .double(9_223_372_036_854_775_808)),
            ("0.1", .double(0.1)), ("1E2", .double(100)), ("1.0", .double(1)),
            ("123456789012345678901", .double(1.2345678901234568e20)),
        ])
    func numbers(text: String, value: JSON) throws {
        #expect(try JSON(parsing: text) == value)
        #expect(try JSON(parsing: JSON(parsing: text).text) == value)
    }

    @Test(
        "everything else is refused with line and column",
        arguments: [
            ("", 1, 1), ("  ", 1, 3), ("{", 1, 2), ("[1,]", 1, 4), ("[1 2]", 1, 4), ("{\"a\" 1}", 1, 6),
            ("{\"a\":1,}", 1, 8),
            ("{a:1}", 1, 2), ("{'a':1}", 1, 2), ("nul", 1, 1), ("True", 1, 1), ("01", 1, 1), ("-", 1, 2), ("+1", 1, 1),
            ("1.", 1, 3), (".5", 1, 1), ("1e", 1, 3), ("1e400", 1, 1), ("\"abc", 1, 5), ("\"a\nb\"", 1, 3),
            ("\"\\x\"", 1, 2), ("\"\\u12g4\"", 1, 2), ("\"\\ud800\"", 1, 2), ("\"\\udc00\"", 1, 2),
            ("\"\\ud800\\u0041\"", 1, 2), ("1 2", 1, 3), ("{\n  \"a\": [1,\n  x]\n}", 3, 3), ("NaN", 1, 1),
            ("[\"é\", x]", 1, 7), ("\u{FEFF}1", 1, 1), ("//x\n1", 1, 1), ("]", 1, 1),
        ])
    func refusal(text: String, line: Int, column: Int) {
        #expect {
            try JSON(parsing: text)
        } throws: { error in
            guard let error = error as? JSONError else { return false }
            return error.line == line && error.column == column && !error.message.isEmpty
        }
    }

    @Test(
        "invalid UTF-8 is refused",
        arguments: [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xE2, 0x82], [0xF5, 0x80, 0x80, 0x80], [0x80]])
    func invalidUTF8(bytes: [UInt8]) {
        #expect(throws: JSONError.self) { try JSON(parsing: [0x22] + bytes + [0x22]) }
        #expect(throws: JSONError.self) { try JSON(parsing: Array("\"a longer text before it ".utf8) + bytes + [0x22]) }
        #expect(throws: JSONError.self) { try JSON(parsing: Array("\"\\n".utf8) + bytes + [0x22]) }
    }

    @Test("nesting is limited, so that no text overflows the stack")
    func depth() throws {
        let fine = String(repeating: "[", count: 200) + String(repeating: "]", count: 200)
        #expect(try JSON(parsing: fine).text == fine)
        #expect(throws: JSONError.self) { try JSON(parsing: String(repeating: "[", count: 201)) }
        #expect(throws: JSONError.self) { try JSON(parsing: String(repeating: "{\"a\":", count: 1_000_000)) }
    }

    @Test("members that are left out are passed over whatever they hold, the rest is read")
    func leavingOut() throws {
        let values = [
            #"{"a":[1,{"b":"]}\\\""}],"c":"\\\\"}"#, #"[[],{},"\"}{"]"#, #""a long text with \" and \\""#, "null",
            "-1.5e3",
            "true", "{}", "[]", #""""#,
        ]
        for value in values {
            for space in ["", " ", "\n\t"] {
                let text =
                    #"{"spec":\#(space)\#(value)\#(space),"metadata":{"x":1,"managed":\#(space)\#(value)\#(space)},"spec":\#(value),"last":{"spec":2}}"#
                let json = try JSON(parsing: Array(text.utf8), leavingOut: [[], ["spec"], ["managed"]])
                #expect(json.text == #"{"metadata":{"x":1},"last":{"spec":2}}"#)
                let whole = try JSON(parsing: Array(text.utf8), leavingOut: [])
                #expect(whole == (try JSON(parsing: text)))
            }
        }
        #expect(try JSON(parsing: Array(#"{"spec":[1]}"#.utf8), leavingOut: [[], ["spec"]]) == [:])
        for broken in [
            #"{"spec":[1}"#, #"{"spec":"a"#, #"{"spec":}"#, #"{"spec":{"a":[1,2"#, #"{"spec"#, #"{"spec":"a\"#,
            #"{"spec":x}"#,
        ] {
            #expect(throws: JSONError.self, "\(broken)") {
                try JSON(parsing: Array(broken.utf8), leavingOut: [[], ["spec"]])
            }
        }
    }

    @Test("values are set in place at a path, and objects on the way are made")
    func setting() {
        var json: JSON = ["a": ["b": ["c": 1], "d": 2], "e": 3]
        let before = json
        json.set(5, at: "a", "b", "c")
        json.set("x", at: "a", "new", "deep", "er")
        json.set(true, at: "e", "f")
        json.set(nil, at: "a", "d")
        json.set(nil, at: "missing", "g")
        #expect(
            json.text
                == #"{"a":{"b":{"c":5},"new":{"deep":{"er":"x"}}},"e":{"f":true},"missing":{}}"#)
        #expect(before == ["a": ["b": ["c": 1], "d": 2], "e": 3])
        #expect(json.value(at: "a", "b") == ["c": 5])
        #expect(json.value(at: "e", "f", "g") == nil)
        #expect(json.value(at: "nothing", "b") == nil)
    }

    @Test("of equal keys the last one wins, and each is reported with its path")
    func duplicates() throws {
        var found: [String] = []
        let text = #"{"a":1,"spec":{"containers":[{"name":"x"},{"name":"y","name":"z"}]},"a":2,"\u0061":3}"#
        let json = try JSON(parsing: Array(text.utf8), duplicates: &found)
        #expect(json.text == #"{"a":3,"spec":{"containers":[{"name":"x"},{"name":"z"}]}}"#)
        #expect(found == ["spec.containers[1].name", "a", "a"])
    }

    @Test("objects with many keys find all of them", arguments: [23, 24, 25, 26, 500])
    func manyKeys(count: Int) throws {
        let members = (0..<count).map { "\"key-number-\($0)-of-the-object\":\($0)" }
        var found: [String] = []
        let text = "{" + (members + ["\"key-number-1-of-the-object\":-1"]).joined(separator: ",") + "}"
        var json = try JSON(parsing: Array(text.utf8), duplicates: &found)
        #expect(json.object?.count == count)
        #expect(json["key-number-1-of-the-object"] == -1)
        #expect(json["key-number-\(count - 1)-of-the-object"] == .int(Int64(count - 1)))
        #expect(found == ["key-number-1-of-the-object"])
        for number in 0..<count { json["key-number-\(number)-of-the-object"] = nil }
        #expect(json == [:])
    }

    @Test("composed and decomposed characters are different keys")
    func canonicalEquivalence() throws {
        let json = try JSON(parsing: "{\"\u{E9}\":1,\"e\u{301}\":2}")
        #expect(json.object?.count == 2)
        #expect(json["e\u{301}"] == 2)
    }

    @Test("equality looks at values, not at order or notation")
    func equality() throws {
        #expect(try JSON(parsing: #"{"a":1,"b":2}"#) == JSON(parsing: #"{"b":2.0,"a":1}"#))
        #expect(try JSON(parsing: "[1,2]") != JSON(parsing: "[2,1]"))
        #expect(JSON.int(9_007_199_254_740_993) != .double(9_007_199_254_740_992))
    }

    @Test("numbers that JSON cannot hold become null")
    func notFinite() {
        #expect(JSON.array([.double(.nan), .double(.infinity)]).text == "[null,null]")
    }

    @Test("random trees survive writing and reading")
    func randomTrees() throws {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<300 {
            let tree = Self.tree(depth: 4, &generator)
            #expect(try JSON(parsing: tree.bytes) == tree)
        }
    }

    private static func tree(depth: Int, _ generator: inout SystemRandomNumberGenerator) -> JSON {
        switch Int.random(in: 0..<(depth > 0 ? 7 : 5), using: &generator) {
        case 0: return .null
        case 1: return .bool(.random(using: &generator))
        case 2: return .int(.random(in: .min ... .max, using: &generator))
        case 3:
            let value = Double(bitPattern: .random(in: .min ... .max, using: &generator))
            return .double(value.isFinite ? value : 0.5)
        case 4:
            let scalars = (0..<Int.random(in: 0..<40, using: &generator)).compactMap { _ in
                Unicode.Scalar(UInt32.random(in: 0..<0x3000, using: &generator))
            }
            return .string(String(String.UnicodeScalarView(scalars)))
        case 5:
            return .array(
                (0..<Int.random(in: 0..<5, using: &generator)).map { _ in tree(depth: depth - 1, &generator) })
        default:
            var object = JSONObject()
            for _ in 0..<Int.random(in: 0..<30, using: &generator) {
                object["k\(Int.random(in: 0..<1000, using: &generator))"] = tree(depth: depth - 1, &generator)
            }
            return .object(object)
        }
    }

    @Test("cut and flipped texts are read or refused, never more")
    func mutations() throws {
        let text = Array(#"{"metadata":{"name":"lab","labels":{"a":"\u00e9\n"}},"spec":[1,-2.5e3,true,null,"x"]}"#.utf8)
        for length in 0..<text.count {
            #expect(throws: JSONError.self) { try JSON(parsing: Array(text.prefix(length))) }
        }
        for position in text.indices {
            for bit in 0..<8 {
                var flipped = text
                flipped[position] ^= 1 << bit
                guard let json = try? JSON(parsing: flipped) else { continue }
                #expect(try JSON(parsing: json.bytes) == json)
            }
        }
    }
}
