import Foundation
import Glibc
import Synchronization

/// Makes guessing passwords slow: after some failures each further one doubles the time until the next is looked at.
///
/// Counts by user and address together, by address, and by user, so that neither one machine nor many get far, and a
/// stranger's guesses alone rarely keep the real user out. An attempt counts as a failure before its password is looked at, so
/// that attempts at the same time count too.
final class SignInThrottle: Sendable {
    /// Failures that cost nothing, of one user from one address.
    static let freePerPair = 5
    private static let freePerAddress = 20
    private static let freePerUser = 50
    private static let firstPause: TimeInterval = 30
    private static let longestPause: TimeInterval = 15 * 60
    private static let memory: TimeInterval = 3600
    private static let capacity = 20_000

    private struct Count {
        var failures = 0
        var lastAt: Date
        var blockedUntil = Date.distantPast
    }

    private let counts = Mutex<[String: Count]>([:])

    /// Counts an attempt; nil when it may go on, else the seconds to wait.
    func begin(user: String, address: String?, now: Date = Date()) -> Int? {
        let keys = Self.keys(user, address)
        return counts.withLock { counts in
            if counts.count > Self.capacity { Self.clear(&counts, now: now) }
            let blocked = keys.compactMap { counts[$0.key]?.blockedUntil }.max() ?? .distantPast
            guard blocked <= now else { return max(1, Int(blocked.timeIntervalSince(now).rounded(.up))) }
            for (key, free) in keys {
                var count = counts[key] ?? Count(lastAt: now)
                if now.timeIntervalSince(count.lastAt) > Self.memory { count = Count(lastAt: now) }
                count.failures += 1
                count.lastAt = now
                if count.failures >= free {
                    let pause = Self.firstPause * pow(2, Double(min(count.failures - free, 10)))
                    count.blockedUntil = now + min(pause, Self.longestPause)
                }
                counts[key] = count
            }
            return nil
        }
    }

    /// The attempt was right after all. The address keeps its other failures: who has one password may be guessing another.
    func succeeded(user: String, address: String?) {
        let keys = Self.keys(user, address)
        counts.withLock { counts in
            for (index, (key, free)) in keys.enumerated() {
                guard index == 1, var count = counts[key] else {
                    counts[key] = nil
                    continue
                }
                count.failures -= 1
                if count.failures < free { count.blockedUntil = .distantPast }
                counts[key] = count
            }
        }
    }

    private static func keys(_ user: String, _ address: String?) -> [(key: String, free: Int)] {
        let user = String(user.lowercased().prefix(256))
        let network = network(of: address ?? "")
        return [
            ("p \(network) \(user)", freePerPair), ("a \(network)", freePerAddress), ("u \(user)", freePerUser),
        ]
    }

    /// An IPv6 host has a whole /64 of addresses.
    private static func network(of address: String) -> String {
        guard address.contains(":"), !address.contains(".") else { return address }
        guard let prefix = NetworkPrefix(String(address.prefix { $0 != "%" })) else { return address }
        return prefix.bytes.prefix(8).map { String($0, radix: 16) }.joined(separator: ":")
    }

    private static func clear(_ counts: inout [String: Count], now: Date) {
        counts = counts.filter { now.timeIntervalSince($0.value.lastAt) < memory || $0.value.blockedUntil > now }
        guard counts.count > capacity else { return }
        let oldest = counts.sorted { $0.value.lastAt < $1.value.lastAt }.prefix(counts.count / 2)
        for (key, _) in oldest { counts[key] = nil }
    }
}
