import Foundation
import KubeModel

/// Rules of Jobs.
enum JobRules {
    static func applyDefaults(_ job: inout JSON) {
        job.fill("spec", [:])
        job.edit("spec") { spec in
            if !spec.has("completions"), !spec.has("parallelism") { spec["completions"] = 1 }
            spec.fill("parallelism", 1)
            spec.fill("backoffLimit", spec.has("backoffLimitPerIndex") ? 2_147_483_647 : 6)
            spec.fill("completionMode", "NonIndexed")
            spec.fill("suspend", false)
            spec.fill("manualSelector", false)
            spec.fill("podReplacementPolicy", spec.has("podFailurePolicy") ? "Failed" : "TerminatingOrFailed")
            WorkloadRules.fillTemplate(of: &spec)
            fillConditions(of: &spec)
        }
        if let labels = job.value(at: "spec", "template", "metadata", "labels"), labels.object?.isEmpty == false,
            job.value(at: "metadata", "labels")?.object?.isEmpty ?? true
        {
            job.set(labels, at: "metadata", "labels")
        }
    }

    /// Conditions of Pods that a failure policy names are met when they are true.
    static func fillConditions(of spec: inout JSON) {
        spec.edit("podFailurePolicy") { policy in
            policy.editEach("rules") { $0.editEach("onPodConditions") { $0.fillText("status", "True") } }
        }
    }

    static let uidLabels = ["batch.kubernetes.io/controller-uid", "controller-uid"]
    static let nameLabels = ["batch.kubernetes.io/job-name", "job-name"]

    /// A Job finds its Pods by its own uid, unless its author does that.
    @Sendable static func addSelector(_ job: inout JSON) {
        guard let uid = job.value(at: "metadata", "uid")?.string, !uid.isEmpty,
            job.value(at: "spec", "manualSelector")?.bool != true
        else { return }
        let name = job.value(at: "metadata", "name")?.string ?? ""
        for (keys, value) in [(uidLabels, uid), (nameLabels, name)] {
            for key in keys where job.value(at: "spec", "template", "metadata", "labels", key) == nil {
                job.set(.string(value), at: "spec", "template", "metadata", "labels", key)
            }
        }
        if job.value(at: "spec", "selector", "matchLabels", uidLabels[0]) == nil {
            job.set(.string(uid), at: "spec", "selector", "matchLabels", uidLabels[0])
        }
    }

    /// Checks a whole Job.
    static func check(_ job: JSON, _ issues: inout Issues) {
        let spec = job["spec"] ?? [:]
        check(spec, "spec", &issues)
        checkSelector(of: job, &issues)
        let name = job.value(at: "metadata", "name")?.string ?? ""
        if spec.text("completionMode") == "Indexed", let count = spec["completions"]?.int, count > 0 {
            let host = "\(name)-\(count - 1)"
            if !NameRules.label(host).isEmpty {
                issues.invalid(
                    "metadata.name", .string(name), "will not able to create pod with invalid DNS label: \(host)")
            }
        }
        let labels = spec.value(at: "template", "metadata", "labels")
        guard let selector = spec["selector"], !selector.isNull else {
            issues.required("spec.selector")
            return issues.invalid(
                "spec.template.metadata.labels", labels ?? .null, "`selector` does not match template `labels`")
        }
        SelectorRules.check(selector, "spec.selector", &issues)
        if SelectorRules.isReadable(selector), !LabelSelector(object: selector).matches(labels?.stringMap ?? [:]) {
            issues.invalid(
                "spec.template.metadata.labels", labels ?? .null, "`selector` does not match template `labels`")
        }
    }

    /// A generated selector has to be the one that would be generated.
    private static func checkSelector(of job: JSON, _ issues: inout Issues) {
        let spec = job["spec"] ?? [:]
        guard spec["manualSelector"]?.bool != true, let selector = spec["selector"], !selector.isNull else { return }
        let uid = job.value(at: "metadata", "uid")?.string ?? ""
        let name = job.value(at: "metadata", "name")?.string ?? ""
        let labels = spec.value(at: "template", "metadata", "labels")?.stringMap ?? [:]
        var expected: [String: String] = [:]
        for (keys, value) in [(uidLabels, uid), (nameLabels, name)] {
            for key in keys {
                expected[key] = value
                if let found = labels[key] {
                    if found != value {
                        issues.invalid("spec.template.metadata.labels[\(key)]", .string(found), "must be '\(value)'")
                    }
                } else {
                    issues.required("spec.template.metadata.labels[\(key)]", "must be '\(value)'")
                }
            }
        }
        if SelectorRules.isReadable(selector), !LabelSelector(object: selector).matches(expected) {
            issues.invalid("spec.selector", selector, "`selector` not auto-generated")
        }
    }

