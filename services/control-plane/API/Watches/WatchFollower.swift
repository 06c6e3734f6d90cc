import ClusterStore
import HTTPKit
import NIOCore

/// A watch over HTTP once its first state is sent: writes changes when they come and the peer takes them, without a task.
///
/// Unchecked, because the compiler cannot see it: every `var` is touched on the connection's event loop only, where all
/// calls come.
final class WatchFollower: HTTPStreamFollower, WatchReader, @unchecked Sendable {
    private let session: WatchSession
    private let changes: StoreWatch
    private let writer: HTTPBodyWriter
    let lane: any WatchLane

    /// What is still to be written of what was read.
    private var pieces: ArraySlice<ByteBuffer> = []
    /// True while the peer does not take more.
    private var isHeld = false
    /// True when nothing comes behind the pieces.
    private var isLast = false
    private var isEnded = false
    /// True during ``write()``: what is written may tell at once that the peer takes more.
    private var isWriting = false

    /// How long a peer that was too slow has for taking the last line.
    private static let patience = TimeAmount.seconds(5)

    init(_ session: WatchSession, _ changes: StoreWatch, _ writer: HTTPBodyWriter, lane: any WatchLane) {
        (self.session, self.changes, self.writer, self.lane) = (session, changes, writer, lane)
    }

    func goOn() {
        guard !isWriting else { return }
        isHeld = false
        write()
    }

    func ready() {
        guard !isEnded, !isLast else { return }
        if isHeld, !session.isOver {
            // The peer may take as long as it likes, unless that costs it changes.
            guard changes.isOvertaken else { return }
        }
        write()
    }

    func end() {
        isEnded = true
        pieces = []
        session.leave()
        changes.end()
    }

    private func write() {
        isWriting = true
        defer { isWriting = false }
        do {
            while !isEnded {
                guard try writePieces() else { return }
                if isLast { return finish() }
                switch changes.read(telling: self) {
                case .batch(let batch): pieces = try session.lines(of: batch)[...]
                case .nothing: return
                case .finished: return finish()
                case .gone(let oldest): giveUp(oldest)
                }
            }
        } catch {
            fail()
        }
    }

    /// Writes what was read; false when the peer has to be waited for.
    private func writePieces() throws -> Bool {
        if isHeld, !isLast, !session.isOver, changes.isOvertaken { pieces = [] }
        while let piece = pieces.popFirst() {
            guard try writer.offer(piece) || session.isOver else {
                isHeld = true
                return isLast ? false : !changes.tellWhenOvertaken(self)
            }
        }
        pieces = []
        return true
    }

    /// The peer took so little that changes are gone: it gets a last line, in a while that has an end.
    private func giveUp(_ oldest: UInt64) {
        isLast = true
        pieces = [session.expired(oldest)]
        writer.eventLoop.scheduleTask(in: Self.patience) { [self] in
            if !isEnded { fail() }
        }
    }

    private func finish() {
        guard !isEnded else { return }
        end()
        writer.finish()
    }

    private func fail() {
        guard !isEnded else { return }
        end()
        writer.abort()
    }
}
