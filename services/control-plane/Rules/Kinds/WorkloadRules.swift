import KubeModel

/// Rules that the workloads share.
enum WorkloadRules {
    /// A workload without a template has an empty one, with all defaults.
    static func fillTemplate(of spec: inout JSON) {
        spec.fill("template", [:])
        spec.edit("template") { template in
            template.fill("metadata", [:])
            template.fill("spec", [:])
            template.edit("spec", PodDefaults.apply)
        }
    }

    static func check(_ spec: JSON, kind: String, templatePath: String = "spec.template", _ issues: inout Issues) {
        issues.notNegative("spec.replicas", spec["replicas"])
        guard let selector = spec["selector"], !selector.isNull else {
            // DaemonSets leave it at the second issue: a missing selector matches no template.
            if kind != "daemonset" { issues.required("spec.selector") }
            return template(spec["template"], .nothing, &issues)
        }
        SelectorRules.check(selector, "spec.selector", &issues)
        if selector["matchLabels"]?.object?.isEmpty ?? true, selector.list("matchExpressions").isEmpty {
            issues.invalid("spec.selector", selector, "empty selector is invalid for \(kind)")
        }
        guard SelectorRules.isReadable(selector) else {
            // Nothing can be said about the template then, but of DaemonSets, which check it all the same.
            if kind == "daemonset" { return template(spec["template"], nil, &issues) }
            return issues.invalid("spec.selector", selector, "invalid label selector")
        }
        template(spec["template"], LabelSelector(object: selector), &issues)
    }

    static func template(_ template: JSON?, _ selector: LabelSelector?, _ issues: inout Issues) {
        let labels = template?.value(at: "metadata", "labels")
        if let selector, !selector.isEmpty, !selector.matches(labels?.stringMap ?? [:]) {
            issues.invalid(
                "spec.template.metadata.labels", labels ?? .null, "`selector` does not match template `labels`")
        }
        TemplateRules.check(template, "spec.template", restartPolicies: ["Always"], &issues)
    }

    /// How many Pods of a StatefulSet may be missing in an update is a feature that is off: the field is dropped.
    @Sendable static func dropUnavailable(_ object: inout JSON) {
        object.edit("spec") { $0.edit("updateStrategy") { $0.edit("rollingUpdate") { $0["maxUnavailable"] = nil } } }
    }

    @Sendable static func statefulSet(_ object: JSON, _ old: JSON?, _ issues: inout Issues) {
        let spec = object["spec"] ?? [:]
        let name = object.value(at: "metadata", "name")?.string ?? ""
        if old == nil, !name.isEmpty { issues.invalid("metadata.name", name, NameRules.label(name)) }
        check(maskedTemplate(spec), kind: "statefulset", &issues)
        let management = spec.text("podManagementPolicy")
        if !["OrderedReady", "Parallel"].contains(management) {
            issues.invalid("spec.podManagementPolicy", .string(management), "must be 'OrderedReady' or 'Parallel'")
        }
        RolloutRules.statefulSet(spec["updateStrategy"] ?? [:], "spec.updateStrategy", &issues)
        issues.notNegative("spec.minReadySeconds", spec["minReadySeconds"])
        issues.notNegative("spec.ordinals.start", spec.value(at: "ordinals", "start"))
        for field in ["whenDeleted", "whenScaled"] {
            issues.supported(
                "spec.persistentVolumeClaimRetentionPolicy.\(field)",
                spec.value(at: "persistentVolumeClaimRetentionPolicy", field), ["Delete", "Retain"])
        }
        if old == nil {
            let service = spec.text("serviceName")
            if !service.isEmpty { issues.invalid("spec.serviceName", service, NameRules.label(service)) }
            for (index, claim) in spec.list("volumeClaimTemplates").enumerated() {
                ClaimRules.check(claim["spec"] ?? [:], "spec.volumeClaimTemplates[\(index)].spec", &issues)
            }
        }
        guard let before = old?["spec"] else { return }
        if lasting(spec) != lasting(before) {
            issues.forbidden(
                "spec",
                "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
            )
        }
    }

    /// The spec as its Pods get it: claims become volumes, host names are given by the controller.
    private static func maskedTemplate(_ spec: JSON) -> JSON {
        var masked = spec
        let claims = spec.list("volumeClaimTemplates").map { $0.value(at: "metadata", "name")?.string ?? "" }
        masked.edit("template") { template in
            template.edit("spec") { pod in
                pod["hostname"] = nil
                pod["subdomain"] = nil
                guard !claims.isEmpty else { return }
                var seen: Set<String> = []
                let volumes = claims.filter { seen.insert($0).inserted }.map { name -> JSON in
                    ["name": .string(name), "persistentVolumeClaim": ["claimName": .string(name)]]
                }
                pod["volumes"] = .array(volumes + pod.list("volumes").filter { !claims.contains($0.text("name")) })
            }
        }
        return masked
    }

    /// What cannot change in a StatefulSet.
    private static func lasting(_ spec: JSON) -> JSON {
        var lasting = spec
        for field in [
            "replicas", "template", "updateStrategy", "ordinals", "minReadySeconds", "revisionHistoryLimit",
            "persistentVolumeClaimRetentionPolicy",
        ] {
            lasting[field] = nil
        }
        lasting.editEach("volumeClaimTemplates") { $0["status"] = nil }
        return lasting
    }
}

