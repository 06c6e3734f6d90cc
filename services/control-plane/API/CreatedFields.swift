import KubeModel

/// The fields of an object that is new, as `fieldsV1`: all of them are its creator's.
///
/// It says the same as a ``FieldComparison`` with nothing, and is written straight from the tree, for creating is what
/// happens most.
struct CreatedFields {
    /// Fields of `metadata` that the server owns, or that name the object; nobody manages them.
    static let unmanagedMetadata: Set<String> = [
        "name", "namespace", "creationTimestamp", "selfLink", "uid", "clusterName", "generation", "managedFields",
        "resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds",
    ]

    /// True once a list had two elements of one identity, which only field sets can join.
    private var hasTwins = false

    private typealias Members = [(key: String, value: JSON)]

    /// What the creator owns; empty when that is nothing. Nil when it takes the long way to find out.
    static func json(of object: JSONObject, shape: MergeShape, keepsStatus: Bool) -> JSONObject? {
        var found = CreatedFields()
        var members: Members = []
        for (key, value) in object {
            switch key {
            case "apiVersion", "kind": continue
            case "status" where !keepsStatus: continue
            case "metadata":
                let own = found.metadata(value, shape.child(key))
                if !own.isEmpty { members.append(("f:metadata", .object(sorted(own)))) }
            default: found.add(key, value, shape.child(key), to: &members)
            }
        }
        return found.hasTwins ? nil : sorted(members)
    }

    private mutating func metadata(_ json: JSON, _ shape: MergeShape) -> Members {
        var members: Members = []
        for (key, value) in json.object ?? [:] where !Self.unmanagedMetadata.contains(key) {
            add(key, value, shape.child(key), to: &members)
        }
        return members
    }

    private mutating func add(_ key: String, _ value: JSON, _ shape: MergeShape, to members: inout Members) {
        if let fields = fields(of: value, shape) { members.append(("f:" + key, .object(fields))) }
    }

    /// The fields in a value, which is one itself when it has none; nil for one that everybody has.
    private mutating func fields(of value: JSON, _ shape: MergeShape) -> JSONObject? {
        guard shape.rule != .atomic else { return JSONObject() }
        var members: Members = []
        switch value {
        case .object(let object) where !object.isEmpty:
            for (key, value) in object { add(key, value, shape.child(key), to: &members) }
        case .array(let items) where shape.isKeyedList:
            for item in items { add(item, shape, to: &members) }
        case .null where shape.isKeyedList: break
        default: return JSONObject()
        }
        if shape.isAlwaysPresent { return members.isEmpty ? nil : Self.sorted(members) }
        if !members.isEmpty { members.append((".", .object(JSONObject()))) }
        return Self.sorted(members)
    }

    private mutating func add(_ item: JSON, _ list: MergeShape, to members: inout Members) {
        guard let step = list.step(of: item) else { return }
        let text = step.text
        if members.contains(where: { $0.key == text }) { hasTwins = true }
        guard let fields = fields(of: item, list.elements) else { return }
        members.append((text, .object(fields)))
    }

    /// In the order in which managed fields are written.
    private static func sorted(_ members: Members) -> JSONObject {
        var object = JSONObject()
        object.reserveCapacity(members.count)
        for (key, value) in members.sorted(by: { $0.key < $1.key }) { object.append(key, value) }
        return object
    }
}
