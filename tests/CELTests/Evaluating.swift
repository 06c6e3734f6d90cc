import CEL
import KubeModel

/// Compiles and evaluates an expression with a few variables.
struct Evaluating {
    static let shape = JSONShape(
        .object(
            typeName: "Root",
            fields: [
                "a": .init(key: "a", shape: JSONShape(.int)),
                "b": .init(
                    key: "b", shape: JSONShape(.list(JSONShape(.string, maximumSize: 40), .plain), maximumSize: 5)),
                "m": .init(key: "m", shape: JSONShape(.map(JSONShape(.int)), maximumSize: 7)),
                "t": .init(key: "t", shape: JSONShape(.timestamp)),
                "d": .init(key: "d", shape: JSONShape(.duration)),
                "set": .init(key: "set", shape: JSONShape(.list(JSONShape(.string), .set))),
                "__dash__x": .init(key: "-x", shape: JSONShape(.double)),
            ]))
    static let environment = Environment([
        Variable("self", shape), Variable("x", .dyn), Variable("n", .int), Variable("s", .string),
    ])
    static let root: JSON = [
        "a": 1, "b": ["xx", "y"], "m": ["p": 1, "q": 2], "t": "2020-01-02T03:04:05Z", "d": "1h30m",
        "set": ["one", "two"], "-x": 2,
    ]
    static let values = Bindings([
        "self": Value(root, shape), "x": Value(["foo": ["bar": 1], "list": [1, 2.5, "s"], "none": .null]), "n": .int(5),
        "s": .string("caf\u{e9}"),
    ])

    /// The value as text, or the message of what went wrong.
    static func evaluate(_ text: String, limit: UInt64 = .max) -> String {
        do {
            let program = try environment.compile(text)
            do throws(EvaluationError) {
                return try program.evaluate(values, limit: limit).debugText
            } catch {
                return "! \(error.message)"
            }
        } catch {
            return error.issues.map(\.message).joined(separator: "; ")
        }
    }

    /// All messages with the lines that they speak of.
    static func errors(_ text: String) -> String {
        do {
            _ = try environment.compile(text)
            return ""
        } catch {
            return error.description
        }
    }
}
