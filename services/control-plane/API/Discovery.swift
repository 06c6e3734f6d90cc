import ClusterRules
import KubeModel
import NIOCore

extension APIServer {
    struct Group {
        let name: String
        /// Preferred version first.
        let versions: [String]
    }

    /// The served groups but the core one.
    func groups() -> [Group] {
        var order: [String] = []
        var versions: [String: [String]] = [:]
        for kind in cluster.registry.all where !kind.type.group.isEmpty {
            if versions[kind.type.group] == nil { order.append(kind.type.group) }
            if versions[kind.type.group]?.contains(kind.type.version) != true {
                versions[kind.type.group, default: []].append(kind.type.version)
            }
        }
        let ordered = order.enumerated().sorted {
            (Self.place(of: $0.element), $0.offset) < (Self.place(of: $1.element), $1.offset)
        }
        return ordered.map {
            Group(name: $0.element, versions: (versions[$0.element] ?? []).sorted(by: VersionOrder.precedes))
        }
    }

    /// The order in which the real server lists its groups; others come behind them.
    private static let order = [
        "apiregistration.k8s.io", "apps", "events.k8s.io", "authentication.k8s.io", "authorization.k8s.io",
        "autoscaling", "batch", "certificates.k8s.io", "networking.k8s.io", "policy", "rbac.authorization.k8s.io",
        "storage.k8s.io", "admissionregistration.k8s.io", "apiextensions.k8s.io", "scheduling.k8s.io",
        "coordination.k8s.io", "node.k8s.io", "discovery.k8s.io", "resource.k8s.io", "flowcontrol.apiserver.k8s.io",
    ]

    private static func place(of group: String) -> Int { order.firstIndex(of: group) ?? order.count }

    private static let aggregated = ["v2", "v2beta1"]

    /// Answers `/api`, `/apis` and what lies below.
    func discovery(_ request: APIRequest, _ segments: [String]) throws(APIError) -> APIAnswer {
        let number = cluster.registry.number
        switch (segments[0], segments.count) {
        case (_, 1):
            if let version = wantsAggregated(request) {
                let isCore = segments[0] == "api"
                var answer = APIAnswer.bytes(
                    documents.document("\(segments[0]) \(version)", number: number) {
                        aggregatedDocument(isCore: isCore, version: version)
                    })
                answer.contentType = "application/json;g=apidiscovery.k8s.io;v=\(version);as=APIGroupDiscoveryList"
                return answer
            }
            if segments[0] == "api" { return .json(coreVersions(at: request.header("host") ?? "")) }
            return .bytes(documents.document("apis", number: number) { groupList })
        case ("api", 2):
            guard segments[1] == "v1" else { throw Self.unknownPath }
            return .bytes(documents.document("api/v1", number: number) { resourceList(group: "", version: "v1") })
        case ("apis", 2):
            guard let group = groups().first(where: { $0.name == segments[1] }) else { return .pageNotFound }
            let head: JSON = ["kind": "APIGroup", "apiVersion": "v1"]
            return .json(head.merging(groupJSON(group)))
        case ("apis", 3):
            guard cluster.registry.serves(group: segments[1], version: segments[2]) else {
                let isKnown = groups().contains { $0.name == segments[1] }
                guard isKnown else { return .pageNotFound }
                throw Self.unknownPath
            }
            return .bytes(
                documents.document("\(segments[1])/\(segments[2])", number: number) {
                    resourceList(group: segments[1], version: segments[2])
                })
        default: throw Self.unknownPath
        }
    }

    /// The version of aggregated discovery that a client prefers over the plain one.
    private func wantsAggregated(_ request: APIRequest) -> String? {
        for type in (request.header("accept") ?? "").split(separator: ",") {
            let parts = type.split(separator: ";").map { $0.filter { $0 != " " } }
            guard parts.first == "application/json" else { continue }
            guard parts.contains("as=APIGroupDiscoveryList") else { return nil }
            guard parts.contains("g=apidiscovery.k8s.io") else { continue }
            if let version = Self.aggregated.first(where: { parts.contains("v=\($0)") }) { return version }
        }
        return nil
    }

    private func coreVersions(at address: String) -> JSON {
        [
            "kind": "APIVersions", "versions": ["v1"],
            "serverAddressByClientCIDRs": [["clientCIDR": "0.0.0.0/0", "serverAddress": .string(address)]],
        ]
    }

    private var groupList: JSON {
        ["kind": "APIGroupList", "apiVersion": "v1", "groups": .array(groups().map(groupJSON))]
    }

    private func groupJSON(_ group: Group) -> JSON {
        let versions = group.versions.map { version -> JSON in
            ["groupVersion": .string("\(group.name)/\(version)"), "version": .string(version)]
        }
        return [
            "name": .string(group.name), "versions": .array(versions), "preferredVersion": versions.first ?? [:],
        ]
    }

    private func kinds(group: String, version: String) -> [ServedKind] {
        cluster.registry.all.filter { $0.type.group == group && $0.type.version == version }
            .sorted { $0.type.plural < $1.type.plural }
    }

