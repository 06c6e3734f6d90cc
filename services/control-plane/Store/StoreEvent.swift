/// One durable change of one object, shared by everyone who watches.
public final class StoreEvent: Sendable {
    /// What happened to the object.
    public enum Kind: UInt8, Sendable {
        case added = 1
        case modified = 2
        case deleted = 3
    }

    /// What happened.
    public let kind: Kind
    /// The new state; after a deletion the last state, with the revision of the deletion.
    public let object: StoredObject
    /// The state before, nil when the object is new.
    public let previous: StoredObject?

    init(kind: Kind, object: StoredObject, previous: StoredObject?) {
        (self.kind, self.object, self.previous) = (kind, object, previous)
    }

    /// The change's revision.
    public var revision: UInt64 { object.revision }

    /// Memory that the event may keep alive.
    var cost: Int { object.bytes.count + (previous?.bytes.count ?? 0) + 256 }
}
