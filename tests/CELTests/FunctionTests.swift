import CEL
import Testing

@Suite("Functions")
struct FunctionTests {
    @Test(
        "strings",
        arguments: [
            ("'tacocat'.charAt(3)", "\"o\""), ("'é👑'.size()", "2"), ("'tacocat'.indexOf('a', 2)", "5"),
            ("'tacocat'.lastIndexOf('ac')", "1"), ("['a', 'b'].join('-')", "\"a-b\""),
            ("'ÀbC'.lowerAscii()", "\"Àbc\""),
            ("'aaa'.replace('a', 'b', 2)", "\"bba\""), ("'ab'.replace('', '-')", "\"-a-b-\""),
            ("'a,b,c'.split(',', 2)", "[\"a\", \"b,c\"]"), ("'ab'.split('')", "[\"a\", \"b\"]"),
            ("'tacocat'.substring(1, 3)", "\"ac\""), ("'  x\\t'.trim()", "\"x\""),
            ("'x'.substring(2)", "! index out of range: 2"),
            ("strings.quote('a\"\\n')", #""\"a\\\"\\n\"""#),
            ("'%s %d %.2f %x %b'.format(['a', 7, 1234.5, 255, 5])", "\"a 7 1,234.50 ff 101\""),
            ("'%s'.format([{'k': [1, 'x', null]}])", #""{\"k\":[1, \"x\", null]}""#), ("'abc'.contains('')", "true"),
            ("string(1e6)", "\"1e+06\""), ("string(0.1)", "\"0.1\""), ("string(duration('90m'))", "\"5400s\""),
            ("double('1e3')", "1000.0"), ("bool('True')", "true"),
            ("string(b'\\xff')", "! invalid UTF-8 in bytes, cannot convert to string"),
        ])
    func strings(_ text: String, _ result: String) { #expect(Evaluating.evaluate(text) == result) }

    @Test(
        "lists and sets",
        arguments: [
            ("[1, 3, 2].isSorted()", "false"), ("[1, 2].sum()", "3"), ("[1.5, 0.5].min()", "0.5"),
            ("([] + self.b).filter(e, false).max()", "! max called on empty list"), ("[1, 2, 1].lastIndexOf(1)", "2"),
            ("[3, 1].sort()", "[1, 3]"), ("[1, 1, 2].distinct()", "[1, 2]"), ("[[1], [2]].flatten()", "[1, 2]"),
            ("[1, 2, 3].slice(1, 2)", "[2]"), ("lists.range(3)", "[0, 1, 2]"), ("[1, 2].reverse()", "[2, 1]"),
            ("sets.contains([1, 2], [2])", "true"), ("sets.equivalent([1, 1], [1])", "true"),
            ("sets.intersects([1], [2])", "false"),
        ])
    func lists(_ text: String, _ result: String) { #expect(Evaluating.evaluate(text) == result) }

    @Test(
        "patterns",
        arguments: [
            ("'abc'.matches('^a.c$')", "true"), ("'abc'.matches('b')", "true"), ("'a123'.find('[0-9]+')", "\"123\""),
            ("'a1b22'.findAll('[0-9]+')", "[\"1\", \"22\"]"), ("'abc'.findAll('', 2)", "[\"\", \"\"]"),
            ("'AbC'.matches('(?i)^abc$')", "true"), ("'x-y'.matches('^\\\\w-\\\\W?y$')", "true"),
            ("'aab'.find('a*?b')", "\"aab\""), ("'foobar'.find('foo|foobar')", "\"foo\""),
            ("'é'.matches('^\\\\pL$')", "true"), ("'a\\nb'.matches('a.b')", "false"),
            ("'a\\nb'.matches('(?s)a.b')", "true"),
            ("'-'.matches('^[[:alpha:]-]$')", "true"), ("'aaa'.matches('^a{2,3}$')", "true"),
            ("s.matches('(' + s)", "! error parsing regexp: missing closing ): `(café`"),
        ])
    func patterns(_ text: String, _ result: String) { #expect(Evaluating.evaluate(text) == result) }

    @Test("a pattern that makes others take forever ends at once")
    func linearTime() throws {
        let regex = try LinearRegex("^(a+)+$")
        #expect(!regex.matches(String(repeating: "a", count: 5000) + "b"))
        #expect(throws: RegexError.self) { try LinearRegex("((a{1000}){1000}){1000}") }
        #expect(throws: RegexError.self) { try LinearRegex(String(repeating: "(", count: 100_000)) }
    }

    @Test(
        "Kubernetes' own",
        arguments: [
            ("ip('192.168.0.1').family()", "4"), ("string(ip('2001:DB8:0:0::1'))", "\"2001:db8::1\""),
            ("isIP('1.2.3')", "false"), ("ip.isCanonical('::0')", "false"), ("ip('::1').isLoopback()", "true"),
            ("cidr('10.0.0.0/8').containsIP('10.1.2.3')", "true"),
            ("cidr('10.0.0.0/8').containsCIDR('10.0.0.0/16')", "true"),
            ("string(cidr('10.1.2.3/8').masked())", "\"10.0.0.0/8\""), ("cidr('::/64').prefixLength()", "64"),
            (
                "ip(s)",
                "! IP Address \"café\" parse error during conversion from string: ParseAddr(\"café\"): unable to parse IP"
            ),
            ("url('https://a.b:80/c?d=1&d=2').getHost()", "\"a.b:80\""),
            ("url('https://[::1]:8/').getHostname()", "\"::1\""),
            ("url('/a b').getEscapedPath()", "\"/a%20b\""),
            ("url('http://x/?k=1&k=2').getQuery()['k']", "[\"1\", \"2\"]"),
            ("isURL('nope')", "false"), ("quantity('1.5Gi').compareTo(quantity('1536Mi'))", "0"),
            ("quantity('50k').asInteger()", "50000"), ("quantity('1').sub(2).isLessThan(quantity('0'))", "true"),
            ("isQuantity('1Q')", "false"), ("semver('1.2.3').isLessThan(semver('1.10.0-rc.1'))", "true"),
            ("isSemver('v1.2')", "false"), ("semver('v01.2', true).minor()", "2"),
            ("format.dns1123Label().validate('A').hasValue()", "true"), ("format.named('zz').hasValue()", "false"),
            ("timestamp('2023-01-01T00:00:00Z') - timestamp('2022-12-31T00:00:00Z') == duration('24h')", "true"),
            ("timestamp('2009-02-13T23:31:30Z').getHours('America/New_York')", "18"),
        ])
    func kubernetes(_ text: String, _ result: String) { #expect(Evaluating.evaluate(text) == result) }
}
