/// What expressions that make patches can use besides the functions of all others.
public enum PatchFunctions {
    /// The functions.
    public static let all: [Function] = [
        Function(
            "jsonpatch.escapeKey", [.global("string_jsonpatch_escapeKey_string", [.string], .string)],
            unary: { (value) throws(EvaluationError) in
                .string(try text(value).replacing("~", with: "~0").replacing("/", with: "~1"))
            })
    ]

    /// The types: `Object` and the types of its fields, and `JSONPatch`.
    public static let types: [StructureType] = [
        StructureType(open: "Object"),
        StructureType("JSONPatch", fields: ["op": .string, "path": .string, "from": .string, "value": .dyn]),
    ]
}
