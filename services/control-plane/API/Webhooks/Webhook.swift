import ClusterRules
import KubeModel

/// One admission webhook, read from its configuration.
struct Webhook: Sendable {
    /// Which requests a webhook wants to hear of.
    struct Rule: Sendable {
        let operations: [String]
        let groups: [String]
        let versions: [String]
        let resources: [String]
        let scope: String

        init(_ json: JSON) {
            func texts(_ key: String) -> [String] { json[key]?.array?.compactMap(\.string) ?? [] }
            (operations, groups, versions) = (texts("operations"), texts("apiGroups"), texts("apiVersions"))
            (resources, scope) = (texts("resources"), json["scope"]?.string ?? "*")
        }

        /// True when a request for a kind and subresource is meant.
        func matches(_ kind: ServedKind, subresource: String, operation: AdmissionRequest.Operation) -> Bool {
            func has(_ list: [String], _ value: String) -> Bool { list.contains("*") || list.contains(value) }
            guard has(operations, operation.rawValue), has(groups, kind.type.group), has(versions, kind.type.version)
            else { return false }
            switch scope {
            case "Namespaced": guard kind.type.isNamespaced else { return false }
            case "Cluster": guard !kind.type.isNamespaced else { return false }
            default: break
            }
            return resources.contains { pattern in
                let parts = pattern.split(separator: "/", maxSplits: 1)
                guard let resource = parts.first, resource == "*" || resource == kind.type.plural else { return false }
                guard parts.count == 2 else { return subresource.isEmpty }
                return parts[1] == "*" || parts[1] == subresource
            }
        }
    }

    /// Where a webhook listens.
    enum Address: Sendable, Hashable {
        case url(String)
        case service(namespace: String, name: String, path: String, port: Int)
    }

    let name: String
    let address: Address
    /// PEM of those who may have signed the webhook's certificate; nil trusts those that the machine trusts.
    let authorities: [UInt8]?
    let rules: [Rule]
    let ignoresFailures: Bool
    let matchesEquivalents: Bool
    let namespaceSelector: LabelSelector
    let objectSelector: LabelSelector
    let hasSideEffects: Bool
    let timeoutSeconds: Int
    let reviewVersion: String
    let isReinvoked: Bool
    let conditions: MatchConditions

    private static let environment = AdmissionEnvironment(hasParams: false)

    init?(_ json: JSON) {
        guard let name = json["name"]?.string, let client = json["clientConfig"] else { return nil }
        self.name = name
        if let url = client["url"]?.string {
            address = .url(url)
        } else if let service = client["service"] {
            address = .service(
                namespace: service["namespace"]?.string ?? "", name: service["name"]?.string ?? "",
                path: service["path"]?.string ?? "", port: Int(service["port"]?.int ?? 443))
        } else {
            return nil
        }
        authorities = client["caBundle"]?.string.flatMap { Webhook.decodeBase64($0) }
        rules = (json["rules"]?.array ?? []).map(Rule.init)
        ignoresFailures = json["failurePolicy"]?.string == "Ignore"
        matchesEquivalents = json["matchPolicy"]?.string != "Exact"
        namespaceSelector = LabelSelector(object: json["namespaceSelector"] ?? [:])
        objectSelector = LabelSelector(object: json["objectSelector"] ?? [:])
        hasSideEffects = !["None", "NoneOnDryRun"].contains(json["sideEffects"]?.string ?? "")
        timeoutSeconds = Int(json["timeoutSeconds"]?.int ?? 10)
        let known = (json["admissionReviewVersions"]?.array ?? []).compactMap(\.string)
        reviewVersion = known.first { $0 == "v1" || $0 == "v1beta1" } ?? "v1"
        isReinvoked = json["reinvocationPolicy"]?.string == "IfNeeded"
        conditions = MatchConditions(
            json["matchConditions"], in: Self.environment, ignoresFailures: ignoresFailures)
    }

    /// True when the labels of the object, or those it had, are among those selected.
    func selects(_ object: JSON?, _ old: JSON?) -> Bool {
        if objectSelector.isEmpty { return true }
        return [object, old].compactMap { $0 }.contains { json in
            objectSelector.matches(json.value(at: "metadata", "labels")?.stringMap ?? [:])
        }
    }
}
