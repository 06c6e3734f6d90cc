import HTTPKit
import NIOCore
import NIOPosix
import Synchronization
import Testing

@Suite("Rounds of an event loop")
struct EventLoopRoundsTests {
    @Test("what many ask for in one round runs once, after all of them; in the next round it runs again")
    func once() async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let rounds = EventLoopRounds()
        let log = Mutex<[String]>([])
        for _ in 0..<2 {
            let accepted = try await loop.submit {
                (0..<3).map { number in
                    log.withLock { $0.append("request \(number)") }
                    return rounds.atEnd { log.withLock { $0.append("end") } }
                }
            }.get()
            #expect(accepted == [true, true, true])
            try await loop.submit {}.get()
        }
        let round = ["request 0", "request 1", "request 2", "end"]
        #expect(log.withLock { $0 } == round + round)
    }

    @Test("elsewhere there is no round to wait for")
    func elsewhere() async {
        let rounds = EventLoopRounds()
        let isTaken = await withCheckedContinuation { continuation in
            OtherThread.run { continuation.resume(returning: rounds.atEnd {}) }
        }
        #expect(!isTaken)
    }
}

/// A thread that is no event loop's.
private enum OtherThread {
    static func run(_ body: @escaping @Sendable () -> Void) {
        NIOThreadPool.singleton.submit { _ in body() }
    }
}
