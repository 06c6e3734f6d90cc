/// One signature of a function.
public struct Overload: Sendable {
    let id: String
    /// The receiver comes first.
    let parameters: [CELType]
    let result: CELType
    let isMember: Bool

    /// A signature `f(a, b)`.
    public static func global(_ id: String, _ parameters: [CELType], _ result: CELType) -> Overload {
        Overload(id: id, parameters: parameters, result: result, isMember: false)
    }

    /// A signature `a.f(b)`.
    public static func member(_ id: String, _ parameters: [CELType], _ result: CELType) -> Overload {
        Overload(id: id, parameters: parameters, result: result, isMember: true)
    }
}

/// A function: its signatures and what it does. It is told the receiver as the first argument, and throws
/// ``EvaluationError/noOverload`` for values that it is not made for.
public struct Function: Sendable {
    typealias Unary = @Sendable (Value) throws(EvaluationError) -> Value
    typealias Binary = @Sendable (Value, Value) throws(EvaluationError) -> Value
    /// What a function does with any number of arguments.
    public typealias Variadic = @Sendable ([Value]) throws(EvaluationError) -> Value

    enum Body: Sendable {
        case unary(Unary)
        case binary(Binary)
        case variadic(Variadic)
    }

    let name: String
    var overloads: [Overload]
    var bodies: [Body]

    init(_ name: String, _ overloads: [Overload], unary: @escaping Unary) {
        (self.name, self.overloads, bodies) = (name, overloads, [.unary(unary)])
    }

    init(_ name: String, _ overloads: [Overload], binary: @escaping Binary) {
        (self.name, self.overloads, bodies) = (name, overloads, [.binary(binary)])
    }

    /// Makes a function.
    public init(_ name: String, _ overloads: [Overload], _ body: @escaping Variadic) {
        (self.name, self.overloads, bodies) = (name, overloads, [.variadic(body)])
    }

    /// A function of which only the signatures are declared; the planner knows what it does.
    init(_ name: String, _ overloads: [Overload]) { (self.name, self.overloads, bodies) = (name, overloads, []) }

    /// Both functions under one name: the second is asked when the first has no overload for the values.
    mutating func merge(_ other: Function) {
        overloads += other.overloads
        bodies += other.bodies
    }
}

/// Types of values with declared fields that do not come from a ``JSONShape``.
public struct StructureType: Sendable {
    /// The name in expressions.
    public let name: String
    /// Fields by name.
    public let fields: [String: CELType]
    /// True for a type that has every field, and whose fields have types of their own: `Object`, `Object.spec`.
    public let isOpen: Bool

    /// Makes a type.
    public init(_ name: String, fields: [String: CELType]) {
        (self.name, self.fields, isOpen) = (name, fields, false)
    }

    /// Makes a type that has every field.
    public init(open name: String) { (self.name, fields, isOpen) = (name, [:], true) }
}
