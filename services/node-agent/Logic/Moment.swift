import Foundation

/// A time for whatever is to happen after so long. Setting the machine's clock moves no moment; dates are for telling
/// people only, and for what an earlier agent has written down.
typealias Moment = ContinuousClock.Instant

extension ContinuousClock.Instant {
    /// So many seconds from now.
    static func after(_ seconds: Double) -> Moment { .now + .seconds(seconds) }

    /// When something was that is known by its date only; now where the clock was set back since.
    ///
    /// - Parameters:
    ///   - date: by the machine's clock.
    ///   - limit: the longest time ago that makes sense, seconds.
    /// - Returns: the moment.
    static func of(_ date: Date, notBefore limit: Double = 1e9) -> Moment {
        .now - .seconds(min(max(0, Date().timeIntervalSince(date)), limit))
    }

    /// Seconds from now on, less than 0 for what is over.
    var secondsLeft: Double { (self - .now).seconds }
    /// Seconds since, less than 0 for what is to come.
    var secondsAgo: Double { -secondsLeft }
}