/// How workloads replace their Pods.
enum RolloutRules {
    static func deployment(_ strategy: JSON, _ path: String, _ issues: inout Issues) {
        switch strategy.text("type") {
        case "Recreate":
            if strategy.has("rollingUpdate") {
                issues.forbidden("\(path).rollingUpdate", "may not be specified when strategy `type` is 'Recreate'")
            }
        case "RollingUpdate":
            let update = strategy["rollingUpdate"] ?? [:]
            amounts(update, "\(path).rollingUpdate", &issues)
            limit(update["maxUnavailable"], "\(path).rollingUpdate.maxUnavailable", &issues)
            if amount(update["maxUnavailable"]) == 0, amount(update["maxSurge"]) == 0 {
                issues.invalid(
                    "\(path).rollingUpdate.maxUnavailable", update["maxUnavailable"] ?? 0,
                    "may not be 0 when `maxSurge` is 0")
            }
        default: issues.supported(path, strategy, ["Recreate", "RollingUpdate"])
        }
    }

    static func daemonSet(_ strategy: JSON, _ path: String, _ issues: inout Issues) {
        switch strategy.text("type") {
        case "OnDelete": return
        case "RollingUpdate":
            let update = strategy["rollingUpdate"] ?? [:]
            let place = "\(path).rollingUpdate"
            amounts(update, place, &issues)
            for field in ["maxUnavailable", "maxSurge"] { limit(update[field], "\(place).\(field)", &issues) }
            let (unavailable, surge) = (amount(update["maxUnavailable"]), amount(update["maxSurge"]))
            if unavailable != 0, surge != 0 {
                issues.invalid(
                    "\(place).maxSurge", update["maxSurge"], "may not be set when maxUnavailable is non-zero")
            } else if unavailable == 0, surge == 0 {
                issues.required("\(place).maxUnavailable", "cannot be 0 when maxSurge is 0")
            }
        default: issues.supported(path, strategy, ["OnDelete", "RollingUpdate"])
        }
    }

    static func statefulSet(_ strategy: JSON, _ path: String, _ issues: inout Issues) {
        let update = strategy["rollingUpdate"]
        switch strategy.text("type") {
        case "OnDelete":
            if let update, !update.isNull {
                issues.invalid("\(path).rollingUpdate", update, "only allowed for updateStrategy 'RollingUpdate'")
            }
        case "RollingUpdate":
            issues.notNegative("\(path).rollingUpdate.partition", update?["partition"])
            guard let most = update?["maxUnavailable"], !most.isNull else { return }
            let place = "\(path).rollingUpdate.maxUnavailable"
            amount(most, place, &issues)
            if amount(most) == 0 { issues.invalid(place, most, "cannot be 0") }
            limit(most, place, &issues)
        default: issues.invalid(path, strategy, "must be 'RollingUpdate' or 'OnDelete'")
        }
    }

    private static func amounts(_ update: JSON, _ path: String, _ issues: inout Issues) {
        for field in ["maxUnavailable", "maxSurge"] { amount(update[field], "\(path).\(field)", &issues) }
    }

    private static func limit(_ value: JSON?, _ field: String, _ issues: inout Issues) {
        if let percent = percentage(value), percent > 100 {
            issues.invalid(field, value, "must not be greater than 100%")
        }
    }

    /// Complains about what is neither a number from 0 nor a percentage.
    static func amount(_ value: JSON?, _ field: String, _ issues: inout Issues) {
        switch value {
        case .int: issues.notNegative(field, value)
        case .string(let text) where percentage(value) == nil:
            issues.invalid(
                field, .string(text),
                "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')"
            )
        default: return
        }
    }

    /// The number before the sign of a percentage; nil for everything else.
    static func percentage(_ value: JSON?) -> Int? {
        guard let text = value?.string, text.hasSuffix("%"), text.utf8.count > 1,
            text.utf8.dropLast().allSatisfy({ (0x30...0x39).contains($0) })
        else { return nil }
        return Int(text.dropLast()) ?? .max
    }

    /// The number or percentage, 0 when it is neither.
    private static func amount(_ value: JSON?) -> Int {
        percentage(value) ?? value?.int.map(Int.init) ?? value?.string.flatMap(Int.init) ?? 0
    }
}

/// What the status of a workload may say.
enum StatusRules {
    static func check(
        _ status: JSON, _ old: JSON, counts: [String], withinReplicas: [String], _ issues: inout Issues
    ) {
        for field in counts { issues.notNegative("status.\(field)", status[field]) }
        issues.notNegative("status.collisionCount", status["collisionCount"])
        func number(_ field: String) -> Int64 { status[field]?.int ?? 0 }
        for field in withinReplicas where number(field) > number("replicas") {
            issues.invalid("status.\(field)", .int(number(field)), "cannot be greater than status.replicas")
        }
        if withinReplicas.contains("availableReplicas"), number("availableReplicas") > number("readyReplicas") {
            issues.invalid(
                "status.availableReplicas", .int(number("availableReplicas")), "cannot be greater than readyReplicas")
        }
        if let before = old["collisionCount"]?.int, number("collisionCount") < before {
            issues.invalid("status.collisionCount", .int(number("collisionCount")), "cannot be decremented")
        }
    }
}
