/// Settings of the notebook controller; environment variables are those of Kubeflow's manifests.
public struct NotebookControllerConfiguration: Sendable {
    /// Whether routes through Istio are made: nil makes them where Istio's types are installed.
    public var usesIstio: Bool?
    /// `namespace/name` of the Istio Gateway that routes are attached to.
    public var istioGateway = "kubeflow/kubeflow-gateway"
    /// The host that the routes are for.
    public var istioHost = "*"
    /// DNS domain of the cluster's Services.
    public var clusterDomain = "cluster.local"
    /// Whether Pods without a security context get group 100 on their volumes.
    public var addsFSGroup = true
    /// Namespace of the Lease when several replicas run; nil does without.
    public var leaderElectionNamespace: String?
    /// How many Notebooks at a time.
    public var concurrency = 8

    /// The defaults.
    public init() {}

    /// The defaults, changed by `USE_ISTIO`, `ISTIO_GATEWAY`, `ISTIO_HOST`, `CLUSTER_DOMAIN` and `ADD_FSGROUP`.
    public init(environment: [String: String]) {
        func value(_ key: String) -> String? { environment[key].flatMap { $0.isEmpty ? nil : $0 } }
        usesIstio = value("USE_ISTIO").map { $0 == "true" }
        istioGateway = value("ISTIO_GATEWAY") ?? istioGateway
        istioHost = value("ISTIO_HOST") ?? istioHost
        clusterDomain = value("CLUSTER_DOMAIN") ?? clusterDomain
        addsFSGroup = value("ADD_FSGROUP").map { $0 == "true" } ?? addsFSGroup
    }
}
