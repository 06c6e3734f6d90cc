extension Store {
    /// Sizes of a store. The defaults suit a cluster of some ten thousand objects.
    public struct Options: Sendable {
        /// Size of a segment of the log, filled with zeros ahead of use.
        public var segmentBytes = 16 << 20
        /// How many changes the history keeps for watches.
        public var historyEvents = 65_536
        /// How much memory the changes in the history may keep alive.
        public var historyBytes = 32 << 20
        /// How long the history keeps changes: who asks for an older revision is told that it is gone.
        public var historyAge = Duration.seconds(300)
        /// Fields that are indexed, as dotted paths by resource: `["pods": ["spec.nodeName"]]`.
        public var indexedFields: [String: [String]] = [:]
        /// A snapshot is taken when the log has grown by this much, and by as much as all objects together.
        public var snapshotLogBytes = 16 << 20
        /// Told when writing begins to fail, with the reason, and when it works again, with nil. Must not wait.
        public var onFailure: @Sendable (StoreError?) -> Void = { _ in }
        /// Runs its argument once the caller's present round of work is over, so that all changes of the round are
        /// written together; false, without doing anything, when there is no such round. Always the same argument.
        public var afterRound: @Sendable (_ wake: @escaping @Sendable () -> Void) -> Bool = { _ in false }
        /// What time it is; tests say so.
        var now: @Sendable () -> ContinuousClock.Instant = { .now }
        /// The way to the disk; tests make it fail.
        var layer = FileLayer()

        /// The defaults.
        public init() {}
    }
}
