import Foundation
public import KubeModel

/// Which versions of API groups there are, and who serves them (`apiregistration.k8s.io`): this server, all of them.
extension BuiltinKinds {
    /// APIServices.
    public static let apiServices = ResourceType(
        "apiregistration.k8s.io", "v1", "apiservices", "APIService", isNamespaced: false)

    static let registrations = [
        kind(
            apiServices, categories: ["api-extensions"], hasStatus: true,
            defaults: { object in
                object.edit("spec") { spec in spec.edit("service") { $0.fill("port", 443) } }
            },
            create: { object in
                guard object.value(at: "spec", "service") == nil else { return }
                object["status"] = [
                    "conditions": [
                        [
                            "type": "Available", "status": "True",
                            "lastTransitionTime": .string(Timestamp.now.text), "reason": "Local",
                            "message": "Local APIServices are always available",
                        ]
                    ]
                ]
            },
            validate: { object, _, issues in checkRegistration(object, &issues) },
            validateStatus: { object, _, issues in
                let conditions = object["status"]?.list("conditions") ?? []
                for (place, condition) in conditions.enumerated() {
                    issues.supported(
                        "status.conditions[\(place)].status", condition["status"], ["False", "True", "Unknown"])
                }
            },
            columns: [
                .name,
                TableColumn("Service", description: "The reference to the service that hosts this API endpoint."),
                TableColumn("Available", description: "Whether this service is available."), .age,
            ],
            cells: { object, now in
                let service = object.value(at: "spec", "service")
                return [
                    Cell.name(object),
                    service.map { .string("\($0.text("namespace"))/\($0.text("name"))") } ?? "Local",
                    availability(object), Cell.age(object, now),
                ]
            })
    ]

    private static func availability(_ object: JSON) -> JSON {
        guard let condition = object["status"]?.list("conditions").first(where: { $0["type"] == "Available" }) else {
            return "Unknown"
        }
        let (status, reason) = (condition.text("status"), condition.text("reason"))
        return .string(status == "True" || reason.isEmpty ? status : "\(status) (\(reason))")
    }

    private static func checkRegistration(_ object: JSON, _ issues: inout Issues) {
        let spec = object["spec"] ?? [:]
        let (group, version) = (spec.text("group"), spec.text("version"))
        let name = object.value(at: "metadata", "name")?.string ?? ""
        if name != "\(version).\(group)" {
            issues.invalid(
                "metadata.name", .string(name),
                "must be `spec.version+\".\"+spec.group`: \(FieldIssue.quoted("\(version).\(group)"))")
        }
        if !group.isEmpty {
            issues.invalid("spec.group", group, NameRules.subdomain(group))
        } else if version != "v1" {
            issues.required("spec.group", "only v1 may have an empty group and it better be legacy kube")
        }
        issues.invalid("spec.version", version, NameRules.label1035(version))
        for (field, limit) in [("groupPriorityMinimum", Int64(20000)), ("versionPriority", 1000)] {
            let priority = spec[field]?.int ?? 0
            guard !(1...limit).contains(priority) else { continue }
            issues.invalid("spec.\(field)", .int(priority), "must be positive and less than \(limit)")
        }
        guard spec["service"] == nil else {
            issues.forbidden("spec.service", "this server does not pass requests on to API servers of others")
            return
        }
        if let bundle = spec["caBundle"]?.string, !bundle.isEmpty {
            let length = Data(base64Encoded: bundle)?.count ?? 0
            issues.invalid("spec.caBundle", .string("\(length) bytes"), "local APIServices may not have a caBundle")
        }
        if spec["insecureSkipTLSVerify"]?.bool == true {
            issues.invalid(
                "spec.insecureSkipTLSVerify", true, "local APIServices may not have insecureSkipTLSVerify")
        }
    }
}
