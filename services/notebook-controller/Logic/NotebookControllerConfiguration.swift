import ControllerKit
import KubeModel

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
    /// What runs as Tensorboard; `tensorboard` must be on its `PATH`.
    public var tensorboardImage = "tensorflow/tensorflow:2.17.0"
    /// What shows the files of a PVCViewer that names no Pod of its own: File Browser, or what understands its variables.
    public var viewerImage = "filebrowser/filebrowser:v2.32.0"
    /// Whether Tensorboards run on the machine where their claim is in use, as PVCViewers with `rwoScheduling` do.
    public var schedulesBesideClaims = false
    /// Namespace of the Lease when several replicas run; nil does without.
    public var leaderElectionNamespace: String?
    /// How many objects of a kind at a time.
    public var concurrency = 8

    /// The defaults.
    public init() {}

    /// The defaults, changed by `USE_ISTIO`, `ISTIO_GATEWAY`, `ISTIO_HOST`, `CLUSTER_DOMAIN`, `ADD_FSGROUP`,
    /// `TENSORBOARD_IMAGE`, `PVCVIEWER_IMAGE` and `RWO_PVC_SCHEDULING`.
    public init(environment: [String: String]) {
        func value(_ key: String) -> String? { environment[key].flatMap { $0.isEmpty ? nil : $0 } }
        usesIstio = value("USE_ISTIO").map { $0 == "true" }
        istioGateway = value("ISTIO_GATEWAY") ?? istioGateway
        istioHost = value("ISTIO_HOST") ?? istioHost
        clusterDomain = value("CLUSTER_DOMAIN") ?? clusterDomain
        addsFSGroup = value("ADD_FSGROUP").map { $0 == "true" } ?? addsFSGroup
        tensorboardImage = value("TENSORBOARD_IMAGE") ?? tensorboardImage
        viewerImage = value("PVCVIEWER_IMAGE") ?? viewerImage
        schedulesBesideClaims = value("RWO_PVC_SCHEDULING").map { $0 == "true" } ?? schedulesBesideClaims
    }
}

extension NotebookControllerConfiguration {
    /// The type of Istio's routes where they are wanted and installed, in a version that is served.
    func istioType(_ installed: InstalledTypes) -> ResourceType? {
        usesIstio == false ? nil : installed.served(.virtualServices)
    }
}
