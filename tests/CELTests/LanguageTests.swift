import CEL
import Testing

@Suite("Expressions")
struct LanguageTests {
    @Test(
        "operators and literals",
        arguments: [
            ("1 + 2 * 3", "7"), ("-7 / 2", "-3"), ("7 % -4", "3"), ("1u + 2u", "3u"), ("2.5 * 2.0", "5.0"),
            ("0x1F", "31"), ("'a' + \"b\"", "\"ab\""), (#"r'\n' == '\\n'"#, "true"), (#"b'\xff\101'"#, "b\"\\xffA\""),
            ("'''a'b'''", "\"a'b\""), (#"'\u00e9' == 'é'"#, "true"), ("!true || !!true", "true"), ("--1", "1"),
            ("true ? 'y' : 'n'", "\"y\""), ("[1, 2] + [3]", "[1, 2, 3]"), ("{'a': 1}.a", "1"), ("{1: 'x'}[1]", "\"x\""),
            ("1 in [1, 2]", "true"), ("'p' in self.m", "true"), ("type(1) == int", "true"), ("type(self.m)", "map"),
            ("1 < 1.5 && 2u > 1 && 3 == dyn(3.0)", "true"), ("null == null", "true"), ("[] == []", "true"),
            ("{'a': 1, 'b': 2} == {'b': 2, 'a': 1}", "true"), ("// note\n1", "1"), (".n", "5"),
        ])
    func operators(_ text: String, _ result: String) { #expect(Evaluating.evaluate(text) == result) }

    @Test(
        "what cannot be computed says why",
        arguments: [
            ("9223372036854775807 + n", "! integer overflow"), ("1u - 2u", "! unsigned integer overflow"),
            ("1 / 0", "! division by zero"), ("1 % 0", "! modulus by zero"), ("x.nope", "! no such key: nope"),
            ("[1][n]", "! index out of bounds: 5"), ("x.foo + 1", "! no such overload: _+_(map, int)"),
            ("x.foo.bar + 'a'", "! no such overload"), ("int(s)", "! type conversion error from 'string' to 'int'"),
            ("-9223372036854775808 / -1", "! integer overflow"), ("int(1e30 * double(n))", "! integer overflow"),
            ("1 / 0 == 1 || true", "true"), ("false && 1 / 0 == 1", "false"),
            ("1 / 0 == 1 && true", "! division by zero"),
        ])
    func failures(_ text: String, _ result: String) { #expect(Evaluating.evaluate(text) == result) }

    @Test(
        "macros",
        arguments: [
            ("has(self.a) && !has(x.zz)", "true"), ("has(x.none)", "true"), ("self.b.all(e, e.size() < 3)", "true"),
            ("self.b.exists(e, e == 'y')", "true"), ("self.b.exists_one(e, e == 'y')", "true"),
            ("[1, 2, 3].map(e, e * 2)", "[2, 4, 6]"), ("[1, 2, 3].map(e, e > 1, e * 2)", "[4, 6]"),
            ("[1, 2, 3].filter(e, e != 2)", "[1, 3]"), ("self.m.map(k, k)", "[\"p\", \"q\"]"),
            ("self.m.all(k, v, v > 0)", "true"), ("[5, 6].transformList(i, e, e + i)", "[5, 7]"),
            ("self.m.transformMap(k, v, v * 10)", "{\"p\": 10, \"q\": 20}"),
            ("self.m.transformMapEntry(k, v, {v: k})", "{1: \"p\", 2: \"q\"}"),
            ("[3, 1, 2].sortBy(e, -e)", "[3, 2, 1]"), ("[1, 0].exists(e, 2 / e == 2)", "true"),
            ("[0, 1].all(e, 2 / e == 2)", "! division by zero"), ("[[1], [2]].all(l, l.all(e, e > 0))", "true"),
            ("[1].exists(self, self == 1)", "true"),
        ])
    func macros(_ text: String, _ result: String) { #expect(Evaluating.evaluate(text) == result) }

    @Test(
        "optional values",
        arguments: [
            ("x.?nope.orValue(1)", "1"), ("x.?foo.bar.value()", "1"), ("[1][?3].hasValue()", "false"),
            ("{'a': 1}[?'a'].or(optional.of(2)).value()", "1"), ("optional.none().orValue(3)", "3"),
            ("optional.ofNonZeroValue('').hasValue()", "false"), ("[?optional.of(1), ?optional.none()]", "[1]"),
            ("{?'k': optional.none()}", "{}"), ("optional.of(2).optMap(v, v + 1)", "optional.of(3)"),
            ("optional.of({'a': 1}).optFlatMap(v, v[?'b'])", "optional.none()"),
            ("optional.none().value() == 1", "! optional.none() dereference"), ("[1, 2].last().value()", "2"),
        ])
    func optionals(_ text: String, _ result: String) { #expect(Evaluating.evaluate(text) == result) }

    @Test(
        "values with a schema",
        arguments: [
            ("self.t.getFullYear()", "2020"), ("self.t.getHours('+02:00')", "5"), ("self.d.getMinutes()", "90"),
            ("self.t + self.d", "timestamp(\"2020-01-02T04:34:05Z\")"), ("self.__dash__x", "2.0"),
            ("self.set == ['two', 'one']", "true"), ("self.set + ['two', 'x']", "[\"one\", \"two\", \"x\"]"),
            ("size(self.m)", "2"), ("self.b[0] + self.b[1]", "\"xxy\""),
        ])
    func schemas(_ text: String, _ result: String) { #expect(Evaluating.evaluate(text) == result) }

    @Test("a cost limit ends an evaluation")
    func costLimit() {
        #expect(
            Evaluating.evaluate("self.b.all(e, e == 'z') || true", limit: 3)
                == "! operation cancelled: actual cost limit exceeded")
    }

    @Test("costs are counted and estimated in Kubernetes' units")
    func costs() throws {
        let program = try Evaluating.environment.compile("self.a == 1 && self.b.all(e, e.size() > 1)")
        #expect(program.estimatedCost == CostEstimate(2, 35))
        var spent: UInt64 = 0
        _ = try program.evaluate(Evaluating.values, spent: &spent)
        #expect(spent == 18)
        #expect(program.variables == ["self"])
        #expect(program.type == .bool)
    }
}
