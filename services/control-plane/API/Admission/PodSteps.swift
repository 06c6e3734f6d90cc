import ClusterRules
import ClusterStore
import KubeModel

/// Gives Pods their service account, its pull secrets, and the volume with its token.
struct ServiceAccountStep: AdmissionStep {
    static let mountPath = "/var/run/secrets/kubernetes.io/serviceaccount"
    let cluster: Cluster

    func admit(_ request: inout AdmissionRequest) async throws {
        guard request.creates("Pod"), !Self.isMirror(request.object) else { return }
        var spec = request.object["spec"] ?? [:]
        let name = spec["serviceAccountName"]?.string.flatMap { $0.isEmpty ? nil : $0 } ?? "default"
        spec["serviceAccountName"] = .string(name)
        spec["serviceAccount"] = .string(name)
        guard let account = try await cluster.get("serviceaccounts", request.namespace, name) else {
            throw request.kind.forbidden(
                request.name,
                "error looking up service account \(request.namespace)/\(name): serviceaccount \"\(name)\" not found")
        }
        if spec["imagePullSecrets"]?.array?.isEmpty ?? true, let secrets = account["imagePullSecrets"]?.array,
            !secrets.isEmpty
        {
            spec["imagePullSecrets"] = .array(secrets)
        }
        let mounts =
            spec["automountServiceAccountToken"]?.bool ?? account["automountServiceAccountToken"]?.bool ?? true
        if mounts { Self.mountToken(&spec) }
        request.object["spec"] = spec
    }

    func validate(_ request: AdmissionRequest) async throws {
        let isDebugged = request.operation == .update && request.subresource == "ephemeralcontainers"
        guard request.kind.type.kind == "Pod", !request.kind.isCustom, request.creates("Pod") || isDebugged else {
            return
        }
        let spec = request.object["spec"] ?? [:]
        if !isDebugged, Self.isMirror(request.object) {
            if let problem = Self.mirrorProblem(spec) { throw request.kind.forbidden(request.name, problem) }
            return
        }
        guard
            let account = try await cluster.get(
                "serviceaccounts", request.namespace, spec["serviceAccountName"]?.string ?? ""),
            MountableSecrets.isEnforced(account),
            let problem = MountableSecrets(account: account).problem(spec, onlyDebugging: isDebugged)
        else { return }
        throw request.kind.forbidden(request.name, problem)
    }

    /// True for what a node shows of the Pods that it runs by itself.
    private static func isMirror(_ pod: JSON) -> Bool {
        pod.value(at: "metadata", "annotations", "kubernetes.io/config.mirror") != nil
    }

    /// Pods that run without the API server cannot have what only it hands out.
    private static func mirrorProblem(_ spec: JSON) -> String? {
        if !(spec["serviceAccountName"]?.string ?? "").isEmpty {
            return "a mirror pod may not reference service accounts"
        }
        if MountableSecrets.isAnyUsed(spec) { return "a mirror pod may not reference secrets" }
        let sources = (spec["volumes"]?.array ?? []).flatMap { $0.value(at: "projected", "sources")?.array ?? [] }
        return sources.contains { $0["serviceAccountToken"]?.present != nil }
            ? "a mirror pod may not use ServiceAccountToken volume projections" : nil
    }

    private static func mountToken(_ spec: inout JSON) {
        var volumes = spec["volumes"]?.array ?? []
        let existing = volumes.first {
            ($0["name"]?.string ?? "").hasPrefix("kube-api-access-") && $0["projected"] != nil
        }
        let volumeName = existing?["name"]?.string ?? "kube-api-access-\(NameSuffix.random())"
        var isUsed = false
        for list in ["initContainers", "containers"] {
            guard let containers = spec[list]?.array else { continue }
            spec[list] = .array(
                containers.map { container in
                    var mounts = container["volumeMounts"]?.array ?? []
                    guard !mounts.contains(where: { $0["mountPath"]?.string == mountPath }) else { return container }
                    isUsed = true
                    mounts.append(["name": .string(volumeName), "readOnly": true, "mountPath": .string(mountPath)])
                    var container = container
                    container["volumeMounts"] = .array(mounts)
                    return container
                })
        }
        guard isUsed, existing == nil else { return }
        volumes.append([
            "name": .string(volumeName),
            "projected": [
                "sources": [
                    ["serviceAccountToken": ["expirationSeconds": 3607, "path": "token"]],
                    ["configMap": ["name": "kube-root-ca.crt", "items": [["key": "ca.crt", "path": "ca.crt"]]]],
                    [
                        "downwardAPI": [
                            "items": [
                                [
                                    "path": "namespace",
                                    "fieldRef": ["apiVersion": "v1", "fieldPath": "metadata.namespace"],
                                ]
                            ]
                        ]
                    ],
                ],
                "defaultMode": 420,
            ],
        ])
        spec["volumes"] = .array(volumes)
    }
}

/// Turns the name of a priority class into a number.
struct PriorityStep: AdmissionStep {
    let cluster: Cluster

