/// Waiting times that double with each failure up to a limit, spread by chance so that many clients do not meet.
public struct Backoff: Sendable {
    /// After the first failure.
    public let initial: Duration
    /// The longest.
    public let limit: Duration
    /// How many failures came one after another.
    public private(set) var failures = 0

    /// Makes a sequence of waiting times.
    public init(initial: Duration = .milliseconds(100), limit: Duration = .seconds(30)) {
        (self.initial, self.limit) = (initial, limit)
    }

    /// How long to wait after one more failure: between three quarters and all of the doubled time.
    public mutating func next() -> Duration {
        failures += 1
        return Self.delay(initial: initial, limit: limit, failures: failures) * Double.random(in: 0.75...1)
    }

    /// It worked: the next failure waits the initial time again.
    public mutating func reset() { failures = 0 }

    /// The time without chance, after so many failures (1 or more).
    static func delay(initial: Duration, limit: Duration, failures: Int) -> Duration {
        var delay = initial
        for _ in 1..<max(failures, 1) {
            delay *= 2
            if delay >= limit { return limit }
        }
        return min(delay, limit)
    }
}
