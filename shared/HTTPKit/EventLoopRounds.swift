import NIOCore
public import NIOPosix

/// Runs a piece of work once at the end of an event loop's present round, however often that was asked for during it.
///
/// One round of a busy loop reads requests of many connections. What they have in common, such as waking a thread, is
/// done once for all of them.
public final class EventLoopRounds: Sendable {
    /// Of one loop; `isArmed` is touched on that loop only, hence unchecked.
    private final class Slot: @unchecked Sendable {
        var isArmed = false
    }

    private let slots: [ObjectIdentifier: Slot]

    /// Knows the loops of a group.
    public init(of group: MultiThreadedEventLoopGroup = .singleton) {
        var slots: [ObjectIdentifier: Slot] = [:]
        for loop in group.makeIterator() { slots[ObjectIdentifier(loop)] = Slot() }
        self.slots = slots
    }

    /// Runs `work` when the round of the calling event loop ends, unless something waits for that already.
    ///
    /// - Returns: false, and does nothing, when the caller is not on an event loop of the group.
    public func atEnd(_ work: @escaping @Sendable () -> Void) -> Bool {
        guard let loop = MultiThreadedEventLoopGroup.currentEventLoop, let slot = slots[ObjectIdentifier(loop)] else {
            return false
        }
        if slot.isArmed { return true }
        slot.isArmed = true
        loop.execute {
            slot.isArmed = false
            work()
        }
        return true
    }
}
