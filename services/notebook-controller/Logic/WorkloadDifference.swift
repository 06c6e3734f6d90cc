import ControllerKit
import KubeModel

/// What is to change in a StatefulSet or Deployment that is there already.
enum WorkloadDifference {
    /// On the workload: of which Pod spec it was made. Defaults that the server fills in hide what was taken out.
    static let templateAnnotation = "martlet.dev/template"

    /// What the annotation says of a Pod spec.
    static func mark(of podSpec: JSON) -> [String: String] { [templateAnnotation: StableHash.hex(podSpec.text)] }

    /// The merge patch for labels, annotations, replicas and Pod spec, and nothing else, unless the labels of new Pods are to
    /// follow, too; nil when all are as wanted.
    static func patch(from existing: KubeObject, to wanted: KubeObject, podLabels: Bool) -> JSON? {
        var target = existing
        target.metadata["labels"] = JSON(existing.labels.merging(wanted.labels) { $1 })
        target.metadata["annotations"] = JSON(existing.annotations.merging(wanted.annotations) { $1 })
        target.json.set(wanted.spec["replicas"], at: "spec", "replicas")
        let current = existing.json.value(at: "spec", "template", "spec") ?? .null
        let podSpec = wanted.json.value(at: "spec", "template", "spec") ?? .null
        let isSame =
            existing.annotations[templateAnnotation] == wanted.annotations[templateAnnotation]
            && MergeDifference.contains(current, podSpec)
        if !isSame { target.json.set(podSpec, at: "spec", "template", "spec") }
        if podLabels {
            let labels = wanted.json.value(at: "spec", "template", "metadata", "labels")
            target.json.set(labels, at: "spec", "template", "metadata", "labels")
        }
        return MergeDifference.patch(from: existing.json, to: target.json)
    }
}
