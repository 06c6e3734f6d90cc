import Foundation
import KubeModel

extension BuiltinKinds {
    private static let eventColumns = [
        TableColumn("Last Seen", description: "How long ago it happened last."), TableColumn("Type"),
        TableColumn("Reason"),
        TableColumn("Object"), TableColumn("Subobject", priority: 1), TableColumn("Source", priority: 1),
        TableColumn("Message"), TableColumn("First Seen", priority: 1), TableColumn("Count", priority: 1),
        TableColumn(
            "Name", format: "name", description: "Name of the object, unique within its namespace.", priority: 1),
    ]

    @Sendable private static func eventCells(_ event: JSON, _ now: Date) -> [JSON] {
        func isSet(_ moment: JSON?) -> Bool { moment?.string?.isEmpty == false }
        let first = Cell.since(isSet(event["firstTimestamp"]) ? event["firstTimestamp"] : event["eventTime"], now)
        var last = isSet(event["lastTimestamp"]) ? Cell.since(event["lastTimestamp"], now) : first
        var count = event["count"]?.int ?? 0
        if let series = event["series"], !series.isNull {
            last = Cell.since(series["lastObservedTime"], now)
            count = series["count"]?.int ?? 0
        } else if count == 0 {
            count = 1
        }
        let object = event["involvedObject"] ?? [:]
        let (kind, name) = (object.text("kind").lowercased(), object.text("name"))
        let source = event["source"] ?? [:]
        let component = source.text("component").isEmpty ? event.text("reportingComponent") : source.text("component")
        let host = source.text("host").isEmpty ? event.text("reportingInstance") : source.text("host")
        return [
            last, Cell.text(event["type"]), Cell.text(event["reason"]),
            .string(name.isEmpty ? kind : "\(kind)/\(name)"), Cell.text(object["fieldPath"]),
            .string(host.isEmpty ? component : "\(component), \(host)"),
            .string(event.text("message").trimmingCharacters(in: .whitespacesAndNewlines)), first, .int(count),
            Cell.name(event),
        ]
    }

    static let event = kind(
        .events, short: ["ev"], validate: { object, _, issues in EventRules.common(object, isCore: true, &issues) },
        columns: eventColumns, cells: eventCells)

    /// Events under their newer name. They are the same objects as the core ones and are stored as those.
    static let eventV1 = kind(
        eventsV1, root: "EventV1", short: ["ev"], storedAs: .events,
        fromStored: { renamed($0, eventNames, apiVersion: "events.k8s.io/v1") },
        toStored: { renamed($0, eventNames.map { ($1, $0) }, apiVersion: "v1") },
        validate: { object, old, issues in
            let event = renamed(object, eventNames.map { ($1, $0) }, apiVersion: "v1")
            let before = old.map { renamed($0, eventNames.map { ($1, $0) }, apiVersion: "v1") }
            EventRules.common(event, isCore: false, &issues)
            EventRules.newer(event, before, &issues)
        },
        columns: eventColumns,
        cells: { eventCells(renamed($0, eventNames.map { ($1, $0) }, apiVersion: "v1"), $1) })

    /// Names of fields: core, events.k8s.io.
    private static let eventNames = [
        ("involvedObject", "regarding"), ("message", "note"), ("reportingComponent", "reportingController"),
        ("source", "deprecatedSource"), ("firstTimestamp", "deprecatedFirstTimestamp"),
        ("lastTimestamp", "deprecatedLastTimestamp"), ("count", "deprecatedCount"),
    ]

    @Sendable private static func renamed(_ object: JSON, _ names: [(String, String)], apiVersion: String) -> JSON {
        let new = Dictionary(names, uniquingKeysWith: { first, _ in first })
        var renamed = JSONObject()
        for (key, value) in object.object ?? [:] { renamed[new[key] ?? key] = value }
        renamed["apiVersion"] = .string(apiVersion)
        return .object(renamed)
    }
}

/// What Events may say; paths are those of the core kind, under either name.
enum EventRules {
    static func common(_ event: JSON, isCore: Bool, _ issues: inout Issues) {
        let namespace = event.value(at: "metadata", "namespace")?.string ?? ""
        let involved = event.value(at: "involvedObject", "namespace")?.string ?? ""
        // Events about objects of the cluster live in `default`; new ones may also be in `kube-system`.
        let homes = event.has("eventTime") ? ["default", "kube-system"] : ["default"]
        let isElsewhere =
            involved.isEmpty ? !homes.contains(namespace) : !event.has("eventTime") && involved != namespace
        if isElsewhere {
            issues.invalid("involvedObject.namespace", .string(involved), "does not match event.namespace")
        }
        guard event.has("eventTime") else { return }
        let controller = isCore ? "reportingComponent" : "reportingController"
        let reporter = event.text("reportingComponent")
        if reporter.isEmpty { issues.required(controller) }
        issues.invalid(controller, reporter, NameRules.qualifiedName(reporter))
        for field in ["reportingInstance", "action", "reason"] {
            if event.text(field).isEmpty { issues.required(field) }
            if event.text(field).utf8.count > 128 { issues.invalid(field, "", "can have at most 128 characters") }
        }
        if event.text("message").utf8.count > 1024 { issues.invalid("message", "", "can have at most 1024 characters") }
    }

    /// What only `events.k8s.io` asks for.
    static func newer(_ event: JSON, _ old: JSON?, _ issues: inout Issues) {
        if old == nil || old?["series"] != event["series"], let series = event["series"], !series.isNull {
            if (series["count"]?.int ?? 0) < 2 { issues.invalid("series.count", "", "should be at least 2") }
            if !series.has("lastObservedTime") { issues.required("series.lastObservedTime") }
        }
        if let old {
            for field in [
                "involvedObject", "reason", "message", "source", "firstTimestamp", "lastTimestamp", "count", "type",
                "eventTime", "action", "related", "reportingInstance",
            ] {
                issues.immutable(field, event[field], old[field])
            }
            issues.immutable("reportingController", event["reportingComponent"], old["reportingComponent"])
            return
        }
        if !event.has("eventTime") { issues.required("eventTime") }
        let type = event.text("type")
        if type != "Normal", type != "Warning" { issues.invalid("type", "", "has invalid value: \(type)") }
        for field in ["firstTimestamp", "lastTimestamp"] where event.has(field) {
            issues.invalid(field, "", "needs to be unset")
        }
        if (event["count"]?.int ?? 0) != 0 { issues.invalid("count", "", "needs to be unset") }
        let source = event["source"] ?? [:]
        if !source.text("component").isEmpty || !source.text("host").isEmpty {
            issues.invalid("source", "", "needs to be unset")
        }
    }
}
