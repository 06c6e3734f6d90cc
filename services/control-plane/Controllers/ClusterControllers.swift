import ControllerKit
public import KubeClient
import KubeModel
public import Logging
public import ServiceLifecycle

/// The controllers of the embedded control plane, in one service.
public struct ClusterControllers: Service {
    /// Settings of the controllers.
    public struct Configuration: Sendable {
        /// Folder below which the folders of claims are made: `<volumesDirectory>/<namespace>/<claim>`.
        public var volumesDirectory: String
        /// Removes the folder of a claim (namespace, name of the folder) with all that is in it.
        public var removeVolume: @Sendable (String, String) async throws -> Void
        /// Certificate of the authority that signed the API server's, published to every namespace.
        public var rootCertificatePEM: String
        /// How long a node may be silent before it is marked as unknown.
        public var nodeGracePeriod: Duration
        /// How many Pods that have ended are kept before the oldest are removed.
        public var finishedPodsKept: Int

        /// Makes a configuration.
        public init(
            volumesDirectory: String,
            removeVolume: @escaping @Sendable (String, String) async throws -> Void, rootCertificatePEM: String,
            nodeGracePeriod: Duration = .seconds(40),
            finishedPodsKept: Int = 12_500
        ) {
            var directory = volumesDirectory[...]
            while directory.count > 1, directory.last == "/" { directory.removeLast() }
            self.volumesDirectory = String(directory)
            self.removeVolume = removeVolume
            self.rootCertificatePEM = rootCertificatePEM
            self.nodeGracePeriod = nodeGracePeriod
            self.finishedPodsKept = finishedPodsKept
        }
    }

    private let context: ClusterContext
    private let graph: GraphFeed
    private let controllers: [Controller<AsyncStream<ReconcileRequest>>]

    /// Makes all controllers; nothing happens before ``run()``.
    ///
    /// - Parameters:
    ///   - client: acts as a user who may do anything.
    ///   - configuration: where volumes lie, and limits.
    ///   - logger: for what goes wrong.
    public init(client: KubeClient, configuration: Configuration, logger: Logger) {
        let caches = ClusterCaches(client: client)
        let context = ClusterContext(client: client, caches: caches, configuration: configuration, logger: logger)
        let discovery = Discovery(client: client)
        let graph = GraphFeed(context: context, discovery: discovery)
        let collector = GarbageCollector(context: context, feed: graph, discovery: discovery)
        let schedulingQueue = SchedulingQueue()
        func controller(
            _ name: String, _ feed: RequestFeed, _ reconciler: any Reconciler, concurrency: Int = 4
        ) -> Controller<AsyncStream<ReconcileRequest>> {
            Controller(
                name: name, requests: feed.requests,
                reconciler: TerminationAware(reconciler: reconciler, namespaces: caches.namespaces),
                concurrency: concurrency, logger: logger)
        }
        controllers = [
            controller(
                "namespace", NamespaceReconciler.feed(caches, graph),
                NamespaceReconciler(context: context, discovery: discovery)),
            controller(
                "namespace-content", NamespaceContentReconciler.feed(caches),
                NamespaceContentReconciler(context: context)),
            controller(
                "token-secret", TokenSecretReconciler.feed(caches), TokenSecretReconciler(context: context)),
            controller(
                "ephemeral-volume", EphemeralVolumeReconciler.feed(caches),
                EphemeralVolumeReconciler(context: context)),
            controller(
                "cluster-role", ClusterRoleReconciler.feed(caches), ClusterRoleReconciler(context: context),
                concurrency: 1),
            controller("garbage", graph.deletions, collector, concurrency: 16),
            controller("orphan", graph.orphans, GarbageCollector.Orphaning(collector: collector)),
            controller(
                "stateful-set", StatefulSetReconciler.feed(caches), StatefulSetReconciler(context: context),
                concurrency: 8),
            controller(
                "deployment", DeploymentReconciler.feed(caches), DeploymentReconciler(context: context), concurrency: 8),
            controller(
                "replica-set", ReplicaSetReconciler.feed(caches, caches.replicaSets),
                ReplicaSetReconciler(context: context), concurrency: 8),
            controller(
                "replication-controller", ReplicaSetReconciler.feed(caches, caches.replicationControllers),
                ReplicaSetReconciler.replicationControllers(context)),
            controller("daemon-set", DaemonSetReconciler.feed(caches), DaemonSetReconciler(context: context)),
            controller("job", JobReconciler.feed(caches), JobReconciler(context: context), concurrency: 8),
            controller("cron-job", CronJobReconciler.feed(caches), CronJobReconciler(context: context)),
            controller(
                "disruption", DisruptionReconciler.feed(caches),
                DisruptionReconciler(context: context, discovery: discovery)),
            controller(
                "autoscaler", AutoscalerReconciler.feed(caches),
                AutoscalerReconciler(context: context, discovery: discovery)),
            controller(
                "endpoints", EndpointsReconciler.feed(caches), EndpointsReconciler(context: context), concurrency: 8),
            controller("claim", ClaimReconciler.feed(caches), ClaimReconciler(context: context), concurrency: 8),
            controller("volume", VolumeReconciler.feed(caches), VolumeReconciler(context: context)),
            controller(
                "attributes-class", AttributesClassReconciler.feed(caches),
                AttributesClassReconciler(context: context)),
            controller(
                "quota", QuotaReconciler.feed(caches, graph), QuotaReconciler(context: context, graph: graph.graph)),
            controller(
                "scheduler", SchedulerReconciler.feed(caches, schedulingQueue),
                SchedulerReconciler(context: context, queue: schedulingQueue), concurrency: 1),
            controller("node", NodeReconciler.feed(caches), NodeReconciler(context: context), concurrency: 1),
            controller(
                "taint-eviction", TaintEvictionReconciler.feed(caches), TaintEvictionReconciler(context: context)),
            controller(
                "pod-garbage", PodGarbageReconciler.feed(caches), PodGarbageReconciler(context: context), concurrency: 1
            ),
        ]
        self.context = context
        self.graph = graph
    }

    /// Runs until cancelled or until graceful shutdown.
    public func run() async throws {
        try await cancelWhenGracefulShutdown {
            try await withThrowingDiscardingTaskGroup { group in
                for cache in context.caches.all { group.addTask { try await cache.run() } }
                group.addTask { await context.eventQueue.run(client: context.client) }
                do {
                    for cache in context.caches.all { try await cache.waitUntilSynced() }
                } catch is CancellationError {
                    return group.cancelAll()
                }
                // The graph's other watches begin when every Pod, ReplicaSet... is known as an owner.
                group.addTask { try await graph.run() }
                for controller in controllers { group.addTask { try await controller.run() } }
            }
        }
    }
}
