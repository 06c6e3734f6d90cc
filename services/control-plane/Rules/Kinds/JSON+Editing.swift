import KubeModel

extension JSON {
    /// Changes the value of a key in place, when there is one.
    mutating func edit(_ key: String, _ change: (inout JSON) -> Void) {
        guard case .object(var object) = self, var value = object[key] else { return }
        // The value leaves the tree while it is changed, so that changing it copies nothing.
        self = .null
        object[key] = .null
        change(&value)
        object[key] = value
        self = .object(object)
    }

    /// Changes every element of the list at a key.
    mutating func editEach(_ key: String, _ change: (inout JSON) -> Void) {
        edit(key) { list in
            guard case .array(var elements) = list else { return }
            list = .null
            for index in elements.indices { change(&elements[index]) }
            list = .array(elements)
        }
    }

    /// Sets a key that is missing or null.
    mutating func fill(_ key: String, _ value: JSON) {
        if (self[key] ?? .null).isNull { self[key] = value }
    }

    /// Sets a key that is missing, null or an empty string.
    mutating func fillText(_ key: String, _ value: String) {
        if (self[key]?.string ?? "").isEmpty { self[key] = .string(value) }
    }

    /// The elements of the list at a key; none when there is no list.
    func list(_ key: String) -> [JSON] { self[key]?.array ?? [] }

    /// The text at a key, empty when there is none.
    func text(_ key: String) -> String { self[key]?.string ?? "" }

    /// True when the key has a value that is not null.
    func has(_ key: String) -> Bool { !(self[key] ?? .null).isNull }
}
