import NIOCore
import Synchronization
import Testing

@testable import ClusterAPI

@Suite("Lines that watchers share")
struct SharedLinesTests {
    private final class Kind: Sendable {}
    private let kind = Kind()

    private func range(_ first: UInt64, _ last: UInt64, namespace: String? = "a") -> SharedLines.Range {
        .init(kind: ObjectIdentifier(kind), namespace: namespace, first: first, last: last, count: 2)
    }

    @Test("the same changes of the same collection are written once, others anew")
    func once() {
        let lines = SharedLines()
        let made = Mutex(0)
        func pieces(_ range: SharedLines.Range) -> [ByteBuffer] {
            lines.pieces(of: range) {
                made.withLock { $0 += 1 }; return [ByteBuffer(string: "\(range.last)")]
            }
        }
        for _ in 0..<1000 { #expect(pieces(range(1, 2)) == [ByteBuffer(string: "2")]) }
        #expect(made.withLock { $0 } == 1)
        #expect(pieces(range(1, 3)) == [ByteBuffer(string: "3")])
        _ = pieces(range(1, 2, namespace: "b"))
        _ = pieces(range(1, 2, namespace: nil))
        #expect(made.withLock { $0 } == 4)
    }

    @Test("only the last few are kept")
    func forgets() {
        let lines = SharedLines()
        let made = Mutex(0)
        for last in 2..<UInt64(100) {
            _ = lines.pieces(of: range(1, last)) {
                made.withLock { $0 += 1 }; return []
            }
        }
        _ = lines.pieces(of: range(1, 2)) {
            made.withLock { $0 += 1 }; return []
        }
        #expect(made.withLock { $0 } == 99)
    }
}
