/// The last events, oldest first. Each keeps its position, counted from the very first one, while older ones go.
struct EventRing: Sendable {
    private var events: [StoreEvent?] = []
    private var head = 0
    /// Position of the oldest event that is still here.
    private(set) var start = 0
    /// Every event with a later revision is here.
    private(set) var floor: UInt64

    init(floor: UInt64) { self.floor = floor }

    /// Position of the next event to come.
    var end: Int { start + events.count - head }
    var isEmpty: Bool { head == events.count }
    var oldest: StoreEvent? { isEmpty ? nil : events[head] }

    subscript(position: Int) -> StoreEvent? {
        position >= start && position < end ? events[head + position - start] : nil
    }

    mutating func append(_ event: StoreEvent) { events.append(event) }

    mutating func removeOldest() {
        guard let oldest else { return }
        floor = oldest.revision
        events[head] = nil
        head += 1
        start += 1
        // Moves the rest down now and then: constant work for each event on average.
        if head > 64 && head * 2 > events.count {
            events.removeFirst(head)
            head = 0
        }
    }

    /// Position of the first event after a revision.
    func position(after revision: UInt64) -> Int {
        var (low, high) = (start, end)
        while low < high {
            let middle = (low + high) / 2
            if let event = self[middle], event.revision <= revision { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
