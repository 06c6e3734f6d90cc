import KubeClient
import KubeModel

/// The group whose Pods are placed together or not at all.
struct PodGroup: Hashable, Sendable {
    static let label = "scheduling.x-k8s.io/pod-group"
    static let oldLabel = "pod-group.scheduling.sigs.k8s.io"
    static let volcanoAnnotation = "scheduling.k8s.io/group-name"

    let namespace, name: String
    let isVolcano: Bool

    /// The group of a Pod, by the label of scheduler-plugins or the annotation of Volcano.
    init?(of pod: KubeObject) {
        let labels = pod.metadata["labels"]
        if let name = labels?[Self.label]?.string ?? labels?[Self.oldLabel]?.string, !name.isEmpty {
            (self.name, isVolcano) = (name, false)
        } else if let name = pod.metadata["annotations"]?[Self.volcanoAnnotation]?.string, !name.isEmpty {
            (self.name, isVolcano) = (name, true)
        } else {
            return nil
        }
        namespace = pod.namespace ?? ""
    }

    /// The type of the object that says how many belong together.
    var type: ResourceType {
        isVolcano
            ? ResourceType("scheduling.volcano.sh", "v1beta1", "podgroups", "PodGroup")
            : ResourceType("scheduling.x-k8s.io", "v1alpha1", "podgroups", "PodGroup")
    }

    /// `spec.minMember`; nil when there is no such group, so that the Pods stand for themselves.
    func minimum(_ client: KubeClient) async throws -> Int? {
        guard let group = try await client.find(type, name, namespace: namespace) else { return nil }
        return max(1, group.spec.count("minMember"))
    }
}
