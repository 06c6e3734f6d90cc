import KubeModel

extension BuiltinKinds {
    /// HorizontalPodAutoscalers as `kubectl autoscale` writes them: with nothing but a target for the CPU. They are stored
    /// in their newer form; what the older one has no fields for is in annotations.
    static let autoscalerV1: KindDefinition = {
        let type = ResourceType("autoscaling", "v1", "horizontalpodautoscalers", "HorizontalPodAutoscaler")
        return kind(
            type, root: "AutoscalerV1", short: ["hpa"], categories: ["all"], hasStatus: true,
            storedAs: horizontalPodAutoscalers, fromStored: olderAutoscaler, toStored: newerAutoscaler,
            defaults: { object in object.edit("spec") { $0.fill("minReplicas", 1) } },
            create: { $0["status"] = ["currentReplicas": 0, "desiredReplicas": 0] },
            validate: { object, old, issues in
                let (new, before) = (newerAutoscaler(object), old.map(newerAutoscaler))
                issues.add(horizontalPodAutoscaler.validate(new, before))
            },
            columns: horizontalPodAutoscaler.columns,
            cells: { horizontalPodAutoscaler.cells(newerAutoscaler($0), $1) })
    }()

    private static let annotations = "autoscaling.alpha.kubernetes.io/"

    private static func isProcessorTarget(_ metric: JSON) -> Bool {
        metric["type"] == "Resource" && metric.value(at: "resource", "name") == "cpu"
            && metric.value(at: "resource", "target", "averageUtilization") != nil
    }

    @Sendable private static func olderAutoscaler(_ stored: JSON) -> JSON {
        var object = stored
        object["apiVersion"] = "autoscaling/v1"
        var metrics = stored.value(at: "spec", "metrics")?.array ?? []
        object.set(nil, at: "spec", "metrics")
        if let index = metrics.firstIndex(where: isProcessorTarget) {
            let metric = metrics.remove(at: index)
            object.set(
                metric.value(at: "resource", "target", "averageUtilization"), at: "spec",
                "targetCPUUtilizationPercentage")
        }
        func annotate(_ name: String, _ value: JSON?) {
            guard let value, value.array?.isEmpty != true else { return }
            object.set(.string(value.text), at: "metadata", "annotations", annotations + name)
        }
        annotate("metrics", .array(metrics))
        annotate("behavior", stored.value(at: "spec", "behavior"))
        annotate("conditions", stored.value(at: "status", "conditions"))
        object.set(nil, at: "spec", "behavior")
        object.set(nil, at: "status", "conditions")
        let current = (stored.value(at: "status", "currentMetrics")?.array ?? []).first {
            $0.value(at: "resource", "name") == "cpu"
        }
        object.set(nil, at: "status", "currentMetrics")
        if let percent = current?.value(at: "resource", "current", "averageUtilization") {
            object.set(percent, at: "status", "currentCPUUtilizationPercentage")
        }
        if object.value(at: "status", "currentReplicas") == nil, object["status"] != nil {
            object.set(0, at: "status", "currentReplicas")
        }
        return object
    }

    @Sendable private static func newerAutoscaler(_ older: JSON) -> JSON {
        var object = older
        object["apiVersion"] = "autoscaling/v2"
        func annotated(_ name: String) -> JSON? {
            let text = object.value(at: "metadata", "annotations", annotations + name)?.string
            object.set(nil, at: "metadata", "annotations", annotations + name)
            return text.flatMap { try? JSON(parsing: $0) }
        }
        var metrics: [JSON] = []
        if let percent = older.value(at: "spec", "targetCPUUtilizationPercentage") {
            metrics.append([
                "type": "Resource",
                "resource": ["name": "cpu", "target": ["type": "Utilization", "averageUtilization": percent]],
            ])
        }
        metrics += annotated("metrics")?.array ?? []
        if metrics.isEmpty {
            metrics.append([
                "type": "Resource",
                "resource": ["name": "cpu", "target": ["type": "Utilization", "averageUtilization": 80]],
            ])
        }
        object.set(nil, at: "spec", "targetCPUUtilizationPercentage")
        object.set(.array(metrics), at: "spec", "metrics")
        if let behavior = annotated("behavior") { object.set(behavior, at: "spec", "behavior") }
        let conditions = annotated("conditions")
        if object.value(at: "metadata", "annotations")?.object?.isEmpty == true {
            object.set(nil, at: "metadata", "annotations")
        }
        guard object["status"] != nil else { return object }
        if let conditions { object.set(conditions, at: "status", "conditions") }
        let percent = older.value(at: "status", "currentCPUUtilizationPercentage")
        object.set(nil, at: "status", "currentCPUUtilizationPercentage")
        object.set(
            percent.map { percent in
                [["type": "Resource", "resource": ["name": "cpu", "current": ["averageUtilization": percent]]]]
            } ?? .null, at: "status", "currentMetrics")
        return object
    }
}
