/// The members of a JSON object: unique keys, in the order in which they came.
///
/// Kubernetes objects have few keys a level, so members lie in one array and are looked up by walking it; objects with
/// many keys (a ConfigMap of files) get a hash index besides.
public struct JSONObject: Sendable, ExpressibleByDictionaryLiteral {
    var members: [(key: String, value: JSON)] = []
    /// Position of each key; only kept above `indexThreshold` members.
    var positions: [ExactKey: Int] = [:]

    /// A key for hashing. Keys are equal byte by byte; `String` alone would take two spellings of one character
    /// (composed and decomposed) for the same.
    struct ExactKey: Hashable, Sendable {
        let text: String
        static func == (left: ExactKey, right: ExactKey) -> Bool { JSON.isSame(left.text, right.text) }
        func hash(into hasher: inout Hasher) { hasher.combine(text) }
    }

    static let indexThreshold = 24

    /// An object without members.
    public init() {}

    /// The members as written; the last of equal keys wins.
    public init(dictionaryLiteral elements: (String, JSON)...) {
        members.reserveCapacity(elements.count)
        for (key, value) in elements { self[key] = value }
    }

    /// Wraps members whose keys are known to be different, not more than `indexThreshold`.
    init(unique members: [(key: String, value: JSON)]) { self.members = members }

    /// Makes room for as many members.
    public mutating func reserveCapacity(_ count: Int) { members.reserveCapacity(count) }

    /// How many members there are.
    public var count: Int { members.count }
    /// True without members.
    public var isEmpty: Bool { members.isEmpty }
    /// The keys in order.
    public var keys: [String] { members.map(\.key) }
    /// The values in order.
    public var values: [JSON] { members.map(\.value) }

    /// The value of a key. Setting nil removes the member, setting an existing key keeps its place.
    public subscript(key: String) -> JSON? {
        get { position(of: key).map { members[$0].value } }
        set {
            if let position = position(of: key) {
                if let newValue { members[position].value = newValue } else { remove(at: position) }
            } else if let newValue {
                append(key, newValue)
            }
        }
    }

    /// Adds a member whose key is known to be new.
    public mutating func append(_ key: String, _ value: JSON) {
        members.append((key, value))
        if members.count > Self.indexThreshold { index(from: positions.count) }
    }

    /// Changes the value of a key in place; one that is missing or no object begins as an empty object.
    mutating func change(_ key: String, _ body: (inout JSON) -> Void) {
        guard let position = position(of: key) else {
            var value = JSON.object(JSONObject())
            body(&value)
            append(key, value)
            return
        }
        if case .object = members[position].value {} else { members[position].value = .object(JSONObject()) }
        body(&members[position].value)
    }

    func position(of key: String) -> Int? {
        if members.count > Self.indexThreshold { return positions[ExactKey(text: key)] }
        return members.withUnsafeBufferPointer { members in
            for position in members.indices where JSON.isSame(members[position].key, key) { return position }
            return nil
        }
    }

    private mutating func remove(at position: Int) {
        members.remove(at: position)
        positions = [:]
        if members.count > Self.indexThreshold { index(from: 0) }
    }

    private mutating func index(from start: Int) {
        for position in start..<members.count { positions[ExactKey(text: members[position].key)] = position }
    }
}

extension JSONObject: Sequence {
    /// Walks the members in order.
    public func makeIterator() -> IndexingIterator<[(key: String, value: JSON)]> { members.makeIterator() }
}

extension JSONObject: Equatable {
    /// Equal when both have the same keys with the same values, in any order.
    public static func == (left: JSONObject, right: JSONObject) -> Bool {
        guard left.count == right.count else { return false }
        for (offset, member) in left.members.enumerated() {
            if JSON.isSame(right.members[offset].key, member.key) {
                if right.members[offset].value != member.value { return false }
            } else if right[member.key] != member.value {
                return false
            }
        }
        return true
    }
}
