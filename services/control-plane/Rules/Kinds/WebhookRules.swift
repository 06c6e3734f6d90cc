import Foundation
import KubeModel

/// Rules of webhook configurations.
enum WebhookRules {
    private static let failurePolicies = ["Fail", "Ignore"]
    private static let matchPolicies = ["Equivalent", "Exact"]
    private static let reinvocationPolicies = ["IfNeeded", "Never"]
    private static let harmless = ["None", "NoneOnDryRun"]
    private static let reviewVersions = ["v1", "v1beta1"]

    /// A whole configuration. What an older version of it did wrong, a new one may do, too.
    static func check(_ object: JSON, old: JSON?, isMutating: Bool, _ issues: inout Issues) {
        let (hooks, oldHooks) = (object.list("webhooks"), old?.list("webhooks"))
        // Conditions that did not change are not looked at again: newer versions may refuse what older ones accepted.
        let hasOldConditions =
            oldHooks.map { $0.map { $0["matchConditions"] } == hooks.map { $0["matchConditions"] } } ?? false
        let oldNames = oldHooks?.map { $0.text("name") } ?? []
        let namesDiffer = Set(oldNames).count == oldNames.count
        let isHarmless = oldHooks?.allSatisfy { harmless.contains($0.text("sideEffects")) } ?? true
        let isUnderstood =
            oldHooks?.allSatisfy { hook in
                let versions = hook.list("admissionReviewVersions").compactMap(\.string)
                return versions.isEmpty || versions.contains(where: reviewVersions.contains)
            } ?? true
        var names: Set<String> = []
        for (index, hook) in hooks.enumerated() {
            let path = "webhooks[\(index)]"
            check(
                hook, isMutating: isMutating, sideEffects: isHarmless ? harmless : harmless + ["Some", "Unknown"], path,
                &issues)
            if !hasOldConditions {
                MatchRules.check(
                    conditions: hook.list("matchConditions"), hasParams: false, "\(path).matchConditions", &issues)
            }
            check(versions: hook, mustBeKnown: isUnderstood, "\(path).admissionReviewVersions", &issues)
            let name = hook.text("name")
            if namesDiffer, !name.isEmpty, !names.insert(name).inserted {
                issues.duplicate("\(path).name", .string(name))
            }
        }
    }

    private static func check(
        _ hook: JSON, isMutating: Bool, sideEffects: [String], _ path: String, _ issues: inout Issues
    ) {
        check(name: hook.text("name"), "\(path).name", &issues)
        for (index, rule) in hook.list("rules").enumerated() {
            MatchRules.check(rule: rule, "\(path).rules[\(index)]", &issues)
        }
        issues.supported("\(path).failurePolicy", hook["failurePolicy"], failurePolicies)
        issues.supported("\(path).matchPolicy", hook["matchPolicy"], matchPolicies)
        if hook.has("sideEffects") {
            issues.supported("\(path).sideEffects", hook["sideEffects"], sideEffects)
        } else {
            issues.required(
                "\(path).sideEffects", "must specify one of \(sideEffects.joined(separator: ", "))")
        }
        if let timeout = hook["timeoutSeconds"]?.int, !(1...30).contains(timeout) {
            issues.invalid(
                "\(path).timeoutSeconds", .int(timeout), "the timeout value must be between 1 and 30 seconds")
        }
        SelectorRules.check(hook["namespaceSelector"], "\(path).namespaceSelector", &issues)
        SelectorRules.check(hook["objectSelector"], "\(path).objectSelector", &issues)
        if isMutating {
            issues.supported("\(path).reinvocationPolicy", hook["reinvocationPolicy"], reinvocationPolicies)
        }
        check(client: hook["clientConfig"] ?? [:], "\(path).clientConfig", ofAdmission: true, &issues)
    }

    private static func check(name: String, _ path: String, _ issues: inout Issues) {
        guard !name.isEmpty else { return issues.required(path) }
        let problems = NameRules.subdomain(name)
        if !problems.isEmpty {
            issues.invalid(path, .string(name), problems.joined(separator: ","))
        } else if name.split(separator: ".").count < 3 {
            issues.invalid(
                path, .string(name), "should be a domain with at least three segments separated by dots")
        }
    }

    private static func check(versions hook: JSON, mustBeKnown: Bool, _ path: String, _ issues: inout Issues) {
        let versions = hook.list("admissionReviewVersions").map { $0.string ?? "" }
        let known = reviewVersions.joined(separator: ", ")
        guard !versions.isEmpty else { return issues.required(path, "must specify one of \(known)") }
        var seen: Set<String> = []
        for (index, version) in versions.enumerated() {
            if seen.insert(version).inserted {
                issues.invalid("\(path)[\(index)]", version, NameRules.label1035(version))
            } else {
                issues.invalid("\(path)[\(index)]", .string(version), "duplicate version")
            }
        }
        if mustBeKnown, !versions.contains(where: reviewVersions.contains) {
            issues.invalid(path, .array(versions.map(JSON.string)), "must include at least one of \(known)")
        }
    }

    /// Where a webhook listens: a URL or a Service.
    static func check(client: JSON, _ path: String, ofAdmission: Bool = false, _ issues: inout Issues) {
        guard client.has("url") != client.has("service") else {
            return issues.required(path, "exactly one of url or service is required")
        }
        if let text = client["url"]?.string { check(url: text, "\(path).url", &issues) }
        guard let service = client["service"] else { return }
        let (hasName, hasNamespace) = (!service.text("name").isEmpty, !service.text("namespace").isEmpty)
        if ofAdmission {
            // The real server takes the one for the other.
            if !hasNamespace { issues.required("\(path).service.name") }
            if !hasName { issues.required("\(path).service.namespace") }
        } else {
            if !hasName { issues.required("\(path).service.name", "service name is required") }
            if !hasNamespace { issues.required("\(path).service.namespace", "service namespace is required") }
        }
        if let port = service["port"]?.int, !(1...65535).contains(port) {
            issues.invalid(
                "\(path).service.port", .int(port), "port is not valid: must be between 1 and 65535, inclusive")
        }
        if let urlPath = service["path"]?.string, !urlPath.isEmpty, !urlPath.hasPrefix("/") {
            issues.invalid("\(path).service.path", .string(urlPath), "must start with a '/'")
        }
    }

    private static func check(url text: String, _ path: String, _ issues: inout Issues) {
        let form = "; desired format: https://host[/path]"
        guard let url = URLComponents(string: text) else {
            return issues.required(path, "url must be a valid URL\(form)")
        }
        if url.scheme != "https" {
            issues.invalid(path, .string(text), "'https' is the only allowed URL scheme\(form)")
        }
        if url.host?.isEmpty ?? true { issues.invalid(path, .string(text), "host must be specified\(form)") }
        if url.user != nil {
            issues.invalid(path, .string(text), "user information is not permitted in the URL")
        }
        if url.fragment != nil { issues.invalid(path, .string(text), "fragments are not permitted in the URL") }
        if url.query != nil { issues.invalid(path, .string(text), "query parameters are not permitted in the URL") }
    }
}
