import KubeModel
import Testing

@testable import ProfileController

@Suite("PodDefaults")
struct PodDefaultMergeTests {
    private func podDefault(_ name: String, _ spec: JSON) -> KubeObject {
        KubeObject(["metadata": ["name": .string(name), "resourceVersion": "7"], "spec": spec])
    }

    private func pod(_ container: JSON = ["name": "main"], _ spec: JSON = [:]) -> JSON {
        var spec = spec
        spec["containers"] = [container]
        return ["metadata": ["name": "p"], "spec": spec]
    }

    @Test(
        "the same from two sides is no conflict, something else is",
        arguments: [
            ("env", ["name": "A", "value": "1"], ["name": "A", "value": "2"], "variable 'A' of container main"),
            (
                "volumeMounts", ["name": "v", "mountPath": "/a"], ["name": "w", "mountPath": "/a/"],
                "mount '/a' of container main"
            ),
            ("volumes", ["name": "v", "emptyDir": [:]], ["name": "v", "secret": ["secretName": "s"]], "volume 'v'"),
            (
                "tolerations", ["key": "a", "operator": "Exists", "tolerationSeconds": 1],
                ["key": "a", "operator": "Exists", "tolerationSeconds": 2], "toleration 'a Exists"
            ),
            ("sidecars", ["name": "s", "image": "a"], ["name": "s", "image": "b"], "container 's'"),
            ("initContainers", ["name": "s", "image": "a"], ["name": "s", "image": "b"], "init container 's'"),
        ] as [(String, JSON, JSON, String)])
    func twoOfAKind(_ field: String, _ first: JSON, _ second: JSON, _ message: String) {
        let once = PodDefaultMerge([podDefault("a", [field: [first]])], to: pod())
        let twice = PodDefaultMerge(
            [podDefault("a", [field: [first]]), podDefault("b", [field: [first]])], to: pod())
        #expect(twice.conflicts.isEmpty)
        #expect(twice.pod["spec"] == once.pod["spec"])
        let different = PodDefaultMerge(
            [podDefault("a", [field: [first]]), podDefault("b", [field: [second]])], to: pod())
        #expect(different.conflicts.count == 1)
        #expect(different.conflicts.first?.contains(message) ?? false)
        #expect(different.conflicts.first?.hasSuffix("PodDefault b and in PodDefault a") ?? false)
    }

    @Test("one volume at two paths and two tolerations of one key are possible")
    func trueKeys() {
        let mounts: JSON = [["name": "v", "mountPath": "/a"], ["name": "v", "mountPath": "/b"]]
        let tolerations: JSON = [["key": "k", "effect": "NoSchedule"], ["key": "k", "effect": "NoExecute"]]
        let merge = PodDefaultMerge(
            [podDefault("a", ["volumeMounts": mounts, "tolerations": tolerations])], to: pod())
        #expect(merge.conflicts.isEmpty)
        #expect(merge.pod.value(at: "spec", "containers")?[0]?["volumeMounts"] == mounts)
        #expect(merge.pod.value(at: "spec", "tolerations") == tolerations)
    }

    @Test("what the Pod says itself is not replaced; what the server filled in is no difference")
    func ownWords() {
        let own = pod(
            ["name": "main", "env": [["name": "A", "value": "own"]], "command": ["mine"]],
            ["volumes": [["name": "v", "secret": ["secretName": "s", "defaultMode": 420]]]])
        let merge = PodDefaultMerge(
            [
                podDefault(
                    "a",
                    [
                        "env": [["name": "A", "value": "other"]], "command": ["other"], "args": ["x"],
                        "volumes": [["name": "v", "secret": ["secretName": "s"]]],
                    ])
            ], to: own)
        #expect(
            merge.conflicts == ["variable 'A' of container main is not the same in PodDefault a and in the Pod itself"])
        let container = merge.pod.value(at: "spec", "containers")?[0]
        #expect(container?["command"] == ["mine"])
        #expect(container?["args"] == ["x"])
    }

    @Test("the mesh's container keeps its command")
    func meshContainer() {
        let merge = PodDefaultMerge([podDefault("a", ["command": ["x"]])], to: pod(["name": "istio-proxy"]))
        #expect(merge.pod.value(at: "spec", "containers")?[0]?["command"] == nil)
    }

    @Test("names longer than a key of an annotation allows are shortened, and stay different")
    func longNames() {
        let names = ["a", "b"].map { String(repeating: "x", count: 200) + $0 }
        let merge = PodDefaultMerge(names.map { podDefault($0, [:]) }, to: pod())
        let keys = merge.pod.value(at: "metadata", "annotations")?.object?.keys.map { $0 } ?? []
        #expect(keys.count == 2)
        #expect(keys.allSatisfy { NameRules.qualifiedName($0).isEmpty })
    }

    @Test("the patch says what differs and leaves the rest alone")
    func patch() {
        let before: JSON = ["metadata": ["name": "p"], "spec": ["a": 1, "b": 2, "c": 3]]
        let after: JSON = ["metadata": ["name": "p", "labels": ["x": "y"]], "spec": ["a": 1, "b": 5]]
        #expect(
            PodDefaultReview.patch(from: before, to: after) == [
                ["op": "add", "path": "/metadata/labels", "value": ["x": "y"]],
                ["op": "add", "path": "/spec/b", "value": 5], ["op": "remove", "path": "/spec/c"],
            ])
    }
}
