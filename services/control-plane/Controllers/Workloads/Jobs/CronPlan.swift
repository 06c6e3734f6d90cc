import Foundation
import KubeModel

/// Which run of a CronJob is due.
struct CronPlan: Sendable {
    /// The latest time that has come and was not started.
    let due: Date?
    /// When to look again.
    let next: Date?
    /// About how many times have come since the last start.
    let missed: Int
    private let deadlineSeconds: Double?
    private let now: Date

    init(_ cron: KubeObject, schedule: CronSchedule, zone: TimeZone, now: Date) {
        self.now = now
        deadlineSeconds = cron.spec["startingDeadlineSeconds"]?.int.map(Double.init)
        var earliest =
            Timestamp.date(cron.status["lastScheduleTime"]?.string) ?? Timestamp.date(cron.creationTimestamp) ?? now
        // What is later than the deadline is not looked at.
        if let deadlineSeconds { earliest = max(earliest, now.addingTimeInterval(-deadlineSeconds)) }
        (due, missed) = Self.latest(after: earliest, schedule: schedule, zone: zone, now: now)
        next = schedule.next(after: now, in: zone)
    }

    /// After a long pause most of the times are stepped over, assuming that they are evenly spaced.
    private static func latest(
        after earliest: Date, schedule: CronSchedule, zone: TimeZone, now: Date
    ) -> (Date?, Int) {
        guard let first = schedule.next(after: earliest, in: zone), first <= now else { return (nil, 0) }
        guard let second = schedule.next(after: first, in: zone), second <= now else { return (first, 1) }
        let interval = max(1, second.timeIntervalSince(first).rounded())
        let missed = Int(now.timeIntervalSince(first) / interval) + 1
        let start = first.addingTimeInterval(Double(max(0, missed - 2)) * interval)
        var latest: Date?
        var time = schedule.next(after: start, in: zone)
        while let candidate = time, candidate <= now {
            latest = candidate
            time = schedule.next(after: candidate, in: zone)
        }
        return (latest ?? first, missed)
    }

    func isTooLate(_ due: Date) -> Bool { deadlineSeconds.map { due.addingTimeInterval($0) < now } ?? false }

    static func jobName(_ cron: KubeObject, _ due: Date) -> String {
        "\(cron.name)-\(Int(due.timeIntervalSince1970) / 60)"
    }

    static func job(_ cron: KubeObject, due: Date) -> KubeObject {
        let template = cron.spec["jobTemplate"]
        var job = KubeObject(
            apiVersion: "batch/v1", kind: "Job", name: jobName(cron, due), namespace: cron.namespace,
            labels: template?.value(at: "metadata", "labels")?.stringMap ?? [:],
            annotations: template?.value(at: "metadata", "annotations")?.stringMap ?? [:])
        let zone = cron.spec["timeZone"]?.string.flatMap { TimeZone(identifier: $0) }
        job.metadata.set(.string(text(due, in: zone)), at: "annotations", CronJobReconciler.timeKey)
        job.metadata["ownerReferences"] = [cron.controllerReference(.cronJobsOfBatch)]
        job.spec = template?["spec"] ?? [:]
        return job
    }

    /// RFC 3339 on the clocks of a zone: `2026-03-01T10:15:00+01:00`, with `Z` for UTC.
    static func text(_ date: Date, in zone: TimeZone?) -> String {
        let offset = zone?.secondsFromGMT(for: date) ?? 0
        let local = Timestamp.text(date.addingTimeInterval(Double(offset)))
        guard offset != 0 else { return local }
        return local.dropLast() + (offset < 0 ? "-" : "+") + twoDigits(abs(offset) / 3600) + ":"
            + twoDigits(abs(offset) / 60 % 60)
    }

    private static func twoDigits(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }

    /// As in mails: `Sun, 01 Mar 2026 10:15:00 +0000`.
    static func mailText(_ date: Date) -> String {
        let style = Date.VerbatimFormatStyle(
            format:
                "\(weekday: .abbreviated), \(day: .twoDigits) \(month: .abbreviated) \(year: .defaultDigits) \(hour: .twoDigits(clock: .twentyFourHour, hourCycle: .zeroBased)):\(minute: .twoDigits):\(second: .twoDigits) +0000",
            locale: Locale(identifier: "en_US_POSIX"), timeZone: .gmt, calendar: Calendar(identifier: .gregorian))
        return date.formatted(style)
    }
}
