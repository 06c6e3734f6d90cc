import ClusterRules
import KubeModel

/// Patches end in a document that can be written and read, or in a refusal. The input is a document and a patch, one a
/// line, or a patch alone.
enum PatchPromises {
    private static let pod = BuiltinKinds.find(.pods)
    private static let example: JSON = [
        "kind": "Pod", "apiVersion": "v1", "metadata": ["name": "a", "labels": ["a": "b"], "finalizers": ["x", "y"]],
        "spec": [
            "containers": [["name": "a", "image": "b", "ports": [["containerPort": 80, "protocol": "TCP"]]]],
            "volumes": [["name": "v", "emptyDir": [:]]], "tolerations": [["key": "k"]],
        ],
    ]

    static func complaint(about input: [UInt8]) -> String? {
        let lines = input.split(separator: UInt8(ascii: "\n"), maxSplits: 1)
        guard let last = lines.last, let patch = try? JSON(parsing: last) else { return nil }
        let given = lines.count == 2 ? try? JSON(parsing: lines[0]) : nil
        for document in [given ?? example, .null, [:], []] {
            if let complaint = merge(patch, document) ?? operations(patch, document) ?? strategic(patch, document) {
                return complaint
            }
        }
        return nil
    }

    private static func merge(_ patch: JSON, _ document: JSON) -> String? {
        let merged = MergePatch.apply(patch, to: document)
        guard MergePatch.apply(patch, to: merged) == merged else { return "a merge patch does more the second time" }
        if patch.object != nil, case .object = document {
            guard MergePatch.apply([:], to: document) == document else {
                return "an empty merge patch changes something"
            }
        }
        return complaint(aboutResult: merged, "merge")
    }

    private static func operations(_ patch: JSON, _ document: JSON) -> String? {
        guard let patched = try? JSONPatch.apply(patch, to: document) else { return nil }
        guard let again = try? JSONPatch.apply([], to: patched), again == patched else {
            return "a JSON patch without operations changes something"
        }
        return complaint(aboutResult: patched, "JSON patch")
    }

    private static func strategic(_ patch: JSON, _ document: JSON) -> String? {
        guard let pod, case .object = document,
            let merged = try? StrategicMergePatch.apply(patch, to: document, kind: pod)
        else { return nil }
        return complaint(aboutResult: merged, "strategic merge")
    }

    private static func complaint(aboutResult result: JSON, _ kind: String) -> String? {
        let bytes = result.bytes
        guard bytes.count < 16 << 20 else { return "a \(kind) made \(bytes.count) bytes" }
        guard let read = try? JSON(parsing: bytes), read == result else { return "the result of a \(kind) is no JSON" }
        return nil
    }
}
