import Foundation
import KubeModel

/// The columns of a Job that have to be computed.
extension JobRules {
    static func state(_ job: JSON) -> String {
        let conditions = Conditions(job.value(at: "status", "conditions"))
        if conditions.isTrue("Complete") { return "Complete" }
        if conditions.isTrue("Failed") { return "Failed" }
        if job.value(at: "metadata", "deletionTimestamp")?.string != nil { return "Terminating" }
        if conditions.isTrue("Suspended") { return "Suspended" }
        if conditions.isTrue("FailureTarget") { return "FailureTarget" }
        if conditions.isTrue("SuccessCriteriaMet") { return "SuccessCriteriaMet" }
        return "Running"
    }

    static func completions(_ job: JSON) -> String {
        let succeeded = job.value(at: "status", "succeeded")?.int ?? 0
        if let wanted = job.value(at: "spec", "completions")?.int { return "\(succeeded)/\(wanted)" }
        let parallelism = job.value(at: "spec", "parallelism")?.int ?? 0
        return parallelism > 1 ? "\(succeeded)/1 of \(parallelism)" : "\(succeeded)/1"
    }

    static func duration(_ job: JSON, _ now: Date) -> String {
        guard let start = Timestamp(job.value(at: "status", "startTime")) else { return "" }
        let end = Timestamp(job.value(at: "status", "completionTime")) ?? Timestamp(now)
        return Cell.duration(seconds: end.seconds - start.seconds)
    }
}
