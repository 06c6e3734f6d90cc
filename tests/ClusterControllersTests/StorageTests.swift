import Foundation
import KubeModel
import Testing

@testable import ClusterControllers

@Suite("Volumes")
struct StorageTests {
    private func volume(
        _ name: String, size: String, claimUID: String? = nil, path: String = "/v/team/x", policy: String = "Delete"
    ) -> KubeObject {
        var volume = KubeObject(apiVersion: "v1", kind: "PersistentVolume", name: name)
        volume.spec = [
            "capacity": ["storage": .string(size)], "accessModes": ["ReadWriteOnce"], "storageClassName": "standard",
            "hostPath": ["path": .string(path)], "persistentVolumeReclaimPolicy": .string(policy),
        ]
        if let claimUID { volume.spec["claimRef"] = ["namespace": "team", "name": "c", "uid": .string(claimUID)] }
        volume.status = ["phase": "Available"]
        return volume
    }

    private func claim(_ size: String = "1Gi") -> KubeObject {
        var claim = KubeObject(apiVersion: "v1", kind: "PersistentVolumeClaim", name: "c", namespace: "team")
        claim.metadata["uid"] = "12345678-aaaa"
        claim.spec = ["accessModes": ["ReadWriteOnce"], "resources": ["requests": ["storage": .string(size)]]]
        return claim
    }

    @Test("the smallest volume that is large enough is taken, and its own before all")
    func matching() {
        let volumes = [volume("big", size: "10Gi"), volume("fits", size: "2Gi"), volume("small", size: "100Mi")]
        #expect(ClaimPlan.match(claim(), className: "standard", among: volumes)?.name == "fits")
        #expect(ClaimPlan.match(claim("20Gi"), className: "standard", among: volumes) == nil)
        #expect(ClaimPlan.match(claim(), className: "other", among: volumes) == nil)
        let mine = volume("mine", size: "1Mi", claimUID: "12345678-aaaa")
        #expect(ClaimPlan.match(claim(), className: "standard", among: volumes + [mine])?.name == "mine")
        #expect(
            ClaimPlan.match(claim(), className: "standard", among: [volume("x", size: "5Gi", claimUID: "other")]) == nil
        )
    }

    @Test("a folder is not used twice")
    func folders() {
        let folders = VolumeFolders(root: "/v")
        #expect(ClaimPlan.folder(claim(), folders: folders, volumes: []) == .free("/v/team/c"))
        let old = volume("old", size: "1Gi", claimUID: "before", path: "/v/team/c")
        #expect(ClaimPlan.folder(claim(), folders: folders, volumes: [old]) == .beingRemoved)
        let kept = volume("old", size: "1Gi", claimUID: "before", path: "/v/team/c", policy: "Retain")
        #expect(ClaimPlan.folder(claim(), folders: folders, volumes: [kept]) == .free("/v/team/c-12345678"))
    }

    @Test(
        "paths outside are refused",
        arguments: [
            "/v", "/v/", "/v/team", "/v/team/..", "/v/../etc", "/etc/team/c", "/v/team/c/d", "/v//c", "/vv/team/c",
            "/v/team/.x",
        ])
    func outside(path: String) {
        #expect(throws: APIError.self) { try VolumeFolders(root: "/v").parts(of: path) }
    }
}
