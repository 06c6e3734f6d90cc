import Foundation
import FuzzTargets
import Testing

@Suite("Promises of readers")
struct FuzzTargetTests {
    /// How many new inputs a run makes: a few seconds for all of them. `make fuzz` goes on for as long as one likes.
    private static let budget: [FuzzTarget: Int] = [
        .json: 6000, .yaml: 1200, .patch: 2000, .selector: 8000, .log: 600,
    ]

    private static let words: [FuzzTarget: [String]] = [
        .json: [
            "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u0000", "\\ud83d\\ude00", "\\udc00", "1e999", "-0", "0.1",
            "18446744073709551616", "-9223372036854775808", "true", "null", "{\"a\":", "\"a\":1,", " ", "\u{FEFF}", "é",
        ],
        .yaml: [
            "- ", ": ", "\n", "  ", "&a ", "*a", "<<: ", "|\n ", ">-\n", "---\n", "...\n", "? ", "!!str ", "!!binary ",
            "{",
            "[", "]", "}", "'", "\"", "#", "%YAML 1.2\n", "~", "0x1F", ".inf", "on", "\t", "\u{85}", "1_0", "1:30",
        ],
        .patch: [
            #"{"op":"add","path":"/a","value":1}"#, #"{"op":"copy","from":"","path":"/a"}"#, #""$patch":"delete","#,
            #""$patch":"replace","#, #""$retainKeys":["a"],"#, #""$setElementOrder/containers":[{"name":"a"}],"#,
            #""$deleteFromPrimitiveList/finalizers":["x"],"#, "/-", "~1", "~0", "/spec", "/containers", "/0", "null",
            "\n",
            #"{"op":"move","from":"/metadata","path":"/spec/a"}"#, #"{"op":"test","path":"","value":null}"#,
        ],
        .selector: [
            "=", "==", "!=", "!", " in ", " notin ", "(", ")", ",", ">", "<", "a", "b/c", "\\", "\\,", "-1", " ",
        ],
        .log: ["\u{0}", "\u{1}", "MARTLETL", "MFRG", "\u{2}"],
    ]

    private static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent()
        .appendingPathComponent("fixtures")

    /// Inputs that were interesting once, by file name: a file each, or a line each in `found.base64`.
    private static func corpus(_ target: FuzzTarget) throws -> [(name: String, bytes: [UInt8])] {
        let folder = fixtures.appendingPathComponent(target.rawValue)
        return try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted().flatMap { name in
            let content = try Data(contentsOf: folder.appendingPathComponent(name))
            guard name.hasSuffix(".base64") else { return [(name, [UInt8](content))] }
            return String(decoding: content, as: UTF8.self).split(separator: "\n").enumerated().map { line, text in
                ("\(name):\(line + 1)", [UInt8](Data(base64Encoded: String(text)) ?? Data()))
            }
        }
    }

    @Test("are kept for all inputs that were interesting once", arguments: FuzzTarget.allCases)
    func corpus(target: FuzzTarget) throws {
        let corpus = try Self.corpus(target)
        #expect(corpus.count > 5)
        for (name, bytes) in corpus {
            let complaint = target.complaint(about: bytes)
            #expect(complaint == nil, "\(name)")
        }
    }

    @Test("are kept for inputs that are nearly like those", arguments: FuzzTarget.allCases)
    func mutations(target: FuzzTarget) throws {
        var mutator = Mutator(
            corpus: try Self.corpus(target).map(\.bytes), words: Self.words[target] ?? [],
            generator: SeededGenerator(state: 0x5EED))
        for number in 0..<(Self.budget[target] ?? 0) {
            let input = mutator.next()
            if let complaint = target.complaint(about: input) {
                Issue.record("input \(number): \(complaint): \(Data(input).base64EncodedString())")
                return
            }
        }
    }
}
