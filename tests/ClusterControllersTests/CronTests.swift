import Foundation
import KubeModel
import Testing

@testable import ClusterControllers

@Suite("CronJobs")
struct CronTests {
    @Test(
        "schedules",
        arguments: [
            ("*/15 * * * *", "2026-03-01T10:07:00Z", "2026-03-01T10:15:00Z"),
            ("0 9 * * mon-fri", "2026-03-06T09:00:00Z", "2026-03-09T09:00:00Z"),
            ("@monthly", "2026-12-15T00:00:00Z", "2027-01-01T00:00:00Z"),
            ("0 0 29 2 *", "2026-03-01T00:00:00Z", "2028-02-29T00:00:00Z"),
            ("30 1 13 * 5", "2026-03-01T00:00:00Z", "2026-03-06T01:30:00Z"),
            ("@every 90m", "2026-03-01T00:10:07Z", "2026-03-01T01:40:07Z"),
        ])
    func schedules(text: String, after: String, expected: String) throws {
        let zone = try #require(TimeZone(identifier: "UTC"))
        let date = try #require(Timestamp.date(after))
        #expect(try CronSchedule(text).next(after: date, in: zone).map(Timestamp.text) == expected)
    }

    @Test(
        "what the clock skips does not come, what it repeats comes twice",
        arguments: [
            // Forward on 29 March, at 02:00; back on 25 October, at 03:00.
            ("30 2 * * *", "2026-03-28T12:00:00Z", ["2026-03-30T00:30:00Z"]),
            ("30 2 * * *", "2026-10-24T12:00:00Z", ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"]),
            ("0 0 * * *", "2026-03-28T12:00:00Z", ["2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"]),
            ("0 */6 * * *", "2026-10-24T21:00:00Z", ["2026-10-24T22:00:00Z", "2026-10-25T05:00:00Z"]),
        ])
    func daylightSaving(text: String, after: String, expected: [String]) throws {
        let zone = try #require(TimeZone(identifier: "Europe/Berlin"))
        let schedule = try CronSchedule(text)
        var date = try #require(Timestamp.date(after))
        for time in expected {
            date = try #require(schedule.next(after: date, in: zone))
            #expect(Timestamp.text(date) == time)
        }
    }

    @Test(
        "bad schedules are refused",
        arguments: [
            "", "* * * *", "60 * * * *", "*/0 * * * *", "5-1 * * * *", "x * * * *", "@every", "@every 5", "@every 0s",
        ])
    func badSchedules(text: String) {
        #expect(throws: APIError.self) { try CronSchedule(text) }
    }

    private func cron(_ spec: JSON, last: String? = nil) -> KubeObject {
        var cron = KubeObject(apiVersion: "batch/v1", kind: "CronJob", name: "c", namespace: "team")
        cron.metadata["creationTimestamp"] = "2026-01-01T00:00:30Z"
        cron.spec = spec
        cron.status = [:]
        cron.status["lastScheduleTime"] = last.map(JSON.string)
        return cron
    }

    @Test(
        "the latest time that was missed is made up for",
        arguments: [
            ("2026-01-01T00:00:40Z", nil, 0), ("2026-01-01T00:01:10Z", "2026-01-01T00:01:00Z", 1),
            ("2026-01-01T00:05:10Z", "2026-01-01T00:05:00Z", 5),
            ("2026-02-01T00:00:10Z", "2026-02-01T00:00:00Z", 44640),
        ])
    func missed(now: String, due: String?, count: Int) throws {
        let plan = CronPlan(
            cron([:]), schedule: try CronSchedule("* * * * *"), zone: .gmt, now: try #require(Timestamp.date(now)))
        #expect(plan.due.map(Timestamp.text) == due)
        #expect(plan.missed == count)
    }

    @Test("a deadline limits how late a Job may start")
    func deadline() throws {
        let now = try #require(Timestamp.date("2026-01-01T00:30:00Z"))
        func plan(_ seconds: JSON) throws -> CronPlan {
            CronPlan(
                cron(["startingDeadlineSeconds": seconds]), schedule: try CronSchedule("0 0 * * *"), zone: .gmt,
                now: now
            )
        }
        #expect(try plan(60).due == nil)
        let hourly = CronPlan(
            cron(["startingDeadlineSeconds": 7200]), schedule: try CronSchedule("15 * * * *"), zone: .gmt, now: now)
        #expect(hourly.due.map(Timestamp.text) == "2026-01-01T00:15:00Z")
    }

    @Test("the Job is named after its time, and says it in the zone's clock")
    func job() throws {
        var cron = cron(["timeZone": "Asia/Kolkata", "jobTemplate": ["spec": ["parallelism": 2]]])
        cron.metadata["uid"] = "u"
        let due = try #require(Timestamp.date("2026-01-01T00:15:00Z"))
        let job = CronPlan.job(cron, due: due)
        #expect(job.name == "c-29453775")
        #expect(job.annotations["batch.kubernetes.io/cronjob-scheduled-timestamp"] == "2026-01-01T05:45:00+05:30")
        #expect(job.spec["parallelism"] == 2)
        #expect(CronPlan.mailText(due) == "Thu, 01 Jan 2026 00:15:00 +0000")
    }
}
