#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Long strings that come in nearly every Kubernetes object, kept once.
///
/// Strings up to 15 bytes live inside the `String` value; longer ones would cost an allocation each time they are
/// parsed. These are literals of the program, which need neither an allocation nor reference counting.
struct CommonStrings: Sendable {
    static let shared = CommonStrings()
    static let longest = 52

    private struct Slot: Sendable {
        var fingerprint: UInt64 = 0
        var text = ""
    }

    private let slots: [Slot]
    private static let bits = 10

    private init() {
        var slots = [Slot](repeating: Slot(), count: 1 << Self.bits)
        for text in Self.texts where text.utf8.count > 15 && text.utf8.count <= Self.longest {
            let bytes = Array(text.utf8)
            let fingerprint = bytes.withUnsafeBufferPointer { buffer in
                buffer.baseAddress.map { JSONScan.fingerprint($0, buffer.count) } ?? 0
            }
            var position = Int(truncatingIfNeeded: fingerprint >> (64 - UInt64(Self.bits)))
            while !slots[position].text.isEmpty { position = (position + 1) & (slots.count - 1) }
            slots[position] = Slot(fingerprint: fingerprint, text: text)
        }
        self.slots = slots
    }

    /// The kept string with these bytes, or nil.
    @inline(__always)
    func find(_ start: UnsafePointer<UInt8>, _ count: Int, _ fingerprint: UInt64) -> String? {
        var position = Int(truncatingIfNeeded: fingerprint >> (64 - UInt64(Self.bits)))
        while true {
            let slot = slots[position]
            if slot.fingerprint == fingerprint {
                let isSame = slot.text.utf8.withContiguousStorageIfAvailable { kept in
                    guard kept.count == count, let base = kept.baseAddress else { return false }
                    return memcmp(base, start, count) == 0
                }
                if isSame == true { return slot.text }
            }
            if slot.text.isEmpty { return nil }
            position = (position + 1) & (slots.count - 1)
        }
    }

