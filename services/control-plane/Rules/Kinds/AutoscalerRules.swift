import KubeModel

/// Rules of HorizontalPodAutoscalers, in their newer form.
enum AutoscalerRules {
    @Sendable static func applyDefaults(_ object: inout JSON) {
        object.fill("spec", [:])
        object.edit("spec") { spec in
            spec.fill("minReplicas", 1)
            if spec.list("metrics").isEmpty { spec["metrics"] = [processorTarget(80)] }
            spec.edit("behavior") { behavior in
                behavior["scaleUp"] = filled(
                    behavior["scaleUp"],
                    [
                        "stabilizationWindowSeconds": 0, "selectPolicy": "Max",
                        "policies": [
                            ["type": "Pods", "value": 4, "periodSeconds": 15],
                            ["type": "Percent", "value": 100, "periodSeconds": 15],
                        ],
                    ])
                behavior["scaleDown"] = filled(
                    behavior["scaleDown"],
                    ["selectPolicy": "Max", "policies": [["type": "Percent", "value": 100, "periodSeconds": 15]]])
            }
        }
    }

    /// The metric by which an autoscaler goes that names none.
    static func processorTarget(_ percent: JSON) -> JSON {
        [
            "type": "Resource",
            "resource": ["name": "cpu", "target": ["type": "Utilization", "averageUtilization": percent]],
        ]
    }

    private static func filled(_ rules: JSON?, _ defaults: JSON) -> JSON {
        var filled = defaults
        for field in ["stabilizationWindowSeconds", "selectPolicy", "policies", "tolerance"] {
            if let value = rules?[field], !value.isNull { filled[field] = value }
        }
        return filled
    }

    @Sendable static func check(_ object: JSON, _ old: JSON?, _ issues: inout Issues) {
        let spec = object["spec"] ?? [:]
        let minimum = spec["minReplicas"]?.int
        let lowest: Int64 = old?.value(at: "spec", "minReplicas")?.int == 0 ? 0 : 1
        if let minimum, minimum < lowest {
            issues.invalid("spec.minReplicas", .int(minimum), "must be greater than or equal to \(lowest)")
        }
        let maximum = spec["maxReplicas"]?.int ?? 0
        if maximum == 0 {
            issues.required("spec.maxReplicas", "must be set and greater than 0")
        } else if maximum < 0 {
            issues.invalid("spec.maxReplicas", .int(maximum), "must be greater than or equal to 1")
        }
        if let minimum, maximum < minimum {
            issues.invalid("spec.maxReplicas", .int(maximum), "must be greater than or equal to `minReplicas`")
        }
        checkTarget(spec["scaleTargetRef"] ?? [:], old?.value(at: "spec", "scaleTargetRef"), &issues)
        let metrics = spec.list("metrics")
        for (index, metric) in metrics.enumerated() { check(metric: metric, "spec.metrics[\(index)]", &issues) }
        if minimum == 0, !metrics.contains(where: { ["Object", "External"].contains($0.text("type")) }) {
            issues.forbidden(
                "spec.metrics",
                "must specify at least one Object or External metric to support scaling to zero replicas")
        }
        for direction in ["scaleUp", "scaleDown"] {
            check(rules: spec.value(at: "behavior", direction), "spec.behavior.\(direction)", &issues)
        }
    }

    private static func checkTarget(_ target: JSON, _ old: JSON?, _ issues: inout Issues) {
        reference(target, "spec.scaleTargetRef", &issues)
        if let old, old.text("apiVersion") == target.text("apiVersion"), old.text("kind") == target.text("kind") {
            return
        }
        version(
            target.text("apiVersion"), "spec.scaleTargetRef",
            needsGroup: target.text("kind") != "ReplicationController", &issues)
    }

    private static func reference(_ target: JSON, _ path: String, _ issues: inout Issues) {
        for field in ["kind", "name"] {
            issues.requiredName("\(path).\(field)", target.text(field), NameRules.pathSegment)
        }
    }

    private static func version(_ text: String, _ path: String, needsGroup: Bool, _ issues: inout Issues) {
        let slashes = text.utf8.count { $0 == UInt8(ascii: "/") }
        if slashes > 1 {
            issues.invalid("\(path).apiVersion", .string(text), "unexpected GroupVersion string: \(text)")
        } else if needsGroup, slashes == 0 || text.hasPrefix("/") {
            issues.invalid("\(path).apiVersion", .string(text), "apiVersion must specify API group")
        }
    }

    // MARK: Metrics

    private static let sources = ["object", "external", "pods", "resource", "containerResource"]
    private static let types = ["ContainerResource", "External", "Object", "Pods", "Resource"]

    private static func check(metric: JSON, _ path: String, _ issues: inout Issues) {
        let type = metric.text("type")
        if type.isEmpty { issues.required("\(path).type", "must specify a metric source type") }
        issues.supported("\(path).type", metric["type"], types)
        let present = sources.filter { metric.has($0) }
        if let first = present.first { check(source: metric[first] ?? [:], first, "\(path).\(first)", &issues) }
        let expected = types.contains(type) ? type.prefix(1).lowercased() + type.dropFirst() : ""
        if !expected.isEmpty, !present.contains(expected) {
            issues.required("\(path).\(expected)", "must populate information for the given metric source")
        }
        guard present.count != 1 else { return }
        for name in present where name != expected {
            issues.forbidden("\(path).\(name)", "must populate the given metric source only")
        }
    }

