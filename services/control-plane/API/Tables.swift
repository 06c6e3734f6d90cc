import ClusterRules
import Foundation
import KubeModel

/// The forms of an object that show only part of it.
extension ServedKind {
    private static let apiVersion: JSON = "meta.k8s.io/v1"

    /// `PartialObjectMetadata` of an object.
    func partial(_ object: JSON) -> JSON {
        ["kind": "PartialObjectMetadata", "apiVersion": Self.apiVersion, "metadata": object["metadata"] ?? [:]]
    }

    /// The refusal to show a list as one object's metadata, or an object as a list of metadata.
    func cannotShow(_ wanted: Presentation) -> APIError {
        if isCustom, wanted == .metadataList { return APIError(.unknown, "content is not a list", code: 500) }
        let package = isCustom ? "unstructured" : type.group.split(separator: ".").first.map(String.init) ?? "core"
        let name = isCustom ? "Unstructured" : type.kind
        return APIError(
            .notAcceptable,
            wanted == .metadata
                ? "you requested PartialObjectMetadata, but the requested object is a list (*\(package).\(name)List)"
                : "you requested PartialObjectMetadataList, but the requested object is not a list (*\(package).\(name))"
        )
    }

    private func row(_ object: JSON, _ include: Presentation.RowObject, now: Date) -> JSON {
        var row: JSON = ["cells": .array(definition.cells(object, now))]
        if let condition = endCondition(object) { row["conditions"] = [condition] }
        switch include {
        case .none: row["object"] = .null
        case .metadata: row["object"] = partial(object)
        case .object: row["object"] = object
        }
        return row
    }

    /// What the row of a Pod that has ended says about it: clients hide such rows or grey them.
    private func endCondition(_ object: JSON) -> JSON? {
        guard type.kind == "Pod", type.group.isEmpty else { return nil }
        let message: JSON
        let phase = object.value(at: "status", "phase")
        switch phase?.string {
        case "Succeeded": message = "The pod has completed successfully."
        case "Failed": message = "The pod failed."
        default: return nil
        }
        return ["type": "Completed", "status": "True", "reason": phase ?? .null, "message": message]
    }

    private var columns: JSON {
        .array(
            definition.columns.map(\.json))
    }

    /// `Table` of objects.
    func table(_ objects: [JSON], metadata: JSON, include: Presentation.RowObject, withColumns: Bool = true) -> JSON {
        let now = Date()
        return [
            "kind": "Table", "apiVersion": Self.apiVersion, "metadata": metadata,
            "columnDefinitions": withColumns ? columns : .null,
            "rows": .array(objects.map { row($0, include, now: now) }),
        ]
    }

    /// One object in the wanted form.
    func present(_ object: JSON, as presentation: Presentation, withColumns: Bool = true) -> JSON {
        switch presentation {
        case .object: return object
        case .metadata, .metadataList: return partial(object)
        case .table(let include):
            let version = object.value(at: "metadata", "resourceVersion") ?? ""
            return table([object], metadata: ["resourceVersion": version], include: include, withColumns: withColumns)
        }
    }
}
