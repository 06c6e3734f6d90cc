import KubeModel

/// One step of a field path, as `fieldsV1` of managed fields writes it.
enum PathStep: Hashable, Sendable {
    case field(String)
    /// An element of a list of maps, by the values of its keys, in canonical JSON.
    case key(String)
    /// An element of a set, in canonical JSON.
    case value(String)
    case index(Int)

    /// `f:name`, `k:{"name":"a"}`, `v:"x"`, `i:0`.
    var text: String {
        switch self {
        case .field(let name): "f:\(name)"
        case .key(let keys): "k:\(keys)"
        case .value(let value): "v:\(value)"
        case .index(let index): "i:\(index)"
        }
    }

    init?(_ text: String) {
        let rest = String(text.dropFirst(2))
        switch text.prefix(2) {
        case "f:": self = .field(rest)
        // Clients may write the keys with other spacing or order; ours are canonical.
        case "k:": self = .key((try? JSON(parsing: rest)).map(Self.canonical) ?? rest)
        case "v:": self = .value((try? JSON(parsing: rest)).map(Self.canonical) ?? rest)
        case "i:":
            guard let index = Int(rest) else { return nil }
            self = .index(index)
        default: return nil
        }
    }

    /// As conflicts name it: `.data`, `[name="a"]`, `["x"]`, `[0]`.
    var display: String {
        switch self {
        case .field(let name): return ".\(name)"
        case .key(let keys):
            let parts = (try? JSON(parsing: keys))?.object?.map { "\($0.key)=\($0.value.text)" } ?? [keys]
            return "[\(parts.joined(separator: ","))]"
        case .value(let value): return "[=\(value)]"
        case .index(let index): return "[\(index)]"
        }
    }

    static func canonical(_ json: JSON) -> String {
        guard case .object(let object) = json else { return json.text }
        var sorted = JSONObject()
        for key in object.keys.sorted() { sorted[key] = object[key] }
        return JSON.object(sorted).text
    }
}

/// A set of field paths, as a tree.
struct FieldSet: Sendable, Equatable {
    /// True when the path that leads here is itself in the set.
    var isMember = false
    var children: [PathStep: FieldSet] = [:]

    var isEmpty: Bool { !isMember && children.isEmpty }

    static let member = FieldSet(isMember: true)

    mutating func insert(_ path: some Collection<PathStep>) {
        guard let first = path.first else {
            isMember = true
            return
        }
        children[first, default: FieldSet()].insert(path.dropFirst())
    }

    func contains(_ path: some Collection<PathStep>) -> Bool {
        guard let first = path.first else { return isMember }
        return children[first]?.contains(path.dropFirst()) ?? false
    }

    mutating func formUnion(_ other: FieldSet) {
        isMember = isMember || other.isMember
        for (step, child) in other.children { children[step, default: FieldSet()].formUnion(child) }
    }

    func union(_ other: FieldSet) -> FieldSet {
        var result = self
        result.formUnion(other)
        return result
    }

    mutating func subtract(_ other: FieldSet) {
        if other.isMember { isMember = false }
        for (step, gone) in other.children {
            guard var child = children[step] else { continue }
            child.subtract(gone)
            children[step] = child.isEmpty ? nil : child
        }
    }

    func subtracting(_ other: FieldSet) -> FieldSet {
        var result = self
        result.subtract(other)
        return result
    }

    func intersection(_ other: FieldSet) -> FieldSet {
        var result = FieldSet(isMember: isMember && other.isMember)
        for (step, child) in children {
            guard let match = other.children[step] else { continue }
            let both = child.intersection(match)
            if !both.isEmpty { result.children[step] = both }
        }
        return result
    }

    /// Removes a path and all that lies below it.
    mutating func removeTree(_ path: some Collection<PathStep>) {
        guard let first = path.first else {
            self = FieldSet()
            return
        }
        guard var child = children[first] else { return }
        child.removeTree(path.dropFirst())
        children[first] = child.isEmpty ? nil : child
    }

    /// The member paths as messages write them, sorted.
    func paths(prefix: String = "") -> [String] {
        var paths: [String] = isMember ? [prefix] : []
        for (step, child) in children { paths += child.paths(prefix: prefix + step.display) }
        return paths.sorted()
    }

    /// `fieldsV1`.
    var json: JSON {
        var object = JSONObject()
        if isMember, !children.isEmpty { object["."] = [:] }
        for (text, child) in children.map({ ($0.key.text, $0.value) }).sorted(by: { $0.0 < $1.0 }) {
            object[text] = child.json
        }
        return .object(object)
    }

    /// Reads `fieldsV1`.
    init(json: JSON) {
        self.init(json: json, isRoot: true)
    }

    private init(json: JSON, isRoot: Bool) {
        guard let object = json.object else { return }
        if object.isEmpty, !isRoot { isMember = true }
        for (text, value) in object {
            if text == "." {
                isMember = true
            } else if let step = PathStep(text) {
                children[step] = FieldSet(json: value, isRoot: false)
            }
        }
    }

    init(isMember: Bool = false) { self.isMember = isMember }
}
