/// Types of values that the functions of Kubernetes make.
enum KubernetesTypes {
    static let ip = CELType.opaque("net.IP", [])
    static let cidr = CELType.opaque("net.CIDR", [])
    static let url = CELType.structure("kubernetes.URL")
    static let quantity = CELType.structure("kubernetes.Quantity")
    static let semver = CELType.structure("kubernetes.Semver")
    static let format = CELType.structure("kubernetes.NamedFormat")
    static let authorizer = CELType.structure("kubernetes.authorization.Authorizer")
    static let pathCheck = CELType.structure("kubernetes.authorization.PathCheck")
    static let groupCheck = CELType.structure("kubernetes.authorization.GroupCheck")
    static let resourceCheck = CELType.structure("kubernetes.authorization.ResourceCheck")
    static let decision = CELType.structure("kubernetes.authorization.Decision")
}

extension CELType {
    /// The type of the `authorizer` variable of admission rules.
    public static let authorizer = KubernetesTypes.authorizer
    /// The type of the `authorizer.requestResource` variable of admission rules.
    public static let resourceCheck = KubernetesTypes.resourceCheck
}

extension Library {
    /// What the language itself has, and optional values.
    public static let standard = Library(
        StandardFunctions.all + OptionalFunctions.all,
        types: StandardFunctions.types.merging(OptionalFunctions.types) { $1 })

    /// The functions that expressions of Kubernetes 1.36 can use.
    public static let kubernetes: Library = standard.adding(
        StringFunctions.all + ListFunctions.all + RegexFunctions.all + AddressFunctions.all + URLFunctions.all
            + QuantityFunctions.all + SemverFunctions.all + FormatFunctions.all + AuthorizerFunctions.all,
        types: ["net.IP": KubernetesTypes.ip, "net.CIDR": KubernetesTypes.cidr])
}

/// Takes the object of one kind out of values, or says that the function is not made for them.
func unbox<Object: ObjectValue>(_ value: Value?, _: Object.Type = Object.self) throws(EvaluationError) -> Object {
    guard case .object(let object)? = value, let object = object as? Object else { throw .noOverload }
    return object
}

/// Takes the text out of a value, or says that the function is not made for it.
func text(_ value: Value?) throws(EvaluationError) -> String {
    guard case .string(let text)? = value else { throw .noOverload }
    return text
}
