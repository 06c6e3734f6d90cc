import KubeModel

/// Rules of the status of ValidatingAdmissionPolicies.
enum PolicyStatusRules {
    static func check(_ object: JSON, _ issues: inout Issues) {
        let status = object["status"] ?? [:]
        for (index, warning) in (status["typeChecking"]?.list("expressionWarnings") ?? []).enumerated() {
            let path = "status.typeChecking.expressionWarnings[\(index)]"
            issues.requiredText(path, warning, "warning")
            if warning.text("fieldRef").trimmingBlanks.isEmpty { issues.required("\(path).fieldRef") }
        }
        ConditionRules.check(status.list("conditions"), "status.conditions", &issues)
    }
}
