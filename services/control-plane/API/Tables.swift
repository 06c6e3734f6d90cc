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

    private func row(_ object: JSON, _ include: Presentation.RowObject, now: Date) -> JSON {
        var row: JSON = ["cells": .array(definition.cells(object, now))]
        switch include {
        case .none: row["object"] = .null
        case .metadata: row["object"] = partial(object)
        case .object: row["object"] = object
        }
        return row
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
