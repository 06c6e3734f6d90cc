import KubeModel
import Testing

@testable import ClusterControllers

@Suite("Owner graph")
struct OwnerGraphTests {
    private func node(
        _ uid: String, owners: [String] = [], finalizers: [String] = [], isBeingDeleted: Bool = false
    ) -> OwnerGraph.Node {
        var object = KubeObject(apiVersion: "v1", kind: "ConfigMap", name: uid, namespace: "team")
        object.metadata["uid"] = .string(uid)
        object.metadata["finalizers"] = .array(finalizers.map(JSON.string))
        if isBeingDeleted { object.metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z" }
        object.metadata["ownerReferences"] = .array(
            owners.map {
                [
                    "apiVersion": "v1", "kind": "ConfigMap", "name": .string($0), "uid": .string($0),
                    "blockOwnerDeletion": true,
                ]
            })
        return OwnerGraph.Node(object, type: .configMaps)
    }

    @Test("the dependents of what is gone are looked at")
    func removal() {
        let graph = OwnerGraph()
        _ = graph.update(node("owner"))
        #expect(graph.update(node("child", owners: ["owner"])) == .init())
        #expect(graph.remove("owner").delete == ["child"])
    }

    @Test("an object with an owner that nobody knows is looked at")
    func unknownOwner() {
        #expect(OwnerGraph().update(node("child", owners: ["nobody"])).delete == ["child"])
    }

    @Test("foreground: the dependents are looked at, and the owner again when one goes")
    func foreground() {
        let graph = OwnerGraph()
        _ = graph.update(node("owner"))
        _ = graph.update(node("child", owners: ["owner"]))
        let work = graph.update(node("owner", finalizers: ["foregroundDeletion"], isBeingDeleted: true))
        #expect(work.delete == ["owner", "child"])
        #expect(graph.remove("child").delete == ["owner"])
    }

    @Test("orphaning is work of its own")
    func orphaning() {
        let work = OwnerGraph().update(node("owner", finalizers: ["orphan"], isBeingDeleted: true))
        #expect(work.orphan == ["owner"])
        #expect(work.delete.isEmpty)
    }

    @Test("counts by type and namespace follow")
    func counts() {
        let graph = OwnerGraph()
        _ = graph.update(node("a"))
        _ = graph.update(node("b"))
        _ = graph.update(node("b"))
        #expect(graph.count("configmaps", namespace: "team") == 2)
        _ = graph.remove("a")
        _ = graph.remove("a")
        #expect(graph.count("configmaps", namespace: "team") == 1)
        #expect(graph.count(namespace: "team") == 1)
    }
}
