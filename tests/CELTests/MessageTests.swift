import CEL
import Testing

@Suite("Messages about expressions")
struct MessageTests {
    private static let starts =
        "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}"

    @Test(
        "show the place",
        arguments: [
            (
                "x.y == zz",
                "ERROR: <input>:1:8: undeclared reference to 'zz' (in container '')\n | x.y == zz\n | .......^"
            ),
            (
                "1 + 'a'",
                "ERROR: <input>:1:3: found no matching overload for '_+_' applied to '(int, string)'\n | 1 + 'a'\n | ..^"
            ),
            ("self.nope", "ERROR: <input>:1:5: undefined field 'nope'\n | self.nope\n | ....^"),
            ("a.", "ERROR: <input>:1:3: Syntax error: no viable alternative at input '.'\n | a.\n | ..^"),
            ("1 +", "ERROR: <input>:1:4: Syntax error: mismatched input '<EOF>' expecting \(starts)\n | 1 +\n | ...^"),
            (
                "a | b",
                "ERROR: <input>:1:3: Syntax error: token recognition error at: '| '\n | a | b\n | ..^\n"
                    + "ERROR: <input>:1:5: Syntax error: extraneous input 'b' expecting <EOF>\n | a | b\n | ....^"
            ),
            ("size(x", "ERROR: <input>:1:7: Syntax error: missing ')' at '<EOF>'\n | size(x\n | ......^"),
            (
                "x\n  .y + q",
                "ERROR: <input>:2:8: undeclared reference to 'q' (in container '')\n |   .y + q\n | .......^"
            ),
            ("'é' + q", "ERROR: <input>:1:7: undeclared reference to 'q' (in container '')\n | 'é' + q\n | .．....^"),
        ])
    func places(_ text: String, _ message: String) { #expect(Evaluating.errors(text) == message) }

    @Test(
        "say what is wrong",
        arguments: [
            ("for", "reserved identifier: for"), ("has(x)", "invalid argument to has() macro"),
            ("[1].all(1, true)", "argument must be a simple name"), ("9223372036854775808", "invalid int literal"),
            ("[1, 'a']", "expected type 'int' but found 'string'"), ("duration('1x')", "invalid duration argument"),
            ("'a'.matches('(')", "invalid matches argument"), ("1 && true", "expected type 'bool' but found 'int'"),
            ("n.foo", "type 'int' does not support field selection"),
            (
                "n.all(e, true)",
                "expression of type 'int' cannot be range of a comprehension (must be list, map, or dynamic)"
            ),
            (
                "'%d'.format(['a'])",
                "error during formatting: decimal clause can only be used on integers, was given string"
            ),
            ("s.startsWith(1)", "found no matching overload for 'startsWith' applied to 'string.(int)'"),
        ])
    func meanings(_ text: String, _ message: String) { #expect(Evaluating.evaluate(text) == message) }

    @Test("deep and long texts are refused")
    func limits() {
        let deep = String(repeating: "(", count: 300) + "1" + String(repeating: ")", count: 300)
        #expect(Evaluating.errors(deep) == "ERROR: <input>:-1:0: expression recursion limit exceeded: 250")
        let chain = "1" + String(repeating: " + 1", count: 300)
        #expect(Evaluating.errors(chain) == "ERROR: <input>:-1:0: expression recursion limit exceeded: 250")
        let long = "'" + String(repeating: "a", count: 100_000) + "'"
        #expect(
            Evaluating.errors(long)
                == "ERROR: <input>:-1:0: expression code point size exceeds limit: size: 100002, limit 100000")
        let wide = "true" + String(repeating: " && true", count: 5000)
        #expect(Evaluating.evaluate(wide) == "true")
    }
}
