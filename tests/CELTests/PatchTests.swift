import CEL
import Testing

@Suite("Expressions that make patches")
struct PatchTests {
    private static let environment = Environment([Variable("x", .dyn)], structures: PatchFunctions.types)
        .extended(with: PatchFunctions.all)

    private static func type(_ text: String) -> String {
        do {
            return try environment.compile(text).type.description
        } catch {
            return error.issues.map(\.message).joined(separator: "; ")
        }
    }

    @Test(
        "objects take every field, operations only theirs",
        arguments: [
            ("Object{}", "Object"), ("Object{spec: Object.spec{replicas: 3}}", "Object"),
            ("Object.a.b{c: x}", "Object.a.b"),
            ("Objects{}", "undeclared reference to 'Objects' (in container '')"),
            ("[JSONPatch{op: 'add', path: '/a', value: 1}]", "list(JSONPatch)"),
            ("JSONPatch{op: 1}", "expected type of field 'op' is 'string' but provided type is 'int'"),
            ("JSONPatch{key: 'a'}", "undefined field 'key'"),
        ])
    func types(_ text: String, _ expected: String) { #expect(Self.type(text) == expected) }

    @Test("keys of paths are escaped")
    func escaping() throws {
        let program = try Self.environment.compile("'/metadata/labels/' + jsonpatch.escapeKey('a.b/c~d')")
        #expect(try program.evaluate(Bindings()) == .string("/metadata/labels/a.b~1c~0d"))
    }

    @Test("an object keeps its fields in order, and is zero without any")
    func values() throws {
        let program = try Self.environment.compile("Object{b: 1, ?c: optional.none(), a: Object.a{}}")
        guard case .object(let object) = try program.evaluate(Bindings()), let made = object as? StructureValue else {
            Issue.record("the value is no structure")
            return
        }
        #expect(made.members.map(\.name) == ["b", "a"])
        #expect(!made.isZero)
        #expect(
            try Self.environment.compile("optional.ofNonZeroValue(Object{}).hasValue()").evaluate(Bindings())
                == .bool(false))
    }
}
