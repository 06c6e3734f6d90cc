import Foundation
import KubeModel

extension BuiltinKinds {
    static let cronJobs = ResourceType("batch", "v1", "cronjobs", "CronJob")

    static let jobs: [KindDefinition] = [job, cronJob]

    private static let job = kind(
        .jobs, categories: ["all"], hasStatus: true,
        defaults: { object in
            object.fill("spec", [:])
            object.edit("spec", JobRules.applyDefaults)
        },
        create: { object in
            object["status"] = [:]
            JobRules.addSelector(&object)
        },
        validate: { object, old, issues in
            let spec = object["spec"] ?? [:]
            JobRules.check(spec, "spec", &issues)
            if let old { JobRules.checkChanges(spec, old["spec"] ?? [:], &issues) }
        },
        columns: [
            .name, TableColumn("Status"), TableColumn("Completions"), TableColumn("Duration"), .age,
            TableColumn("Containers", priority: 1), TableColumn("Images", priority: 1),
            TableColumn("Selector", priority: 1),
        ],
        cells: { object, now in
            let (names, images) = Cell.containers(object.value(at: "spec", "template", "spec"))
            return [
                Cell.name(object), .string(JobRules.state(object)), .string(JobRules.completions(object)),
                .string(JobRules.duration(object, now)), Cell.age(object, now), names, images,
                Cell.selector(object.value(at: "spec", "selector")),
            ]
        })

    private static let cronJob = kind(
        cronJobs, short: ["cj"], categories: ["all"], hasStatus: true,
        defaults: { object in
            object.fill("spec", [:])
            object.edit("spec") { spec in
                spec.fillText("concurrencyPolicy", "Allow")
                spec.fill("suspend", false)
                spec.fill("successfulJobsHistoryLimit", 3)
                spec.fill("failedJobsHistoryLimit", 1)
                spec.edit("jobTemplate") { template in
                    template.fill("metadata", [:])
                    template.edit("spec") { spec in spec.edit("template", PodDefaults.applyToTemplate) }
                }
            }
        },
        create: { $0["status"] = [:] },
        validate: { object, _, issues in
            let spec = object["spec"] ?? [:]
            let schedule = spec.text("schedule")
            if schedule.isEmpty {
                issues.required("spec.schedule")
            } else if let problem = CronRules.problem(schedule) {
                issues.invalid("spec.schedule", .string(schedule), problem)
            }
            issues.oneOf(
                "spec.concurrencyPolicy", spec["concurrencyPolicy"], ["Allow", "Forbid", "Replace"], isRequired: true)
            for field in ["startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit"] {
                issues.notNegative("spec.\(field)", spec[field])
            }
            if let zone = spec["timeZone"]?.string, TimeZone(identifier: zone) == nil || zone == "Local" || zone.isEmpty
            {
                issues.invalid("spec.timeZone", .string(zone), "unknown time zone \(zone)")
            }
            let name = object.value(at: "metadata", "name")?.string ?? ""
            if name.utf8.count > 52 {
                issues.invalid("metadata.name", .string(name), "must be no more than 52 characters")
            }
            JobRules.check(
                spec.value(at: "jobTemplate", "spec") ?? [:], "spec.jobTemplate.spec", isTemplate: true, &issues)
        },
        columns: [
            .name, TableColumn("Schedule"), TableColumn("Timezone"), TableColumn("Suspend", type: "boolean"),
            TableColumn("Active", type: "integer"), TableColumn("Last Schedule"), .age,
            TableColumn("Containers", priority: 1), TableColumn("Images", priority: 1),
            TableColumn("Selector", priority: 1),
        ],
        cells: { object, now in
            let spec = object["spec"] ?? [:]
            let status = object["status"] ?? [:]
            let (names, images) = Cell.containers(spec.value(at: "jobTemplate", "spec", "template", "spec"))
            let last = status["lastScheduleTime"]
            return [
                Cell.name(object), Cell.text(spec["schedule"]), Cell.text(spec["timeZone"], or: "<none>"),
                .string(spec["suspend"]?.bool == true ? "True" : "False"), .int(Int64(status.list("active").count)),
                last?.string == nil ? "<none>" : Cell.since(last, now), Cell.age(object, now), names, images,
                Cell.selector(spec.value(at: "jobTemplate", "spec", "selector")),
            ]
        })
}

/// Rules of Jobs.
enum JobRules {
    static func applyDefaults(_ spec: inout JSON) {
        let isPlain = !spec.has("completions") && !spec.has("parallelism")
        if isPlain { spec["completions"] = 1 }
        spec.fill("parallelism", 1)
        spec.fill("backoffLimit", spec.has("backoffLimitPerIndex") ? 2_147_483_647 : 6)
        spec.fillText("completionMode", "NonIndexed")
        spec.fill("suspend", false)
        spec.fill("manualSelector", false)
        spec.fillText("podReplacementPolicy", spec.has("podFailurePolicy") ? "Failed" : "TerminatingOrFailed")
        spec.edit("template", PodDefaults.applyToTemplate)
    }

