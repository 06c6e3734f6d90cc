import Foundation
import KubeModel

extension BuiltinKinds {
    static let cronJobs = ResourceType("batch", "v1", "cronjobs", "CronJob")

    static let jobs: [KindDefinition] = [job, cronJob]

    private static let job = kind(
        .jobs, categories: ["all"], hasStatus: true,
        defaults: JobRules.applyDefaults,
        create: JobRules.addSelector,
        validate: { object, old, issues in
            JobRules.check(object, &issues)
            if let old { JobRules.checkChanges(object["spec"] ?? [:], of: old, &issues) }
        },
        validateStatus: JobStatusRules.check,
        warnings: WorkloadWarnings.job,
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
                spec.fill("jobTemplate", [:])
                spec.edit("jobTemplate") { template in
                    template.fill("spec", [:])
                    template.edit("spec") { spec in
                        WorkloadRules.fillTemplate(of: &spec)
                        JobRules.fillConditions(of: &spec)
                    }
                }
            }
        },
        validate: { object, old, issues in
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
            if let zone = spec["timeZone"]?.string, zone != old?.value(at: "spec", "timeZone")?.string,
                let problem = CronRules.problem(zone: zone)
            {
                issues.invalid("spec.timeZone", .string(zone), problem)
            }
            let name = object.value(at: "metadata", "name")?.string ?? ""
            if old == nil, name.utf8.count > 52 {
                issues.invalid("metadata.name", .string(name), "must be no more than 52 characters")
            }
            let job = spec.value(at: "jobTemplate", "spec") ?? [:]
            JobRules.check(job, "spec.jobTemplate.spec", &issues)
            if job.has("selector") {
                issues.invalid("spec.jobTemplate.spec.selector", job["selector"], "`selector` will be auto-generated")
            }
            if job["manualSelector"]?.bool == true {
                issues.supported("spec.jobTemplate.spec.manualSelector", true, ["nil", "false"])
            }
        },
        warnings: WorkloadWarnings.cronJob,
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
