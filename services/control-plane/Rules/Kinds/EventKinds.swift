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
        func since(_ keys: [String]) -> JSON {
            for key in keys {
                let value = key == "series" ? event.value(at: "series", "lastObservedTime") : event[key]
                if value?.string?.isEmpty == false { return Cell.since(value, now) }
            }
            return "<unknown>"
        }
        let object = event["involvedObject"] ?? [:]
        let source = event["source"] ?? [:]
        let component = source.text("component").isEmpty ? event.text("reportingComponent") : source.text("component")
        let host = source.text("host").isEmpty ? event.text("reportingInstance") : source.text("host")
        let count = event.value(at: "series", "count")?.int ?? event["count"]?.int ?? 1
        return [
            since(["series", "lastTimestamp", "eventTime"]), Cell.text(event["type"]), Cell.text(event["reason"]),
            .string("\(object.text("kind").lowercased())/\(object.text("name"))"), Cell.text(object["fieldPath"]),
            .string(host.isEmpty ? component : "\(component), \(host)"),
            .string(event.text("message").trimmingCharacters(in: .whitespacesAndNewlines)),
            since(["firstTimestamp", "eventTime"]), .int(max(1, count)), Cell.name(event),
        ]
    }

    static let event = kind(
        .events, short: ["ev"],
        validate: { object, _, issues in
            let namespace = object.value(at: "metadata", "namespace")?.string ?? ""
            let involved = object.value(at: "involvedObject", "namespace")?.string ?? ""
            // Events about objects of the cluster live in `default`.
            if involved != namespace, !(involved.isEmpty && ["default", "kube-system"].contains(namespace)) {
                issues.invalid("involvedObject.namespace", .string(involved), "does not match event.namespace")
            }
        },
        columns: eventColumns, cells: eventCells)

    /// Events under their newer name. They are the same objects as the core ones and are stored as those.
    static let eventV1 = kind(
        eventsV1, root: "EventV1", short: ["ev"], storedAs: .events,
        fromStored: { renamed($0, eventNames, apiVersion: "events.k8s.io/v1") },
        toStored: { renamed($0, eventNames.map { ($1, $0) }, apiVersion: "v1") },
        validate: { object, _, issues in
            issues.oneOf("type", object["type"], ["Normal", "Warning"], isRequired: true)
            if object.text("reason").isEmpty { issues.required("reason") }
            if !object.has("deprecatedSource") {
                if !object.has("eventTime") { issues.required("eventTime") }
                if object.text("action").isEmpty { issues.required("action") }
                if object.text("reportingController").isEmpty { issues.required("reportingController") }
            }
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