    /// A Job finds its Pods by its own uid, unless its author does that.
    static func addSelector(_ job: inout JSON) {
        guard let uid = job.value(at: "metadata", "uid")?.string, !uid.isEmpty,
            job.value(at: "spec", "manualSelector")?.bool != true
        else { return }
        let name = job.value(at: "metadata", "name")?.string ?? ""
        let labels: [(String, String)] = [
            ("batch.kubernetes.io/controller-uid", uid), ("batch.kubernetes.io/job-name", name),
            ("controller-uid", uid),
            ("job-name", name),
        ]
        for (key, value) in labels where !value.isEmpty {
            job.set(.string(value), at: "spec", "template", "metadata", "labels", key)
        }
        if job.value(at: "spec", "selector") == nil {
            job.set(["matchLabels": ["batch.kubernetes.io/controller-uid": .string(uid)]], at: "spec", "selector")
        }
    }

    static func check(_ spec: JSON, _ path: String, isTemplate: Bool = false, _ issues: inout Issues) {
        for field in [
            "parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished",
            "backoffLimitPerIndex", "maxFailedIndexes",
        ] {
            issues.notNegative("\(path).\(field)", spec[field])
        }
        issues.oneOf("\(path).completionMode", spec["completionMode"], ["Indexed", "NonIndexed"])
        if spec.text("completionMode") == "Indexed", !spec.has("completions") {
            issues.required("\(path).completions", "when completion mode is Indexed")
        }
        issues.oneOf("\(path).podReplacementPolicy", spec["podReplacementPolicy"], ["Failed", "TerminatingOrFailed"])
        if !isTemplate {
            if let selector = spec["selector"], !selector.isNull {
                SelectorRules.check(selector, "\(path).selector", &issues)
                let labels = spec.value(at: "template", "metadata", "labels")
                if !LabelSelector(object: selector).matches(labels?.stringMap ?? [:]) {
                    issues.invalid(
                        "\(path).template.metadata.labels", labels ?? [:], "`selector` does not match template `labels`"
                    )
                }
            } else {
                issues.required("\(path).selector")
            }
        }
        TemplateRules.check(spec["template"], "\(path).template", &issues)
        let policy = spec.value(at: "template", "spec", "restartPolicy")
        if policy == nil || policy == "Always" {
            issues.required("\(path).template.spec.restartPolicy", "valid values: \"OnFailure\", \"Never\"")
        }
    }

    static func checkChanges(_ new: JSON, _ old: JSON, _ issues: inout Issues) {
        let isElastic =
            new.text("completionMode") == "Indexed" && new["completions"] == new["parallelism"]
        if !isElastic { issues.immutable("spec.completions", new["completions"], old["completions"]) }
        issues.immutable("spec.selector", new["selector"], old["selector"])
        issues.immutable("spec.completionMode", new["completionMode"], old["completionMode"])
        var template = new["template"] ?? [:]
        var before = old["template"] ?? [:]
        if old["suspend"]?.bool == true {
            // What only concerns scheduling may still change before the Job starts.
            for key in ["nodeSelector", "affinity", "tolerations", "schedulingGates"] {
                template.set(nil, at: "spec", key)
                before.set(nil, at: "spec", key)
            }
            for key in ["labels", "annotations"] {
                template.set(nil, at: "metadata", key)
                before.set(nil, at: "metadata", key)
            }
        }
        issues.immutable("spec.template", template, before)
    }

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

/// Schedules of CronJobs: five fields, or `@hourly` and its like.
enum CronRules {
    private static let names = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"]
    private static let months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
    private static let days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

    /// What is wrong with a schedule; nil when it is fine.
    static func problem(_ schedule: String) -> String? {
        if schedule.contains("TZ") {
            return "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
        }
        if schedule.hasPrefix("@") {
            if names.contains(schedule) { return nil }
            if schedule.hasPrefix("@every "), SchemaFormat.isDuration(String(schedule.dropFirst(7))) { return nil }
            return "unrecognized descriptor: \(schedule)"
        }
        let fields = schedule.split(separator: " ", omittingEmptySubsequences: true)
        guard fields.count == 5 else {
            return "expected exactly 5 fields, found \(fields.count): [\(fields.joined(separator: " "))]"
        }
        let rules: [(ClosedRange<Int>, [String])] = [
            (0...59, []), (0...23, []), (1...31, []), (1...12, months), (0...7, days),
        ]
        for (field, rule) in zip(fields, rules) {
            for part in field.split(separator: ",", omittingEmptySubsequences: false)
            where !isValid(part, rule.0, rule.1) {
                return "failed to parse \(part): must be within \(rule.0.lowerBound)-\(rule.0.upperBound)"
            }
        }
        return nil
    }

    private static func isValid(_ part: Substring, _ range: ClosedRange<Int>, _ names: [String]) -> Bool {
        let step = part.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        if step.count == 2, Int(step[1]).map({ $0 > 0 }) != true { return false }
        if step[0] == "*" || step[0] == "?" { return true }
        let bounds = step[0].split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        let numbers = bounds.compactMap { bound -> Int? in
            if let position = names.firstIndex(of: bound.lowercased()) {
                return position + (range.lowerBound == 1 ? 1 : 0)
            }
            return Int(bound)
        }
        guard numbers.count == bounds.count, numbers.allSatisfy(range.contains) else { return false }
        return numbers.count < 2 || numbers[0] <= numbers[1]
    }
}
