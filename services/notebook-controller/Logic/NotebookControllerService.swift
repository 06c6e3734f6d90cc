import ControllerKit
public import HTTPKit
public import KubeClient
import KubeModel
public import Logging
public import ServiceLifecycle

/// The notebook controller: a server in a Pod for every Notebook, Tensorboard and PVCViewer, and what happens to it told there.
public struct NotebookControllerService: Service {
    let client: KubeClient
    let configuration: NotebookControllerConfiguration
    let metrics: Metrics
    let logger: Logger

    /// Makes the service; it needs the rights of `deploy/base/notebook-controller/rbac.yaml`.
    public init(
        client: KubeClient, configuration: NotebookControllerConfiguration = .init(), metrics: Metrics = Metrics(),
        logger: Logger
    ) {
        self.client = client
        self.configuration = configuration
        self.metrics = metrics
        self.logger = logger
        metrics.describe("notebook_running", "Notebooks that have a StatefulSet, stopped ones too.")
        metrics.describe("notebook_create_total", "StatefulSets made for Notebooks.")
        metrics.describe("notebook_create_failed_total", "StatefulSets that could not be made.")
    }

    /// Runs until cancelled or graceful shutdown.
    public func run() async throws {
        guard let namespace = configuration.leaderElectionNamespace else { return try await work() }
        let election = LeaderElection(client: client, name: "kubeflow-notebook-controller", namespace: namespace)
        try await election.lead { try await work() }
    }

    private func work() async throws {
        let caches = NotebookCaches(client: client)
        let events = EventCaches(client: client)
        let recorder = EventRecorder(client: client, component: EventReissuer.component)
        let deployments = WatchCache(client: client, type: .deployments)
        let servers = [
            server(TensorboardKind(), named: "tensorboard", caches, deployments, recorder),
            server(ViewerKind(), named: "pvcviewer", caches, deployments, recorder),
        ]
        let (requests, sink) = AsyncStream.makeStream(of: ReconcileRequest.self)
        let (eventRequests, eventSink) = AsyncStream.makeStream(of: ReconcileRequest.self)
        connect(caches, to: sink)
        for cache in [events.pods, events.statefulSets] { cache.forward(to: eventSink) }
        // An Event may be seen before what it is about: watches are not ordered among each other.
        caches.statefulSets.forward(to: eventSink) { change in
            change.type == .added ? events.requests(about: change.object) : []
        }
        countRunning(caches.statefulSets)
        let notebooks = Controller(
            name: "notebook", requests: requests,
            reconciler: NotebookReconciler(
                client: client, caches: caches, settings: configuration, metrics: metrics, recorder: recorder),
            after: caches.all, concurrency: configuration.concurrency, logger: logger)
        let reissuer = Controller(
            name: "notebook-events", requests: eventRequests,
            reconciler: EventReissuer(client: client, caches: caches, events: events),
            after: caches.all + events.all, concurrency: 2, logger: logger)
        try await withThrowingDiscardingTaskGroup { group in
            for cache in caches.all + events.all + [deployments] { group.addTask { try await cache.run() } }
            for (objects, controller) in servers {
                group.addTask { try await objects.run() }
                group.addTask { try await controller.run() }
            }
            group.addTask { try await notebooks.run() }
            group.addTask { try await reissuer.run() }
        }
    }

    /// The controller of a kind that Deployments serve, and the cache of its objects; both are to be run.
    private func server(
        _ kind: any ServedKind, named name: String, _ shared: NotebookCaches, _ deployments: WatchCache,
        _ recorder: EventRecorder
    ) -> (WatchCache, Controller<AsyncStream<ReconcileRequest>>) {
        let caches = ServerCaches(
            objects: WatchCache(client: client, type: kind.type), deployments: deployments, services: shared.services,
            installed: shared.installed)
        let (requests, sink) = AsyncStream.makeStream(of: ReconcileRequest.self)
        caches.connect(kind, to: sink)
        let reconciler = ServerReconciler(
            kind: kind, client: client, caches: caches, settings: configuration, recorder: recorder)
        return (
            caches.objects,
            Controller(
                name: name, requests: requests, reconciler: reconciler, after: caches.all,
                concurrency: configuration.concurrency, logger: logger)
        )
    }

    private func connect(_ caches: NotebookCaches, to sink: AsyncStream<ReconcileRequest>.Continuation) {
        caches.notebooks.forward(to: sink)
        for cache in [caches.statefulSets, caches.services] {
            cache.forward(to: sink) { change in
                // Also what stands in the way under a Notebook's name; whoever is not known is settled at once.
                [ReconcileRequest(namespace: change.object.namespace, name: change.object.name)]
            }
        }
        caches.pods.forward(to: sink) { change in
            guard let name = change.object.labels[NotebookPlan.nameLabel] else { return [] }
            return [ReconcileRequest(namespace: change.object.namespace, name: name)]
        }
        caches.installed.definitions.observe { _ in
            for notebook in caches.notebooks.all() {
                sink.yield(ReconcileRequest(namespace: notebook.namespace, name: notebook.name))
            }
        }
    }

    /// Keeps the gauge of each namespace.
    private func countRunning(_ statefulSets: WatchCache) {
        statefulSets.observe { change in
            guard let namespace = change.object.namespace else { return }
            let count = statefulSets.all(namespace: namespace).filter { set in
                let label = set.json.value(at: "spec", "template", "metadata", "labels", NotebookPlan.nameLabel)
                return label?.string == set.name
            }.count
            metrics.set("notebook_running", ["namespace": namespace], to: Double(count))
        }
    }
}