    func admit(_ request: inout AdmissionRequest) async throws {
        if request.operation == .update, request.isFor("Pod") { return keep(&request) }
        guard request.creates("Pod") else { return }
        var name = request.object.value(at: "spec", "priorityClassName")?.string ?? ""
        var value: Int64 = 0
        var preemption = "PreemptLowerPriority"
        let resource = "priorityclasses.scheduling.k8s.io"
        if name.isEmpty {
            let classes = try await cluster.objects(resource, namespace: nil)
            if let fallback = classes.filter({ $0["globalDefault"]?.bool == true })
                .min(by: { ($0["value"]?.int ?? 0) < ($1["value"]?.int ?? 0) })
            {
                name = fallback.value(at: "metadata", "name")?.string ?? ""
                value = fallback["value"]?.int ?? 0
                preemption = fallback["preemptionPolicy"]?.string ?? preemption
                request.object.set(.string(name), at: "spec", "priorityClassName")
            }
        } else {
            guard let found = try await cluster.get(resource, "", name) else {
                throw request.kind.forbidden(request.name, "no PriorityClass with name \(name) was found")
            }
            value = found["value"]?.int ?? 0
            preemption = found["preemptionPolicy"]?.string ?? preemption
        }
        if let given = request.object.value(at: "spec", "priority")?.int, given != value {
            throw request.kind.forbidden(
                request.name,
                "the integer value of priority (\(given)) must not be provided in pod spec; priority admission controller "
                    + "computed \(value) from the given PriorityClass name")
        }
        request.object.set(.int(value), at: "spec", "priority")
        if let given = request.object.value(at: "spec", "preemptionPolicy")?.string, given != preemption {
            throw request.kind.forbidden(
                request.name,
                "the string value of PreemptionPolicy (\(given)) must not be provided in pod spec; priority admission controller "
                    + "computed \(preemption) from the given PriorityClass name")
        }
        request.object.set(.string(preemption), at: "spec", "preemptionPolicy")
    }

    /// Whoever leaves out what was decided when the Pod was made means to keep it.
    private func keep(_ request: inout AdmissionRequest) {
        for field in ["priority", "preemptionPolicy"] where request.object.value(at: "spec", field) == nil {
            request.object.set(request.old?.value(at: "spec", field), at: "spec", field)
        }
    }
}

/// Pods stay five minutes on a node that is not ready or not reachable.
struct TolerationStep: AdmissionStep {
    func admit(_ request: inout AdmissionRequest) async throws {
        guard request.isFor("Pod"), request.operation != .delete else { return }
        var tolerations = request.object.value(at: "spec", "tolerations")?.array ?? []
        for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
            let isTolerated = tolerations.contains { toleration in
                let toleratedKey = toleration["key"]?.string ?? ""
                let effect = toleration["effect"]?.string ?? ""
                return (toleratedKey == key || toleratedKey.isEmpty) && (effect == "NoExecute" || effect.isEmpty)
            }
            guard !isTolerated else { continue }
            tolerations.append([
                "key": .string(key), "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300,
            ])
        }
        request.object.set(.array(tolerations), at: "spec", "tolerations")
    }
}

/// Claims without a class get the default one.
struct StorageClassStep: AdmissionStep {
    let cluster: Cluster

    func admit(_ request: inout AdmissionRequest) async throws {
        guard request.creates("PersistentVolumeClaim"), request.object.value(at: "spec", "storageClassName") == nil
        else { return }
        if request.object.value(at: "metadata", "annotations", "volume.beta.kubernetes.io/storage-class") != nil {
            return
        }
        let classes = try await cluster.objects("storageclasses.storage.k8s.io", namespace: nil)
        let standard = classes.filter { storageClass in
            ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"].contains
            {
                storageClass.value(at: "metadata", "annotations", $0)?.string == "true"
            }
        }
        func age(_ json: JSON) -> String { json.value(at: "metadata", "creationTimestamp")?.string ?? "" }
        guard let newest = standard.max(by: { age($0) < age($1) }) else { return }
        request.object.set(newest.value(at: "metadata", "name"), at: "spec", "storageClassName")
    }
}

/// Claims and volumes are not taken away while they are used: controllers let go of them.
struct StorageProtectionStep: AdmissionStep {
    private static let finalizers = [
        "PersistentVolumeClaim": "kubernetes.io/pvc-protection", "PersistentVolume": "kubernetes.io/pv-protection",
        "VolumeAttributesClass": "kubernetes.io/vac-protection",
    ]

    func admit(_ request: inout AdmissionRequest) async throws {
        let kind = request.kind.type.kind
        guard let finalizer = Self.finalizers[kind].map(JSON.string), request.creates(kind) else { return }
        let present = request.object.value(at: "metadata", "finalizers")?.array ?? []
        guard !present.contains(finalizer) else { return }
        request.object.set(.array(present + [finalizer]), at: "metadata", "finalizers")
    }
}

/// The quality of service of a new Pod follows from its requests and limits, whoever filled them in.
struct PodQualityStep: AdmissionStep {
    func admit(_ request: inout AdmissionRequest) async throws {
        guard request.creates("Pod") else { return }
        let quality = PodQuality.name(of: request.object["spec"] ?? [:])
        request.object.set(.string(quality), at: "status", "qosClass")
    }
}

/// A new Node gets no Pods before it is known to be ready; the node controller takes the taint away.
struct NodeTaintStep: AdmissionStep {
    private static let key: JSON = "node.kubernetes.io/not-ready"

    func admit(_ request: inout AdmissionRequest) async throws {
        guard request.creates("Node") else { return }
        let taints = request.object.value(at: "spec", "taints")?.array ?? []
        guard !taints.contains(where: { $0["key"] == Self.key && $0["effect"] == "NoSchedule" }) else { return }
        request.object.set(.array(taints + [["key": Self.key, "effect": "NoSchedule"]]), at: "spec", "taints")
    }
}
