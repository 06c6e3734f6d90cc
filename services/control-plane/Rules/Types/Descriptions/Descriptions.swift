/// What kinds and their main fields are for, in a sentence each, as `kubectl explain` shows it.
public enum Descriptions {
    /// Of the field that every object has.
    public static let apiVersion = "Group and version of the schema that the object is written in."
    /// Of the field that every object has.
    public static let kind = "Name of the object's type, in capitals as the API has it."
    /// Of the field that every object has.
    public static let metadata = "Name, labels and what else every object has."

    /// What a structure is; nil where its name says it.
    static func text(of structure: WireTable.Structure) -> String? {
        if let text = texts["\(structure.package).\(structure.name)"] { return text }
        if structure.name.hasSuffix("List") { return "A list of \(structure.name.dropLast(4)) objects." }
        return nil
    }

    /// What a field of a structure is for; nil where its name says it.
    static func text(of field: WireTable.Field, in structure: WireTable.Structure) -> String? {
        texts["\(structure.package).\(structure.name).\(field.name)"] ?? common[field.name]
    }

    /// Of fields that mean the same wherever they are.
    private static let common: [String: String] = [
        "metadata": metadata, "spec": "What is wanted.", "status": "What is, as those who look after it last saw it.",
        "items": "The objects.", "conditions": "What is true of it at the moment, one entry a type.",
        "observedGeneration": "The generation of the object that this is about.",
        "lastTransitionTime": "When the status last changed.",
        "selector": "Labels by which the objects that belong to it are chosen.",
        "namespaceSelector": "Labels of the namespaces it is about.", "template": "What new Pods are made from.",
        "minReadySeconds": "Seconds a new Pod has to be ready before it counts as available.",
        "revisionHistoryLimit": "How many old revisions are kept to go back to.",
        "replicas": "How many Pods there are to be.", "readyReplicas": "How many Pods are ready.",
        "availableReplicas": "How many Pods have been ready for long enough.",
        "collisionCount": "How often a name was taken already.", "podSelector": "Labels of the Pods it is about.",
        "matchLabels": "Labels that have to be there with exactly these values.",
        "matchExpressions": "Requirements that all have to hold.", "reason": "One word that programs can compare.",
        "message": "A sentence for people.", "secretRef": "The Secret it takes from.",
        "configMapRef": "The ConfigMap it takes from.", "optional": "True when it may be missing.",
    ]

    private static let texts: [String: String] = {
        var texts: [String: String] = [:]
        for line in (metaTexts + coreTexts + workloadTexts + otherTexts).split(separator: "\n") {
            // A line is `package.Type[.field] text`.
            let parts = line.split(separator: " ", maxSplits: 1)
            if parts.count == 2 { texts[String(parts[0])] = String(parts[1]) }
        }
        return texts
    }()
}
