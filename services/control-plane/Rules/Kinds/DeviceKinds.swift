import Foundation
import KubeModel

/// The kinds by which Pods claim devices. They are stored for the schedulers and drivers that know what to do with them.
extension BuiltinKinds {
    static let devices: [KindDefinition] = [deviceClass, resourceClaim, resourceClaimTemplate, resourceSlice]

    private static func type(_ plural: String, _ kind: String, isNamespaced: Bool = true) -> ResourceType {
        ResourceType("resource.k8s.io", "v1", plural, kind, isNamespaced: isNamespaced)
    }

    private static let deviceClass = kind(
        type("deviceclasses", "DeviceClass", isNamespaced: false), root: "resource/v1.DeviceClass",
        validate: { object, _, issues in
            checkSelectors(object["spec"]?.list("selectors") ?? [], "spec.selectors", &issues)
        })

    private static let resourceClaim = kind(
        type("resourceclaims", "ResourceClaim"), root: "resource/v1.ResourceClaim", hasStatus: true,
        defaults: { $0.edit("spec", fillClaim) },
        validate: { object, old, issues in
            let spec = object["spec"] ?? [:]
            checkDeviceClaim(spec, "spec", &issues)
            if let old { issues.immutable("spec", spec, old["spec"]) }
        },
        columns: [.name, TableColumn("State"), .age],
        cells: { object, now in
            let status = object["status"] ?? [:]
            var states: [String] = []
            if object.value(at: "metadata", "deletionTimestamp") != nil { states.append("deleted") }
            if status.has("allocation") { states.append("allocated") }
            if !status.list("reservedFor").isEmpty { states.append("reserved") }
            if states.isEmpty || states == ["deleted"] { states.append("pending") }
            return [Cell.name(object), .string(states.joined(separator: ",")), Cell.age(object, now)]
        })

    private static let resourceClaimTemplate = kind(
        type("resourceclaimtemplates", "ResourceClaimTemplate"), root: "resource/v1.ResourceClaimTemplate",
        defaults: { $0.edit("spec") { $0.edit("spec", fillClaim) } },
        validate: { object, old, issues in
            let spec = object["spec"] ?? [:]
            checkDeviceClaim(spec["spec"] ?? [:], "spec.spec", &issues)
            if let old { issues.immutable("spec", spec, old["spec"]) }
        })

    private static let resourceSlice = kind(
        type("resourceslices", "ResourceSlice", isNamespaced: false), root: "resource/v1.ResourceSlice",
        validate: { object, old, issues in
            let spec = object["spec"] ?? [:]
            let driver = spec.text("driver")
            if driver.isEmpty {
                issues.required("spec.driver")
            } else {
                issues.invalid("spec.driver", driver, NameRules.subdomain(driver))
            }
            let pool = spec["pool"] ?? [:]
            if pool.text("name").isEmpty { issues.required("spec.pool.name") }
            if (pool["resourceSliceCount"]?.int ?? 0) <= 0 {
                issues.invalid("spec.pool.resourceSliceCount", pool["resourceSliceCount"], "must be greater than zero")
            }
            issues.notNegative("spec.pool.generation", pool["generation"])
            let places = [
                !spec.text("nodeName").isEmpty, spec.has("nodeSelector"), spec["allNodes"]?.bool == true,
                spec["perDeviceNodeSelection"]?.bool == true,
            ]
            switch places.count(where: { $0 }) {
            case 1: break
            case 0:
                issues.required(
                    "spec",
                    "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required")
            default:
                issues.invalid(
                    "spec", .string("{}"),
                    "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required, but multiple fields are set"
                )
            }
            var names: Set<String> = []
            for (index, device) in spec.list("devices").enumerated() {
                let name = device.text("name")
                checkName(name, "spec.devices[\(index)].name", &names, &issues)
            }
            guard let before = old?["spec"] else { return }
            for field in ["nodeName", "driver"] { issues.immutable("spec.\(field)", spec[field], before[field]) }
            issues.immutable("spec.pool.name", pool["name"], before.value(at: "pool", "name"))
        },
        columns: [.name, TableColumn("Node"), TableColumn("Driver"), TableColumn("Pool"), .age],
        cells: { object, now in
            let spec = object["spec"] ?? [:]
            var node = spec.text("nodeName")
            if node.isEmpty {
                node = spec["allNodes"]?.bool == true ? "<all>" : spec.has("nodeSelector") ? "<selector>" : "<unset>"
            }
            return [
                Cell.name(object), .string(node), Cell.text(spec["driver"]), Cell.text(spec.value(at: "pool", "name")),
                Cell.age(object, now),
            ]
        })

