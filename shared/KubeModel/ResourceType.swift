/// One kind of object as the API serves it: where it lives and what it is called.
public struct ResourceType: Hashable, Sendable {
    /// API group, empty for the core group.
    public let group: String
    /// API version, `v1`.
    public let version: String
    /// Plural name in URLs, `pods`.
    public let plural: String
    /// Kind, `Pod`.
    public let kind: String
    /// False for objects of the cluster.
    public let isNamespaced: Bool

    /// Names a type.
    public init(_ group: String, _ version: String, _ plural: String, _ kind: String, isNamespaced: Bool = true) {
        (self.group, self.version, self.plural, self.kind) = (group, version, plural, kind)
        self.isNamespaced = isNamespaced
    }

    /// `group/version`, or `v1` for the core group.
    public var apiVersion: String { group.isEmpty ? version : "\(group)/\(version)" }
    /// `pods`, `notebooks.kubeflow.org`: the name used in messages and rules.
    public var qualifiedPlural: String { group.isEmpty ? plural : "\(plural).\(group)" }

    /// Path of the collection: in a namespace, or of all namespaces (nil), or of the cluster.
    public func path(namespace: String? = nil) -> String {
        let root = group.isEmpty ? "/api/\(version)" : "/apis/\(group)/\(version)"
        guard isNamespaced, let namespace else { return "\(root)/\(plural)" }
        return "\(root)/namespaces/\(namespace)/\(plural)"
    }
}

extension ResourceType {
    public static let namespaces = ResourceType("", "v1", "namespaces", "Namespace", isNamespaced: false)
    public static let nodes = ResourceType("", "v1", "nodes", "Node", isNamespaced: false)
    public static let persistentVolumes = ResourceType(
        "", "v1", "persistentvolumes", "PersistentVolume", isNamespaced: false)
    public static let pods = ResourceType("", "v1", "pods", "Pod")
    public static let services = ResourceType("", "v1", "services", "Service")
    public static let endpoints = ResourceType("", "v1", "endpoints", "Endpoints")
    public static let configMaps = ResourceType("", "v1", "configmaps", "ConfigMap")
    public static let secrets = ResourceType("", "v1", "secrets", "Secret")
    public static let serviceAccounts = ResourceType("", "v1", "serviceaccounts", "ServiceAccount")
    public static let persistentVolumeClaims = ResourceType("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
    public static let events = ResourceType("", "v1", "events", "Event")
    public static let resourceQuotas = ResourceType("", "v1", "resourcequotas", "ResourceQuota")
    public static let limitRanges = ResourceType("", "v1", "limitranges", "LimitRange")
    public static let deployments = ResourceType("apps", "v1", "deployments", "Deployment")
    public static let replicaSets = ResourceType("apps", "v1", "replicasets", "ReplicaSet")
    public static let statefulSets = ResourceType("apps", "v1", "statefulsets", "StatefulSet")
    public static let daemonSets = ResourceType("apps", "v1", "daemonsets", "DaemonSet")
    public static let controllerRevisions = ResourceType("apps", "v1", "controllerrevisions", "ControllerRevision")
    public static let jobs = ResourceType("batch", "v1", "jobs", "Job")
    public static let endpointSlices = ResourceType("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")
    public static let leases = ResourceType("coordination.k8s.io", "v1", "leases", "Lease")
    public static let storageClasses = ResourceType(
        "storage.k8s.io", "v1", "storageclasses", "StorageClass", isNamespaced: false)
    public static let volumeAttributesClasses = ResourceType(
        "storage.k8s.io", "v1", "volumeattributesclasses", "VolumeAttributesClass", isNamespaced: false)
    public static let roles = ResourceType("rbac.authorization.k8s.io", "v1", "roles", "Role")
    public static let roleBindings = ResourceType("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding")
    public static let clusterRoles = ResourceType(
        "rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", isNamespaced: false)
    public static let clusterRoleBindings = ResourceType(
        "rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", isNamespaced: false)
    public static let customResourceDefinitions = ResourceType(
        "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", isNamespaced: false)
    public static let subjectAccessReviews = ResourceType(
        "authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview", isNamespaced: false)
    public static let tokenReviews = ResourceType(
        "authentication.k8s.io", "v1", "tokenreviews", "TokenReview", isNamespaced: false)
    public static let profiles = ResourceType("kubeflow.org", "v1", "profiles", "Profile", isNamespaced: false)
    public static let notebooks = ResourceType("kubeflow.org", "v1", "notebooks", "Notebook")
    public static let tensorboards = ResourceType(
        "tensorboard.kubeflow.org", "v1alpha1", "tensorboards", "Tensorboard")
    public static let pvcViewers = ResourceType("kubeflow.org", "v1alpha1", "pvcviewers", "PVCViewer")
    public static let podDefaults = ResourceType("kubeflow.org", "v1alpha1", "poddefaults", "PodDefault")
    public static let authorizationPolicies = ResourceType(
        "security.istio.io", "v1", "authorizationpolicies", "AuthorizationPolicy")
    public static let virtualServices = ResourceType("networking.istio.io", "v1", "virtualservices", "VirtualService")
}
