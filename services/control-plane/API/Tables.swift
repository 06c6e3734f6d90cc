import ClusterRules
import Foundation
import KubeModel

/// The forms of an object that show only part of it.
extension ServedKind {
    /// `PartialObjectMetadata` of an object.
    func partial(_ object: JSON, in version: Presentation.Version) -> JSON {
        ["kind": "PartialObjectMetadata", "apiVersion": version.apiVersion, "metadata": object["metadata"] ?? [:]]
    }

    /// `PartialObjectMetadataList` of objects.
    func partials(_ objects: [JSON], metadata: JSON, in version: Presentation.Version) -> JSON {
        [
            "kind": "PartialObjectMetadataList", "apiVersion": version.apiVersion, "metadata": metadata,
            // As the real server writes a list that was never begun.
            "items": objects.isEmpty ? .null : .array(objects.map { partial($0, in: version) }),
        ]
    }

    /// The refusal to show a list as one object's metadata, or an object as a list of metadata.
    func cannotShow(_ wanted: Presentation) -> APIError {
        if isCustom, wanted.isMetadataList { return APIError(.unknown, "content is not a list", code: 500) }
        let package = isCustom ? "unstructured" : type.group.split(separator: ".").first.map(String.init) ?? "core"
        let name = isCustom ? "Unstructured" : type.kind
        return APIError(
            .notAcceptable,
            wanted.isMetadataList
                ? "you requested PartialObjectMetadataList, but the requested object is not a list (*\(package).\(name))"
                : "you requested PartialObjectMetadata, but the requested object is a list (*\(package).\(name)List)"
        )
    }

    private func row(
        _ object: JSON, _ include: Presentation.RowObject, in version: Presentation.Version, now: Date
    ) -> JSON {
        var row: JSON = ["cells": .array(definition.cells(object, now))]
        if let condition = endCondition(object) { row["conditions"] = [condition] }
        switch include {
        case .none: row["object"] = .null
        case .metadata: row["object"] = partial(object, in: version)
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
    func table(
        _ objects: [JSON], metadata: JSON, include: Presentation.RowObject, in version: Presentation.Version,
        withColumns: Bool = true
    ) -> JSON {
        let now = Date()
        return [
            "kind": "Table", "apiVersion": version.apiVersion, "metadata": metadata,
            "columnDefinitions": withColumns ? columns : .null,
            "rows": .array(objects.map { row($0, include, in: version, now: now) }),
        ]
    }

    /// One object in the wanted form.
    func present(_ object: JSON, as presentation: Presentation, withColumns: Bool = true) -> JSON {
        switch presentation {
        case .object: return object
        case .metadata(let version), .metadataList(let version): return partial(object, in: version)
        case .table(let include, let version):
            let metadata: JSON = ["resourceVersion": object.value(at: "metadata", "resourceVersion") ?? ""]
            return table([object], metadata: metadata, include: include, in: version, withColumns: withColumns)
        }
    }
}
