import Testing

@testable import ControllerKit

@Suite("Work queue")
struct WorkQueueTests {
    @Test("a key that waits already is there once")
    func once() async {
        let queue = WorkQueue<String>()
        for key in ["a", "b", "a", "a"] { queue.add(key) }
        #expect(queue.depth == 2)
        #expect(await queue.next() == "a")
        #expect(await queue.next() == "b")
        #expect(queue.depth == 0)
    }

    @Test("a key that is added while it runs gets one more run, after this one")
    func onceMore() async {
        let queue = WorkQueue<String>()
        queue.add("a")
        #expect(await queue.next() == "a")
        queue.add("a")
        queue.add("a")
        queue.add("b")
        #expect(await queue.next() == "b")
        #expect(queue.depth == 0)
        queue.finish("a")
        #expect(await queue.next() == "a")
        queue.finish("a")
        #expect(queue.depth == 0)
    }

    @Test("who waits gets what is added, and nothing after the end")
    func waiting() async {
        let queue = WorkQueue<Int>()
        await withTaskGroup(of: Int?.self) { group in
            for _ in 0..<3 { group.addTask { await queue.next() } }
            queue.add(1)
            queue.add(2)
            var got: Set<Int> = []
            for _ in 0..<2 { if let key = await group.next() ?? nil { got.insert(key) } }
            #expect(got == [1, 2])
            queue.close()
            #expect(await group.next() == .some(nil))
        }
        queue.add(3)
        #expect(await queue.next() == nil)
    }

    @Test("a cancelled taker is let go, and takes nothing with it")
    func cancellation() async {
        let queue = WorkQueue<Int>()
        await withTaskGroup(of: Int?.self) { group in
            group.addTask { await queue.next() }
            group.cancelAll()
            #expect(await group.next() == .some(nil))
        }
        queue.add(1)
        #expect(await queue.next() == 1)
    }

    @Test("failures wait longer each time up to the limit, and a success ends that")
    func backoff() {
        let queue = WorkQueue<String>(initialDelay: .seconds(1), delayLimit: .seconds(5))
        let delays = (0..<5).map { _ in queue.failed("a") }
        for (delay, limit) in zip(delays, [1, 2, 4, 5, 5]) {
            #expect(delay <= .seconds(limit))
            #expect(delay >= .seconds(limit) * 0.75)
        }
        queue.succeeded("a")
        #expect(queue.failed("a") <= .seconds(1))
        #expect(queue.failed("b") <= .seconds(1))
    }

    @Test("of two planned runs only the earlier one happens")
    func later() async throws {
        let queue = WorkQueue<String>()
        let late = try #require(queue.postpone("a", for: .seconds(60)))
        let early = try #require(queue.postpone("a", for: .seconds(1)))
        #expect(queue.postpone("a", for: .seconds(30)) == nil)
        queue.resume("a", ticket: late)
        #expect(queue.depth == 0)
        queue.resume("a", ticket: early)
        #expect(await queue.next() == "a")
    }

    @Test("a thousand keys from many tasks run once each, and never twice at a time")
    func crowd() async {
        let queue = WorkQueue<Int>()
        let counted = await withTaskGroup(of: [Int].self) { group in
            for worker in 0..<4 {
                group.addTask {
                    for key in 0..<1000 where key % 4 == worker { queue.add(key) }
                    return []
                }
            }
            for _ in 0..<4 {
                group.addTask {
                    var mine: [Int] = []
                    while mine.count < 250, let key = await queue.next() {
                        mine.append(key)
                        queue.finish(key)
                    }
                    return mine
                }
            }
            return await group.reduce(into: []) { $0 += $1 }
        }
        #expect(counted.sorted() == Array(0..<1000))
    }
}
