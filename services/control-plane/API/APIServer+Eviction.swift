import ClusterRules
import ClusterStore
import KubeModel

/// Evictions: deletions of Pods that disruption budgets may refuse.
extension APIServer {
    /// How often a change that met another one is tried again.
    private static let evictionAttempts = 20
    /// Evictions that the budget's controller has not seen yet; more are not let through.
    private static let unseenLimit = 2000

    /// Deletes a Pod unless a disruption budget says that it is needed.
    func evict(_ request: APIRequest, _ context: RequestContext) async throws -> APIAnswer {
        let body = try await subresourceBody(of: request, context, as: .eviction)
        try checkName(of: body, "Eviction", context)
        let options = body["deleteOptions"] ?? [:]
        try refuseBreaking(options, context)
        try await admitSubresource(context, object: body)
        let isDryRun = context.isDryRun || options["dryRun"]?.array?.isEmpty == false
        for attempt in 1...Self.evictionAttempts {
            let pod = try await existing(context)
            let mayConflict =
                options.value(at: "preconditions", "resourceVersion") == nil && attempt < Self.evictionAttempts
            guard Self.needsNoBudget(pod) else {
                try await evictWithinBudget(pod, options, isDryRun: isDryRun, context)
                break
            }
            do {
                // A Pod that is about to run must not become ready unseen.
                let version = Self.isOver(pod) ? nil : pod.value(at: "metadata", "resourceVersion")
                try await evict(options, version: version, isDryRun: isDryRun, context)
                break
            } catch let error as APIError where error.reason == .conflict && mayConflict {
                continue
            }
        }
        return .json(
            ["kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Success", "code": 201], status: 201)
    }

    private func refuseBreaking(_ options: JSON, _ context: RequestContext) throws(APIError) {
        let field = "ignoreStoreReadErrorWithClusterBreakingPotential"
        guard options[field]?.bool == true else { return }
        let issue = FieldIssue(
            field: "deleteOptions.\(field)", reason: .invalid, value: true,
            detail: "can not be set for pod eviction, try after removing the option")
        throw APIError(
            .invalid, "Eviction.policy \"\(context.name)\" is invalid: \(issue.field): \(issue.message)",
            kind: "Eviction", group: "policy", name: context.name, causes: [issue.cause])
    }

    private static func isOver(_ pod: JSON) -> Bool {
        let phase = pod.value(at: "status", "phase")?.string
        return phase == "Succeeded" || phase == "Failed"
            || pod.value(at: "metadata", "deletionTimestamp")?.string != nil
    }

    /// True for Pods whose end disrupts nothing: those that do not run yet or no longer.
    private static func needsNoBudget(_ pod: JSON) -> Bool {
        isOver(pod) || (pod.value(at: "status", "phase")?.string ?? "Pending") == "Pending"
    }

    private static func isReady(_ pod: JSON) -> Bool {
        (pod.value(at: "status", "conditions")?.array ?? []).contains {
            $0["type"] == "Ready" && $0["status"] == "True"
        }
    }

    private func evictWithinBudget(
        _ pod: JSON, _ options: JSON, isDryRun: Bool, _ context: RequestContext
    ) async throws {
        let labels = pod.value(at: "metadata", "labels")?.stringMap ?? [:]
        let budgets = try await cluster.objects("poddisruptionbudgets.policy", namespace: context.namespace)
            .filter { budget in
                guard let selector = budget.value(at: "spec", "selector"), !selector.isNull else { return false }
                return LabelSelector(object: selector).matches(labels)
            }
        guard budgets.count < 2 else {
            throw APIError(
                .unknown,
                "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
                code: 500)
        }
        guard let budget = budgets.first else {
            return try await evict(options, version: nil, isDryRun: isDryRun, context)
        }
        let name = budget.value(at: "metadata", "name")?.string ?? ""
        guard !Self.isReady(pod), Self.letsUnhealthyGo(budget) else {
            try await take(from: name, pod: context.name, isDryRun: isDryRun, context)
            return try await evict(options, version: nil, isDryRun: isDryRun, context)
        }
        do {
            let version = pod.value(at: "metadata", "resourceVersion")
            try await evict(options, version: version, isDryRun: isDryRun, context)
        } catch let error as APIError
            where error.reason == .conflict && options.value(at: "preconditions", "resourceVersion") == nil
        {
            throw Self.stillProcessed(name)
        }
    }

