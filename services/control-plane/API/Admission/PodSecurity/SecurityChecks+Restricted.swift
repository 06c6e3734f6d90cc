import KubeModel

/// What Pods have to do without where the best practices are demanded.
extension SecurityChecks {
    private typealias Words = SecurityWords

    private static let plainVolumes = [
        "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected",
        "secret",
    ]
    private static let otherVolumes = [
        "hostPath", "gcePersistentDisk", "awsElasticBlockStore", "gitRepo", "nfs", "iscsi", "glusterfs", "rbd",
        "flexVolume", "cinder", "cephfs", "flocker", "fc", "azureFile", "vsphereVolume", "quobyte", "azureDisk",
        "photonPersistentDisk", "portworxVolume", "scaleIO", "storageos",
    ]

    @Sendable static func escalation(_ pod: SecuredPod) -> SecurityFinding? {
        let names = pod.names { $0.context?["allowPrivilegeEscalation"]?.bool ?? true }
        guard !names.isEmpty else { return nil }
        return SecurityFinding(
            reason: "allowPrivilegeEscalation != false",
            detail: "\(Words.containers(names)) must set securityContext.allowPrivilegeEscalation=false")
    }

    @Sendable static func capabilities(_ pod: SecuredPod) -> SecurityFinding? {
        func list(_ container: SecuredPod.Container, _ field: String) -> [String] {
            (container.context?.value(at: "capabilities", field)?.array ?? []).compactMap(\.string)
        }
        func added(_ container: SecuredPod.Container) -> [String] {
            list(container, "add").filter { $0 != "NET_BIND_SERVICE" }
        }
        var details: [String] = []
        let keeping = pod.names { !list($0, "drop").contains("ALL") }
        if !keeping.isEmpty {
            details.append("\(Words.containers(keeping)) must set securityContext.capabilities.drop=[\"ALL\"]")
        }
        let adding = pod.names { !added($0).isEmpty }
        if !adding.isEmpty {
            let values = Words.quoted(Words.sorted(pod.containers.flatMap(added)))
            details.append(
                "\(Words.containers(adding)) must not include \(values) in securityContext.capabilities.add")
        }
        guard !details.isEmpty else { return nil }
        return SecurityFinding(reason: "unrestricted capabilities", detail: details.joined(separator: "; "))
    }

    @Sendable static func volumeTypes(_ pod: SecuredPod) -> SecurityFinding? {
        let volumes = (pod.spec["volumes"]?.array ?? []).filter { volume in
            !plainVolumes.contains { volume[$0]?.present != nil }
        }
        guard !volumes.isEmpty else { return nil }
        let names = volumes.map { $0["name"]?.string ?? "" }
        let types = Words.sorted(
            volumes.map { volume in otherVolumes.first { volume[$0]?.present != nil } ?? "unknown" })
        let noun = Words.number(types.count, "restricted volume type", "restricted volume types")
        return SecurityFinding(
            reason: "restricted volume types",
            detail: "\(Words.number(names.count, "volume", "volumes")) \(Words.quoted(names)) "
                + "\(Words.number(names.count, "uses", "use")) \(noun) \(Words.quoted(types))")
    }

    @Sendable static func runAsNonRoot(_ pod: SecuredPod) -> SecurityFinding? {
        func flag(_ context: JSON?) -> Bool? { context?["runAsNonRoot"]?.bool }
        if let setters = Words.setters(
            pod: flag(pod.context) == false, pod.names { flag($0.context) == false })
        {
            return SecurityFinding(
                reason: "runAsNonRoot != true", detail: "\(setters) must not set securityContext.runAsNonRoot=false")
        }
        guard flag(pod.context) == nil else { return nil }
        let names = pod.names { flag($0.context) == nil }
        guard !names.isEmpty else { return nil }
        return SecurityFinding(
            reason: "runAsNonRoot != true",
            detail: "pod or \(Words.containers(names)) must set securityContext.runAsNonRoot=true")
    }

    @Sendable static func runAsRoot(_ pod: SecuredPod) -> SecurityFinding? {
        func isRoot(_ context: JSON?) -> Bool { context?["runAsUser"]?.int == 0 }
        guard let setters = Words.setters(pod: isRoot(pod.context), pod.names { isRoot($0.context) }) else {
            return nil
        }
        return SecurityFinding(reason: "runAsUser=0", detail: "\(setters) must not set runAsUser=0")
    }
}
