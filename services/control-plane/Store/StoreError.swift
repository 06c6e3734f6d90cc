/// Why the store could not do what it was asked.
public enum StoreError: Error, Sendable {
    /// The object is not in the state the caller expected; nil when it does not exist.
    case conflict(current: StoredObject?)
    /// The history no longer reaches back to the revision asked for; watches may start from `oldest` on.
    case gone(oldest: UInt64)
    /// There is no room on the disk. Nothing was changed; reads go on, and writes do as soon as there is room.
    case full(String)
    /// A file is damaged in a place that was acknowledged; `Store.repair` keeps what lies before.
    case corrupt(file: String, offset: Int, String)
    /// Another process has the directory open.
    case locked(String)
    /// The directory cannot be written, or the disk failed. Nothing was changed.
    case unwritable(String)
    /// The data were written by a newer version.
    case newerFormat(String)
    /// The store was closed.
    case closed
}

extension StoreError: CustomStringConvertible {
    /// One sentence for people.
    public var description: String {
        switch self {
        case .conflict(let current?): "\(current.key) is at revision \(current.revision), not as expected"
        case .conflict(nil): "the object does not exist"
        case .gone(let oldest): "the history begins at revision \(oldest)"
        case .full(let reason): "no room to write: \(reason)"
        case .corrupt(let file, let offset, let what): "\(file) is damaged at byte \(offset): \(what)"
        case .locked(let reason), .unwritable(let reason), .newerFormat(let reason): reason
        case .closed: "the store is closed"
        }
    }

    init(_ failure: FileFailure) {
        self = failure.isOutOfSpace ? .full(failure.description) : .unwritable(failure.description)
    }
}
