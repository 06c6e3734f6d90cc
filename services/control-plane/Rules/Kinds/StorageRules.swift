import KubeModel

/// Rules of classes and drivers of storage.
enum StorageRules {
    static func provisioner(_ name: String, _ field: String, _ issues: inout Issues) {
        if name.isEmpty { return issues.required(field) }
        issues.invalid(field, name, NameRules.qualifiedName(name.lowercased()))
    }

    static func parameters(_ parameters: JSON?, isRequired: Bool, _ issues: inout Issues) {
        let map = parameters?.stringMap ?? [:]
        if map.count > 512 { return issues.tooLong("parameters", 512) }
        if map.keys.contains("") { issues.invalid("parameters", "", "field can not be empty.") }
        let size = map.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
        if size > 256 * 1024 { issues.tooLong("parameters", 256 * 1024) }
        if isRequired, map.isEmpty { issues.required("parameters", "must contain at least one key/value pair") }
    }

    static func driver(_ name: String, _ field: String, _ issues: inout Issues) {
        if name.isEmpty { return issues.required(field) }
        if name.utf8.count > 63 { issues.tooLong(field, 63) }
        issues.invalid(field, name, NameRules.subdomain(name.lowercased()))
    }

    static func topologies(_ terms: [JSON], _ path: String, _ issues: inout Issues) {
        var seen: [[String: Set<String>]] = []
        for (index, term) in terms.enumerated() {
            var keys: [String: Set<String>] = [:]
            for (place, requirement) in term.list("matchLabelExpressions").enumerated() {
                let field = "\(path)[\(index)].matchLabelExpressions[\(place)]"
                let key = requirement.text("key")
                let values = requirement.list("values").compactMap(\.string)
                if values.isEmpty { issues.required("\(field).values") }
                var set: Set<String> = []
                for (position, value) in values.enumerated() where !set.insert(value).inserted {
                    issues.duplicate("\(field).values[\(position)]", .string(value))
                }
                issues.invalid("\(field).key", key, NameRules.qualifiedName(key))
                if keys[key] != nil { issues.duplicate("\(field).key", .string(key)) }
                keys[key] = set
            }
            // A term that says nothing counts as said before.
            if keys.isEmpty || seen.contains(keys) { issues.duplicate("\(path)[\(index)].matchLabelExpressions", "") }
            seen.append(keys)
        }
    }

    @Sendable static func fillDriver(_ object: inout JSON) {
        object.fill("spec", [:])
        object.edit("spec") { spec in
            spec.fill("attachRequired", true)
            for field in ["podInfoOnMount", "storageCapacity", "requiresRepublish", "seLinuxMount"] {
                spec.fill(field, false)
            }
            spec.fill("fsGroupPolicy", "ReadWriteOnceWithFSType")
            if spec.list("volumeLifecycleModes").isEmpty { spec["volumeLifecycleModes"] = ["Persistent"] }
        }
    }

    /// A driver that gets tokens should get them where they are not logged.
    @Sendable static func warnAboutTokens(_ object: JSON, _ old: JSON?, _ subresource: String) -> [String] {
        let spec = object["spec"] ?? [:]
        let tokens = spec.list("tokenRequests")
        guard !tokens.isEmpty, !spec.has("serviceAccountTokenInSecrets"),
            old == nil || old?["spec"]?.list("tokenRequests") != tokens
        else { return [] }
        return [
            "spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent "
                + "possible logging of tokens in volume attributes"
        ]
    }

    @Sendable static func checkDriver(_ object: JSON, _ old: JSON?, _ issues: inout Issues) {
        let spec = object["spec"] ?? [:]
        issues.supported("spec.fsGroupPolicy", spec["fsGroupPolicy"], ["File", "None", "ReadWriteOnceWithFSType"])
        for mode in spec.list("volumeLifecycleModes") {
            issues.supported("spec.volumeLifecycleModes", mode, ["Persistent", "Ephemeral"])
        }
        if let seconds = spec["nodeAllocatableUpdatePeriodSeconds"]?.int, seconds < 10 {
            issues.invalid(
                "spec.nodeAllocatableUpdatePeriodSeconds", .int(seconds),
                "must be greater than or equal to 10 seconds")
        }
        tokens(spec.list("tokenRequests"), &issues)
        if spec.has("serviceAccountTokenInSecrets"), spec.list("tokenRequests").isEmpty {
            issues.invalid(
                "spec.serviceAccountTokenInSecrets", spec["serviceAccountTokenInSecrets"],
                "serviceAccountTokenInSecrets is set but no tokenRequests are specified")
        }
        guard let before = old?["spec"] else { return }
        issues.immutable("spec.attachedRequired", spec["attachRequired"], before["attachRequired"])
        issues.immutable("spec.volumeLifecycleModes", spec["volumeLifecycleModes"], before["volumeLifecycleModes"])
    }

    private static func tokens(_ requests: [JSON], _ issues: inout Issues) {
        var audiences: Set<String> = []
        for (index, request) in requests.enumerated() {
            let place = "spec.tokenRequests[\(index)]"
            let audience = request.text("audience")
            guard audiences.insert(audience).inserted else {
                issues.duplicate("\(place).audience", .string(audience))
                continue
            }
            guard let seconds = request["expirationSeconds"]?.int else { continue }
            if seconds < 600 {
                issues.invalid(
                    "\(place).expirationSeconds", .int(seconds), "may not specify a duration less than 10 minutes")
            }
            if seconds > 1 << 32 {
                issues.invalid(
                    "\(place).expirationSeconds", .int(seconds),
                    "may not specify a duration larger than 2^32 seconds")
            }
        }
    }

    @Sendable static func checkNode(_ object: JSON, _ old: JSON?, _ issues: inout Issues) {
        let drivers = object["spec"]?.list("drivers") ?? []
        var names: Set<String> = []
        for (index, entry) in drivers.enumerated() {
            let place = "spec.drivers[\(index)]"
            let (name, node) = (entry.text("name"), entry.text("nodeID"))
            driver(name, "\(place).name", &issues)
            if node.isEmpty { issues.required("\(place).nodeID") }
            if node.utf8.count > 256 {
                issues.invalid("\(place).nodeID", .string(node), "must be 256 characters or less")
            }
            issues.notNegative("\(place).allocatable.count", entry.value(at: "allocatable", "count"))
            if !names.insert(name).inserted { issues.duplicate("\(place).name", .string(name)) }
            var keys: Set<String> = []
            for key in entry.list("topologyKeys").map({ $0.string ?? "" }) {
                if key.isEmpty { issues.required(place) }
                if !keys.insert(key).inserted { issues.duplicate(place, .string(key)) }
                issues.invalid(place, key, NameRules.qualifiedName(key))
            }
        }
        for before in old?["spec"]?.list("drivers") ?? [] {
            for entry in drivers where entry.text("name") == before.text("name") {
                var (new, stored) = (entry, before)
                (new["allocatable"], stored["allocatable"]) = (nil, nil)
                issues.immutable("spec.drivers", new, stored)
            }
        }
    }
}