    /// True when a Pod that is not ready may go without being counted.
    private static func letsUnhealthyGo(_ budget: JSON) -> Bool {
        if budget.value(at: "spec", "unhealthyPodEvictionPolicy") == "AlwaysAllow" { return true }
        let desired = budget.value(at: "status", "desiredHealthy")?.int ?? 0
        return desired > 0 && budget.value(at: "status", "currentHealthy")?.int ?? 0 >= desired
    }

    private static func tooMany(_ message: String, seconds: Int? = nil) -> APIError {
        APIError(
            .tooManyRequests, "Cannot evict pod as it would violate the pod's disruption budget.",
            causes: [.init(field: "", reason: "DisruptionBudget", message: message)], retryAfterSeconds: seconds)
    }

    private static func stillProcessed(_ name: String) -> APIError {
        tooMany("The disruption budget \(name) is still being processed by the server.", seconds: 10)
    }

    /// Takes one disruption from a budget, or says why it has none.
    private func take(from name: String, pod: String, isDryRun: Bool, _ context: RequestContext) async throws {
        guard let kind = cluster.registry.find(group: "policy", version: "v1", plural: "poddisruptionbudgets") else {
            return
        }
        let key = kind.key(context.namespace, name)
        for _ in 0..<Self.evictionAttempts {
            guard let stored = try await cluster.get(key) else { throw kind.notFound(name) }
            var budget = try stored.json()
            var status = budget["status"] ?? [:]
            try Self.check(budget, status, name)
            if isDryRun { return }
            let left = (status["disruptionsAllowed"]?.int ?? 0) - 1
            status["disruptionsAllowed"] = .int(left)
            var pods = status["disruptedPods"] ?? [:]
            pods[pod] = .string(Timestamp.now.text)
            status["disruptedPods"] = pods
            if left == 0 { Self.close(&status, generation: budget.value(at: "metadata", "generation")) }
            budget["status"] = status
            if try await cluster.put(key, kind.normalized(budget), expecting: .revision(stored.revision)) != nil {
                return
            }
        }
        throw APIError(
            .timeout, "Timeout: couldn't update PodDisruptionBudget \"\(name)\" due to conflicts",
            retryAfterSeconds: 10)
    }

    private static func check(_ budget: JSON, _ status: JSON, _ name: String) throws(APIError) {
        func number(_ field: String) -> Int64 { status[field]?.int ?? 0 }
        guard number("observedGeneration") >= budget.value(at: "metadata", "generation")?.int ?? 0 else {
            throw stillProcessed(name)
        }
        func forbidden(_ reason: String) -> APIError {
            APIError(
                .forbidden, "poddisruptionbudget.policy \"\(name)\" is forbidden: \(reason)",
                kind: "poddisruptionbudget", group: "policy", name: name)
        }
        guard number("disruptionsAllowed") >= 0 else { throw forbidden("pdb disruptions allowed is negative") }
        guard status["disruptedPods"]?.object?.count ?? 0 <= unseenLimit else {
            throw forbidden("DisruptedPods map too big - too many evictions not confirmed by PDB controller")
        }
        guard number("disruptionsAllowed") == 0 else { return }
        let condition = (status["conditions"]?.array ?? []).first { $0["type"] == "DisruptionAllowed" }
        let message = condition?["message"]?.string ?? ""
        let reason = condition?["reason"]?.string ?? ""
        let isRefused = condition?["status"] == "False" && !message.isEmpty
        if isRefused, reason == "SyncFailed" {
            throw tooMany(
                "The disruption budget \(name) does not allow evicting pods currently because it failed sync: \(message)"
            )
        }
        if number("currentHealthy") <= number("desiredHealthy") {
            throw tooMany(
                "The disruption budget \(name) needs \(number("desiredHealthy")) healthy pods and has \(number("currentHealthy")) currently"
            )
        }
        let why = isRefused ? " (\(reason)): \(message)" : ""
        throw tooMany("The disruption budget \(name) does not allow evicting pods currently\(why)")
    }

