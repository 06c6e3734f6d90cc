import NIOCore
import Synchronization

/// What one user may use of the gateway, so that others get their share: requests at a time, streams and WebSockets among them,
/// and requests a second.
final class UserLimits: Sendable {
    /// Requests of one user that may be under way; 0 for any number.
    let concurrent: Int
    /// Requests a second that one user may send for long; 0 for any number.
    let rate: Int
    /// How many seconds' worth of requests may come at once.
    static let burst = 2

    private static let capacity = 10_000
    private let accounts = Mutex<[String: Account]>([:])

    init(concurrent: Int, rate: Int) { (self.concurrent, self.rate) = (concurrent, rate) }

    /// The account of a sender.
    func account(_ key: String) -> Account {
        accounts.withLock { accounts in
            if let account = accounts[key] { return account }
            // Whoever uses something now, or did so a moment ago, is not forgotten.
            if accounts.count >= Self.capacity {
                let now = NIODeadline.now()
                accounts = accounts.filter { !$0.value.isAtRest(now: now) }
            }
            let account = Account(self)
            accounts[key] = account
            return account
        }
    }

    /// One request that is under way, as long as somebody holds it.
    final class Ticket: Sendable {
        private let account: Account

        fileprivate init(_ account: Account) { self.account = account }

        deinit { account.leave() }
    }

    enum Entry {
        case entered(Ticket)
        /// Why, and after how many seconds it may work.
        case refused(String, retryAfter: Int)
    }

    /// What one sender uses.
    final class Account: Sendable {
        private let limits: UserLimits
        private let underWay = Atomic(0)
        /// When all that came would have been sent at the permitted rate, in nanoseconds (the generic cell rate algorithm,
        /// ITU-T I.371).
        private let paidUntil = Atomic<Int64>(0)

        fileprivate init(_ limits: UserLimits) { self.limits = limits }

        func enter(now: NIODeadline) -> Entry {
            if let refusal = begin(now: now) { return refusal }
            return .entered(Ticket(self))
        }

        /// The same for who calls ``leave()`` in the end; nil when the request may go on.
        func begin(now: NIODeadline) -> Entry? {
            let count = underWay.add(1, ordering: .relaxed).newValue
            if limits.concurrent > 0, count > limits.concurrent {
                leave()
                return .refused(
                    "more than \(limits.concurrent) requests at a time are under way; some have to end first",
                    retryAfter: 1)
            }
            if limits.rate > 0, let wait = pay(now: Int64(now.uptimeNanoseconds)) {
                leave()
                return .refused("more than \(limits.rate) requests a second are too many", retryAfter: wait)
            }
            return nil
        }

        func leave() { underWay.subtract(1, ordering: .relaxed) }

        /// Seconds to wait; nil when the request may go on.
        private func pay(now: Int64) -> Int? {
            let price = 1_000_000_000 / Int64(limits.rate)
            let credit = Int64(UserLimits.burst) * 1_000_000_000
            var before = paidUntil.load(ordering: .relaxed)
            while true {
                let next = max(before, now) + price
                guard next - now <= credit else { return Int((next - now - credit) / 1_000_000_000) + 1 }
                let (isDone, found) = paidUntil.compareExchange(expected: before, desired: next, ordering: .relaxed)
                if isDone { return nil }
                before = found
            }
        }

        fileprivate func isAtRest(now: NIODeadline) -> Bool {
            underWay.load(ordering: .relaxed) == 0 && paidUntil.load(ordering: .relaxed) < Int64(now.uptimeNanoseconds)
        }
    }
}
