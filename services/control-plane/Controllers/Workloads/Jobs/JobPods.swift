import KubeModel

extension JobPlan {
    /// A Pod of the Job; with an index, the one that works on it.
    func pod(index: Int?) -> KubeObject {
        var pod = job.pod(fromTemplate: job.spec["template"] ?? [:], type: .jobs)
        if !pod.finalizers.contains(Self.finalizer) {
            pod.metadata["finalizers"] = .array((pod.finalizers + [Self.finalizer]).map(JSON.string))
        }
        guard let index else {
            pod.metadata["generateName"] = .string(ReplicaSetReconciler.podNamePrefix(job.name))
            return pod
        }
        let suffix = "-\(index)-"
        // The prefix leaves room for five random letters in a name of 63.
        let name = job.name.utf8.count + suffix.utf8.count > 58 ? String(job.name.prefix(58 - suffix.count)) : job.name
        pod.metadata["generateName"] = .string(name + suffix)
        pod.metadata.set(.string("\(index)"), at: "annotations", Self.indexKey)
        pod.metadata.set(.string("\(index)"), at: "labels", Self.indexKey)
        if backoffLimitPerIndex != nil { setFailureCounts(of: &pod, replacing: awaitingReplacement[index]) }
        pod.spec["hostname"] = .string("\(job.name)-\(index)")
        for key in ["containers", "initContainers"] {
            guard let containers = pod.spec[key]?.array else { continue }
            pod.spec[key] = .array(containers.map(Self.knowingIndex))
        }
        return pod
    }

    private func setFailureCounts(of pod: inout KubeObject, replacing last: KubeObject?) {
        var (counted, ignored) = (0, 0)
        if let last {
            counted = Self.failureCount(last)
            ignored = Self.attempts(last) - counted
            if failurePolicy.isCounted(last) { counted += 1 } else { ignored += 1 }
        }
        pod.metadata.set(.string("\(counted)"), at: "annotations", Self.failureCountKey)
        if ignored > 0 { pod.metadata.set(.string("\(ignored)"), at: "annotations", Self.ignoredFailureCountKey) }
    }

    private static func knowingIndex(_ container: JSON) -> JSON {
        let name = "JOB_COMPLETION_INDEX"
        let variables = container["env"]?.array ?? []
        guard !variables.contains(where: { $0["name"]?.string == name }) else { return container }
        var container = container
        container["env"] = .array(
            variables + [
                [
                    "name": .string(name),
                    "valueFrom": ["fieldRef": ["fieldPath": .string("metadata.labels['\(indexKey)']")]],
                ]
            ])
        return container
    }
}