    /// Notes in a budget's status that nothing more may go.
    private static func close(_ status: inout JSON, generation: JSON?) {
        var conditions = status["conditions"]?.array ?? []
        var condition: JSON = [
            "type": "DisruptionAllowed", "status": "False", "reason": "InsufficientPods", "message": "",
            "lastTransitionTime": .string(Timestamp.now.text),
        ]
        condition["observedGeneration"] = generation
        conditions.removeAll { $0["type"] == "DisruptionAllowed" }
        conditions.append(condition)
        status["conditions"] = .array(conditions)
    }

    /// Says in the Pod why it goes, and deletes it. `version` is what the Pod's version must still be, where the options
    /// do not say it.
    private func evict(_ raw: JSON, version: JSON?, isDryRun: Bool, _ context: RequestContext) async throws {
        var raw = raw
        if let version, raw.value(at: "preconditions", "resourceVersion") == nil {
            raw.set(version, at: "preconditions", "resourceVersion")
        }
        if isDryRun {
            if raw["dryRun"] == nil { raw["dryRun"] = ["All"] }
        } else {
            let revision = try await markDisrupted(raw["preconditions"] ?? [:], context)
            if raw.value(at: "preconditions", "resourceVersion") != nil {
                raw.set(.string(String(revision)), at: "preconditions", "resourceVersion")
            }
        }
        _ = try await delete(context, try DeleteOptions(raw, query: Query()))
    }

    private func markDisrupted(_ preconditions: JSON, _ context: RequestContext) async throws -> UInt64 {
        let kind = context.kind
        let key = kind.key(context.namespace, context.name)
        func conflict(_ reason: String) -> APIError {
            APIError(
                .conflict, "Operation cannot be fulfilled on Pod \"\(context.name)\": \(reason)", kind: "Pod",
                name: context.name)
        }
        for _ in 0..<Self.evictionAttempts {
            guard let stored = try await cluster.get(key) else { throw kind.notFound(context.name) }
            if let uid = preconditions["uid"]?.string, !uid.isEmpty, uid != stored.uid {
                throw conflict(
                    "the UID in the precondition (\(uid)) does not match the UID in record (\(stored.uid)). "
                        + "The object might have been deleted and then recreated")
            }
            if let version = preconditions["resourceVersion"]?.string, !version.isEmpty,
                version != String(stored.revision)
            {
                throw conflict(
                    "the ResourceVersion in the precondition (\(version)) does not match the ResourceVersion in "
                        + "record (\(stored.revision)). The object might have been modified")
            }
            var pod = try stored.json()
            var conditions = pod.value(at: "status", "conditions")?.array ?? []
            let present = conditions.first { $0["type"] == "DisruptionTarget" }
            if present?["status"] == "True", present?["reason"] == "EvictionByEvictionAPI" { return stored.revision }
            conditions.removeAll { $0["type"] == "DisruptionTarget" }
            conditions.append([
                "type": "DisruptionTarget", "status": "True", "lastProbeTime": .null,
                "lastTransitionTime": .string(Timestamp.now.text), "reason": "EvictionByEvictionAPI",
                "message": "Eviction API: evicting",
            ])
            pod.set(.array(conditions), at: "status", "conditions")
            if let written = try await cluster.put(
                key, kind.normalized(pod), expecting: .revision(stored.revision))
            {
                return written.revision
            }
        }
        throw kind.conflict(context.name, ServedKind.modified)
    }
}
