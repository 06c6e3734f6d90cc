/// Reads a watch without a task: it is told when there is something to read.
public protocol WatchReader: AnyObject, Sendable {
    /// Where it is told.
    var lane: any WatchLane { get }
    /// There may be something to read: changes, the end, or that changes have left the history.
    func ready()
}

/// Where readers of watches work, one after another, such as a thread that serves many connections.
public protocol WatchLane: AnyObject, Sendable {
    /// Calls `ready` of each soon, in this order. Must not wait.
    func schedule(_ readers: [any WatchReader])
}

/// Who waits for the history.
enum HistoryWaiter: Sendable {
    case task(CheckedContinuation<Void, Never>)
    case reader(any WatchReader)

    func wake() {
        switch self {
        case .task(let continuation): continuation.resume()
        case .reader(let reader): reader.lane.schedule([reader])
        }
    }
}
