extension Store {
    /// Sizes of a store. The defaults suit a cluster of some ten thousand objects.
    public struct Options: Sendable {
        /// Size of a segment of the log, filled with zeros ahead of use.
        public var segmentBytes = 16 << 20
        /// How many changes the history keeps for watches.
        public var historyEvents = 65_536
        /// How much memory the changes in the history may keep alive.
        public var historyBytes = 32 << 20
        /// A snapshot is taken when the log has grown by this much, and by as much as all objects together.
        public var snapshotLogBytes = 16 << 20
        /// The way to the disk; tests make it fail.
        var layer = FileLayer()

        /// The defaults.
        public init() {}
    }
}
