import CEL
import Foundation
import Testing

@Suite("Random expressions")
struct FuzzTests {
    /// Numbers that are the same in every run.
    private struct Generator: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state
        }
    }

    private static let pieces = [
        "(", ")", "[", "]", "{", "}", ".", "?", ":", ",", "+", "-", "*", "!", "&&", "||", "==", "<", " in ", "1", "1u",
        "1.5", "'s'", "x", "self", "self.b", "n", "@", "\"", "'", "\\", ".all(", "has(", ".map(e,", ".?", "[?",
        "\u{1f451}",
        "true", "null", "9223372036854775807", "0x", "1e", "r'", "b'", "'''", ".matches('(a*)*b')", ".format([", "`",
    ]

    private static func seeds() throws -> [String] {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(
            path: "../fixtures/cel/expressions.txt")
        return try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map(String.init)
    }

    private static func mutate(_ text: String, _ generator: inout Generator) -> String {
        var scalars = Array(text.unicodeScalars)
        for _ in 0...Int.random(in: 0...2, using: &generator) {
            let place = Int.random(in: 0...scalars.count, using: &generator)
            switch Int.random(in: 0..<4, using: &generator) {
            case 0:
                let end = min(scalars.count, place + Int.random(in: 1...4, using: &generator))
                scalars.removeSubrange(place..<end)
            case 1: scalars.removeSubrange(place...)
            default:
                let piece = pieces.randomElement(using: &generator) ?? ""
                scalars.insert(contentsOf: piece.unicodeScalars, at: place)
            }
        }
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        return String(view)
    }

    @Test("neither crash nor run on, whatever they are", arguments: [1, 2, 3, 4] as [UInt64])
    func mutations(_ seed: UInt64) throws {
        var generator = Generator(state: seed &* 0x9e37_79b9_7f4a_7c15)
        let seeds = try Self.seeds()
        for _ in 0..<700 {
            let text = Self.mutate(seeds.randomElement(using: &generator) ?? "", &generator)
            _ = Evaluating.evaluate(text, limit: 100_000)
        }
        for _ in 0..<200 {
            let count = Int.random(in: 1...40, using: &generator)
            let text = (0..<count).map { _ in Self.pieces.randomElement(using: &generator) ?? "" }.joined()
            _ = Evaluating.evaluate(text, limit: 100_000)
        }
    }

    @Test("nesting of every kind ends in a message, not in a crash")
    func nesting() {
        let pairs = [
            ("(", ")"), ("[", "]"), ("{1:", "}"), ("-(", ")"), ("!(", ")"), ("f(", ")"), ("x[", "]"), ("true?1:(", ")"),
        ]
        for (open, close) in pairs {
            for count in [200, 2000] {
                _ = Evaluating.evaluate(
                    String(repeating: open, count: count) + "1" + String(repeating: close, count: count))
            }
        }
        for chain in [".a", "[0]", "+1", "*1", "<1", ".?a", " in x", ".map(e,e)"] {
            _ = Evaluating.evaluate("x" + String(repeating: chain, count: 2000), limit: 100_000)
        }
        for prefix in ["-", "!", "((", "{", "["] { _ = Evaluating.evaluate(String(repeating: prefix, count: 5000)) }
    }
}
