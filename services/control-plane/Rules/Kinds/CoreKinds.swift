import Foundation
import KubeModel

extension BuiltinKinds {
    static let eventsV1 = ResourceType("events.k8s.io", "v1", "events", "Event")
    static let componentStatuses = ResourceType("", "v1", "componentstatuses", "ComponentStatus", isNamespaced: false)

    static let core: [KindDefinition] = [
        pod, podTemplate, replicationController, service, endpoints, configMap, secret, serviceAccount, namespace, node,
        persistentVolume, persistentVolumeClaim, event, eventV1, resourceQuota, limitRange,
    ]

    private static let namespace = kind(
        .namespaces, short: ["ns"], hasStatus: true, subresources: ["finalize"],
        defaults: { object in
            // Every namespace carries its name as a label, so that selectors can name it.
            let name = object.value(at: "metadata", "name")?.string ?? ""
            if !name.isEmpty { object.set(.string(name), at: "metadata", "labels", "kubernetes.io/metadata.name") }
        },
        create: { object in
            object["status"] = ["phase": "Active"]
            var finalizers = object.value(at: "spec", "finalizers")?.array ?? []
            if !finalizers.contains("kubernetes") { finalizers.append("kubernetes") }
            object.set(.array(finalizers), at: "spec", "finalizers")
        },
        update: { object, old in object.set(old.value(at: "spec", "finalizers"), at: "spec", "finalizers") },
        columns: [.name, TableColumn("Status", description: "Active or Terminating."), .age],
        cells: { [Cell.name($0), Cell.text($0.value(at: "status", "phase")), Cell.age($0, $1)] })

    private static let configMap = kind(
        .configMaps, short: ["cm"],
        validate: { object, old, issues in
            var size = 0
            for field in ["data", "binaryData"] {
                for (key, value) in object[field]?.object ?? [:] {
                    issues.invalid("\(field)[\(key)]", key, NameRules.configKey(key))
                    if field == "data", object.value(at: "binaryData", key) != nil {
                        issues.invalid("data[\(key)]", .string(key), "duplicate of key present in binaryData")
                    }
                    size += value.string?.utf8.count ?? 0
                }
            }
            sizeLimit(size, &issues)
            if let old, old["immutable"]?.bool == true {
                frozen(object, old, ["data", "binaryData"], &issues)
            }
        },
        columns: [.name, TableColumn("Data", description: "How many entries there are."), .age],
        cells: { object, now in
            let count = (object["data"]?.object?.count ?? 0) + (object["binaryData"]?.object?.count ?? 0)
            return [Cell.name(object), .int(Int64(count)), Cell.age(object, now)]
        })

    private static func sizeLimit(_ size: Int, _ issues: inout Issues) {
        if size > 1024 * 1024 {
            issues.add(FieldIssue(field: "", reason: .tooLong, detail: "may not be more than 1048576 bytes"))
        }
    }

    private static func frozen(_ new: JSON, _ old: JSON, _ fields: [String], _ issues: inout Issues) {
        if new["immutable"]?.bool != true {
            issues.forbidden("immutable", "field is immutable when `immutable` is set")
        }
        for field in fields where (new[field]?.object ?? [:]) != (old[field]?.object ?? [:]) {
            issues.forbidden(field, "field is immutable when `immutable` is set")
        }
    }

    /// Keys that a Secret of a type must have.
    private static let secretKeys: [String: [String]] = [
        "kubernetes.io/tls": ["tls.crt", "tls.key"], "kubernetes.io/dockerconfigjson": [".dockerconfigjson"],
        "kubernetes.io/dockercfg": [".dockercfg"], "kubernetes.io/ssh-auth": ["ssh-privatekey"],
    ]

    private static let secret = kind(
        .secrets,
        defaults: { object in
            object.fillText("type", "Opaque")
            guard let plain = object["stringData"]?.object else { return }
            object["stringData"] = nil
            for (key, value) in plain {
                let encoded = Data((value.string ?? "").utf8).base64EncodedString()
                object.set(.string(encoded), at: "data", key)
            }
        },
        validate: { object, old, issues in
            var size = 0
            for (key, value) in object["data"]?.object ?? [:] {
                issues.invalid("data[\(key)]", key, NameRules.configKey(key))
                size += (value.string?.utf8.count ?? 0) / 4 * 3
            }
            if size > 1024 * 1024 {
                issues.add(FieldIssue(field: "data", reason: .tooLong, detail: "may not be more than 1048576 bytes"))
            }
            let type = object.text("type")
            for key in secretKeys[type] ?? [] where object.value(at: "data", key) == nil {
                issues.required("data[\(key)]")
            }
            if type == "kubernetes.io/service-account-token",
                object.value(at: "metadata", "annotations", "kubernetes.io/service-account.name")?.string?.isEmpty
                    ?? true
            {
                issues.required("metadata.annotations[kubernetes.io/service-account.name]")
            }
            guard let old else { return }
            issues.immutable("type", object["type"], old["type"])
            if old["immutable"]?.bool == true { frozen(object, old, ["data"], &issues) }
        },
        columns: [.name, TableColumn("Type"), TableColumn("Data", description: "How many entries there are."), .age],
        cells: {
            [Cell.name($0), Cell.text($0["type"]), .int(Int64($0["data"]?.object?.count ?? 0)), Cell.age($0, $1)]
        })

