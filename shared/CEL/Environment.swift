/// A name that expressions can use, and what it holds.
public struct Variable: Sendable {
    let name: String
    let type: CELType
    let shape: JSONShape?

    /// A variable of a type.
    public init(_ name: String, _ type: CELType) { (self.name, self.type, shape) = (name, type, nil) }

    /// A variable that holds a JSON tree with a schema; its types become known under their names.
    public init(_ name: String, _ shape: JSONShape) { (self.name, type, self.shape) = (name, shape.type, shape) }
}

/// What expressions may use: variables, types and functions. Made once, it compiles any number of expressions.
public struct Environment: Sendable {
    /// Code points that a text may have.
    public static let maximumSize = Parser.maximumSize

    private(set) var functions: [String: Function]
    /// True where all elements of a list in the text must have one type, as Kubernetes wants it.
    let hasUniformLiterals: Bool
    private var library: Library
    private var variables: [String: CELType] = [:]
    private var root: JSONShape?
    private var structures: [String: [String: CELType]] = [:]
    private var types: [String: JSONShape] = [:]
    /// Names of types that have every field; with more names behind a dot they name the types of these fields.
    private var openTypes: Set<String> = []

    /// Makes an environment.
    ///
    /// - Parameters:
    ///   - variables: the names that expressions can use.
    ///   - structures: types with fields that expressions can use or make.
    ///   - library: the functions.
    public init(_ variables: [Variable] = [], structures: [StructureType] = [], library: Library = .kubernetes) {
        self.library = library
        functions = library.functions
        hasUniformLiterals = library.hasUniformLiterals
        add(variables, structures)
    }

    /// The same environment with more names.
    public func extended(by variables: [Variable], structures: [StructureType] = []) -> Environment {
        var extended = self
        extended.add(variables, structures)
        return extended
    }

    /// The same environment with more functions.
    public func extended(with functions: [Function]) -> Environment {
        var extended = self
        extended.library = library.adding(functions)
        extended.functions = extended.library.functions
        return extended
    }

    private mutating func add(_ added: [Variable], _ structures: [StructureType]) {
        for variable in added {
            variables[variable.name] = variable.type
            root = root ?? variable.shape
            if let shape = variable.shape { declare(shape) }
        }
        for structure in structures {
            if structure.isOpen {
                openTypes.insert(structure.name)
            } else {
                self.structures[structure.name] = structure.fields
            }
        }
    }

    private mutating func declare(_ shape: JSONShape) {
        switch shape.kind {
        case .list(let element, _): declare(element)
        case .map(let value): declare(value)
        case .object(let name, let fields):
            guard types.updateValue(shape, forKey: name) == nil else { return }
            for field in fields.values { declare(field.shape) }
        default: break
        }
    }

    func variable(_ name: String) -> CELType? {
        if let type = variables[name] { return type }
        if let type = library.types[name] { return .type(type) }
        if types[name] != nil || structures[name] != nil || isOpen(name) { return .type(.structure(name)) }
        return nil
    }

    private func isOpen(_ name: String) -> Bool {
        guard !openTypes.isEmpty else { return false }
        return openTypes.contains(name) || openTypes.contains { name.hasPrefix("\($0).") }
    }

    /// The type whose name an expression uses as a value.
    func typeValue(_ name: String) -> CELType? {
        guard variables[name] == nil, case .type(let type?)? = variable(name) else { return nil }
        return type
    }

    /// Types of the fields of a type; nil when there is no such type.
    func fields(of name: String) -> ((String) -> CELType?)? {
        if let shape = types[name], case .object(_, let fields) = shape.kind { return { fields[$0]?.shape.type } }
        if let fields = structures[name] { return { fields[$0] } }
        return isOpen(name) ? { _ in .dyn } : nil
    }

    /// The shape of a path that begins with a variable. Whatever its first step is, it stands for the one variable
    /// with a schema, as in Kubernetes' estimates; so elements of a list in the text count as small.
    func shape(at path: [String]) -> JSONShape? { root?.shape(at: path.dropFirst()) }

    /// Compiles an expression.
    ///
    /// - Parameter text: the expression.
    /// - Returns: the program.
    /// - Throws: ``CompilationError`` with all that is wrong.
    public func compile(_ text: String) throws(CompilationError) -> Program {
        let source = SourceText(text)
        let (tree, offsets) = try Parser.parse(source)
        var checker = Checker(self, offsets: offsets)
        checker.run(tree)
        guard checker.issues.isEmpty else { throw CompilationError(checker.issues, in: source) }
        var literals = LiteralChecks(self, offsets: offsets, types: checker.types)
        literals.run(tree)
        guard literals.issues.isEmpty else { throw CompilationError(literals.issues, in: source) }
        return Program(tree, in: self, types: checker.types, overloads: checker.overloads)
    }
}

/// A set of functions and types.
public struct Library: Sendable {
    var functions: [String: Function] = [:]
    var types: [String: CELType] = [:]
    var hasUniformLiterals = true

    init(_ functions: [Function], types: [String: CELType] = [:]) {
        for function in functions { add(function) }
        self.types = types
    }

    private mutating func add(_ function: Function) {
        if functions[function.name] == nil {
            functions[function.name] = function
        } else {
            functions[function.name]?.merge(function)
        }
    }

    /// The same functions for expressions whose lists may have elements of several types, as the language itself
    /// allows it; Kubernetes does not.
    public var withMixedLiterals: Library {
        var mixed = self
        mixed.hasUniformLiterals = false
        return mixed
    }

    /// Both libraries.
    func adding(_ more: [Function], types: [String: CELType] = [:]) -> Library {
        var both = self
        for function in more { both.add(function) }
        both.types.merge(types) { $1 }
        return both
    }
}