    private static func check(source: JSON, _ kind: String, _ path: String, _ issues: inout Issues) {
        let target = source["target"] ?? [:]
        check(target: target, "\(path).target", &issues)
        switch kind {
        case "object":
            let object = source["describedObject"] ?? [:]
            reference(object, "\(path).describedObject", &issues)
            version(object.text("apiVersion"), "\(path).describedObject", needsGroup: false, &issues)
            if !target.has("value"), !target.has("averageValue") {
                issues.required("\(path).target.averageValue", "must set either a target value or averageValue")
            }
        case "external":
            if !target.has("value"), !target.has("averageValue") {
                issues.required(
                    "\(path).target.averageValue", "must set either a target value for metric or a per-pod target")
            }
            if target.has("value"), target.has("averageValue") {
                issues.forbidden(
                    "\(path).target.value", "may not set both a target value for metric and a per-pod target")
            }
        case "pods":
            if !target.has("averageValue") {
                issues.required("\(path).target.averageValue", "must specify a positive target averageValue")
            }
        default:
            check(resource: source, target, isContainer: kind == "containerResource", path, &issues)
            return
        }
        let name = source.value(at: "metric", "name")?.string ?? ""
        if name.isEmpty {
            issues.required("\(path).metric.name", "must specify a metric name")
        } else {
            issues.invalid("\(path).metric.name", name, NameRules.pathSegment(name))
        }
    }

    private static func check(
        resource: JSON, _ target: JSON, isContainer: Bool, _ path: String, _ issues: inout Issues
    ) {
        let name = resource.text("name")
        if name.isEmpty {
            issues.required("\(path).name", "must specify a resource name")
        } else if isContainer {
            issues.invalid("\(path).name", name, NameRules.qualifiedName(name))
            if !name.contains("/"), !["cpu", "memory", "ephemeral-storage"].contains(name),
                !ResourceRules.isHugePages(name)
            {
                issues.invalid("\(path).name", .string(name), "must be a standard resource for containers")
            }
        }
        if isContainer {
            let container = resource.text("container")
            if container.isEmpty {
                issues.required("\(path).container", "must specify a container")
            } else {
                issues.invalid("\(path).container", container, NameRules.label(container))
            }
        }
        if !target.has("averageUtilization"), !target.has("averageValue") {
            issues.required(
                "\(path).target.averageUtilization", "must set either a target raw value or a target utilization")
        }
        if target.has("averageUtilization"), target.has("averageValue") {
            issues.forbidden(
                "\(path).target.averageValue", "may not set both a target raw value and a target utilization")
        }
    }

    private static func check(target: JSON, _ path: String, _ issues: inout Issues) {
        let type = target.text("type")
        if type.isEmpty { issues.required("\(path).type", "must specify a metric target type") }
        if !["Utilization", "Value", "AverageValue"].contains(type) {
            issues.invalid("\(path).type", .string(type), "must be either Utilization, Value, or AverageValue")
        }
        for field in ["value", "averageValue"] {
            if let amount = Quantity(target[field]), amount <= .zero {
                issues.invalid("\(path).\(field)", target[field], "must be positive")
            }
        }
        if let percent = target["averageUtilization"]?.int, percent < 1 {
            issues.invalid("\(path).averageUtilization", .int(percent), "must be greater than 0")
        }
    }

    // MARK: Behavior

    private static func check(rules: JSON?, _ path: String, _ issues: inout Issues) {
        guard let rules, !rules.isNull else { return }
        if let seconds = rules["stabilizationWindowSeconds"]?.int {
            let field = "\(path).stabilizationWindowSeconds"
            if seconds < 0 { issues.invalid(field, .int(seconds), "must be greater than or equal to zero") }
            if seconds > 3600 { issues.invalid(field, .int(seconds), "must be less than or equal to 3600") }
        }
        if let policy = rules["selectPolicy"]?.string {
            issues.supported("\(path).selectPolicy", .string(policy), ["Disabled", "Max", "Min"])
        }
        let policies = rules.list("policies")
        if policies.isEmpty { issues.required("\(path).policies", "must specify at least one Policy") }
        for (index, policy) in policies.enumerated() {
            let place = "\(path).policies[\(index)]"
            issues.supported("\(place).type", policy["type"], ["Percent", "Pods"])
            for field in ["value", "periodSeconds"] {
                issues.positive("\(place).\(field)", policy[field]?.int ?? 0)
            }
            if let seconds = policy["periodSeconds"]?.int, seconds > 1800 {
                issues.invalid("\(place).periodSeconds", .int(seconds), "must be less than or equal to 1800")
            }
        }
        if let tolerance = Quantity(rules["tolerance"]), tolerance < .zero {
            issues.invalid("\(path).tolerance", rules["tolerance"], "must be greater than or equal to 0")
        }
    }
}