    private static let serviceAccount = kind(
        .serviceAccounts, short: ["sa"], subresources: ["token"],
        columns: [.name, TableColumn("Secrets", description: "How many secrets belong to the account."), .age],
        cells: { [Cell.name($0), .int(Int64($0.list("secrets").count)), Cell.age($0, $1)] })

    private static let node = kind(
        .nodes, short: ["no"], hasStatus: true, comesWithStatus: true, subresources: ["proxy"],
        update: { object, old in object["status"] = old["status"] },
        columns: [
            .name, TableColumn("Status"), TableColumn("Roles"), .age, TableColumn("Version"),
            TableColumn("Internal-IP", priority: 1), TableColumn("External-IP", priority: 1),
            TableColumn("OS-Image", priority: 1), TableColumn("Kernel-Version", priority: 1),
            TableColumn("Container-Runtime", priority: 1),
        ],
        cells: { node, now in
            let status = node["status"] ?? [:]
            let ready = Conditions(status["conditions"])["Ready"]
            var words = [ready.map { $0.isTrue ? "Ready" : "NotReady" } ?? "Unknown"]
            if node.value(at: "spec", "unschedulable")?.bool == true { words.append("SchedulingDisabled") }
            let prefix = "node-role.kubernetes.io/"
            let roles = (node.value(at: "metadata", "labels")?.object?.keys ?? [])
                .filter { $0.hasPrefix(prefix) && $0 != prefix }.map { String($0.dropFirst(prefix.count)) }.sorted()
            func address(_ type: String) -> JSON {
                Cell.text(status.list("addresses").first { $0.text("type") == type }?["address"], or: "<none>")
            }
            func info(_ key: String) -> JSON { Cell.text(status.value(at: "nodeInfo", key), or: "<unknown>") }
            return [
                Cell.name(node), .string(words.joined(separator: ",")),
                .string(roles.isEmpty ? "<none>" : roles.joined(separator: ",")), Cell.age(node, now),
                Cell.text(status.value(at: "nodeInfo", "kubeletVersion")), address("InternalIP"), address("ExternalIP"),
                info("osImage"), info("kernelVersion"), info("containerRuntimeVersion"),
            ]
        })

    private static let resourceQuota = kind(
        .resourceQuotas, short: ["quota"], hasStatus: true,
        validate: { object, _, issues in
            for (name, amount) in object.value(at: "spec", "hard")?.object ?? [:] {
                issues.invalid("spec.hard[\(name)]", name, NameRules.qualifiedName(name))
                if let quantity = Quantity(amount), quantity < .zero {
                    issues.invalid("spec.hard[\(name)]", amount, "must be greater than or equal to 0")
                }
            }
        },
        columns: [.name, TableColumn("Request"), TableColumn("Limit"), .age],
        cells: { object, now in
            let hard = object.value(at: "status", "hard")?.object ?? object.value(at: "spec", "hard")?.object ?? [:]
            var requests: [String] = []
            var limits: [String] = []
            for name in hard.keys.sorted() {
                let used = Quantity(object.value(at: "status", "used", name))?.text ?? "0"
                let text = "\(name): \(used)/\(Quantity(hard[name])?.text ?? "0")"
                if name.hasPrefix("limits.") { limits.append(text) } else { requests.append(text) }
            }
            return [
                Cell.name(object), .string(requests.joined(separator: ", ")), .string(limits.joined(separator: ", ")),
                Cell.age(object, now),
            ]
        })

    private static let limitRange = kind(
        .limitRanges, short: ["limits"],
        defaults: { object in
            object.edit("spec") { spec in
                spec.editEach("limits") { item in
                    guard item.text("type") == "Container" else { return }
                    // Default limits follow the maximum, default requests the limits, then the minimum.
                    for (name, amount) in item["max"]?.object ?? [:] where item.value(at: "default", name) == nil {
                        item.set(amount, at: "default", name)
                    }
                    for source in ["default", "min"] {
                        for (name, amount) in item[source]?.object ?? [:]
                        where item.value(at: "defaultRequest", name) == nil {
                            item.set(amount, at: "defaultRequest", name)
                        }
                    }
                }
            }
        },
        validate: { object, _, issues in
            for (index, item) in (object["spec"]?.list("limits") ?? []).enumerated() {
                let path = "spec.limits[\(index)]"
                if item.text("type").isEmpty { issues.required("\(path).type") }
                for (name, minimum) in item["min"]?.object ?? [:] {
                    guard let low = Quantity(minimum), let high = Quantity(item.value(at: "max", name)), low > high
                    else {
                        continue
                    }
                    issues.invalid(
                        "\(path).min[\(name)]", .string(low.text),
                        "min value \(low.text) is greater than max value \(high.text)")
                }
            }
        },
        columns: [.name, .createdAt], cells: { object, _ in [Cell.name(object), Cell.createdAt(object)] })
}
