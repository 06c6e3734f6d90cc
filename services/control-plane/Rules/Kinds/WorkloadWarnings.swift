import KubeModel

/// What authors of workloads are told about the Pods they describe.
enum WorkloadWarnings {
    /// Workloads whose Pods carry their name.
    @Sendable static func named(_ object: JSON, _ old: JSON?, _ subresource: String) -> [String] {
        guard subresource.isEmpty else { return [] }
        return (old == nil ? PodWarnings.ofName(object, "Pod names and hostnames") : [])
            + ofTemplate(object, old, ["spec", "template"])
    }

    @Sendable static func unnamed(_ object: JSON, _ old: JSON?, _ subresource: String) -> [String] {
        subresource.isEmpty ? ofTemplate(object, old, ["spec", "template"]) : []
    }

    @Sendable static func stateful(_ object: JSON, _ old: JSON?, _ subresource: String) -> [String] {
        guard subresource.isEmpty else { return [] }
        let isEndless = (object.value(at: "spec", "revisionHistoryLimit")?.int ?? 0) < 0
        return unnamed(object, old, subresource)
            + (isEndless
                ? [
                    "spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is "
                        + "recommended"
                ] : [])
    }

    @Sendable static func job(_ object: JSON, _ old: JSON?, _ subresource: String) -> [String] {
        guard subresource.isEmpty else { return [] }
        return (old == nil ? PodWarnings.ofName(object, "Pod names and hostnames") : [])
            + ofJob(object, old, ["spec"])
    }

    @Sendable static func cronJob(_ object: JSON, _ old: JSON?, _ subresource: String) -> [String] {
        guard subresource.isEmpty else { return [] }
        let hasZone = object.value(at: "spec", "schedule")?.string?.contains("TZ") == true
        return (old == nil ? PodWarnings.ofName(object, "Pod names and hostnames") : [])
            + ofJob(object, old, ["spec", "jobTemplate", "spec"])
            + (old != nil && hasZone
                ? [
                    "cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see "
                        + "https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details"
                ] : [])
    }

    private static func ofJob(_ object: JSON, _ old: JSON?, _ path: [String]) -> [String] {
        var found: [String] = []
        let spec = object.value(at: path) ?? [:]
        if old?.value(at: path) != spec, spec["completionMode"]?.string == "Indexed",
            spec["completions"]?.int ?? 0 > 100_000, spec["parallelism"]?.int ?? 0 > 10_000
        {
            found.append(
                "\(path.joined(separator: ".")): In Indexed Jobs with a number of completions higher than 10^5 and a "
                    + "parallelism higher than 10^4, Kubernetes might not be able to track completedIndexes when a big "
                    + "number of indexes fail")
        }
        return found + ofTemplate(object, old, path + ["template"])
    }

    private static func ofTemplate(_ object: JSON, _ old: JSON?, _ path: [String]) -> [String] {
        let template = object.value(at: path)
        guard template != old?.value(at: path) else { return [] }
        return PodWarnings.ofTemplate(template, path.joined(separator: "."))
    }
}
