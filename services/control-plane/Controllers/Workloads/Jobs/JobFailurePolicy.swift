import KubeModel

/// `spec.podFailurePolicy`: what the failure of a Pod means for its Job.
struct JobFailurePolicy: Sendable {
    /// What the first rule that matches says.
    enum Verdict: Sendable, Equatable {
        case count
        case ignore
        case failIndex
        case failJob(message: String)
    }

    /// True when the Job has a policy at all.
    let isSet: Bool
    private let rules: [JSON]

    init(_ json: JSON?) {
        isSet = json != nil
        rules = json?["rules"]?.array ?? []
    }

    func verdict(on pod: KubeObject) -> Verdict {
        for (index, rule) in rules.enumerated() {
            guard let match = rule["onExitCodes"].map({ exitCode($0, pod) }) ?? condition(rule, pod) else { continue }
            let action = rule["action"]?.string ?? ""
            switch action {
            case "FailJob": return .failJob(message: "\(match) matching FailJob rule at index \(index)")
            case "Ignore": return .ignore
            case "FailIndex": return .failIndex
            case "Count": return .count
            default: continue
            }
        }
        return .count
    }

    func isCounted(_ pod: KubeObject) -> Bool { verdict(on: pod) != .ignore }

    /// What of the Pod matched: the containers first, then those that prepared it.
    private func exitCode(_ rule: JSON, _ pod: KubeObject) -> String? {
        let values = Set(rule["values"]?.array?.compactMap(\.int) ?? [])
        let isIn = rule["operator"]?.string == "In"
        let statuses =
            (pod.status["containerStatuses"]?.array ?? []) + (pod.status["initContainerStatuses"]?.array ?? [])
        for status in statuses {
            guard let code = status.value(at: "state", "terminated", "exitCode")?.int, code != 0 else { continue }
            let name = status["name"]?.string ?? ""
            if let wanted = rule["containerName"]?.string, wanted != name { continue }
            guard values.contains(code) == isIn else { continue }
            return "Container \(name) for pod \(pod.namespace ?? "")/\(pod.name) failed with exit code \(code)"
        }
        return nil
    }

    private func condition(_ rule: JSON, _ pod: KubeObject) -> String? {
        let patterns = rule["onPodConditions"]?.array ?? []
        for condition in pod.status["conditions"]?.array ?? [] {
            let matches = patterns.contains {
                $0["type"] == condition["type"] && $0["status"]?.string ?? "True" == condition["status"]?.string
            }
            guard matches else { continue }
            return "Pod \(pod.namespace ?? "")/\(pod.name) has condition \(condition["type"]?.string ?? "")"
        }
        return nil
    }
}
