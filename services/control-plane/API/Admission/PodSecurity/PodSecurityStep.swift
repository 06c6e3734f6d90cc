import ClusterRules
import KubeModel

/// Holds Pods to the Pod Security Standards, as far as the labels of their namespace demand it.
///
/// Pods that break what is enforced are refused. Templates of workloads are never refused, for they make no Pods
/// themselves, but their authors are warned. What breaks the audited profile is noted in the audit log.
struct PodSecurityStep: AdmissionStep {
    /// Pods that are looked at when a namespace becomes stricter; clients wait meanwhile.
    private static let checkedPods = 3000
    private static let templates: [String: [String]] = [
        "PodTemplate": ["template"], "ReplicationController": ["spec", "template"], "ReplicaSet": ["spec", "template"],
        "Deployment": ["spec", "template"], "StatefulSet": ["spec", "template"], "DaemonSet": ["spec", "template"],
        "Job": ["spec", "template"], "CronJob": ["spec", "jobTemplate", "spec", "template"],
    ]
    let cluster: Cluster

    func validate(_ request: AdmissionRequest) async throws {
        guard !request.kind.isCustom, request.operation != .delete else { return }
        switch request.kind.type.kind {
        case "Namespace" where request.subresource.isEmpty: try await checkNamespace(request)
        case "Pod" where request.subresource != "status": try await checkPod(request)
        default:
            guard request.subresource.isEmpty, let path = Self.templates[request.kind.type.kind] else { return }
            let policy = try await policy(of: request.namespace)
            guard policy.warned.level != .privileged || policy.audited.level != .privileged || !policy.issues.isEmpty,
                let template = request.object.value(at: path)?.present
            else { return }
            evaluate(template, policy, request, enforced: nil)
        }
    }

    private func policy(of namespace: String) async throws -> SecurityPolicy {
        let labels = try await cluster.get("namespaces", "", namespace)?.value(at: "metadata", "labels")?.stringMap
        return SecurityPolicy(labels: labels ?? [:])
    }

    // MARK: Pods

    private func checkPod(_ request: AdmissionRequest) async throws {
        let policy = try await policy(of: request.namespace)
        let profiles = [policy.enforced, policy.audited, policy.warned]
        guard profiles.contains(where: { $0.level != .privileged }) || !policy.issues.isEmpty else { return }
        if let old = request.old, !Self.runsSomethingElse(request.object, old) { return }
        let findings = findings(policy.enforced, request.object)
        evaluate(request.object, policy, request, enforced: findings)
        guard !findings.isEmpty else { return }
        throw request.kind.forbidden(
            request.name, "violates PodSecurity \"\(policy.enforced.text)\": \(Self.text(findings))")
    }

    /// True for changes that let a Pod run what it did not run before.
    private static func runsSomethingElse(_ pod: JSON, _ old: JSON) -> Bool {
        for list in ["containers", "initContainers"] {
            func images(_ pod: JSON) -> [JSON?] { (pod.value(at: "spec", list)?.array ?? []).map { $0["image"] } }
            if images(pod) != images(old) { return true }
        }
        let known = old.value(at: "spec", "ephemeralContainers")?.array ?? []
        return (pod.value(at: "spec", "ephemeralContainers")?.array ?? []).contains { container in
            known.first { $0["name"] == container["name"] }.map { $0["image"] != container["image"] } ?? true
        }
    }

    private func findings(_ profile: SecurityProfile, _ pod: JSON) -> [SecurityFinding] {
        SecurityChecks.findings(
            profile, annotations: pod.value(at: "metadata", "annotations"), spec: pod["spec"] ?? [:])
    }

    private static func text(_ findings: [SecurityFinding]) -> String {
        findings.map(\.text).joined(separator: ", ")
    }

    /// Notes and warns.
    ///
    /// - Parameters:
    ///   - pod: a Pod, or the template of Pods.
    ///   - policy: of its namespace.
    ///   - request: gets the warnings.
    ///   - enforced: what breaks the enforced profile; nil for templates, which are not held to it.
    private func evaluate(
        _ pod: JSON, _ policy: SecurityPolicy, _ request: AdmissionRequest, enforced: [SecurityFinding]?
    ) {
        func note(_ key: String, _ text: String) { AuditNotes.current?.add(SecurityPolicy.prefix + key, text) }
        if !policy.issues.isEmpty {
            let texts = policy.issues.map { "\($0.field): \($0.message)" }
            let text = texts.count == 1 ? texts[0] : "[\(texts.joined(separator: ", "))]"
            note("error", "Failed to parse policy: \(text)")
        }
        if enforced != nil { note("enforce-policy", policy.enforced.text) }
        let audited = findings(policy.audited, pod)
        if !audited.isEmpty {
            note("audit-violations", "would violate PodSecurity \"\(policy.audited.text)\": \(Self.text(audited))")
        }
        // Who is refused needs no warning.
        guard enforced?.isEmpty ?? true else { return }
        let warned = findings(policy.warned, pod)
        guard !warned.isEmpty else { return }
        request.warnings?.add("would violate PodSecurity \"\(policy.warned.text)\": \(Self.text(warned))")
    }

    // MARK: Namespaces

    private func checkNamespace(_ request: AdmissionRequest) async throws {
        func policy(_ namespace: JSON) -> SecurityPolicy {
            SecurityPolicy(labels: namespace.value(at: "metadata", "labels")?.stringMap ?? [:])
        }
        let new = policy(request.object)
        let old = request.old.map(policy)
        if !new.issues.isEmpty, new.issues != old?.issues { throw request.kind.invalid(request.name, new.issues) }
        guard let old, new.enforced != old.enforced, new.enforced.level != .privileged else { return }
        if new.enforced.minor == old.enforced.minor, new.enforced.level <= old.enforced.level { return }
        for text in try await warnings(about: request.name, new.enforced) { request.warnings?.add(text) }
    }

    /// Which of the Pods that there are would be refused now. They go on all the same.
    private func warnings(about namespace: String, _ profile: SecurityProfile) async throws -> [String] {
        let pods = Self.ordered(try await cluster.objects("pods", namespace: namespace))
        var names: [String: [String]] = [:]
        for pod in pods.prefix(Self.checkedPods) {
            let reasons = findings(profile, pod).map(\.reason).joined(separator: ", ")
            guard !reasons.isEmpty else { continue }
            names[reasons, default: []].append(pod.value(at: "metadata", "name")?.string ?? "")
        }
        var warnings: [String] = []
        if pods.count > Self.checkedPods {
            warnings.append(
                "new PodSecurity enforce level only checked against the first \(Self.checkedPods) of \(pods.count) "
                    + "existing pods")
        }
        guard !names.isEmpty else { return warnings }
        warnings.append(
            "existing pods in namespace \"\(namespace)\" violate the new PodSecurity enforce level \"\(profile.text)\"")
        return warnings
            + SecurityWords.sorted(
                names.map { reasons, names in
                    let first = names.min() ?? ""
                    let others = names.count - 1
                    let rest = others == 0 ? "" : " (and \(others) other pod\(others == 1 ? "" : "s"))"
                    return "\(first)\(rest): \(reasons)"
                })
    }

    /// One Pod of each controller first: the others are alike.
    private static func ordered(_ pods: [JSON]) -> [JSON] {
        var seen: Set<String> = []
        var alike: [JSON] = []
        let first = pods.filter { pod in
            let owner = pod.value(at: "metadata", "ownerReferences")?.array?.first { $0["controller"] == true }
            guard let uid = owner?["uid"]?.string, !seen.insert(uid).inserted else { return true }
            alike.append(pod)
            return false
        }
        return first + alike
    }
}
