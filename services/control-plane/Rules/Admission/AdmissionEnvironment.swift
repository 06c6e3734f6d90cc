public import CEL

/// The names that expressions of admission rules can use: `object`, `oldObject`, `request`, `namespaceObject`, and
/// where they are given `params`, `authorizer` and `variables`.
public struct AdmissionEnvironment: Sendable {
    /// The type of the variable `variables`.
    public static let variablesType = "kubernetes.variables"

    private let base: Environment
    private let authorized: Environment
    private let patching: Environment
    /// Types of the policy's variables that are known so far; nil for rules without variables.
    private var variables: [String: CELType]?

    /// Makes an environment.
    ///
    /// - Parameters:
    ///   - hasParams: true where there may be parameters.
    ///   - hasVariables: true where `variables` can be used, also when there are none.
    public init(hasParams: Bool, hasVariables: Bool = false) {
        (base, authorized, patching) = hasParams ? Self.withParams : Self.withoutParams
        variables = hasVariables ? [:] : nil
    }

    /// Lets later expressions use a variable.
    public mutating func declare(_ name: String, _ type: CELType) { variables?[name] = type }

    /// Makes the environment of a type check, in which objects and parameters have types.
    ///
    /// - Parameters:
    ///   - object: the type of the object, new and old.
    ///   - params: the type of the parameters; nil where there are none.
    init(object: JSONShape, params: JSONShape?) {
        let typed = [Variable("object", object), Variable("oldObject", object)]
        base = Environment(typed + Self.common + (params.map { [Variable("params", $0)] } ?? []))
        authorized = base.extended(by: [Variable("authorizer", .authorizer)])
        patching = authorized
        variables = [:]
    }

    private static let common = [Variable("request", requestShape), Variable("namespaceObject", namespaceShape)]

    /// Compiles the next variable and lets later expressions use it.
    ///
    /// - Returns: its expression, which may turn out to have a problem; the variable can be of any type then.
    public mutating func declare(_ name: String, _ text: String) -> AdmissionExpression {
        let expression = AdmissionExpression(text, [], in: environment(hasAuthorizer: true))
        declare(name, expression.program.map { Self.declared($0.type) } ?? .dyn)
        return expression
    }

    /// The type as that of a variable: of structures and optional values nothing is known any more.
    private static func declared(_ type: CELType) -> CELType {
        switch type {
        case .list(let element): .list(declared(element))
        case .map(let key, let value): .map(declared(key), declared(value))
        case .bool, .bytes, .double, .duration, .int, .null, .string, .timestamp, .uint: type
        default: .dyn
        }
    }

    /// What an expression that makes a patch can use.
    public var patchEnvironment: Environment { withVariables(patching) }

    /// What one expression can use.
    ///
    /// - Parameter hasAuthorizer: true for all expressions but those of messages.
    /// - Returns: the environment with the variables declared so far.
    public func environment(hasAuthorizer: Bool) -> Environment {
        withVariables(hasAuthorizer ? authorized : base)
    }

    private func withVariables(_ environment: Environment) -> Environment {
        guard let variables else { return environment }
        return environment.extended(
            by: [Variable("variables", .structure(Self.variablesType))],
            structures: [StructureType(Self.variablesType, fields: variables)])
    }

    private static let withoutParams = environments([])
    private static let withParams = environments([Variable("params", .dyn)])

    private static func environments(_ added: [Variable]) -> (Environment, Environment, Environment) {
        let base = Environment(
            [Variable("object", .dyn), Variable("oldObject", .dyn)] + common + added)
        let authorizer = [
            Variable("authorizer", .authorizer), Variable("authorizer.requestResource", .resourceCheck),
        ]
        let authorized = base.extended(by: authorizer)
        let patching = authorized.extended(by: [], structures: PatchFunctions.types)
            .extended(with: PatchFunctions.all)
        return (base, authorized, patching)
    }

    private static func object(_ name: String, _ fields: [String: JSONShape]) -> JSONShape {
        let members = fields.map { ($0, JSONShape.Field(key: $0, shape: $1)) }
        return JSONShape(
            .object(
                typeName: "kubernetes.\(name)", fields: Dictionary(members, uniquingKeysWith: { first, _ in first })
            ))
    }

    private static let text = JSONShape(.string)
    private static let texts = JSONShape(.list(text, .plain))
    private static let textMap = JSONShape(.map(text))
    private static let time = JSONShape(.timestamp)

    private static let requestShape: JSONShape = {
        let kind = object("GroupVersionKind", ["group": text, "version": text, "kind": text])
        let resource = object("GroupVersionResource", ["group": text, "version": text, "resource": text])
        let user = object(
            "UserInfo", ["username": text, "uid": text, "groups": texts, "extra": JSONShape(.map(texts))])
        return object(
            "AdmissionRequest",
            [
                "kind": kind, "resource": resource, "subResource": text, "requestKind": kind,
                "requestResource": resource, "requestSubResource": text, "name": text, "namespace": text,
                "operation": text, "userInfo": user, "dryRun": JSONShape(.bool), "options": .dynamic,
            ])
    }()

    private static let namespaceShape: JSONShape = {
        let condition = object(
            "NamespaceCondition",
            ["status": text, "type": text, "lastTransitionTime": time, "message": text, "reason": text])
        // The API has no field `UID`; the type that upstream declares has it nevertheless, and no `uid`.
        let metadata = object(
            "NamespaceMetadata",
            [
                "name": text, "generateName": text, "namespace": text, "labels": textMap, "annotations": textMap,
                "UID": text, "creationTimestamp": time, "deletionGracePeriodSeconds": JSONShape(.int),
                "deletionTimestamp": time, "generation": JSONShape(.int), "resourceVersion": text, "finalizers": texts,
            ])
        return object(
            "Namespace",
            [
                "metadata": metadata, "spec": object("NamespaceSpec", ["finalizers": texts]),
                "status": object(
                    "NamespaceStatus", ["conditions": JSONShape(.list(condition, .plain)), "phase": text]),
            ])
    }()
}
