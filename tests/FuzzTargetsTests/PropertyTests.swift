import ClusterRules
import KubeModel
import KubeYAML
import Testing

/// Values made at random, which exercise more of their readers than broken texts do.
@Suite("Properties of values")
struct PropertyTests {
    private static func text(_ generator: inout SeededGenerator) -> String {
        let pieces = [
            "", "a", "name", "é", "\u{1F600}", "\"", "\\", "\n", "\u{0}", "on", "1", "~", ": ", "- ", "#", " ", "null",
        ]
        return (0..<generator.below(4)).map { _ in pieces[generator.below(pieces.count)] }.joined()
    }

    private static func value(_ generator: inout SeededGenerator, depth: Int = 0) -> JSON {
        switch generator.below(depth > 4 ? 6 : 9) {
        case 0: return .null
        case 1: return .bool(generator.below(2) == 0)
        case 2: return .int(Int64(bitPattern: generator.next()))
        case 3: return .int(Int64(generator.below(100)))
        case 4: return .double(Double(generator.below(1_000_000)) / 64)
        case 5: return .string(text(&generator))
        case 6: return .array((0..<generator.below(4)).map { _ in value(&generator, depth: depth + 1) })
        default: return object(&generator, depth: depth)
        }
    }

    private static func object(_ generator: inout SeededGenerator, depth: Int = 0) -> JSON {
        var object = JSONObject()
        for _ in 0..<generator.below(5) { object[text(&generator)] = value(&generator, depth: depth + 1) }
        return .object(object)
    }

    @Test("a value survives JSON and YAML")
    func roundTrip() throws {
        var generator = SeededGenerator(state: 21)
        for _ in 0..<1500 {
            let value = Self.value(&generator)
            #expect(try JSON(parsing: value.bytes) == value)
            #expect(try YAML.parse(YAML.text(value)) == value)
        }
    }

    @Test("a text with room and escapes is the same value")
    func spelling() throws {
        var generator = SeededGenerator(state: 22)
        for _ in 0..<1500 {
            let value = Self.value(&generator)
            var spelled = ""
            var isInText = false
            for scalar in value.text.unicodeScalars {
                if scalar == "\"" { isInText.toggle() }
                if isInText, scalar.isASCII, scalar.properties.isAlphabetic, !spelled.hasSuffix("\\"),
                    generator.below(3) == 0
                {
                    let hex = String(scalar.value, radix: 16)
                    spelled += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
                    continue
                }
                spelled.unicodeScalars.append(scalar)
                if !isInText, ",:[]{}".unicodeScalars.contains(scalar) {
                    spelled += [" ", "\n", "\t", ""][generator.below(4)]
                }
                if spelled.hasSuffix("\\\"") || spelled.hasSuffix("\\\\") { isInText = true }
            }
            // Escaped quotes and backslashes make the walk above lose its place: such texts are left as they are.
            if value.text.contains("\\") { spelled = value.text }
            #expect(try JSON(parsing: spelled) == value, "\(spelled)")
        }
    }

    @Test("a merge patch made of two documents turns one into the other")
    func mergePatch() {
        var generator = SeededGenerator(state: 23)
        for _ in 0..<1500 {
            let (old, new) = (Self.withoutNull(Self.object(&generator)), Self.withoutNull(Self.object(&generator)))
            let patch = Self.difference(old, new)
            #expect(MergePatch.apply(patch, to: old) == new)
            #expect(MergePatch.apply(patch, to: new) == new)
        }
    }

    @Test("a JSON patch that replaces, tests, moves back and forth leaves the document as it was")
    func jsonPatch() throws {
        var generator = SeededGenerator(state: 24)
        for _ in 0..<800 {
            let document = Self.object(&generator)
            for (key, value) in document.object ?? [:] {
                let path = "/" + key.replacing("~", with: "~0").replacing("/", with: "~1")
                let patch: JSON = [
                    ["op": "test", "path": .string(path), "value": value],
                    ["op": "copy", "from": .string(path), "path": "/temporary"],
                    ["op": "replace", "path": .string(path), "value": "x"],
                    ["op": "remove", "path": .string(path)],
                    ["op": "move", "from": "/temporary", "path": .string(path)],
                    ["op": "test", "path": .string(path), "value": value],
                ]
                #expect(try JSONPatch.apply(patch, to: document) == document)
            }
        }
    }

    @Test("a patch cannot double a document again and again, nor nest it without bound")
    func bombs() {
        let copies = (0..<40).map { JSON.object(["op": "copy", "from": "", "path": .string("/a\($0)")]) }
        #expect(throws: APIError.self) { try JSONPatch.apply(.array(copies), to: ["x": "1234567890"]) }
        var path = ""
        var nesting: [JSON] = []
        for _ in 0..<300 {
            path += "/a"
            nesting.append(["op": "add", "path": .string(path), "value": [:]])
        }
        #expect(throws: APIError.self) { try JSONPatch.apply(.array(nesting), to: [:]) }
        let fine = Array(nesting.prefix(JSON.maximumDepth - 1))
        #expect(throws: Never.self) { try JSON(parsing: JSONPatch.apply(.array(fine), to: [:]).bytes) }
    }

    @Test("a strategic merge of an object with itself changes nothing")
    func strategicMerge() throws {
        let pod = try #require(BuiltinKinds.find(.pods))
        var generator = SeededGenerator(state: 25)
        for _ in 0..<400 {
            let containers = Set((0..<generator.below(4)).map { _ in "c\(generator.below(5))" }).sorted().map {
                name -> JSON in
                var container: JSON = ["name": .string(name), "image": .string("i\(generator.below(3))")]
                if generator.below(2) == 0 { container["args"] = ["a", "b"] }
                if generator.below(2) == 0 {
                    container["ports"] = [["containerPort": .int(Int64(generator.below(3))), "protocol": "TCP"]]
                }
                return container
            }
            var document: JSON = ["kind": "Pod", "apiVersion": "v1", "metadata": ["name": "a"]]
            document["spec"] = ["containers": .array(containers)]
            if generator.below(2) == 0 { document.set(["x": "y"], at: "metadata", "labels") }
            let once = try StrategicMergePatch.apply(document, to: document, kind: pod)
            #expect(once == document)
            let patch: JSON = ["spec": ["containers": [["name": "c1", "image": "new"]]]]
            let merged = try StrategicMergePatch.apply(patch, to: document, kind: pod)
            #expect(try StrategicMergePatch.apply(patch, to: merged, kind: pod) == merged)
        }
    }

    /// The merge patch from one document to another.
    private static func difference(_ old: JSON, _ new: JSON) -> JSON {
        guard case .object(let old) = old, case .object(let new) = new else { return new }
        var patch = JSONObject()
        for key in old.keys where new[key] == nil { patch[key] = .null }
        for (key, value) in new where old[key] != value {
            patch[key] = old[key].map { difference($0, value) } ?? value
        }
        return .object(patch)
    }

    /// Merge patches cannot say null, nor empty objects in place of other values without merging.
    private static func withoutNull(_ value: JSON) -> JSON {
        switch value {
        case .null: return "nothing"
        case .object(let object):
            var clean = JSONObject()
            for (key, value) in object { clean[key] = withoutNull(value) }
            return .object(clean)
        default: return value
        }
    }
}
