import ControllerKit
public import HTTPKit
public import KubeClient
import KubeModel
public import Logging
public import ServiceLifecycle

/// The profile controller: a namespace with accounts, roles, quota and policy for every Profile.
public struct ProfileControllerService: Service {
    let client: KubeClient
    let configuration: ProfileControllerConfiguration
    let metrics: Metrics
    let logger: Logger
    let onKFAMListening: @Sendable (Int) async -> Void

    /// Makes the service; it needs the rights of `deploy/base/profile-controller/rbac.yaml`.
    ///
    /// - Parameters:
    ///   - client: the Kubernetes API, as the controller.
    ///   - configuration: settings.
    ///   - metrics: what is counted.
    ///   - logger: where it tells what happens.
    ///   - onKFAMListening: called with KFAM's port once it accepts connections.
    public init(
        client: KubeClient, configuration: ProfileControllerConfiguration = .init(), metrics: Metrics = Metrics(),
        logger: Logger, onKFAMListening: @escaping @Sendable (Int) async -> Void = { _ in }
    ) {
        self.client = client
        self.configuration = configuration
        self.metrics = metrics
        self.logger = logger
        self.onKFAMListening = onKFAMListening
        metrics.describe("request_kf", "Reconciles of Profiles, and requests to KFAM.")
        metrics.describe("request_kf_failure", "Reconciles and requests that failed.")
        metrics.describe("poddefault_reviews_total", "New Pods that the webhook was asked about, by outcome.")
        metrics.describe("service_heartbeat", "Grows by one every ten seconds.")
    }

    /// Runs until cancelled or graceful shutdown.
    ///
    /// - Throws: when the file of namespace labels is missing or unusable, or the leadership was lost.
    public func run() async throws {
        let labels = try NamespaceLabels(configuration)
        let kfam = try kfamServer()
        // KFAM and the webhook are answered by every replica, whoever leads.
        try await withThrowingTaskGroup(of: Void.self) { group in
            if let kfam { group.addTask { try await kfam.run() } }
            if let webhook = configuration.webhook {
                let service = PodDefaultWebhook(
                    client: client, settings: webhook, namespace: configuration.namespace, metrics: metrics,
                    logger: logger)
                group.addTask { try await service.run() }
            }
            group.addTask { try await lead(labels) }
            defer { group.cancelAll() }
            for try await _ in group {}
        }
    }

    /// Every route by server, for whoever has to know that none was forgotten: method and pattern.
    public var routes: [(server: String, method: String, pattern: String)] {
        let kfam = KFAMRoutes(client: client, settings: configuration, metrics: metrics, logger: logger).router
        let webhook = PodDefaultWebhook(
            client: client,
            settings: configuration.webhook ?? WebhookSettings(host: "127.0.0.1", port: 0, reach: .directly),
            namespace: configuration.namespace, metrics: metrics, logger: logger)
        return kfam.routes.map { ("kfam", $0.method, $0.pattern) }
            + webhook.router(PathSecret("")).routes.map { ("webhook", $0.method, $0.pattern) }
    }

    private func lead(_ labels: NamespaceLabels) async throws {
        guard let namespace = configuration.leaderElectionNamespace else { return try await work(labels) }
        let election = LeaderElection(client: client, name: "kubeflow-profile-controller", namespace: namespace)
        try await election.lead { try await work(labels) }
    }

    private func kfamServer() throws -> HTTPServer? {
        guard let text = configuration.kfamAddress else { return nil }
        let address = try ListenAddress(text)
        let routes = KFAMRoutes(client: client, settings: configuration, metrics: metrics, logger: logger)
        return HTTPServer(
            listener: .tcp(host: address.host, port: address.port), logger: logger, onListening: onKFAMListening,
            handler: routes.handler())
    }

    private func work(_ labels: NamespaceLabels) async throws {
        let caches = ProfileCaches(client: client)
        let (requests, sink) = AsyncStream.makeStream(of: ReconcileRequest.self)
        connect(caches, to: sink)
        let reconciler = ProfileReconciler(
            client: client, caches: caches, settings: configuration, labels: labels, metrics: metrics,
            recorder: EventRecorder(client: client, component: "profile-controller"))
        let controller = Controller(
            name: "profile", requests: requests, reconciler: reconciler, after: caches.all,
            concurrency: configuration.concurrency, logger: logger)
        try await withThrowingDiscardingTaskGroup { group in
            for cache in caches.all { group.addTask { try await cache.run() } }
            group.addTask { try await controller.run() }
            group.addTask { await cancelWhenGracefulShutdown { await beat() } }
            group.addTask { await cancelWhenGracefulShutdown { await watchPolicies(caches, sink) } }
            group.addTask {
                await cancelWhenGracefulShutdown {
                    await labels.follow(logger: logger) { requestAll(caches, sink) }
                }
            }
        }
    }

    /// Every difference in what belongs to a Profile leads to that Profile; namespaces are named like their Profile.
    private func connect(_ caches: ProfileCaches, to sink: AsyncStream<ReconcileRequest>.Continuation) {
        caches.profiles.forward(to: sink)
        caches.namespaces.forward(to: sink)
        forward(caches.serviceAccounts, named: ProfilePlan.serviceAccountNames, to: sink)
        forward(caches.roleBindings, named: ProfilePlan.bindingNames, to: sink)
        forward(caches.quotas, named: [ProfilePlan.quotaName], to: sink)
        caches.installed.definitions.observe { _ in requestAll(caches, sink) }
    }

    private func forward(
        _ cache: WatchCache, named names: [String], to sink: AsyncStream<ReconcileRequest>.Continuation
    ) {
        cache.forward(to: sink) { change in
            guard names.contains(change.object.name), let namespace = change.object.namespace else { return [] }
            return [ReconcileRequest(name: namespace)]
        }
    }

    private func requestAll(_ caches: ProfileCaches, _ sink: AsyncStream<ReconcileRequest>.Continuation) {
        for profile in caches.profiles.all() { sink.yield(ReconcileRequest(name: profile.name)) }
    }

    /// Once Istio is there, changes of our policies by others are undone too.
    private func watchPolicies(
        _ caches: ProfileCaches, _ sink: AsyncStream<ReconcileRequest>.Continuation
    ) async {
        guard let type = await caches.installed.whenServed(.authorizationPolicies) else { return }
        let policies = WatchCache(
            client: client, type: type, fieldSelector: "metadata.name=\(ProfilePlan.policyName)")
        policies.forward(to: sink) { change in
            change.object.namespace.map { [ReconcileRequest(name: $0)] } ?? []
        }
        try? await policies.run()  // throws nothing but the cancellation that ends us too
    }

    private func beat() async {
        repeat {
            metrics.count("service_heartbeat", ["component": "profile_controller", "severity": "critical"])
        } while (try? await Task.sleep(for: .seconds(10))) != nil
    }
}
