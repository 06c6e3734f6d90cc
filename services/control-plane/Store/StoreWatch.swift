/// The durable changes of a resource from a revision on, in order, without gaps. To be iterated once.
///
/// Ends when its task is cancelled or the store is closed; throws ``StoreError/gone(oldest:)`` when the reader was so
/// slow that changes it had not seen left the history.
public struct StoreWatch: AsyncSequence, Sendable {
    /// Changes that became known together.
    public struct Batch: Sendable {
        /// The changes, empty when only progress was asked for.
        public let events: [StoreEvent]
        /// Everything up to this revision was seen, this batch included: where another watch may go on.
        public let revision: UInt64
    }

    public typealias Element = Batch
    public typealias Failure = StoreError

    private let subscription: Subscription

    init(_ history: History, _ topic: History.Topic, from revision: UInt64) throws(StoreError) {
        subscription = Subscription(history: history, id: try history.subscribe(topic, from: revision))
    }

    /// Lets the iteration return soon, if nothing happens with an empty batch: for bookmarks.
    public func requestProgress() { subscription.history.requestProgress(subscription.id) }

    /// Ends the iteration, as if its task had been cancelled.
    public func end() { subscription.history.cancel(subscription.id) }

    /// Waits until changes that were not read have left the history, while the reader is held up by something else.
    /// Returns when the watch ends otherwise.
    /// - Throws: ``StoreError/gone(oldest:)`` when that has happened.
    public func untilOvertaken() async throws(StoreError) {
        if let oldest = await subscription.history.overtaken(subscription.id) { throw .gone(oldest: oldest) }
    }

    /// What a reader that has no task gets.
    public enum Reading: Sendable {
        /// Changes that came.
        case batch(Batch)
        /// None for now: the reader is told when to read again.
        case nothing
        /// Changes that were not read have left the history.
        case gone(oldest: UInt64)
        /// The watch was ended, or the store is closed.
        case finished
    }

    /// Reads what there is, for readers without a task of their own: many watches of one collection then cost little more
    /// than what they send. Not to be mixed with an iteration.
    public func read(telling reader: any WatchReader) -> Reading {
        switch subscription.history.read(subscription.id, telling: reader) {
        case .batch(let batch): .batch(batch)
        case .gone(let oldest): .gone(oldest: oldest)
        case .finished: .finished
        case .again, .nothing: .nothing
        }
    }

    /// Tells a reader, which is held up by something else, when changes that it has not read have left the history.
    ///
    /// - Returns: false when they have already.
    public func tellWhenOvertaken(_ reader: any WatchReader) -> Bool {
        subscription.history.tellWhenOvertaken(subscription.id, reader)
    }

    /// True when changes that were not read have left the history.
    public var isOvertaken: Bool { subscription.history.isOvertaken(subscription.id) }

    public func makeAsyncIterator() -> Iterator { Iterator(subscription: subscription) }

    public struct Iterator: AsyncIteratorProtocol {
        fileprivate let subscription: Subscription

        public mutating func next(isolation actor: isolated (any Actor)?) async throws(StoreError) -> Batch? {
            try await subscription.history.next(subscription.id)
        }

        public mutating func next() async throws(StoreError) -> Batch? {
            try await subscription.history.next(subscription.id)
        }
    }

    /// Forgets the watcher when nobody iterates any more.
    fileprivate final class Subscription: Sendable {
        let history: History
        let id: UInt64

        init(history: History, id: UInt64) { (self.history, self.id) = (history, id) }

        deinit { history.unsubscribe(id) }
    }
}
