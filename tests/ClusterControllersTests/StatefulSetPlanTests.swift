import Foundation
import KubeModel
import Testing

@testable import ClusterControllers

@Suite("StatefulSet steps")
struct StatefulSetPlanTests {
    private func plan(_ replicas: Int, _ extra: JSON = [:]) -> StatefulSetPlan {
        var set = KubeObject(apiVersion: "apps/v1", kind: "StatefulSet", name: "web", namespace: "team")
        set.spec = ["replicas": .int(Int64(replicas))]
        for (key, value) in extra.object ?? [:] { set.spec[key] = value }
        return StatefulSetPlan(set, currentRevision: "web-1", updateRevision: "web-2", now: Date())
    }

    private func pod(
        _ ordinal: Int, revision: String = "web-2", isReady: Bool = true, phase: String = "Running",
        isBeingDeleted: Bool = false
    ) -> KubeObject {
        makePod(
            "web-\(ordinal)", labels: ["controller-revision-hash": revision], phase: phase, isReady: isReady,
            isBeingDeleted: isBeingDeleted)
    }

    @Test("an ordered set makes one Pod at a time and waits until it is ready")
    func ordered() {
        #expect(plan(3).steps([]) == [.create(ordinal: 0, isUpdated: true)])
        #expect(plan(3).steps([pod(0, isReady: false, phase: "Pending")]).isEmpty)
        #expect(plan(3).steps([pod(0)]) == [.create(ordinal: 1, isUpdated: true)])
        #expect(plan(2).steps([pod(0), pod(1)]).isEmpty)
    }

    @Test("a parallel set makes them all")
    func parallel() {
        let steps = plan(3, ["podManagementPolicy": "Parallel"]).steps([pod(1, isReady: false)])
        #expect(steps == [.create(ordinal: 0, isUpdated: true), .create(ordinal: 2, isUpdated: true)])
    }

    @Test("scaling down takes the highest ordinal, one at a time")
    func scaleDown() {
        #expect(plan(1).steps([pod(0), pod(1), pod(2)]) == [.delete(name: "web-2", scaleDown: true)])
        #expect(plan(1).steps([pod(0), pod(1), pod(2, isBeingDeleted: true)]).isEmpty)
    }

    @Test("stopping works for a Pod that never became ready")
    func stopUnready() {
        #expect(plan(0).steps([pod(0, isReady: false, phase: "Pending")]) == [.delete(name: "web-0", scaleDown: true)])
    }

    @Test("an ended Pod is replaced")
    func ended() {
        #expect(plan(1).steps([pod(0, phase: "Failed")]) == [.delete(name: "web-0", scaleDown: false)])
    }

    @Test("an update goes down to the partition and waits for each Pod")
    func update() {
        let old = (0..<3).map { pod($0, revision: "web-1") }
        #expect(plan(3).steps(old) == [.delete(name: "web-2", scaleDown: false)])
        let partition: JSON = ["updateStrategy": ["type": "RollingUpdate", "rollingUpdate": ["partition": 2]]]
        #expect(plan(3, partition).steps([old[0], old[1], pod(2)]).isEmpty)
        #expect(plan(3).steps([old[0], old[1], pod(2)]) == [.delete(name: "web-1", scaleDown: false)])
        #expect(plan(3, ["updateStrategy": ["type": "OnDelete"]]).steps(old).isEmpty)
        // Below the partition a new Pod is made from the old revision.
        #expect(plan(3, partition).steps([]) == [.create(ordinal: 0, isUpdated: false)])
    }

    @Test("status: the update is the current revision once all run it")
    func status() {
        let done = plan(2).status([:], pods: [pod(0), pod(1)], generation: 4, collisions: 0)
        #expect(done["currentRevision"] == "web-2")
        #expect(done["currentReplicas"] == 2)
        #expect(done["readyReplicas"] == 2)
        #expect(done["observedGeneration"] == 4)
        let half = plan(2).status([:], pods: [pod(0, revision: "web-1"), pod(1)], generation: 4, collisions: 0)
        #expect(half["currentRevision"] == "web-1")
        #expect(half["updatedReplicas"] == 1)
    }

    @Test("names that are not of the set", arguments: ["web-", "web-a", "web-01", "webb-1", "web"])
    func foreignNames(name: String) {
        #expect(StatefulSetPlan.ordinal(of: name, in: "web") == nil)
    }

    @Test("a Pod carries its identity and its claims")
    func podIdentity() {
        var set = KubeObject(apiVersion: "apps/v1", kind: "StatefulSet", name: "web", namespace: "team")
        set.spec = [
            "serviceName": "svc", "selector": ["matchLabels": ["app": "web"]],
            "volumeClaimTemplates": [["metadata": ["name": "data"], "spec": ["accessModes": ["ReadWriteOnce"]]]],
        ]
        let template: JSON = [
            "metadata": ["labels": ["app": "web"]],
            "spec": ["volumes": [["name": "data", "emptyDir": [:]], ["name": "tmp", "emptyDir": [:]]]],
        ]
        let pod = StatefulSetPods.pod(set, ordinal: 3, template: template, revision: "web-2")
        #expect(
            pod.labels == [
                "app": "web", "statefulset.kubernetes.io/pod-name": "web-3", "apps.kubernetes.io/pod-index": "3",
                "controller-revision-hash": "web-2",
            ])
        #expect(pod.spec["hostname"] == "web-3")
        #expect(pod.spec["subdomain"] == "svc")
        #expect(pod.spec["volumes"]?[0]?.value(at: "persistentVolumeClaim", "claimName") == "data-web-3")
        #expect(pod.spec["volumes"]?.array?.count == 2)
        #expect(StatefulSetPods.claims(set, ordinal: 3).first?.labels == ["app": "web"])
    }

    @Test("hashes of text and names of hashes are those of Kubernetes")
    func hashes() {
        #expect(CanonicalJSON.fnv1([]) == 2_166_136_261)
        #expect(CanonicalJSON.fnv1("a".utf8) == 0x050c_5d7e)
        #expect(CanonicalJSON.fnv1a("a".utf8) == 0xe40c_292c)
        #expect(CanonicalJSON.safeName(1) == "5")
        #expect(
            String(decoding: CanonicalJSON.bytes(["b": 1, "a": ["<\n", true, .null]]), as: UTF8.self)
                == #"{"a":["\u003c\n",true,null],"b":1}"#)
    }
}
