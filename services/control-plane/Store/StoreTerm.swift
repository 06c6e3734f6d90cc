/// One condition that an index answers: lists and watches with a selector begin with the objects that meet it.
///
/// A selector of the API is more than that, so what comes back is still to be compared with all of it.
public enum StoreTerm: Hashable, Sendable {
    /// `metadata.name` is this.
    case name(String)
    /// An owner in `metadata.ownerReferences` has this uid.
    case owner(String)
    /// An indexed field of the resource (``Store/Options/indexedFields``) has this value; empty where it is absent.
    case field(String, String)
    /// A label has this value.
    case label(String, String)
    /// A label has one of these values.
    case labels(String, [String])
    /// There is a label with this key.
    case hasLabel(String)

    /// What a term is about, whatever its value.
    enum Subject: Hashable, Sendable {
        case name, owner
        case field(String)
        case label(String)
    }

    var subject: Subject {
        switch self {
        case .name: .name
        case .owner: .owner
        case .field(let path, _): .field(path)
        case .label(let key, _), .labels(let key, _), .hasLabel(let key): .label(key)
        }
    }

    /// True when an object meets the term.
    func matches(_ object: StoredObject) -> Bool {
        switch self {
        case .name(let name): object.key.name == name
        case .owner(let uid): object.owners.contains(uid)
        case .field(let path, let value): object.fields.contains { $0.path == path && $0.value == value }
        case .label(let key, let value): object.labels[key] == value
        case .labels(let key, let values): object.labels[key].map(values.contains) ?? false
        case .hasLabel(let key): object.labels[key] != nil
        }
    }

    /// The term under which a watcher waits: one that an event names by its own values.
    var topic: StoreTerm {
        guard case .labels(let key, let values) = self else { return self }
        return values.count == 1 ? .label(key, values[0]) : .hasLabel(key)
    }

    /// The terms about a subject that an object meets, as watchers wait under them.
    static func met(by object: StoredObject, about subject: Subject) -> [StoreTerm] {
        switch subject {
        case .name: [.name(object.key.name)]
        case .owner: object.owners.map(StoreTerm.owner)
        case .field(let path): object.fields.filter { $0.path == path }.map { .field(path, $0.value) }
        case .label(let key): object.labels[key].map { [.label(key, $0), .hasLabel(key)] } ?? []
        }
    }
}

/// The value of an indexed field.
public struct IndexedField: Sendable, Equatable {
    /// Path of the field, `spec.nodeName`.
    public let path: String
    /// Its value as text, empty where it is absent.
    public let value: String
}