    private static let texts: [String] = [
        // metadata
        "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "blockOwnerDeletion",
        "kubectl.kubernetes.io/last-applied-configuration", "kubectl.kubernetes.io/restartedAt",
        "kubernetes.io/metadata.name", "app.kubernetes.io/name", "app.kubernetes.io/instance",
        "app.kubernetes.io/version", "app.kubernetes.io/component", "app.kubernetes.io/part-of",
        "app.kubernetes.io/managed-by", "kubernetes.io/hostname", "kubernetes.io/os", "kubernetes.io/arch",
        "kubernetes.io/service-account.name", "kubernetes.io/service-account.uid",
        "kubernetes.io/service-account-token",
        "controller-revision-hash", "pod-template-hash", "pod-template-generation",
        "statefulset.kubernetes.io/pod-name",
        "apps.kubernetes.io/pod-index", "batch.kubernetes.io/job-name", "batch.kubernetes.io/controller-uid",
        "batch.kubernetes.io/job-completion-index", "deployment.kubernetes.io/revision",
        "rbac.authorization.k8s.io", "rbac.authorization.k8s.io/v1", "apiextensions.k8s.io/v1",
        "discovery.k8s.io/v1", "coordination.k8s.io/v1", "networking.k8s.io/v1",
        "endpointslice.kubernetes.io/managed-by",
        "kubernetes.io/service-name", "notebooks.kubeflow.org/last-activity", "sidecar.istio.io/inject",
        "notebooks.kubeflow.org/server-type", "access-mode.kubeflow.org", "pv.kubernetes.io/bind-completed",
        "pv.kubernetes.io/bound-by-controller", "volume.kubernetes.io/storage-provisioner",
        "volume.beta.kubernetes.io/storage-provisioner", "volume.kubernetes.io/selected-node",
        // kinds
        "PersistentVolume", "PersistentVolumeClaim", "CustomResourceDefinition", "ClusterRoleBinding",
        "ControllerRevision", "SubjectAccessReview", "ReplicationController", "HorizontalPodAutoscaler",
        "PodDisruptionBudget", "NetworkPolicyList", "PersistentVolumeClaimList",
        // pods
        "activeDeadlineSeconds", "automountServiceAccountToken", "enableServiceLinks", "ephemeralContainers",
        "hostnameOverride", "imagePullSecrets", "preemptionPolicy", "priorityClassName", "schedulerName",
        "serviceAccountName", "setHostnameAsFQDN", "shareProcessNamespace", "terminationGracePeriodSeconds",
        "topologySpreadConstraints", "tolerationSeconds", "terminationMessagePath", "terminationMessagePolicy",
        "initialDelaySeconds", "successThreshold", "failureThreshold", "configMapKeyRef", "resourceFieldRef",
        "subPathExpr", "mountPropagation", "allowPrivilegeEscalation", "readOnlyRootFilesystem", "runAsNonRoot",
        "seccompProfile", "seLinuxOptions", "supplementalGroups", "fsGroupChangePolicy", "nodeSelectorTerms",
        "requiredDuringSchedulingIgnoredDuringExecution", "preferredDuringSchedulingIgnoredDuringExecution",
        "podAntiAffinity", "labelSelector", "matchExpressions", "persistentVolumeClaim", "serviceAccountToken",
        "expirationSeconds", "containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses",
        "lastTransitionTime", "lastScheduleTime", "lastSuccessfulTime", "observedGeneration", "containerID",
        "PodReadyToStartContainers", "kube-api-access", "/dev/termination-log", "default-scheduler",
        "/var/run/secrets/kubernetes.io/serviceaccount", "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable", "kube-root-ca.crt", "metadata.namespace", "ContainersReady",
        "ContainerCreating", "ContainersNotReady", "ContainersNotInitialized", "PodCompleted", "CrashLoopBackOff",
        "FallbackToLogsOnError", "nominatedNodeName", "terminationGracePeriod",
        // workloads
        "availableReplicas", "fullyLabeledReplicas", "unavailableReplicas", "currentReplicas", "updatedReplicas",
        "currentRevision", "minReadySeconds", "revisionHistoryLimit", "podManagementPolicy", "volumeClaimTemplates",
        "progressDeadlineSeconds", "NewReplicaSetAvailable", "MinimumReplicasAvailable", "MinimumReplicasUnavailable",
        "persistentVolumeClaimRetentionPolicy", "ttlSecondsAfterFinished", "concurrencyPolicy", "completionMode",
        "podReplacementPolicy", "startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit",
        "desiredNumberScheduled", "currentNumberScheduled", "numberMisscheduled", "updatedNumberScheduled",
        // services, volumes, nodes, events
        "internalTrafficPolicy", "externalTrafficPolicy", "ipFamilyPolicy", "publishNotReadyAddresses",
        "sessionAffinityConfig", "loadBalancerIP", "allocateLoadBalancerNodePorts", "notReadyAddresses",
        "storageClassName", "volumeBindingMode", "allowVolumeExpansion", "WaitForFirstConsumer",
        "persistentVolumeReclaimPolicy", "requests.storage", "ephemeral-storage", "lastHeartbeatTime",
        "containerRuntimeVersion", "kubeProxyVersion", "operatingSystem", "daemonEndpoints",
        "involvedObject", "reportingComponent", "reportingInstance", "reportingController", "deprecatedSource",
        "leaseDurationSeconds", "leaseTransitions", "aggregationRule", "clusterRoleSelectors", "nonResourceURLs",
        // custom resources
        "openAPIV3Schema", "additionalPrinterColumns", "additionalProperties", "x-kubernetes-preserve-unknown-fields",
        "x-kubernetes-int-or-string", "x-kubernetes-embedded-resource", "x-kubernetes-list-type",
        "x-kubernetes-list-map-keys", "x-kubernetes-map-type", "x-kubernetes-validations",
        "labelSelectorPath", "specReplicasPath", "statusReplicasPath",
    ]
}
