import KubeClient
import KubeModel

/// One cache for every type that more than one controller reads.
struct ClusterCaches: Sendable {
    let namespaces, nodes, nodeLeases: ObjectCache
    let pods, services, endpoints, endpointSlices: ObjectCache
    let serviceAccounts, tokenSecrets, rootCertificates: ObjectCache
    let deployments, replicaSets, statefulSets, daemonSets, controllerRevisions, jobs, cronJobs: ObjectCache
    let replicationControllers, disruptionBudgets, autoscalers: ObjectCache
    let persistentVolumes, persistentVolumeClaims, storageClasses, volumeAttributesClasses: ObjectCache
    let resourceQuotas, customResourceDefinitions, clusterRoles: ObjectCache

    init(client: KubeClient) {
        let client = client.reading(.unmanaged)
        func cache(_ type: ResourceType) -> ObjectCache { ObjectCache(client: client, type: type) }
        func owned(_ type: ResourceType) -> ObjectCache {
            ObjectCache(client: client, type: type, index: { [OwnerIndex.key(of: $0)] })
        }
        namespaces = cache(.namespaces)
        nodes = cache(.nodes)
        nodeLeases = ObjectCache(client: client, type: .leases, namespace: "kube-node-lease")
        pods = ObjectCache(client: client, type: .pods, index: PodIndex.keys(of:))
        services = cache(.services)
        endpoints = cache(.endpoints)
        endpointSlices = ObjectCache(
            client: client, type: .endpointSlices,
            index: { slice in
                slice.labels["kubernetes.io/service-name"].map { ["\(slice.namespace ?? "")/\($0)"] } ?? []
            })
        serviceAccounts = cache(.serviceAccounts)
        tokenSecrets = ObjectCache(
            client: client, type: .secrets, fieldSelector: "type=\(TokenSecretReconciler.type)")
        rootCertificates = ObjectCache(
            client: client, type: .configMaps, fieldSelector: "metadata.name=\(NamespaceContentReconciler.rootName)")
        deployments = cache(.deployments)
        replicaSets = owned(.replicaSets)
        statefulSets = cache(.statefulSets)
        daemonSets = cache(.daemonSets)
        controllerRevisions = owned(.controllerRevisions)
        jobs = owned(.jobs)
        cronJobs = cache(.cronJobsOfBatch)
        replicationControllers = cache(.replicationControllers)
        disruptionBudgets = cache(.disruptionBudgets)
        autoscalers = cache(.autoscalers)
        persistentVolumes = cache(.persistentVolumes)
        persistentVolumeClaims = cache(.persistentVolumeClaims)
        storageClasses = cache(.storageClasses)
        volumeAttributesClasses = cache(.volumeAttributesClasses)
        resourceQuotas = cache(.resourceQuotas)
        customResourceDefinitions = cache(.customResourceDefinitions)
        clusterRoles = cache(.clusterRoles)
    }

    /// All of them, to run and to wait for.
    var all: [ObjectCache] {
        [
            namespaces, nodes, nodeLeases, pods, services, endpoints, endpointSlices, serviceAccounts, tokenSecrets,
            rootCertificates, deployments, replicaSets, statefulSets, daemonSets, controllerRevisions, jobs, cronJobs,
            persistentVolumes, persistentVolumeClaims, storageClasses, resourceQuotas, customResourceDefinitions,
            volumeAttributesClasses, clusterRoles, replicationControllers, disruptionBudgets, autoscalers,
        ]
    }

    /// Those that hold every object of their type, for the garbage collector to share.
    var complete: [ObjectCache] {
        all.filter { $0 !== nodeLeases && $0 !== tokenSecrets && $0 !== rootCertificates }
    }
}

/// Index of owned objects: by the uid of their controller, or, without one, by namespace.
enum OwnerIndex {
    static func key(of object: KubeObject) -> String {
        object.controller.map { owner($0.uid) } ?? orphans(object.namespace ?? "")
    }
    static func owner(_ uid: String) -> String { "owner:\(uid)" }
    static func orphans(_ namespace: String) -> String { "orphans:\(namespace)" }
}

/// Index of Pods: by controller, by node, by namespace and by claim.
enum PodIndex {
    static func keys(of pod: KubeObject) -> [String] {
        var keys = [OwnerIndex.key(of: pod), namespace(pod.namespace ?? "")]
        if let node = pod.spec["nodeName"]?.string { keys.append(self.node(node)) }
        if pod.status["nominatedNodeName"] != nil { keys.append(nominated) }
        for name in pod.claimNames { keys.append(claim(pod.namespace ?? "", name)) }
        return keys
    }
    /// Pods for which room is being made somewhere.
    static let nominated = "nominated"
    static func node(_ name: String) -> String { "node:\(name)" }
    static func namespace(_ name: String) -> String { "namespace:\(name)" }
    static func claim(_ namespace: String, _ name: String) -> String { "claim:\(namespace)/\(name)" }
}

extension ResourceType {
    static let cronJobsOfBatch = ResourceType("batch", "v1", "cronjobs", "CronJob")
    static let replicationControllers = ResourceType("", "v1", "replicationcontrollers", "ReplicationController")
    static let disruptionBudgets = ResourceType("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget")
    static let autoscalers = ResourceType("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler")
}
