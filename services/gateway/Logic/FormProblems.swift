import KubeModel

/// What is wrong with a form, by field.
struct FormProblems: Error, Equatable {
    /// In the order found: the first one is also the message of the whole.
    private(set) var fields: [(name: String, message: String)] = []
    /// HTTP status of the answer.
    var code = 400

    static func == (left: FormProblems, right: FormProblems) -> Bool {
        left.code == right.code && left.fields.elementsEqual(right.fields) { $0 == $1 }
    }

    init() {}

    init(_ field: String, _ message: String, code: Int = 400) {
        fields = [(field, message)]
        self.code = code
    }

    var isEmpty: Bool { fields.isEmpty }

    mutating func add(_ field: String, _ message: String) {
        if !fields.contains(where: { $0.name == field }) { fields.append((field, message)) }
    }

    subscript(field: String) -> String? { fields.first { $0.name == field }?.message }

    var message: String { fields.first?.message ?? "The form cannot be used as it is." }

    var json: JSON {
        var object = JSONObject()
        for (name, message) in fields { object[name] = .string(message) }
        return .object(object)
    }
}