    private func resourceList(group: String, version: String) -> JSON {
        var resources: [JSON] = []
        for kind in kinds(group: group, version: version) {
            var resource: JSON = [
                "name": .string(kind.type.plural), "singularName": .string(kind.definition.singular),
                "namespaced": .bool(kind.type.isNamespaced), "kind": .string(kind.type.kind),
                "verbs": .array(kind.verbs.map(JSON.string)),
            ]
            let (short, categories) = (kind.definition.shortNames, kind.definition.categories)
            if !short.isEmpty { resource["shortNames"] = .array(short.map(JSON.string)) }
            if !categories.isEmpty { resource["categories"] = .array(categories.map(JSON.string)) }
            if !kind.definition.isCreateOnly, !kind.definition.isMeasured {
                resource["storageVersionHash"] = .string(Fingerprint.text(kind.storageName))
            }
            resources.append(resource)
            for name in kind.discoveredSubresources {
                let answer = kind.response(of: name)
                var entry: JSON = [
                    "name": .string("\(kind.type.plural)/\(name)"), "singularName": "",
                    "namespaced": .bool(kind.type.isNamespaced), "kind": .string(answer.kind),
                    "verbs": .array(kind.verbs(of: name).map(JSON.string)),
                ]
                if answer.group != kind.type.group || answer.version != kind.type.version {
                    entry["group"] = .string(answer.group)
                    entry["version"] = .string(answer.version)
                }
                resources.append(entry)
            }
        }
        let head: JSON = group.isEmpty ? ["kind": "APIResourceList"] : ["kind": "APIResourceList", "apiVersion": "v1"]
        return head.merging([
            "groupVersion": .string(group.isEmpty ? version : "\(group)/\(version)"), "resources": .array(resources),
        ])
    }

    private func aggregatedDocument(isCore: Bool, version: String) -> JSON {
        let all = isCore ? [Group(name: "", versions: ["v1"])] : groups()
        let items = all.map { group -> JSON in
            var metadata: JSON = ["creationTimestamp": .null]
            if !isCore { metadata["name"] = .string(group.name) }
            let versions = group.versions.map { version -> JSON in
                [
                    "version": .string(version),
                    "resources": .array(kinds(group: group.name, version: version).map(\.discovery)),
                    "freshness": "Current",
                ]
            }
            return ["metadata": metadata, "versions": .array(versions)]
        }
        return [
            "kind": "APIGroupDiscoveryList", "apiVersion": .string("apidiscovery.k8s.io/\(version)"), "metadata": [:],
            "items": .array(items),
        ]
    }
}

extension ServedKind {
    var discoveredSubresources: [String] {
        guard !isCustom else { return subresources }
        let finalize = type.kind == "Namespace" && !subresources.contains("finalize") ? ["finalize"] : []
        return (subresources + finalize).sorted()
    }

    /// What kind a subresource takes and answers.
    func response(of subresource: String) -> (group: String, version: String, kind: String) {
        switch subresource {
        case "scale": ("autoscaling", "v1", "Scale")
        case "token": ("authentication.k8s.io", "v1", "TokenRequest")
        case "eviction": ("policy", "v1", "Eviction")
        case "binding": ("", "v1", "Binding")
        case "exec": ("", "v1", "PodExecOptions")
        case "attach": ("", "v1", "PodAttachOptions")
        case "portforward": ("", "v1", "PodPortForwardOptions")
        case "proxy": ("", "v1", "\(type.kind)ProxyOptions")
        default: (type.group, type.version, type.kind)
        }
    }

    func verbs(of subresource: String) -> [String] {
        switch subresource {
        case "token", "eviction", "binding": ["create"]
        case "log": ["get"]
        case "exec", "attach", "portforward": ["create", "get"]
        case "proxy": ["create", "delete", "get", "patch", "update"]
        case "finalize": ["update"]
        default: ["get", "patch", "update"]
        }
    }

    /// `APIResourceDiscovery`.
    var discovery: JSON {
        func reference(_ group: String, _ version: String, _ kind: String) -> JSON {
            ["group": .string(group), "version": .string(version), "kind": .string(kind)]
        }
        var json: JSON = [
            "resource": .string(type.plural), "responseKind": reference(type.group, type.version, type.kind),
            "scope": type.isNamespaced ? "Namespaced" : "Cluster", "singularResource": .string(definition.singular),
            "verbs": .array(verbs.map(JSON.string)),
        ]
        if !definition.shortNames.isEmpty { json["shortNames"] = .array(definition.shortNames.map(JSON.string)) }
        if !definition.categories.isEmpty { json["categories"] = .array(definition.categories.map(JSON.string)) }
        if !discoveredSubresources.isEmpty {
            json["subresources"] = .array(
                discoveredSubresources.map { name in
                    let answer = response(of: name)
                    return [
                        "subresource": .string(name),
                        "responseKind": reference(answer.group, answer.version, answer.kind),
                        "verbs": .array(verbs(of: name).map(JSON.string)),
                    ]
                })
        }
        return json
    }
}

extension JSON {
    /// The members of both, those of `other` last.
    func merging(_ other: JSON) -> JSON {
        var merged = object ?? [:]
        for (key, value) in other.object ?? [:] { merged[key] = value }
        return .object(merged)
    }
}

/// Short names for contents (FNV-1a), to tell whether something changed.
enum Fingerprint {
    static func text(_ content: String) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in content.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return String(hash, radix: 36)
    }
}
