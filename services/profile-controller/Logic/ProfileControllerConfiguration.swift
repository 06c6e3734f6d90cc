import Foundation

/// Settings of the profile controller; `profile-controller --help` lists the flags that fill it.
public struct ProfileControllerConfiguration: Sendable {
    /// Header in which the mesh finds the user, for the owner's AuthorizationPolicy.
    public var userIDHeader = "kubeflow-userid"
    /// What stands before the user's name in that header.
    public var userIDPrefix = ""
    /// Labels of every namespace, unless a file is named; an empty value removes the label.
    public var namespaceLabels = [
        "app.kubernetes.io/part-of": "kubeflow-profile",
        "katib.kubeflow.org/metrics-collector-injection": "enabled",
        "pod-security.kubernetes.io/enforce": "baseline",
        "pipelines.kubeflow.org/enabled": "true",
        "serving.kubeflow.org/inferenceservice": "enabled",
    ]
    /// YAML file with the labels; it is read again when it changes.
    public var namespaceLabelsPath: String?
    /// Who may pass requests on for users, in the mesh's names; several are separated by commas.
    public var gatewayPrincipals = ["cluster.local/ns/istio-system/sa/istio-ingressgateway-service-account"]
    /// Whom the owner's AuthorizationPolicy lets ask notebooks what they do.
    public var notebookControllerPrincipal = "cluster.local/ns/kubeflow/sa/notebook-controller-service-account"
    /// The user interface of the pipelines.
    public var pipelinesPrincipal = "cluster.local/ns/kubeflow/sa/ml-pipeline-ui"
    /// The controller's own namespace: of its Secrets, and of the keys that gateways publish.
    public var namespace = "kubeflow"
    /// Where KFAM listens, `host:port`; nil for nowhere.
    public var kfamAddress: String?
    /// The webhook for PodDefaults; nil for none.
    public var webhook: WebhookSettings?
    /// Users who are administrators for KFAM, besides those whom RBAC makes so.
    public var clusterAdmins: [String] = []
    /// Everybody may make one Profile of their own through KFAM.
    public var isRegistrationOpen = false
    /// Google service account of Profiles that name none.
    public var workloadIdentity: String?
    /// Namespace of the Lease when several replicas run; nil does without.
    public var leaderElectionNamespace: String?
    /// How many Profiles at a time.
    public var concurrency = 4

    /// The defaults.
    public init() {}

    /// The defaults, with what Kubeflow's manifests set by environment variables: `ISTIO_INGRESS_GATEWAY_PRINCIPAL`
    /// (here a list), `NOTEBOOK_CONTROLLER_PRINCIPAL`, `KFP_UI_PRINCIPAL`.
    public init(environment: [String: String]) {
        if let value = environment["ISTIO_INGRESS_GATEWAY_PRINCIPAL"], !value.isEmpty {
            gatewayPrincipals = value.split(separator: ",")
                .map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
        }
        if let value = environment["NOTEBOOK_CONTROLLER_PRINCIPAL"], !value.isEmpty {
            notebookControllerPrincipal = value
        }
        if let value = environment["KFP_UI_PRINCIPAL"], !value.isEmpty { pipelinesPrincipal = value }
    }
}
