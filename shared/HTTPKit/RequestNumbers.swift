import Synchronization

/// Numbers for requests: unguessable start, then counted, so that ids of two processes do not meet in a log.
enum RequestNumbers {
    private static let counter = Atomic<UInt64>(UInt64.random(in: 1 << 56...1 << 62))

    static func next() -> UInt64 { counter.add(1, ordering: .relaxed).newValue }
}
