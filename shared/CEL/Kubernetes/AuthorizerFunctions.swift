import KubeModel

/// What a rule asks about a user's permissions.
public struct AuthorizationQuestion: Sendable, Equatable {
    /// The user, when it is not the one of the request: a service account `(namespace, name)`.
    public var serviceAccount: ServiceAccount?
    /// The path, for questions about URLs.
    public var path: String?
    /// Group of a resource.
    public var group = ""
    /// Plural name of a resource.
    public var resource = ""
    /// `status` and the like.
    public var subresource = ""
    /// Namespace of the object, empty for all.
    public var namespace = ""
    /// Name of the object, empty for all.
    public var name = ""
    /// As the rule wrote it.
    public var fieldSelector = ""
    /// As the rule wrote it.
    public var labelSelector = ""
    /// What is to be done.
    public var verb = ""

    /// A question about nothing yet.
    public init() {}

    /// A service account.
    public struct ServiceAccount: Sendable, Equatable {
        /// Its namespace.
        public let namespace: String
        /// Its name.
        public let name: String
    }
}

/// Answers questions about permissions.
public protocol AuthorizationSource: Sendable {
    /// Whether it is allowed, and why.
    func decide(_ question: AuthorizationQuestion) -> (isAllowed: Bool, reason: String, error: String?)
}

/// The variable `authorizer`, and the questions that are being put together with it.
public struct AuthorizerValue: ObjectValue {
    enum Stage: Sendable { case authorizer, path, group, resource }

    let source: any AuthorizationSource
    let stage: Stage
    let question: AuthorizationQuestion

    /// The variable `authorizer`.
    public init(_ source: any AuthorizationSource) {
        (self.source, stage, question) = (source, .authorizer, AuthorizationQuestion())
    }

    /// The variable `authorizer.requestResource`: a question about the object of the request.
    public init(_ source: any AuthorizationSource, about question: AuthorizationQuestion) {
        (self.source, stage, self.question) = (source, .resource, question)
    }

    private init(_ other: AuthorizerValue, _ stage: Stage, _ question: AuthorizationQuestion) {
        (source, self.stage, self.question) = (other.source, stage, question)
    }

    func asking(_ stage: Stage, _ edit: (inout AuthorizationQuestion) -> Void) -> AuthorizerValue {
        var question = question
        edit(&question)
        return AuthorizerValue(self, stage, question)
    }

    /// The type of the stage.
    public var type: CELType {
        switch stage {
        case .authorizer: KubernetesTypes.authorizer
        case .path: KubernetesTypes.pathCheck
        case .group: KubernetesTypes.groupCheck
        case .resource: KubernetesTypes.resourceCheck
        }
    }

    /// Equal when they ask the same.
    public func isEqual(to other: any ObjectValue) -> Bool {
        guard let other = other as? AuthorizerValue else { return false }
        return other.stage == stage && other.question == question
    }
}

/// The answer to a question.
struct DecisionValue: ObjectValue {
    let isAllowed: Bool
    let reason: String
    let error: String?

    var type: CELType { KubernetesTypes.decision }
    func isEqual(to other: any ObjectValue) -> Bool {
        guard let other = other as? DecisionValue else { return false }
        return other.isAllowed == isAllowed && other.reason == reason && other.error == error
    }
}

/// The functions of the variable `authorizer`.
enum AuthorizerFunctions {
    private static let authorizer = KubernetesTypes.authorizer
    private static let resourceCheck = KubernetesTypes.resourceCheck
    private static let decision = KubernetesTypes.decision

    static let all: [Function] = [
        step("path", "authorizer_path", authorizer, KubernetesTypes.pathCheck, .authorizer, .path) { $0.path = $1 },
        step("group", "authorizer_group", authorizer, KubernetesTypes.groupCheck, .authorizer, .group) {
            $0.group = $1
        },
        Function(
            "serviceAccount", [.member("authorizer_serviceaccount", [authorizer, .string, .string], authorizer)]
        ) { (values) throws(EvaluationError) in
            guard values.count == 3 else { throw .noOverload }
            let value: AuthorizerValue = try unbox(values[0])
            let namespace = try text(values[1])
            let name = try text(values[2])
            if !NameRules.subdomain(name).isEmpty { throw EvaluationError("Invalid service account name") }
            if !NameRules.label(namespace).isEmpty { throw EvaluationError("Invalid service account namespace") }
            return .object(value.asking(.authorizer) { $0.serviceAccount = .init(namespace: namespace, name: name) })
        },
        step("resource", "groupcheck_resource", KubernetesTypes.groupCheck, resourceCheck, .group, .resource) {
            $0.resource = $1
        },
        refine("subresource", "resourcecheck_subresource") { $0.subresource = $1 },
        refine("namespace", "resourcecheck_namespace") { $0.namespace = $1 },
        refine("name", "resourcecheck_name") { $0.name = $1 },
        refine("fieldSelector", "authorizer_fieldselector") { $0.fieldSelector = $1 },
        refine("labelSelector", "authorizer_labelselector") { $0.labelSelector = $1 },
        Function(
            "check",
            [
                .member("pathcheck_check", [KubernetesTypes.pathCheck, .string], decision),
                .member("resourcecheck_check", [resourceCheck, .string], decision),
            ],
            binary: { (value, verb) throws(EvaluationError) in
                let value: AuthorizerValue = try unbox(value)
                guard value.stage == .path || value.stage == .resource else { throw .noOverload }
                var question = value.question
                question.verb = try text(verb)
                let answer = value.source.decide(question)
                return .object(DecisionValue(isAllowed: answer.isAllowed, reason: answer.reason, error: answer.error))
            }),
        answer("errored", "decision_errored", .bool) { .bool($0.error != nil) },
        answer("error", "decision_error", .string) { .string($0.error ?? "") },
        answer("allowed", "decision_allowed", .bool) { .bool($0.isAllowed) },
        answer("reason", "decision_reason", .string) { .string($0.reason) },
    ]

    private typealias Edit = @Sendable (inout AuthorizationQuestion, String) -> Void

    private static func step(
        _ name: String, _ id: String, _ from: CELType, _ to: CELType, _ stage: AuthorizerValue.Stage,
        _ next: AuthorizerValue.Stage, _ edit: @escaping Edit
    ) -> Function {
        Function(
            name, [.member(id, [from, .string], to)],
            binary: { (value, argument) throws(EvaluationError) in
                let value: AuthorizerValue = try unbox(value)
                let argument = try text(argument)
                guard value.stage == stage else { throw .noOverload }
                if name != "group", argument.allSatisfy(\.isWhitespace) {
                    throw EvaluationError("\(name) must not be empty")
                }
                return .object(value.asking(next) { edit(&$0, argument) })
            })
    }

    private static func refine(_ name: String, _ id: String, _ edit: @escaping Edit) -> Function {
        Function(
            name, [.member(id, [resourceCheck, .string], resourceCheck)],
            binary: { (value, argument) throws(EvaluationError) in
                let value: AuthorizerValue = try unbox(value)
                let argument = try text(argument)
                guard value.stage == .resource else { throw .noOverload }
                return .object(value.asking(.resource) { edit(&$0, argument) })
            })
    }

    private static func answer(
        _ name: String, _ id: String, _ type: CELType, _ take: @escaping @Sendable (DecisionValue) -> Value
    ) -> Function {
        Function(
            name, [.member(id, [decision], type)],
            unary: { (value) throws(EvaluationError) in take(try unbox(value)) })
    }
}