    /// Checks the spec of a Job, or of the template of one.
    static func check(_ spec: JSON, _ path: String, _ issues: inout Issues) {
        for field in [
            "parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished",
            "backoffLimitPerIndex", "maxFailedIndexes",
        ] {
            issues.notNegative("\(path).\(field)", spec[field])
        }
        if spec.has("maxFailedIndexes"), !spec.has("backoffLimitPerIndex") {
            issues.required("\(path).backoffLimitPerIndex", "when maxFailedIndexes is specified")
        }
        if let owner = spec["managedBy"]?.string {
            issues.invalid("\(path).managedBy", owner, NameRules.domainPrefixedPath(owner))
            if owner.utf8.count > 63 {
                issues.add(.init(field: "\(path).managedBy", reason: .tooLong, detail: "may not be more than 63 bytes"))
            }
        }
        if let mode = spec["completionMode"], !mode.isNull {
            issues.supported("\(path).completionMode", mode, ["Indexed", "NonIndexed"])
        }
        let isIndexed = spec.text("completionMode") == "Indexed"
        if isIndexed { checkIndexed(spec, path, &issues) }
        if !spec.has("completionMode") || spec.text("completionMode") == "NonIndexed" {
            for field in ["backoffLimitPerIndex", "maxFailedIndexes"] where spec.has(field) {
                issues.invalid("\(path).\(field)", spec[field], "requires indexed completion mode")
            }
        }
        if spec.has("podFailurePolicy") { JobPolicyRules.checkFailure(spec, "\(path).podFailurePolicy", &issues) }
        if spec.has("successPolicy") {
            if isIndexed {
                JobPolicyRules.checkSuccess(spec, "\(path).successPolicy", &issues)
            } else {
                issues.invalid("\(path).successPolicy", spec["successPolicy"], "requires indexed completion mode")
            }
        }
        if let replacement = spec["podReplacementPolicy"], !replacement.isNull {
            issues.supported(
                "\(path).podReplacementPolicy", replacement,
                spec.has("podFailurePolicy") ? ["Failed"] : ["Failed", "TerminatingOrFailed"])
        }
        checkTemplate(spec, path, &issues)
    }

    private static func checkTemplate(_ spec: JSON, _ path: String, _ issues: inout Issues) {
        TemplateRules.check(spec["template"], "\(path).template", &issues)
        let policy = spec.value(at: "template", "spec", "restartPolicy")?.string ?? ""
        let field = "\(path).template.spec.restartPolicy"
        if policy.isEmpty || policy == "Always" {
            issues.required(field, "valid values: \"OnFailure\", \"Never\"")
        } else if policy != "Never", policy != "OnFailure" {
            issues.supported(field, .string(policy), ["OnFailure", "Never"])
        } else if spec.has("podFailurePolicy"), policy != "Never" {
            issues.invalid(field, .string(policy), "only \"Never\" is supported when podFailurePolicy is specified")
        }
    }

    private static func checkIndexed(_ spec: JSON, _ path: String, _ issues: inout Issues) {
        let completions = spec["completions"]?.int
        let parallelism = spec["parallelism"]?.int ?? 0
        let failed = spec["maxFailedIndexes"]?.int
        func limit(_ field: String, _ value: Int64?, _ most: Int64, _ when: String) {
            if let value, value > most {
                issues.invalid("\(path).\(field)", .int(value), "must be less than or equal to \(most)\(when)")
            }
        }
        if completions == nil { issues.required("\(path).completions", "when completion mode is Indexed") }
        limit("parallelism", parallelism, 100_000, " when completion mode is Indexed")
        if let completions, let failed, failed > completions {
            issues.invalid("\(path).maxFailedIndexes", .int(failed), "must be less than or equal to completions")
        }
        limit("maxFailedIndexes", failed, 100_000, "")
        guard let completions, completions > 100_000, spec.has("backoffLimitPerIndex") else { return }
        if failed == nil {
            issues.required("\(path).maxFailedIndexes", "must be specified when completions is above 100000")
        }
        let when = " when completions are above 100000 and used with backoff limit per index"
        limit("parallelism", parallelism, 10_000, when)
        limit("maxFailedIndexes", failed, 10_000, when)
    }

    // MARK: Changes

    static func checkChanges(_ new: JSON, of job: JSON, _ issues: inout Issues) {
        let old = job["spec"] ?? [:]
        if new.text("completionMode") != "Indexed" {
            issues.immutable("spec.completions", new["completions"], old["completions"])
        } else if new["completions"] != old["completions"], new.has("completions"),
            new["completions"] != new["parallelism"]
        {
            issues.invalid(
                "spec.completions", new["completions"], "can only be modified in tandem with spec.parallelism")
        }
        for field in [
            "selector", "completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy",
        ] {
            issues.immutable("spec.\(field)", new[field], old[field])
        }
        checkTemplate(new["template"] ?? [:], old["template"] ?? [:], of: job, &issues)
    }

    private static func checkTemplate(_ template: JSON, _ old: JSON, of job: JSON, _ issues: inout Issues) {
        guard job.value(at: "spec", "suspend")?.bool == true else {
            return issues.immutable("spec.template", template, old)
        }
        let status = job["status"] ?? [:]
        let isOpen =
            (!status.has("startTime") || Conditions(status["conditions"]).isTrue("Suspended"))
            && (status["active"]?.int ?? 0) == 0
        guard isOpen else { return issues.immutable("spec.template", template, old) }
        // What concerns scheduling, and the resources of containers, may change while no Pod of the Job is there.
        var before = old["spec"] ?? [:]
        let spec = template["spec"] ?? [:]
        for key in ["nodeSelector", "tolerations", "schedulingGates"] { before[key] = spec[key] }
        var affinity = before["affinity"] ?? [:]
        affinity["nodeAffinity"] = spec.value(at: "affinity", "nodeAffinity")
        let isEmpty = affinity.object?.isEmpty ?? true
        before["affinity"] = isEmpty && !spec.has("affinity") ? nil : affinity
        for list in ["containers", "initContainers"] where before.list(list).count == spec.list(list).count {
            var containers = before.list(list)
            for (index, container) in spec.list(list).enumerated()
            where container.text("name") == containers[index].text("name") {
                containers[index]["resources"] = container["resources"]
            }
            if !containers.isEmpty { before[list] = .array(containers) }
        }
        issues.immutable("spec.template.spec", spec, before)
    }
}
