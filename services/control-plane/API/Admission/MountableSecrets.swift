import KubeModel

/// The Secrets that the Pods of a service account may use, for accounts that keep a list of them.
struct MountableSecrets {
    private let account: String
    private let secrets: Set<String>
    private let pullSecrets: Set<String>

    init(account: JSON) {
        func names(_ field: String) -> Set<String> {
            Set((account[field]?.array ?? []).compactMap { $0["name"]?.string })
        }
        self.account = account.value(at: "metadata", "name")?.string ?? ""
        (secrets, pullSecrets) = (names("secrets"), names("imagePullSecrets"))
    }

    /// True when the list of an account counts.
    static func isEnforced(_ account: JSON) -> Bool {
        let text = account.value(at: "metadata", "annotations", "kubernetes.io/enforce-mountable-secrets")?.string ?? ""
        return ["1", "t", "T", "true", "TRUE", "True"].contains(text)
    }

    /// The first use of a Secret that is not on the list, in words; nil when there is none. A request that adds
    /// ephemeral containers for debugging is not asked about the rest of the Pod.
    func problem(_ spec: JSON, onlyDebugging: Bool) -> String? {
        if onlyDebugging { return problem(spec["ephemeralContainers"], "ephemeral container") }
        for volume in spec["volumes"]?.array ?? [] {
            guard let secret = volume["secret"]?.present else { continue }
            let name = secret["secretName"]?.string ?? ""
            if !secrets.contains(name) { return refusal("volume with secret.secretName", name) }
        }
        if let problem = problem(spec["initContainers"], "init container") { return problem }
        if let problem = problem(spec["containers"], "container") { return problem }
        for (index, secret) in (spec["imagePullSecrets"]?.array ?? []).enumerated() {
            let name = secret["name"]?.string ?? ""
            guard !pullSecrets.contains(name) else { continue }
            return refusal("imagePullSecrets[\(index)].name", name, noun: "imagePullSecret")
        }
        return nil
    }

    private func problem(_ containers: JSON?, _ sort: String) -> String? {
        for container in containers?.array ?? [] {
            let label = "\(sort) \(container["name"]?.string ?? "")"
            for variable in container["env"]?.array ?? [] {
                guard let name = Self.name(variable.value(at: "valueFrom", "secretKeyRef")), !secrets.contains(name)
                else { continue }
                let text = "\(label) with envVar \(variable["name"]?.string ?? "") referencing secret.secretName"
                return refusal(text, name)
            }
            for source in container["envFrom"]?.array ?? [] {
                guard let name = Self.name(source["secretRef"]), !secrets.contains(name) else { continue }
                return refusal("\(label) with envFrom referencing secret.secretName", name)
            }
        }
        return nil
    }

    private static func name(_ reference: JSON?) -> String? { reference?.present.map { $0["name"]?.string ?? "" } }

    private func refusal(_ use: String, _ name: String, noun: String = "secret") -> String {
        "\(use)=\"\(name)\" is not allowed because service account \(account) does not reference that \(noun)"
    }

    /// True when a Pod uses any Secret at all.
    static func isAnyUsed(_ spec: JSON) -> Bool {
        if !(spec["imagePullSecrets"]?.array ?? []).isEmpty { return true }
        let containers = ["initContainers", "containers", "ephemeralContainers"].flatMap { spec[$0]?.array ?? [] }
        let isInEnvironment = containers.contains { container in
            (container["env"]?.array ?? []).contains { $0.value(at: "valueFrom", "secretKeyRef")?.present != nil }
                || (container["envFrom"]?.array ?? []).contains { $0["secretRef"]?.present != nil }
        }
        return isInEnvironment
            || (spec["volumes"]?.array ?? []).contains { volume in
                if volume["secret"]?.present != nil { return true }
                let sources = volume.value(at: "projected", "sources")?.array ?? []
                if sources.contains(where: { $0["secret"]?.present != nil }) { return true }
                return volume.object?.contains { _, source in
                    source["secretRef"]?.present != nil || source["nodePublishSecretRef"]?.present != nil
                        || source["secretName"]?.string != nil && source["shareName"] != nil
                } ?? false
            }
    }
}