    // MARK: Claims

    @Sendable private static func fillClaim(_ spec: inout JSON) {
        func fill(_ request: inout JSON) {
            request.fillText("allocationMode", "ExactCount")
            if request.text("allocationMode") == "ExactCount", (request["count"]?.int ?? 0) == 0 {
                request["count"] = 1
            }
        }
        spec.edit("devices") { devices in
            devices.editEach("requests") { request in
                request.edit("exactly", fill)
                request.editEach("firstAvailable", fill)
            }
        }
    }

    private static func checkDeviceClaim(_ spec: JSON, _ path: String, _ issues: inout Issues) {
        let devices = spec["devices"] ?? [:]
        var names: Set<String> = []
        for (index, request) in devices.list("requests").enumerated() {
            let place = "\(path).devices.requests[\(index)]"
            checkName(request.text("name"), "\(place).name", &names, &issues)
            let choices = request.list("firstAvailable")
            switch (request.has("exactly"), choices.isEmpty) {
            case (true, false):
                issues.invalid(
                    place, .string("{}"),
                    "exactly one of `exactly` or `firstAvailable` is required, but multiple are set"
                )
            case (false, true): issues.required(place, "exactly one of `exactly` or `firstAvailable` is required")
            case (true, true): checkRequest(request["exactly"] ?? [:], "\(place).exactly", &issues)
            case (false, false):
                var own: Set<String> = []
                for (number, choice) in choices.enumerated() {
                    let field = "\(place).firstAvailable[\(number)]"
                    checkName(choice.text("name"), "\(field).name", &own, &issues)
                    checkRequest(choice, field, &issues)
                }
            }
        }
        for (index, constraint) in devices.list("constraints").enumerated() {
            let place = "\(path).devices.constraints[\(index)]"
            for (number, name) in constraint.list("requests").enumerated() {
                let request = (name.string ?? "").prefix { $0 != "/" }
                if !names.contains(String(request)) {
                    issues.invalid(
                        "\(place).requests[\(number)]", name,
                        "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"
                    )
                }
            }
            if constraint.text("matchAttribute").isEmpty, constraint.text("distinctAttribute").isEmpty {
                issues.required("\(place).matchAttribute")
            }
        }
    }

    private static func checkRequest(_ request: JSON, _ path: String, _ issues: inout Issues) {
        let name = request.text("deviceClassName")
        if name.isEmpty {
            issues.required("\(path).deviceClassName")
        } else {
            issues.invalid("\(path).deviceClassName", name, NameRules.subdomain(name))
        }
        issues.oneOf("\(path).allocationMode", request["allocationMode"], ["All", "ExactCount"])
        if request.text("allocationMode") == "ExactCount", (request["count"]?.int ?? 0) <= 0 {
            issues.invalid("\(path).count", request["count"], "must be greater than zero")
        }
        checkSelectors(request.list("selectors"), "\(path).selectors", &issues)
    }

    private static func checkSelectors(_ selectors: [JSON], _ path: String, _ issues: inout Issues) {
        for (index, selector) in selectors.enumerated() {
            if !selector.has("cel") {
                issues.required("\(path)[\(index)].cel")
            } else if selector.value(at: "cel", "expression")?.string?.isEmpty ?? true {
                issues.required("\(path)[\(index)].cel.expression")
            }
        }
    }

    private static func checkName(_ name: String, _ field: String, _ names: inout Set<String>, _ issues: inout Issues) {
        if name.isEmpty {
            issues.required(field)
        } else {
            issues.invalid(field, name, NameRules.label(name))
            if !names.insert(name).inserted { issues.duplicate(field, .string(name)) }
        }
    }
}
