/// Where the values of variables come from.
public protocol Activation {
    /// The value of a variable, nil without one. It is asked once in an evaluation.
    func value(of name: String) throws(EvaluationError) -> Value?
}

/// Values by name.
public struct Bindings: Activation, Sendable {
    private let values: [String: Value]
    /// Makes bindings.
    public init(_ values: [String: Value] = [:]) { self.values = values }
    /// The value with that name.
    public func value(of name: String) throws(EvaluationError) -> Value? { values[name] }
}

/// A compiled expression.
public final class Program: Sendable {
    /// The type of its values.
    public let type: CELType
    /// What an evaluation can cost, as far as the text and the sizes in schemas say it.
    public let estimatedCost: CostEstimate
    /// Names of the variables that it uses.
    public let variables: [String]
    private let step: Result<Step, EvaluationError>
    private let slots: Int

    init(_ tree: Expression, in environment: Environment, types: [Int: CELType], overloads: [Int: [String]]) {
        type = types[tree.id] ?? .dyn
        var estimator = CostEstimator(environment: environment, types: types, overloads: overloads)
        estimatedCost = estimator.cost(tree)
        var planner = Planner(environment: environment, overloads: overloads, types: types)
        do {
            step = .success(try planner.plan(tree).step)
        } catch {
            step = .failure(error)
        }
        variables = planner.variables
        slots = planner.slotCount
    }

    /// Why the program can never be evaluated: a constant part of it fails. Nil for all others.
    public var constantFailure: EvaluationError? { if case .failure(let error) = step { error } else { nil } }

    /// The value of the expression.
    ///
    /// - Parameters:
    ///   - activation: the values of its variables.
    ///   - limit: the most that the evaluation may cost; `spent` is added to it.
    ///   - spent: grows by what the evaluation cost, also when it fails.
    /// - Returns: the value.
    /// - Throws: ``EvaluationError`` when there is none.
    public func evaluate(
        _ activation: some Activation, limit: UInt64 = .max, spent: inout UInt64
    ) throws(EvaluationError) -> Value {
        let step = try self.step.get()
        let evaluation = Evaluation(activation, globals: variables.count, slots: slots, limit: limit)
        defer { spent &+= evaluation.cost }
        return try step(evaluation)
    }

    /// The value of the expression; what it costs is not told.
    public func evaluate(_ activation: some Activation, limit: UInt64 = .max) throws(EvaluationError) -> Value {
        var spent: UInt64 = 0
        return try evaluate(activation, limit: limit, spent: &spent)
    }
}

/// One part of a program.
typealias Step = @Sendable (Evaluation) throws(EvaluationError) -> Value

/// What changes while a program runs.
final class Evaluation {
    private let activation: any Activation
    private var globals: [Value?]
    /// Variables of loops.
    var slots: [Value]
    private(set) var cost: UInt64 = 0
    private let limit: UInt64

    init(_ activation: any Activation, globals: Int, slots: Int, limit: UInt64) {
        self.activation = activation
        self.globals = Array(repeating: nil, count: globals)
        self.slots = Array(repeating: .null, count: slots)
        self.limit = limit
    }

    @inline(__always)
    func charge(_ amount: UInt64) throws(EvaluationError) {
        cost &+= amount
        if cost > limit, cost != .max { throw .overCost }
    }

    /// Takes back one unit that is about to be charged.
    @inline(__always)
    func refund() { cost &-= 1 }

    func global(_ index: Int, _ name: String) throws(EvaluationError) -> Value {
        if let known = globals[index] { return known }
        guard let value = try activation.value(of: name) else {
            throw EvaluationError("no such attribute(s): \(name)")
        }
        globals[index] = value
        return value
    }
}
